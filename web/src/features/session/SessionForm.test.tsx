import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { type Refusal, SessionForm } from "./SessionForm";
import { refusedFields } from "./validation";

const LIMITS = { usernameUnits: 32, nameUnits: 100, passwordMinCharacters: 8, passwordMaxBytes: 128 };

async function fill(label: string, text: string) {
  await userEvent.type(screen.getByLabelText(label), text);
}

const submit = (name: string) => userEvent.click(screen.getByRole("button", { name }));

it("says in words what is missing, at the field, and puts the focus there", async () => {
  const onSubmit = vi.fn();
  render(<SessionForm mode="signUp" limits={LIMITS} onSubmit={onSubmit} />);
  await fill("Username", "Ha Neul");
  await fill("Name", "하늘");
  await fill("Password", "1234");
  await submit("Create account");
  expect(onSubmit).not.toHaveBeenCalled();
  const username = screen.getByLabelText("Username");
  expect(username.getAttribute("aria-invalid")).toBe("true");
  const note = document.getElementById(username.getAttribute("aria-describedby") ?? "");
  expect(note?.textContent).toContain("Use a to z");
  expect(document.activeElement).toBe(username);
  expect(screen.getByText("A password has at least 8 characters.")).toBeDefined();
});

it("hands over what was typed", async () => {
  const onSubmit = vi.fn<(mode: string, account: object) => Promise<Refusal | null>>().mockResolvedValue(null);
  render(<SessionForm mode="signUp" limits={LIMITS} onSubmit={onSubmit} />);
  await fill("Username", "haneul");
  await fill("Name", "이하늘");
  await fill("Password", "yard-and-sky");
  await submit("Create account");
  expect(onSubmit).toHaveBeenCalledExactlyOnceWith("signUp", {
    username: "haneul",
    name: "이하늘",
    password: "yard-and-sky",
  });
});

it("shows a taken username at its field and forgets it when it is changed", async () => {
  const refusal: Refusal = { problems: refusedFields("conflict", {}), sentence: null };
  render(<SessionForm mode="signUp" limits={LIMITS} onSubmit={async () => refusal} />);
  await fill("Username", "haneul");
  await fill("Name", "하늘");
  await fill("Password", "yard-and-sky");
  await submit("Create account");
  expect(screen.getByText("Somebody already has this username. Choose another.")).toBeDefined();
  await fill("Username", "2");
  expect(screen.queryByText(/Somebody already/)).toBeNull();
});

it("says what a refused sign-in means, keeps what was typed, and puts the focus into the password", async () => {
  const refusal: Refusal = {
    problems: {},
    sentence: "That username and password do not belong together.",
    suspect: "password",
  };
  render(<SessionForm mode="signIn" limits={LIMITS} onSubmit={async () => refusal} />);
  await fill("Username", "haneul");
  await fill("Password", "wrong");
  await submit("Sign in");
  expect(screen.getByRole("alert").textContent).toBe(refusal.sentence);
  expect(screen.getByLabelText<HTMLInputElement>("Username").value).toBe("haneul");
  expect(document.activeElement).toBe(screen.getByLabelText("Password"));
});

import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it, vi } from "vitest";
import { Menu } from "./Menu";

const first = vi.fn();
const second = vi.fn();

beforeEach(() => {
  vi.clearAllMocks();
  render(
    <Menu
      label="Actions"
      icon="…"
      entries={[
        { label: "First", onChoose: first },
        { label: "Second", onChoose: second, chosen: true },
      ]}
    />,
  );
});

it("opens with the focus on its first entry and moves by arrows, round and round", async () => {
  await userEvent.click(screen.getByRole("button", { name: "Actions" }));
  expect(document.activeElement?.textContent).toBe("First");
  await userEvent.keyboard("{ArrowDown}{ArrowDown}{ArrowUp}");
  expect(document.activeElement?.textContent).toBe("Second");
  await userEvent.keyboard("{Enter}");
  expect(second).toHaveBeenCalledTimes(1);
  expect(screen.queryByRole("menu")).toBeNull();
});

it("closes on Escape with the focus back on its button, and on a press outside", async () => {
  const button = screen.getByRole("button", { name: "Actions" });
  await userEvent.click(button);
  await userEvent.keyboard("{Escape}");
  expect(screen.queryByRole("menu")).toBeNull();
  expect(document.activeElement).toBe(button);
  await userEvent.click(button);
  await userEvent.click(document.body);
  expect(screen.queryByRole("menu")).toBeNull();
  expect(first).not.toHaveBeenCalled();
});

it("says which entry is the chosen one of several", async () => {
  await userEvent.click(screen.getByRole("button", { name: "Actions" }));
  expect(screen.getByRole("menuitemradio", { name: "Second" }).getAttribute("aria-checked")).toBe("true");
});

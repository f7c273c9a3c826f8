import { ApiError, type Client } from "@madang/client";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it, vi } from "vitest";
import { ME, summary, user } from "../../test/fixtures";
import { NewChatDialog } from "./NewChatDialog";

const PEOPLE = [user("minji", "민지"), user("cheol", "철수"), user(ME, "Me")];
const client = {
  searchUsers: vi.fn(async (query: string) => PEOPLE.filter(({ name }) => name.includes(query))),
  createDirect: vi.fn(async (id: string) => summary({ id: `direct-${id}` })),
  createGroup: vi.fn(async () => summary({ id: "group" })),
} satisfies Partial<Client>;
const onMade = vi.fn();

beforeEach(() => {
  vi.clearAllMocks();
  render(<NewChatDialog client={client as unknown as Client} meId={ME} onClose={vi.fn()} onMade={onMade} />);
});

const choose = async (name: string) => userEvent.click(await screen.findByRole("checkbox", { name: new RegExp(name) }));

it("offers people, but not oneself, and starts only with somebody", async () => {
  await screen.findByRole("checkbox", { name: /민지/ });
  expect(screen.queryByText("Me")).toBeNull();
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Start chat" }).disabled).toBe(true);
});

it("makes a direct chat of one person", async () => {
  await choose("민지");
  await userEvent.click(screen.getByRole("button", { name: "Start chat" }));
  expect(client.createDirect).toHaveBeenCalledExactlyOnceWith("minji");
  expect(onMade.mock.calls[0]?.[0].id).toBe("direct-minji");
});

it("makes a group of several, with its name", async () => {
  await choose("민지");
  await choose("철수");
  await userEvent.type(screen.getByLabelText("Group name"), " Yard ");
  await userEvent.click(screen.getByRole("button", { name: "Create group with 2 people" }));
  expect(client.createGroup).toHaveBeenCalledExactlyOnceWith("Yard", ["minji", "cheol"]);
});

it("leaves a group without a name when none is written", async () => {
  await choose("민지");
  await choose("철수");
  await userEvent.click(screen.getByRole("button", { name: "Create group with 2 people" }));
  expect(client.createGroup).toHaveBeenCalledExactlyOnceWith(null, ["minji", "cheol"]);
});

it("finds by name, keeps who was chosen, and says when nobody fits", async () => {
  await choose("민지");
  await userEvent.type(screen.getByRole("searchbox"), "철");
  await vi.waitFor(() => expect(screen.queryByRole("checkbox", { name: /민지/ })).toBeNull());
  expect(screen.getByRole("button", { name: "Remove 민지" })).toBeDefined();
  await userEvent.type(screen.getByRole("searchbox"), "xyz");
  expect(await screen.findByText("Nobody found for “철xyz”.")).toBeDefined();
});

it("says in words why a chat could not be made, and lets one try again", async () => {
  client.createDirect.mockRejectedValueOnce(new ApiError("rate_limited", "slow down", { status: 429 }));
  await choose("민지");
  await userEvent.click(screen.getByRole("button", { name: "Start chat" }));
  expect((await screen.findByRole("alert")).textContent).toBe("That was a little fast. Wait a moment and try again.");
  await userEvent.click(screen.getByRole("button", { name: "Start chat" }));
  expect(onMade).toHaveBeenCalledTimes(1);
});

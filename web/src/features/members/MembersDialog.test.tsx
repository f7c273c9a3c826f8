import type { Client, ConversationState, Page, PublicMember } from "@madang/client";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it, vi } from "vitest";
import { conversation, ME, member, summary } from "../../test/fixtures";
import { MembersDialog } from "./MembersDialog";

const removeMember = vi.fn(async () => undefined);
const members = vi.fn<() => Promise<Page<PublicMember>>>();
const client = { removeMember, api: { members } } as unknown as Client;
const onWrite = vi.fn();

beforeEach(() => {
  vi.clearAllMocks();
});

function show(about: ConversationState) {
  render(
    <MembersDialog
      client={client}
      conversation={about}
      meId={ME}
      online={new Set(["cheol"])}
      onAdd={vi.fn()}
      onWrite={onWrite}
      onClose={vi.fn()}
    />,
  );
}

const PEOPLE = new Map([
  ["minji", member("minji", 1, "owner")],
  ["cheol", member("cheol", 1)],
  [ME, member(ME, 1, "admin")],
]);

it("lists oneself first, then by role, with who is here", () => {
  show(conversation({ members: PEOPLE, summary: summary({}, { role: "admin" }) }));
  const rows = screen.getAllByTestId("member");
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining("meyouAdmin"),
    expect.stringContaining("minjiOwner"),
    expect.stringContaining("cheol"),
  ]);
  expect(within(rows[2] as HTMLElement).getByRole("img", { name: "Online" })).toBeDefined();
});

it("lets an admin remove members but not the owner, after asking", async () => {
  show(conversation({ members: PEOPLE, summary: summary({}, { role: "admin" }) }));
  expect(screen.getAllByTestId("remove-member")).toHaveLength(1);
  await userEvent.click(screen.getByRole("button", { name: "Remove cheol from the group" }));
  expect(removeMember).not.toHaveBeenCalled();
  await userEvent.click(screen.getByTestId("confirm"));
  expect(removeMember).toHaveBeenCalledExactlyOnceWith("c", "cheol");
});

it("offers members nothing they may not do", () => {
  show(conversation({ members: PEOPLE, summary: summary({}, { role: "member" }) }));
  expect(screen.queryByTestId("remove-member")).toBeNull();
});

it("pages through a large room", async () => {
  members.mockResolvedValueOnce({
    items: [member("a", 0)],
    next: async () => ({ items: [member("b", 0)], next: null }),
  });
  show(conversation());
  await userEvent.click(await screen.findByRole("button", { name: "More members" }));
  expect(await screen.findByText("b")).toBeDefined();
  expect(screen.getByText("a")).toBeDefined();
  expect(screen.queryByRole("button", { name: "More members" })).toBeNull();
});

it("begins a direct chat with a member", async () => {
  show(conversation({ members: PEOPLE }));
  await userEvent.click(screen.getByRole("button", { name: "Write to minji" }));
  expect(onWrite).toHaveBeenCalledExactlyOnceWith("minji");
});

import type { ConversationState } from "@madang/client";
import { describe, expect, it } from "vitest";
import { conversation, ME, message, summary, user } from "../../test/fixtures";
import { badgeText, listEntries, unreadTotal } from "./listEntries";

const group = conversation({ summary: summary({ id: "g", name: "주말 마당 모임" }, { unreadCount: 3 }) });
const silent = conversation({
  summary: summary({
    id: "s",
    type: "direct",
    name: null,
    peer: user("sora"),
    lastMessage: message(1, null, 1, { system: { kind: "created", actorId: "sora" } }),
  }),
});
const notes = conversation({
  summary: summary({ id: "n", type: "direct", name: null, memberCount: 1, peer: user(ME), faces: [user(ME)] }),
});

function listed(
  entries: readonly ConversationState[],
  filter: { query?: string; openId?: string; draft?: string } = {},
) {
  const state = { conversations: new Map(entries.map((one) => [one.id, one])), order: entries.map((one) => one.id) };
  const drafts = new Map(filter.draft === undefined ? [] : [[filter.draft, "text"]]);
  const titleOf = (about: { name: string | null }) => about.name ?? "";
  return listEntries(state, ME, { query: filter.query ?? "", openId: filter.openId ?? null, drafts, titleOf }).map(
    (one) => one.id,
  );
}

describe("a direct chat the other one opened and never wrote in", () => {
  it("is not listed", () => {
    expect(listed([group, silent, notes])).toEqual(["g", "n"]);
  });

  it("is listed while it is open, holds a draft, was opened by me, or has a message", () => {
    expect(listed([silent], { openId: "s" })).toEqual(["s"]);
    expect(listed([silent], { draft: "s" })).toEqual(["s"]);
    const mine = { ...silent.summary, lastMessage: message(1, null, 1, { system: { kind: "created", actorId: ME } }) };
    expect(listed([conversation({ summary: mine })])).toEqual(["s"]);
    expect(listed([conversation({ summary: { ...silent.summary, lastMessage: message(2, "sora") } })])).toEqual(["s"]);
  });
});

it("filters by title, composed or decomposed", () => {
  expect(listed([group, notes], { query: "마당".normalize("NFD") })).toEqual(["g"]);
  expect(listed([group], { query: "없음" })).toEqual([]);
});

it("adds up what is unread and shortens a large number", () => {
  const conversations = new Map([group, notes].map((one) => [one.id, one]));
  expect(unreadTotal({ conversations })).toBe(3);
  expect(badgeText(300)).toBe("300");
  expect(badgeText(301)).toBe("300+");
});

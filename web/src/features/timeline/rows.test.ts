import type { ConversationState, Message } from "@madang/client";
import { describe, expect, it } from "vitest";
import { conversation, ME, message, pending } from "../../test/fixtures";
import { type Row, timelineRows, unreadBelow } from "./rows";

function rowsOf(messages: readonly Message[], dividerSeq: number | null = null): Row[] {
  return rowsFor(conversation({ messages }), dividerSeq);
}

function rowsFor(about: ConversationState, dividerSeq: number | null = null, notes = false): Row[] {
  return timelineRows({ conversation: about, meId: ME, notes, dividerSeq, peopleUnread: () => 0 });
}

const shape = (rows: readonly Row[]) =>
  rows.map((row) =>
    row.kind === "bubble" ? `${row.own ? "own" : "other"}${row.first ? "+" : ""}${row.last ? "." : ""}` : row.kind,
  );

describe("groups", () => {
  it("put messages of one person within one minute together: the first says who, the last says when", () => {
    expect(shape(rowsOf([message(1, "minji", 3), message(2, "minji", 3), message(3, "minji", 3)]))).toEqual([
      "day",
      "other+",
      "other",
      "other.",
    ]);
  });

  it("end with the minute, with another person and with a system message", () => {
    const messages = [
      message(1, "minji", 3),
      message(2, "minji", 4),
      message(3, ME, 4),
      message(4, null, 4),
      message(5, ME, 4),
    ];
    expect(shape(rowsOf(messages))).toEqual(["day", "other+.", "other+.", "own+.", "system", "own+."]);
  });
});

it("puts a divider before the first message of each day of the reader", () => {
  const nextDay = new Date(2026, 10, 23, 0, 1).toISOString();
  const rows = rowsOf([message(1, ME), message(2, ME, 0, { createdAt: nextDay })]);
  expect(rows.map((row) => row.key)).toEqual(["day 2026-11-22", "m1", "day 2026-11-23", "m2"]);
});

it("puts the unread divider once, before the first message of somebody else above the mark", () => {
  const messages = [message(1, "minji"), message(2, ME), message(3, null), message(4, "minji"), message(5, "minji")];
  expect(rowsOf(messages, 1).map((row) => row.key)).toEqual(["day 2026-11-22", "m1", "m2", "m3", "unread", "m4", "m5"]);
  expect(rowsOf(messages, 5).some((row) => row.kind === "unread")).toBe(false);
});

it("puts no unread divider while the first unread message is not here yet", () => {
  const messages = [message(51, "minji"), message(52, "minji")];
  const later = conversation({ messages, hasOlder: true });
  expect(rowsFor(later, 20).some((row) => row.kind === "unread")).toBe(false);
  expect(rowsFor(later, 50).map((row) => row.key)[1]).toBe("unread");
});

it("puts the unread divider first where one may see nothing older", () => {
  expect(rowsOf([message(51, "minji")], 20).map((row) => row.key)[1]).toBe("unread");
});

it("does not say who began notes to oneself", () => {
  const began = message(1, null, 1, { system: { kind: "created", actorId: ME } });
  expect(shape(rowsOf([began, message(2, ME)]))).toEqual(["day", "system", "own+."]);
  expect(shape(rowsFor(conversation({ messages: [began, message(2, ME)] }), null, true))).toEqual(["day", "own+."]);
});

it("keeps the row of a message from pending to stored: same key, same kind", () => {
  const before = rowsFor(conversation({ pending: [pending("m1", "sending")] }));
  const after = rowsOf([message(1, ME, 60)]);
  expect(after.map(({ key, kind }) => [key, kind])).toEqual(before.map(({ key, kind }) => [key, kind]));
});

it("counts what waits below: others' messages above the mark, without system and silent ones", () => {
  const messages = [
    message(1, "minji"),
    message(2, "minji"),
    message(3, ME),
    message(4, null),
    message(5, "minji", 5, { silent: true }),
    message(6, "minji"),
  ];
  expect(unreadBelow(messages, ME, 1)).toBe(2);
  expect(unreadBelow(messages, ME, 6)).toBe(0);
});

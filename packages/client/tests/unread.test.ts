/**
 * The number beside a message, counted against the plainest definition.
 */
import { describe, expect, it } from "vitest";
import type { Message, PublicMember } from "../src/generated/contract.ts";
import { readersOf, unreadCounter } from "../src/unread.ts";
import { LogModel, person, random } from "./logModel.ts";

describe("the number beside a message", () => {
  it("counts members who may see it, did not write it and have not read it", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const pick = random(seed);
      const members = Array.from({ length: pick(12) }, (_, index) => member(`u${index}`, pick(20), 1 + pick(20)));
      const reads = new Map(members.map(({ user }) => [user.id, pick(20)]));
      const count = unreadCounter(room(members, reads));
      for (let seq = 1; seq <= 20; seq += 1) {
        const senderId = pick(4) === 0 ? null : `u${pick(12)}`;
        const unread = members.filter(
          ({ user, lastReadSeq, visibleFromSeq }) =>
            user.id !== senderId && visibleFromSeq <= seq && Math.max(lastReadSeq, reads.get(user.id) ?? 0) < seq,
        );
        expect(count({ seq, senderId }), `seed ${seed}, seq ${seq}`).toBe(unread.length);
      }
    }
  });

  it("is nothing while the members are not known", () => {
    expect(unreadCounter({ ...room([], new Map([["ann", 1]])), members: null })({ seq: 5, senderId: "ann" })).toBe(0);
  });

  it("comes from the server's steps above 100 members", () => {
    const count = unreadCounter(
      large(250, [
        [3, 40],
        [7, 9],
        [9, 1],
      ]),
    );
    expect([2, 3, 4, 7, 8, 9].map((seq) => count({ seq, senderId: "ann" }))).toEqual([200, 200, 240, 240, 249, 249]);
    // Written a moment ago: nobody is counted there yet, and its sender has read it all the same.
    expect(count({ seq: 10, senderId: "ann" })).toBe(249);
    expect(unreadCounter(large(2_000, null))({ seq: 5, senderId: "ann" })).toBe(0);
  });

  it("is nothing below the lowest of a hundred steps, as others may have read up to there", () => {
    const steps = Array.from({ length: 100 }, (_, index) => [index + 50, 1] as const);
    expect(unreadCounter(large(250, steps))({ seq: 50, senderId: "ann" })).toBe(150);
    expect(unreadCounter(large(250, steps))({ seq: 49, senderId: "ann" })).toBe(0);
    expect(unreadCounter(large(250, steps.slice(1)))({ seq: 49, senderId: "ann" })).toBe(151);
  });

  it("names readers without the sender and without those who cannot see it", () => {
    const model = new LogModel();
    for (let n = 0; n < 4; n += 1) model.send("ann", `${n}`);
    const message = model.rows[2] as Message;
    const members = [member("ann", 4, 1), member("bob", 3, 1), member("cy", 2, 1), member("late", 4, 4)];
    expect(readersOf(room(members, new Map()), message).map(({ user }) => user.id)).toEqual(["bob"]);
    expect(readersOf(room(members, new Map([["cy", 3]])), message).map(({ user }) => user.id)).toEqual(["bob", "cy"]);
  });
});

function room(members: readonly PublicMember[], reads: ReadonlyMap<string, number>) {
  return {
    members: new Map(members.map((each) => [each.user.id, each])),
    reads,
    steps: null,
    summary: { memberCount: members.length },
  };
}

function large(memberCount: number, steps: readonly (readonly [number, number])[] | null) {
  return { members: null, reads: new Map<string, number>(), steps, summary: { memberCount } };
}

function member(id: string, lastReadSeq: number, visibleFromSeq: number): PublicMember {
  return { user: person(id), role: "member", joinedAt: "", lastReadSeq, visibleFromSeq };
}

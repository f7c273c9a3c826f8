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
    expect(unreadCounter({ members: null, reads: new Map([["ann", 1]]) })({ seq: 5, senderId: "ann" })).toBe(0);
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
  return { members: new Map(members.map((each) => [each.user.id, each])), reads };
}

function member(id: string, lastReadSeq: number, visibleFromSeq: number): PublicMember {
  return { user: person(id), role: "member", joinedAt: "", lastReadSeq, visibleFromSeq };
}

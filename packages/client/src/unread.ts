/**
 * The number beside a message: how many members have not read it yet.
 *
 * Pure. A member counts if their mark is below the message's seq and the message is one they may see, unless they wrote it.
 * Above 100 members the server counts, and tells in steps how many have read what.
 */
import type { Message, PublicMember } from "./generated/contract.ts";
import type { ConversationState } from "./types.ts";

/** Above this many members marks are not told per person. */
const LARGE_ROOM = 100;
/** The server tells no more of them, the newest: what lies below may have been read by others than those. */
const MOST_STEPS = 100;

type Steps = readonly (readonly [number, number])[];
type Marks = Pick<ConversationState, "members" | "reads">;
type Room = Marks & Pick<ConversationState, "steps"> & { readonly summary: { readonly memberCount: number } };

/**
 * Counts for many messages of one conversation: the result answers each in O(log members). Always 0 while what it counts from
 * is not loaded.
 */
export function unreadCounter(room: Room): (message: Pick<Message, "seq" | "senderId">) => number {
  const { memberCount } = room.summary;
  if (memberCount > LARGE_ROOM) return room.steps === null ? () => 0 : stepCounter(room.steps, memberCount);
  const marks = new Map<string | null, number>();
  for (const [userId, member] of room.members ?? []) {
    // What lies before a member's first visible entry is as good as read.
    marks.set(userId, Math.max(markOf(room, member), member.visibleFromSeq - 1));
  }
  const ascending = [...marks.values()].sort((a, b) => a - b);
  return ({ seq, senderId }) => countBelow(ascending, seq) - ((marks.get(senderId) ?? seq) < seq ? 1 : 0);
}

/** Members who have read the message, its sender left out; in the order of the member list. */
export function readersOf(room: Marks, message: Message): readonly PublicMember[] {
  return [...(room.members?.values() ?? [])].filter(
    (member) =>
      member.user.id !== message.senderId &&
      member.visibleFromSeq <= message.seq &&
      markOf(room, member) >= message.seq,
  );
}

/** Readers from the top down: at each step, everybody who has read at least that far. */
function stepCounter(steps: Steps, memberCount: number): (message: Pick<Message, "seq">) => number {
  const seqs = steps.map(([seq]) => seq);
  const readers = steps.map(() => 0);
  for (let place = steps.length - 1; place >= 0; place -= 1)
    readers[place] = (readers[place + 1] ?? 0) + (steps[place]?.[1] ?? 0);
  return ({ seq }) => {
    const place = countBelow(seqs, seq);
    if (place === 0 && steps.length >= MOST_STEPS && seq < (seqs[0] ?? 0)) return 0;
    // Its sender has read it, whether that is counted yet or not.
    return Math.max(0, memberCount - Math.max(1, readers[place] ?? 0));
  };
}

function markOf(room: Marks, member: PublicMember): number {
  return Math.max(member.lastReadSeq, room.reads.get(member.user.id) ?? 0);
}

/** How many of the ascending `marks` are below `seq`. */
function countBelow(marks: readonly number[], seq: number): number {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[middle] ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The number beside a message: how many members have not read it yet.
 *
 * Pure. A member counts if their mark is below the message's seq and the message is one they may see, unless they wrote it.
 */
import type { Message, PublicMember } from "./generated/contract.ts";
import type { ConversationState } from "./types.ts";

type Room = Pick<ConversationState, "members" | "reads">;

/**
 * Counts for many messages of one conversation: the result answers each in O(log members). Always 0 while the members are not
 * loaded, and above 100 members, where marks are not kept per person.
 */
export function unreadCounter(room: Room): (message: Pick<Message, "seq" | "senderId">) => number {
  const marks = new Map<string | null, number>();
  for (const [userId, member] of room.members ?? []) {
    // What lies before a member's first visible entry is as good as read.
    marks.set(userId, Math.max(markOf(room, member), member.visibleFromSeq - 1));
  }
  const ascending = [...marks.values()].sort((a, b) => a - b);
  return ({ seq, senderId }) => countBelow(ascending, seq) - ((marks.get(senderId) ?? seq) < seq ? 1 : 0);
}

/** Members who have read the message, its sender left out; in the order of the member list. */
export function readersOf(room: Room, message: Message): readonly PublicMember[] {
  return [...(room.members?.values() ?? [])].filter(
    (member) =>
      member.user.id !== message.senderId &&
      member.visibleFromSeq <= message.seq &&
      markOf(room, member) >= message.seq,
  );
}

function markOf(room: Room, member: PublicMember): number {
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

/**
 * Read marks of one conversation: one's own, which decides the unread number, and those of the others.
 *
 * Invariant: a mark only moves forward, whatever order its reports arrive in.
 */
import type { PublicMember } from "../generated/contract.ts";
import type { ConversationState } from "../types.ts";
import { countsAsUnread, withMembership } from "./summary.ts";

type Marks = ReadonlyMap<string, number>;

export function raiseMark(marks: Marks, userId: string, seq: number): Marks {
  return (marks.get(userId) ?? 0) >= seq ? marks : new Map(marks).set(userId, seq);
}

/** Another member has read up to `seq`. */
export function markMoved(state: ConversationState, userId: string, seq: number): ConversationState {
  const reads = raiseMark(state.reads, userId, seq);
  return reads === state.reads ? state : { ...state, reads };
}

/**
 * The server's word about one's own mark, which also takes back that it was marked unread; older than what this device has read
 * since, it changes nothing.
 */
export function ownMarkMoved(
  state: ConversationState,
  userId: string,
  seq: number,
  unreadCount: number,
): ConversationState {
  if (seq < state.summary.me.lastReadSeq) return state;
  const summary = withMembership(state.summary, { lastReadSeq: seq, unreadCount, markedUnread: false });
  return { ...markMoved(state, userId, seq), summary };
}

/** One has read up to `seq` on this device; the unread number follows at once where the messages are here to count. */
export function markRead(state: ConversationState, userId: string, seq: number): ConversationState {
  if (seq <= state.summary.me.lastReadSeq) return state;
  return ownMarkMoved(state, userId, seq, unreadAfter(state, userId, seq));
}

/** All members as they are now: whoever is not among them has no mark any more. */
export function membersLoaded(state: ConversationState, members: readonly PublicMember[]): ConversationState {
  const reads: Marks = new Map(
    members.map(({ user, lastReadSeq }) => [user.id, Math.max(lastReadSeq, state.reads.get(user.id) ?? 0)]),
  );
  return { ...state, members: new Map(members.map((member) => [member.user.id, member])), reads };
}

function unreadAfter(state: ConversationState, userId: string, seq: number): number {
  const { summary, messages } = state;
  if (seq >= summary.lastSeq) return 0;
  const first = messages[0];
  if (first === undefined || first.seq > seq + 1) return summary.me.unreadCount;
  const after = messages.slice(seq + 1 - first.seq);
  return after.filter((message) => message.senderId !== userId && countsAsUnread(message)).length;
}

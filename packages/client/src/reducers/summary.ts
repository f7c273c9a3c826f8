/**
 * How a conversation's summary follows its log.
 *
 * Owns the arithmetic of unread numbers, names and member counts between two summaries of the server. A new row counts once,
 * because its seq is above `lastSeq` exactly once.
 */
import type { Membership, Message, ReactionChanged, Summary, SystemEvent } from "../generated/contract.ts";
import { react, requote } from "./rows.ts";

/** Whether a message raises the number of unread ones of everybody but its sender. */
export function countsAsUnread(message: Message): boolean {
  return message.type !== "system" && message.silent !== true;
}

/** Whose read mark a message moves to itself; nobody's if its sender left it where it was. */
export function movesMarkOf(message: Message): string | null {
  return message.keepUnread === true ? null : message.senderId;
}

/** The summary after a row of the log, new or changed. */
export function followRow(summary: Summary, row: Message, meId: string | null): Summary {
  if (row.seq > summary.lastSeq) return followNewRow(summary, row, meId);
  const last = summary.lastMessage;
  if (last === null) return summary;
  const lastMessage = last.id === row.id ? (last.version < row.version ? row : last) : requote(last, row);
  return lastMessage === last ? summary : { ...summary, lastMessage };
}

/** The summary after a reaction. */
export function followReaction(summary: Summary, change: ReactionChanged): Summary {
  const last = summary.lastMessage;
  if (last === null || last.id !== change.messageId || last.version >= change.version) return summary;
  return { ...summary, lastMessage: react(last, change) };
}

/** The summary with other settings of one's own; keeps the two places of the unread number equal. */
export function withMembership(summary: Summary, me: Partial<Membership>): Summary {
  const merged = { ...summary.me, ...me };
  return { ...summary, me: merged, unreadCount: merged.unreadCount };
}

/** Keeps a mark this device has already moved further than the server knew when it wrote `next`. */
export function keepFurtherMark(next: Summary, previous: Summary | undefined): Summary {
  if (previous === undefined || previous.me.lastReadSeq <= next.me.lastReadSeq) return next;
  const unreadSince = Math.max(0, next.lastSeq - previous.lastSeq);
  const unreadCount = Math.min(next.me.unreadCount, previous.me.unreadCount + unreadSince);
  return withMembership(next, { lastReadSeq: previous.me.lastReadSeq, unreadCount });
}

function followNewRow(summary: Summary, row: Message, meId: string | null): Summary {
  const moved = { ...summary, lastSeq: row.seq, lastMessage: row, lastMessageAt: row.createdAt };
  if (row.system !== undefined) return followSystem(moved, row.system, meId);
  if (row.senderId === meId)
    return movesMarkOf(row) === null
      ? moved
      : withMembership(moved, { lastReadSeq: row.seq, unreadCount: 0, markedUnread: false });
  return countsAsUnread(row) ? withMembership(moved, { unreadCount: summary.me.unreadCount + 1 }) : moved;
}

function followSystem(summary: Summary, event: SystemEvent, meId: string | null): Summary {
  const affected = event.userIds?.length ?? 1;
  switch (event.kind) {
    case "members_added":
      return { ...summary, memberCount: summary.memberCount + affected };
    case "member_left":
    case "member_removed":
      return { ...summary, memberCount: Math.max(0, summary.memberCount - affected) };
    case "renamed":
    case "updated":
      return {
        ...summary,
        name: event.name === undefined ? summary.name : event.name,
        avatarUrl: event.avatarUrl === undefined ? summary.avatarUrl : event.avatarUrl,
        custom: event.custom ?? summary.custom,
      };
    case "role_changed":
      return event.role !== undefined && meId !== null && event.userIds?.includes(meId)
        ? withMembership(summary, { role: event.role })
        : summary;
    default:
      return summary;
  }
}

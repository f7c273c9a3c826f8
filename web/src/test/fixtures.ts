/** Small complete values of the contract's shapes, for tests; every one takes what matters to the test. */
import type { ConversationState, Message, PendingMessage, PublicMember, Summary, User } from "@madang/client";

export const ME = "me";

export function user(id: string, name = id): User {
  return { id, username: id, name, avatarUrl: null, bot: false, custom: {}, deletedAt: null };
}

/** A text message; `at` is minutes after ten o'clock of the reader's own 22 November 2026. */
export function message(seq: number, senderId: string | null, at = seq, more: Partial<Message> = {}): Message {
  return {
    id: `m${seq}`,
    conversationId: "c",
    seq,
    version: seq,
    senderId,
    sender: senderId === null ? null : { id: senderId, name: senderId, avatarUrl: null },
    type: senderId === null ? "system" : "text",
    content: `text ${seq}`,
    createdAt: new Date(2026, 10, 22, 10, at).toISOString(),
    mentions: [],
    replyToId: null,
    attachments: [],
    reactions: [],
    editedAt: null,
    deletedAt: null,
    ...more,
  };
}

export function pending(id: string, state: PendingMessage["state"], error: string | null = null): PendingMessage {
  const createdAt = new Date(2026, 10, 22, 11, 0).toISOString();
  return { id, conversationId: "c", content: `pending ${id}`, replyToId: null, createdAt, state, error };
}

export function summary(more: Partial<Summary> = {}, me: Partial<Summary["me"]> = {}): Summary {
  const mine: Summary["me"] = {
    role: "member",
    lastReadSeq: 0,
    unreadCount: 0,
    visibleFromSeq: 1,
    notificationEnabled: true,
    mutedUntil: null,
    pinnedAt: null,
    markedUnread: false,
    ...me,
  };
  return {
    id: "c",
    type: "group",
    name: "Yard",
    epoch: "e",
    version: 1,
    lastSeq: 1,
    memberCount: 2,
    faces: [user("minji", "Minji"), user(ME, "Me")],
    lastMessage: null,
    lastMessageAt: null,
    createdAt: new Date(2026, 10, 22).toISOString(),
    me: mine,
    unreadCount: mine.unreadCount,
    avatarUrl: null,
    custom: {},
    ...more,
  };
}

export function conversation(more: Partial<ConversationState> = {}): ConversationState {
  const about = more.summary ?? summary();
  return {
    id: about.id,
    summary: about,
    loaded: true,
    messages: [],
    pending: [],
    hasOlder: false,
    loading: "none",
    loadError: null,
    behind: false,
    typing: new Map(),
    members: null,
    reads: new Map(),
    steps: null,
    held: [],
    arrived: [],
    ...more,
  };
}

export function member(id: string, lastReadSeq: number, role: PublicMember["role"] = "member"): PublicMember {
  return { user: user(id), role, joinedAt: new Date(2026, 10, 1).toISOString(), lastReadSeq, visibleFromSeq: 1 };
}

/**
 * The rows of a conversation's history, made from its messages: pure, so that grouping, dividers and numbers are tested
 * without a page.
 *
 * Invariants:
 * 1. A row's key is the message's id for life: a message that was pending keeps its row when it is stored.
 * 2. Consecutive bubbles of one person within one minute are a group: the first shows who, the last shows when.
 * 3. The unread divider stands before the first message of somebody else above `dividerSeq`, once everything back to
 *    `dividerSeq` is here: otherwise it would stand before whatever happens to be the oldest message.
 * 4. Notes to oneself do not tell who began them: nobody did, they are made with the account.
 */
import type { ConversationState, Message, PendingMessage } from "@madang/client";
import { dayKey, minuteKey } from "../../format/time";

export interface BubbleRow {
  kind: "bubble";
  key: string;
  own: boolean;
  /** Shows the sender's name and picture (others) and keeps a distance from what is above. */
  first: boolean;
  /** Shows the time. */
  last: boolean;
  time: Date;
  body: { state: "stored"; message: Message; peopleUnread: number } | { state: "pending"; pending: PendingMessage };
}

export type Row =
  | { kind: "day"; key: string; time: Date }
  | { kind: "unread"; key: string }
  | { kind: "system"; key: string; message: Message }
  | BubbleRow;

export interface RowInput {
  conversation: ConversationState;
  meId: string;
  /** The direct conversation with oneself. */
  notes: boolean;
  /** Read mark at the moment the reader came; null for no divider. */
  dividerSeq: number | null;
  /** How many people have not read a message. */
  peopleUnread: (message: Message) => number;
}

interface Draft {
  row: Row;
  /** Equal and adjacent: one group. */
  group: string | null;
}

function storedRow(message: Message, input: RowInput): Draft {
  if (message.type === "system") return { row: { kind: "system", key: message.id, message }, group: null };
  const time = new Date(message.createdAt);
  const own = message.senderId === input.meId;
  const body = { state: "stored", message, peopleUnread: input.peopleUnread(message) } as const;
  const row: Row = { kind: "bubble", key: message.id, own, first: true, last: true, time, body };
  return { row, group: `${message.senderId} ${minuteKey(time)}` };
}

function pendingRow(pending: PendingMessage, meId: string): Draft {
  const time = new Date(pending.createdAt);
  const row: Row = {
    kind: "bubble",
    key: pending.id,
    own: true,
    first: true,
    last: true,
    time,
    body: { state: "pending", pending },
  };
  return { row, group: `${meId} ${minuteKey(time)}` };
}

function startsUnread(message: Message, input: RowInput): boolean {
  return (
    input.dividerSeq !== null &&
    message.seq > input.dividerSeq &&
    message.type !== "system" &&
    message.senderId !== input.meId
  );
}

function withDividers(input: RowInput): Draft[] {
  const drafts: Draft[] = [];
  let day = "";
  const { hasOlder, messages } = input.conversation;
  const oldest = messages[0]?.seq ?? 0;
  let divided = input.dividerSeq === null || (hasOlder && oldest > input.dividerSeq + 1);
  const add = (draft: Draft, time: Date, unread: boolean) => {
    const today = dayKey(time);
    if (today !== day) drafts.push({ row: { kind: "day", key: `day ${today}`, time }, group: null });
    day = today;
    if (unread) drafts.push({ row: { kind: "unread", key: "unread" }, group: null });
    drafts.push(draft);
  };
  for (const message of messages) {
    if (input.notes && message.system?.kind === "created") continue;
    const unread: boolean = !divided && startsUnread(message, input);
    divided ||= unread;
    add(storedRow(message, input), new Date(message.createdAt), unread);
  }
  for (const pending of input.conversation.pending) {
    add(pendingRow(pending, input.meId), new Date(pending.createdAt), false);
  }
  return drafts;
}

export function timelineRows(input: RowInput): Row[] {
  const drafts = withDividers(input);
  return drafts.map(({ row, group }, index) => {
    if (row.kind !== "bubble") return row;
    const first = drafts[index - 1]?.group !== group;
    const last = drafts[index + 1]?.group !== group;
    return { ...row, first, last };
  });
}

/** Messages of others that stand below the read mark: what the jump button counts. */
export function unreadBelow(messages: readonly Message[], meId: string, lastReadSeq: number): number {
  let count = 0;
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message === undefined || message.seq <= lastReadSeq) break;
    if (message.type !== "system" && message.senderId !== meId && message.silent !== true) count += 1;
  }
  return count;
}

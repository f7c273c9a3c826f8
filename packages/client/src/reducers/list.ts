/**
 * The list of conversations: which there are, and in which order.
 *
 * Invariant: `order` holds exactly the ids of `conversations`, the one with the newest message first; equal times go by id,
 * so the order never depends on the order of arrival.
 */
import type { ConversationState, State } from "../types.ts";

type List = Pick<State, "conversations" | "order">;

/** Puts one conversation in, or another state of it. */
export function putConversation(list: List, conversation: ConversationState): List {
  const previous = list.conversations.get(conversation.id);
  if (previous === conversation) return list;
  const conversations = new Map(list.conversations).set(conversation.id, conversation);
  const moved = previous === undefined || lastActivity(previous) !== lastActivity(conversation);
  return { conversations, order: moved ? byActivity(conversations) : list.order };
}

/** The same for a whole page at once, sorting once. */
export function putConversations(list: List, page: readonly ConversationState[]): List {
  const conversations = new Map(list.conversations);
  for (const conversation of page) conversations.set(conversation.id, conversation);
  return { conversations, order: byActivity(conversations) };
}

export function removeConversation(list: List, id: string): List {
  if (!list.conversations.has(id)) return list;
  const conversations = new Map(list.conversations);
  conversations.delete(id);
  return { conversations, order: list.order.filter((other) => other !== id) };
}

function lastActivity(conversation: ConversationState): string {
  return conversation.summary.lastMessageAt ?? conversation.summary.createdAt;
}

// ISO 8601 in UTC with a fixed number of digits sorts as text.
function byActivity(conversations: ReadonlyMap<string, ConversationState>): readonly string[] {
  return [...conversations.values()]
    .map((conversation) => ({ id: conversation.id, at: lastActivity(conversation) }))
    .sort((a, b) => (a.at === b.at ? compare(a.id, b.id) : compare(b.at, a.at)))
    .map((entry) => entry.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

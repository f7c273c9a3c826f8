/** Which conversations stand in the list, in which order, for a filter: pure, over the client's state. */
import type { ConversationState, State, Summary } from "@madang/client";
import { isNotes } from "../../chat/titles";

export interface ListFilter {
  query: string;
  /** The open conversation is always listed. */
  openId: string | null;
  drafts: ReadonlyMap<string, string>;
  titleOf: (summary: Summary) => string;
}

/**
 * A direct chat somebody opened with me but never wrote in is not worth a row: it would show that they looked for me.
 * Notes to self are always worth one.
 */
function isSilentVisit({ summary, messages, pending }: ConversationState, meId: string): boolean {
  if (summary.type !== "direct" || isNotes(summary, meId)) return false;
  if (pending.length > 0 || messages.some((message) => message.type !== "system")) return false;
  const last = summary.lastMessage;
  if (last === null) return true;
  return last.type === "system" && last.system?.kind === "created" && last.system.actorId !== meId;
}

/** Korean filters match without regard to case and to composed or decomposed Hangul. */
function folded(text: string): string {
  return text.normalize("NFC").toLocaleLowerCase();
}

export function listEntries(
  state: Pick<State, "conversations" | "order">,
  meId: string,
  filter: ListFilter,
): ConversationState[] {
  const query = folded(filter.query.trim());
  return state.order.flatMap((id) => {
    const conversation = state.conversations.get(id);
    if (conversation === undefined) return [];
    const kept = id === filter.openId || filter.drafts.has(id) || !isSilentVisit(conversation, meId);
    const matches = query === "" || folded(filter.titleOf(conversation.summary)).includes(query);
    return kept && matches ? [conversation] : [];
  });
}

export function unreadTotal(state: Pick<State, "conversations">): number {
  let total = 0;
  for (const { summary } of state.conversations.values()) total += summary.me.unreadCount;
  return total;
}

/** Beyond this a badge says "300+", as in KakaoTalk. */
const BADGE_LIMIT = 300;

export function badgeText(count: number): string {
  return count > BADGE_LIMIT ? `${BADGE_LIMIT}+` : String(count);
}

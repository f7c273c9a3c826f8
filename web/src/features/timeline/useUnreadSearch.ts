/**
 * Loads older pages when a room opens until its first unread message is here, so that the reader can begin there. Only as
 * far as PAGES go: after a longer absence nobody reads everything, and the room opens at its newest message.
 */
import type { ConversationState } from "@madang/client";
import { useEffect, useState } from "react";

/** Pages of 50 before the newest one. */
const PAGES = 4;
const PAGE = 50;

/** True while the first unread message is still further up than what is here, and within reach. */
export function isWanted({ summary, messages, hasOlder, loadError }: ConversationState): boolean {
  const { lastReadSeq, visibleFromSeq, unreadCount } = summary.me;
  const oldest = messages[0]?.seq ?? 0;
  const read = Math.max(lastReadSeq, visibleFromSeq - 1);
  if (unreadCount === 0 || !hasOlder || loadError !== null) return false;
  return oldest > read + 1 && summary.lastSeq - read <= PAGE * (PAGES + 1);
}

/** True until it is known where the room opens; `load` asks for one older page. */
export function useUnreadSearch(conversation: ConversationState, load: () => void): boolean {
  const { loaded, loading } = conversation;
  const [over, setOver] = useState(false);
  const wanted = loaded && isWanted(conversation);
  // Decided once: what is unloaded and loaded again later has a reader in it.
  if (loaded && !wanted && !over) setOver(true);
  const searching = !over && wanted;
  useEffect(() => {
    if (searching && loading === "none") load();
  }, [searching, loading, load]);
  return !over && (searching || !loaded);
}

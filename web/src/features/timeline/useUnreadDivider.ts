/**
 * Where the "unread from here" line stands. It is placed when the reader comes, by opening the room or by returning to the
 * page, and stays there while they read, so that it does not run away under their eyes.
 */
import type { ConversationState } from "@madang/client";
import { useState } from "react";
import { unreadBelow } from "./rows";

interface Divider {
  attentive: boolean;
  loaded: boolean;
  seq: number | null;
}

export function useUnreadDivider(conversation: ConversationState, meId: string, attentive: boolean): number | null {
  const [divider, setDivider] = useState<Divider>({ attentive: false, loaded: false, seq: null });
  const { loaded, messages, summary } = conversation;
  const came = (attentive && !divider.attentive) || (loaded && !divider.loaded);
  if (came || attentive !== divider.attentive) {
    const unread = unreadBelow(messages, meId, summary.me.lastReadSeq);
    const seq = came && unread > 0 ? summary.me.lastReadSeq : divider.seq;
    const next: Divider = { attentive, loaded, seq };
    setDivider(next);
    return next.seq;
  }
  return divider.seq;
}

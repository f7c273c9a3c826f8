/**
 * The history of one conversation: its rows, the reader's place in it, and what has been read. Mounted anew for each
 * conversation (key), so no state of one room can reach another.
 */
import { type Client, type ConversationState, unreadCounter } from "@madang/client";
import { useCallback, useEffect, useMemo } from "react";
import type { SentenceContext } from "../../chat/systemSentence";
import { useWords } from "../../i18n/useWords";
import { Announcer } from "./Announcer";
import { JumpButton } from "./JumpButton";
import { RowList } from "./RowList";
import { type Row, timelineRows, unreadBelow } from "./rows";
import { ScrollKeeper } from "./ScrollKeeper";
import { TimelineHead } from "./TimelineHead";
import { TypingLine } from "./TypingLine";
import { useAttention } from "./useAttention";
import { useReading } from "./useReading";
import { useTimelineScroll } from "./useTimelineScroll";
import { useUnreadDivider } from "./useUnreadDivider";
import { useUnreadSearch } from "./useUnreadSearch";
import "./timeline.css";

interface TimelineProps {
  client: Client;
  conversation: ConversationState;
  sentences: SentenceContext;
  /** The direct conversation with oneself. */
  notes: boolean;
}

function useRows(conversation: ConversationState, meId: string, notes: boolean, dividerSeq: number | null): Row[] {
  const { members, reads, steps, summary } = conversation;
  const { memberCount } = summary;
  const peopleUnread = useMemo(
    () => unreadCounter({ members, reads, steps, summary: { memberCount } }),
    [members, reads, steps, memberCount],
  );
  return useMemo(
    () => timelineRows({ conversation, meId, notes, dividerSeq, peopleUnread }),
    [conversation, meId, notes, dividerSeq, peopleUnread],
  );
}

/** What was just written must be seen, wherever the reader stood before. */
function useFollowOwn(conversation: ConversationState, toNewest: () => void): void {
  const newest = conversation.pending.at(-1)?.id;
  useEffect(() => {
    if (newest !== undefined) toNewest();
  }, [newest, toNewest]);
}

function useRoomScroll(client: Client, conversation: ConversationState, rows: readonly Row[]) {
  const { id, hasOlder, loading, loadError, loaded } = conversation;
  const load = useCallback(() => void client.loadOlder(id), [client, id]);
  const openAt = rows.some((row) => row.kind === "unread") ? "unread" : null;
  const searching = useUnreadSearch(conversation, load);
  const mayLoad = loaded && !searching && hasOlder && loading === "none" && loadError === null;
  return { ...useTimelineScroll({ rows, mayLoad, load, openAt, ready: loaded && !searching }), load };
}

export function Timeline({ client, conversation, sentences, notes }: TimelineProps) {
  const { t } = useWords();
  const { id, summary } = conversation;
  const { meId, nameOf } = sentences;
  const attentive = useAttention();
  const dividerSeq = useUnreadDivider(conversation, meId, attentive);
  const rows = useRows(conversation, meId, notes, dividerSeq);
  const scroll = useRoomScroll(client, conversation, rows);
  const { lastReadSeq } = summary.me;
  const onRead = useCallback((seq: number) => client.markRead(id, seq), [client, id]);
  const look = useReading({ container: scroll.box, lastReadSeq, attentive: attentive && scroll.placed, onRead });
  useFollowOwn(conversation, scroll.toNewest);
  const onRetry = useCallback((messageId: string) => client.retry(id, messageId), [client, id]);
  const onDiscard = useCallback((messageId: string) => client.discard(id, messageId), [client, id]);
  const { onScroll } = scroll;
  const scrolled = useCallback(
    (state: Parameters<typeof onScroll>[0]) => {
      onScroll(state);
      look();
    },
    [onScroll, look],
  );
  return (
    <div className="relative min-h-0 flex-1">
      <ScrollKeeper
        ref={scroll.keeper}
        box={scroll.box}
        label={t("room.messages")}
        endIsHere={scroll.range.to === rows.length}
        onScroll={scrolled}
      >
        <TimelineHead conversation={conversation} notes={notes} onLoad={scroll.load} />
        <RowList rows={rows} range={scroll.range} sentences={sentences} onRetry={onRetry} onDiscard={onDiscard} />
        <TypingLine typing={conversation.typing} nameOf={nameOf} />
      </ScrollKeeper>
      {!scroll.pinned && (
        <JumpButton count={unreadBelow(conversation.messages, meId, lastReadSeq)} onJump={scroll.toNewest} />
      )}
      <Announcer messages={conversation.messages} sentences={sentences} />
    </div>
  );
}

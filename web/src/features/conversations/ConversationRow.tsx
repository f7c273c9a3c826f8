/** One conversation in the list: faces, title, the last words, when, and how many are unread. A link, so every way of opening works. */
import type { ConversationState } from "@madang/client";
import { BellOff, NotebookPen } from "lucide-react";
import { memo } from "react";
import { Link } from "wouter";
import { messageLine } from "../../chat/preview";
import type { SentenceContext } from "../../chat/systemSentence";
import { conversationFaces, conversationTitle, isNotes } from "../../chat/titles";
import { listTime } from "../../format/time";
import { Faces } from "../../ui/Avatar";
import { badgeText } from "./listEntries";

interface ConversationRowProps {
  conversation: ConversationState;
  sentences: SentenceContext;
  draft: string | undefined;
  online: boolean;
  open: boolean;
  /** Only the day matters; the list renews it at midnight. */
  now: Date;
}

export function NotesFace({ size }: { size: number }) {
  return (
    <span
      className="avatar avatar-own"
      style={{ "--avatar-size": `${size}rem` } as React.CSSProperties}
      aria-hidden="true"
    >
      <NotebookPen size={size * 7.5} />
    </span>
  );
}

function lastWords(conversation: ConversationState, sentences: SentenceContext): string {
  const { t, meId } = sentences;
  const { summary, pending } = conversation;
  const waiting = pending.at(-1);
  if (waiting !== undefined) return waiting.content;
  const notes = isNotes(summary, meId);
  if (summary.lastMessage === null || (notes && summary.lastMessage.type === "system")) {
    return t(notes ? "list.notesHint" : "list.noMessages");
  }
  const line = messageLine(summary.lastMessage, sentences);
  if (summary.type !== "group" || summary.lastMessage.type === "system") return line;
  if (summary.lastMessage.senderId === meId) return t("list.you", { text: line });
  const sender = summary.lastMessage.sender?.name;
  return sender === undefined ? line : `${sender}: ${line}`;
}

function Words({ conversation, sentences, draft }: Pick<ConversationRowProps, "conversation" | "sentences" | "draft">) {
  const { t } = sentences;
  const failed = conversation.pending.some((pending) => pending.state === "failed");
  if (draft !== undefined) {
    return (
      <>
        <span className="font-semibold text-jade" data-testid="conversation-draft">
          {t("list.draft")}
        </span>{" "}
        {draft.slice(0, 160)}
      </>
    );
  }
  return (
    <>
      {failed && <span className="font-semibold text-persimmon">{t("room.notSent")} </span>}
      {lastWords(conversation, sentences)}
    </>
  );
}

function Unread({ count, sentences }: { count: number; sentences: SentenceContext }) {
  if (count === 0) return null;
  return (
    <span
      className="mt-0.5 inline-grid h-5 min-w-5 flex-none place-items-center rounded-full bg-persimmon px-1.5 text-xs font-bold text-persimmon-ink tabular-nums"
      data-testid="unread-badge"
      data-count={count}
    >
      <span aria-hidden="true">{badgeText(count)}</span>
      <span className="sr-only">{sentences.t("list.unread", { count })}</span>
    </span>
  );
}

export const ConversationRow = memo((props: ConversationRowProps) => {
  const { conversation, sentences, online, open, now } = props;
  const { summary } = conversation;
  const { t, meId, language } = sentences;
  const notes = isNotes(summary, meId);
  const at = summary.lastMessageAt === null ? null : new Date(summary.lastMessageAt);
  return (
    <li>
      <Link
        href={`/c/${summary.id}`}
        className={`flex items-center gap-3 rounded-2xl px-2.5 py-2.5 transition-colors ${open ? "bg-chosen" : "hover:bg-hover"}`}
        aria-current={open ? "page" : undefined}
        data-testid="conversation"
        data-conversation-id={summary.id}
      >
        <span className="relative flex-none">
          {notes ? <NotesFace size={3} /> : <Faces faces={conversationFaces(summary, meId)} size={3} />}
          {online && !notes && (
            <span className="presence-dot" data-testid="presence-dot" role="img" aria-label={t("list.online")} />
          )}
        </span>
        <span className="min-w-0 flex-1">
          <span className="flex items-baseline gap-1.5">
            <span className="truncate font-semibold" data-testid="conversation-title">
              {conversationTitle(summary, meId, t)}
            </span>
            {summary.type === "group" && <span className="flex-none text-sm text-faint">{summary.memberCount}</span>}
            {!summary.me.notificationEnabled && (
              <BellOff size={13} className="flex-none self-center text-faint" role="img" aria-label={t("list.muted")} />
            )}
            <span className="flex-1" />
            {at !== null && (
              <time className="flex-none text-xs text-faint" dateTime={at.toISOString()}>
                {listTime(at, now, language)}
              </time>
            )}
          </span>
          <span className="flex items-start gap-2">
            <span
              className="line-clamp-2 min-w-0 flex-1 text-[0.84375rem] leading-snug text-soft"
              data-testid="conversation-preview"
            >
              <Words {...props} />
            </span>
            <Unread count={summary.me.unreadCount} sentences={sentences} />
          </span>
        </span>
      </Link>
    </li>
  );
});

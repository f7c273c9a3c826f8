/** One message as a bubble: one's own at the right, others' at the left with name and picture where a group begins. */
import type { Message, PendingMessage } from "@madang/client";
import { RotateCcw, Send, X } from "lucide-react";
import { memo } from "react";
import { codeWords } from "../../chat/errorWords";
import { clock } from "../../format/time";
import { useWords } from "../../i18n/useWords";
import { Avatar } from "../../ui/Avatar";
import { MessageText } from "./MessageText";
import type { BubbleRow } from "./rows";

export interface BubbleActions {
  onRetry: (messageId: string) => void;
  onDiscard: (messageId: string) => void;
  /** The name of a user met before; used for quotes. */
  nameOf: (userId: string) => string;
}

interface BubbleProps extends BubbleActions {
  row: BubbleRow;
}

/** On its way, or waiting: for the connection, or for those before it. The word takes room only once this lasts. */
function OnItsWay({ state }: { state: PendingMessage["state"] }) {
  const { t } = useWords();
  return (
    <span className="bubble-sending" data-testid="sending">
      <Send size={12} aria-hidden="true" />
      <span className="bubble-sending-word">{t(state === "queued" ? "room.waiting" : "room.sending")}</span>
    </span>
  );
}

function Meta({ row }: { row: BubbleRow }) {
  const { t, language } = useWords();
  const people = row.body.state === "stored" ? row.body.peopleUnread : 0;
  const sending = row.body.state === "pending" && row.body.pending.state !== "failed" ? row.body.pending.state : null;
  return (
    <span className="bubble-meta">
      {people > 0 && (
        <span
          className="bubble-count"
          data-testid="people-unread"
          data-count={people}
          title={t("room.peopleUnread", { count: people })}
        >
          <span aria-hidden="true">{people}</span>
          <span className="sr-only">{t("room.peopleUnread", { count: people })}</span>
        </span>
      )}
      {sending !== null && <OnItsWay state={sending} />}
      {row.last && sending === null && <time dateTime={row.time.toISOString()}>{clock(row.time, language)}</time>}
    </span>
  );
}

function Failed({ pending, onRetry, onDiscard }: { pending: PendingMessage } & BubbleActions) {
  const { t } = useWords();
  return (
    <div className="bubble-failed" data-testid="failed">
      <span className="flex-1">
        <strong>{t("room.notSent")}</strong> {codeWords(t, pending.error ?? "unknown")}
      </span>
      <button type="button" onClick={() => onRetry(pending.id)} data-testid="retry">
        <RotateCcw size={14} aria-hidden="true" />
        {t("room.retry")}
      </button>
      <button type="button" onClick={() => onDiscard(pending.id)} data-testid="discard">
        <X size={14} aria-hidden="true" />
        {t("room.discard")}
      </button>
    </div>
  );
}

function StoredBody({ message, nameOf }: { message: Message; nameOf: (userId: string) => string }) {
  const { t } = useWords();
  if (message.deletedAt !== null) return <span className="italic opacity-70">{t("room.deleted")}</span>;
  const quote = message.replyTo;
  return (
    <>
      {quote && (
        <span className="bubble-quote">
          <strong>{t("room.replyTo", { name: quote.senderId === null ? "" : nameOf(quote.senderId) })}</strong>
          <span className="line-clamp-2">{quote.content === "" ? t("room.deleted") : quote.content}</span>
        </span>
      )}
      <MessageText text={message.content} />
      {message.attachments.map((attachment) => (
        <a
          key={attachment.id}
          className="bubble-link block"
          href={attachment.url}
          rel="noopener noreferrer"
          target="_blank"
        >
          {t("room.attachment", { name: attachment.name })}
        </a>
      ))}
      {message.editedAt !== null && <span className="ml-1.5 text-xs opacity-70">{t("room.edited")}</span>}
    </>
  );
}

function BubbleRowView({ row, ...actions }: BubbleProps) {
  const { t } = useWords();
  const { body, own, first } = row;
  const sender = body.state === "stored" ? body.message.sender : null;
  const name = sender?.name ?? t("list.unknownPerson");
  const seq = body.state === "stored" ? body.message.seq : undefined;
  const face = { id: sender?.id ?? "", name, avatarUrl: sender?.avatarUrl ?? null };
  const state = body.state === "stored" ? "stored" : body.pending.state;
  return (
    <li
      className={`bubble-row ${own ? "bubble-row-own" : ""} ${first ? "bubble-row-first" : ""}`}
      data-row={row.key}
      data-seq={seq}
      data-state={state}
      data-own={own}
      data-testid="message"
    >
      {!own && <span className="bubble-face">{first && <Avatar face={face} size={2.5} />}</span>}
      <div className="bubble-column">
        {!own && first && (
          <span className="bubble-name" data-testid="message-sender">
            {name}
          </span>
        )}
        <div className="bubble-line">
          <div className="bubble" dir="auto">
            {(own || !first) && <span className="sr-only">{own ? t("members.you") : name}: </span>}
            <div data-testid="message-text">
              {body.state === "stored" ? (
                <StoredBody message={body.message} nameOf={actions.nameOf} />
              ) : (
                <MessageText text={body.pending.content} />
              )}
            </div>
          </div>
          <Meta row={row} />
        </div>
        {body.state === "pending" && body.pending.state === "failed" && <Failed pending={body.pending} {...actions} />}
      </div>
    </li>
  );
}

function sameBody(a: BubbleRow["body"], b: BubbleRow["body"]): boolean {
  if (a.state === "stored") return b.state === "stored" && a.message === b.message && a.peopleUnread === b.peopleUnread;
  return b.state === "pending" && a.pending === b.pending;
}

/** Rows are made anew with every change of the room; only those that differ are rendered again. */
export const Bubble = memo(
  BubbleRowView,
  (before, after) =>
    before.row.own === after.row.own &&
    before.row.first === after.row.first &&
    before.row.last === after.row.last &&
    sameBody(before.row.body, after.row.body) &&
    before.nameOf === after.nameOf &&
    before.onRetry === after.onRetry &&
    before.onDiscard === after.onDiscard,
);

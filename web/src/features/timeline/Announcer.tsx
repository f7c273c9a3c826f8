/**
 * Speaks what arrives in the open room to people who cannot see it: the message itself, or how many when several come at
 * once. Only what is added at the end is spoken, never a page of history.
 */
import type { Message } from "@madang/client";
import { useState } from "react";
import { messageLine } from "../../chat/preview";
import type { SentenceContext } from "../../chat/systemSentence";

interface AnnouncerProps {
  messages: readonly Message[];
  sentences: SentenceContext;
}

function announcement(fresh: readonly Message[], sentences: SentenceContext): string {
  const { t } = sentences;
  const [only] = fresh;
  if (only === undefined) return "";
  if (fresh.length > 1) return t("room.newestCount", { count: fresh.length });
  const text = messageLine(only, sentences);
  return only.sender === null ? text : t("room.newMessage", { name: only.sender.name, text });
}

export function Announcer({ messages, sentences }: AnnouncerProps) {
  const newest = messages.at(-1)?.seq ?? 0;
  const [spoken, setSpoken] = useState({ seq: newest, text: "" });
  if (newest > spoken.seq) {
    // The first page of a room that was empty until now is history, not news.
    const fresh = messages.filter((message) => message.seq > spoken.seq && message.senderId !== sentences.meId);
    setSpoken({ seq: newest, text: spoken.seq === 0 ? "" : announcement(fresh, sentences) });
  }
  return (
    <div className="sr-only" role="status" aria-live="polite" data-testid="announcer">
      {spoken.text}
    </div>
  );
}

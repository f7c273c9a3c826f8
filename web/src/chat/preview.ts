/** The one line that stands for a message where there is no room for it: the list, an announcement. */
import type { Message } from "@madang/client";
import { type SentenceContext, systemSentence } from "./systemSentence";

/** Long enough for any line of the list; longer texts only cost layout. */
const LINE_LENGTH = 160;

export function messageLine(message: Message, context: SentenceContext): string {
  const { t } = context;
  if (message.type === "system") return systemSentence(message, context);
  if (message.deletedAt !== null) return t("list.deleted");
  const text = message.content.slice(0, LINE_LENGTH).replace(/\s+/gu, " ").trim();
  if (text !== "") return text;
  const kind = message.attachments[0]?.kind;
  if (kind === "image" || message.type === "image") return t("list.photo");
  return kind === "video" || message.type === "video" ? t("list.video") : t("list.file");
}

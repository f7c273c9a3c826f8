/**
 * Where a message is written. Owns the text while it is written; the draft store keeps it beyond that. Enter sends,
 * Shift+Enter starts a new line, and a key of the input method never sends.
 */
import { ArrowUp } from "lucide-react";
import { type ChangeEvent, type KeyboardEvent, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Drafts } from "../../chat/drafts";
import { useWords } from "../../i18n/useWords";
import { useComposition } from "./useComposition";
import "./composer.css";

interface ComposerProps {
  conversationId: string;
  placeholder: string;
  drafts: Drafts;
  /** UTF-16 units a message may have. */
  limit: number;
  onSend: (content: string) => void;
  onTyping: (typing: boolean) => void;
}

/** The counter appears when fewer than this remain. */
const WARN_BELOW = 500;
const MOST_HEIGHT_PX = 176;

/** What would be sent: without blank ends, normalised as the server counts it. */
export function contentOf(text: string): string {
  return text.normalize("NFC").trim();
}

/** `field-sizing: content` does this alone where it exists. */
function useGrowth(text: string) {
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const element = field.current;
    if (element === null || CSS.supports?.("field-sizing", "content")) return;
    element.style.height = text === "" ? "" : "auto";
    if (text !== "") element.style.height = `${Math.min(element.scrollHeight, MOST_HEIGHT_PX)}px`;
  }, [text]);
  return field;
}

/** A pointer that hovers means a real keyboard; on a phone, focusing would raise the keyboard over the room. */
function hasKeyboard(): boolean {
  return window.matchMedia?.("(hover: hover) and (pointer: fine)").matches ?? false;
}

function useComposer({ conversationId, drafts, limit, onSend, onTyping }: ComposerProps) {
  const [text, setText] = useState(() => drafts.getSnapshot().get(conversationId) ?? "");
  const field = useGrowth(text);
  const content = contentOf(text);
  const left = limit - content.length;
  const sendable = content !== "" && left >= 0;

  useEffect(() => {
    if (hasKeyboard()) field.current?.focus({ preventScroll: true });
  }, [field]);

  const change = useCallback(
    (event: ChangeEvent<HTMLTextAreaElement>) => {
      const { value } = event.target;
      setText(value);
      drafts.write(conversationId, value);
      onTyping(value.trim() !== "");
    },
    [conversationId, drafts, onTyping],
  );

  const send = useCallback(() => {
    if (!sendable) return;
    onTyping(false);
    onSend(content);
    setText("");
    drafts.write(conversationId, "");
    field.current?.focus();
  }, [sendable, content, conversationId, drafts, onSend, onTyping, field]);

  return { text, field, left, sendable, change, send };
}

export function Composer(props: ComposerProps) {
  const { t } = useWords();
  const { text, field, left, sendable, change, send } = useComposer(props);
  const { belongsToInputMethod, ...composition } = useComposition();
  const near = left < WARN_BELOW;

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== "Enter" || event.shiftKey || belongsToInputMethod(event)) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      className="composer"
      data-testid="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="composer-card" data-over={left < 0}>
        <textarea
          ref={field}
          className="composer-field"
          rows={1}
          aria-label={t("composer.label")}
          aria-describedby={near ? "composer-left" : "composer-hint"}
          aria-invalid={left < 0}
          placeholder={props.placeholder}
          enterKeyHint="send"
          value={text}
          onChange={change}
          onKeyDown={onKeyDown}
          onBlur={() => props.onTyping(false)}
          data-testid="composer-input"
          {...composition}
        />
        <span id="composer-hint" className="sr-only">
          {t("composer.hint")}
        </span>
        {near && (
          <span
            id="composer-left"
            className={`composer-left ${left < 0 ? "text-persimmon" : "text-faint"}`}
            role="status"
          >
            {left < 0 ? t("composer.over", { count: -left }) : t("composer.left", { count: left })}
          </span>
        )}
        <button
          type="submit"
          className="composer-send"
          aria-label={t("composer.send")}
          disabled={!sendable}
          data-testid="composer-send"
          // The field keeps the focus, so a phone's keyboard stays open.
          onPointerDown={(event) => event.preventDefault()}
        >
          <ArrowUp size={20} strokeWidth={2.6} aria-hidden="true" />
        </button>
      </div>
    </form>
  );
}

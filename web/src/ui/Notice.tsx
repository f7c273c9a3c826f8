/** One sentence about something that went wrong outside any form; goes by itself after a while. */
import { X } from "lucide-react";
import { useEffect } from "react";
import { useWords } from "../i18n/useWords";
import { IconButton } from "./Button";

const SHOWN_MS = 8000;

export function Notice({ text, onDismiss }: { text: string | null; onDismiss: () => void }) {
  const { t } = useWords();
  useEffect(() => {
    if (text === null) return;
    const timer = setTimeout(onDismiss, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [text, onDismiss]);
  return (
    <div
      role="alert"
      className="pointer-events-none fixed inset-x-0 top-3 z-40 flex justify-center px-4"
      data-testid="notice"
    >
      {text !== null && (
        <p className="pointer-events-auto flex items-center gap-2 rounded-2xl bg-ink py-1.5 pr-1.5 pl-4 text-paper shadow-float">
          {text}
          <IconButton label={t("notice.dismiss")} className="text-paper" onClick={onDismiss}>
            <X size={18} />
          </IconButton>
        </p>
      )}
    </div>
  );
}

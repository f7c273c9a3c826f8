/** What stands above the oldest message: older ones being loaded, a failure with a way to try again, or the beginning. */
import type { ConversationState } from "@madang/client";
import { codeWords } from "../../chat/errorWords";
import { useWords } from "../../i18n/useWords";
import { Spinner } from "../../ui/Spinner";

interface TimelineHeadProps {
  conversation: ConversationState;
  notes: boolean;
  onLoad: () => void;
}

export function TimelineHead({ conversation, notes, onLoad }: TimelineHeadProps) {
  const { t } = useWords();
  const { loaded, loading, loadError, hasOlder } = conversation;
  if (loadError !== null && loading === "none") {
    return (
      <div className="flex flex-col items-center gap-2 py-4 text-sm text-yard-ink" role="alert">
        <span>
          {t("room.historyFailed")} {codeWords(t, loadError)}
        </span>
        <button type="button" className="rounded-full bg-chip px-4 py-1.5 font-semibold text-chip-ink" onClick={onLoad}>
          {t("room.history")}
        </button>
      </div>
    );
  }
  if (!loaded || loading !== "none" || hasOlder) {
    return (
      <div className="grid h-12 flex-none place-items-center text-yard-ink" data-testid="history-loading">
        {(!loaded || loading !== "none") && <Spinner label={t("room.loadingHistory")} />}
      </div>
    );
  }
  return (
    <p className="py-3 text-center text-[0.8125rem] text-yard-ink" data-testid="history-start">
      {t(notes ? "room.startNotes" : "room.start")}
    </p>
  );
}

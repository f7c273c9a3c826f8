/** Brings the reader back to the newest messages and says how many wait there. */
import { ArrowDown } from "lucide-react";
import { useWords } from "../../i18n/useWords";

export function JumpButton({ count, onJump }: { count: number; onJump: () => void }) {
  const { t } = useWords();
  return (
    <button
      type="button"
      className="absolute right-4 bottom-4 z-10 inline-flex min-h-11 min-w-11 items-center justify-center gap-1.5 rounded-full bg-raised px-3 text-sm font-semibold text-ink shadow-float hover:bg-hover"
      aria-label={t("room.newest")}
      data-testid="jump-newest"
      onClick={onJump}
    >
      {count > 0 && <span className="text-jade">{t("room.newestCount", { count })}</span>}
      <ArrowDown size={18} aria-hidden="true" />
    </button>
  );
}

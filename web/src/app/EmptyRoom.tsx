/** What a wide screen shows while no conversation is open. */
import { useWords } from "../i18n/useWords";
import { Logo } from "../ui/Logo";

export function EmptyRoom() {
  const { t } = useWords();
  return (
    <div className="grid flex-1 place-items-center bg-yard p-8 text-center text-yard-ink">
      <div className="flex flex-col items-center">
        <Logo className="mb-5 size-16 opacity-90" />
        <p className="text-lg font-bold text-chip-ink">{t("room.choose")}</p>
        <p className="mt-1">{t("room.chooseHint")}</p>
      </div>
    </div>
  );
}

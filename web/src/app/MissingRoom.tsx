/** The address names a conversation that is not in one's list. */
import { Link } from "wouter";
import { useWords } from "../i18n/useWords";

export function MissingRoom() {
  const { t } = useWords();
  return (
    <div className="grid flex-1 place-items-center bg-yard p-8 text-center text-yard-ink" data-testid="room-missing">
      <div className="space-y-4">
        <p>{t("room.missing")}</p>
        <Link href="/" className="font-semibold text-jade underline underline-offset-4">
          {t("room.back")}
        </Link>
      </div>
    </div>
  );
}

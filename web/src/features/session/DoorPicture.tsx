/** The picture beside the form a tiled roof over the yard, and on wide screens a few words spoken there. Decoration only. */
import { useWords } from "../../i18n/useWords";
import { Logo } from "../../ui/Logo";
import "./door.css";

const WORDS = [
  { own: false, ko: "밥 먹었어?", en: "Have you eaten?" },
  { own: true, ko: "아직! 마당에서 같이 먹자 🍚", en: "Not yet! Let us eat in the yard 🍚" },
  { own: false, ko: "좋아, 수박 들고 갈게", en: "Good, I will bring a watermelon" },
] as const;

export function DoorPicture() {
  const { t, language } = useWords();
  return (
    <div className="door" aria-hidden="true">
      <div className="door-roof" />
      <div className="relative flex flex-1 flex-col justify-center gap-3 px-[12%]">
        {WORDS.map((word) => (
          <p key={word.en} className={`door-word ${word.own ? "door-word-own" : ""}`}>
            {word[language]}
          </p>
        ))}
      </div>
      <p className="flex items-center gap-3 px-[12%] pb-[10%] text-xl font-bold text-yard-ink">
        <Logo className="size-10" />
        <span>
          {t("app.name")}
          <span className="block text-sm font-medium">{t("session.tagline")}</span>
        </span>
      </p>
    </div>
  );
}

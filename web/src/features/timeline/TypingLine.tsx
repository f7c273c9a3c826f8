/** Who is writing right now. A person drops out when their time is over, also if no event says so. */
import { useEffect, useState } from "react";
import { useWords } from "../../i18n/useWords";

interface TypingLineProps {
  /** Until when each holds, epoch milliseconds. */
  typing: ReadonlyMap<string, number>;
  nameOf: (userId: string) => string;
}

function useNow(next: number | undefined): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (next === undefined) return;
    const timer = setTimeout(() => setNow(Date.now()), Math.max(0, next - Date.now()) + 20);
    return () => clearTimeout(timer);
  }, [next]);
  return now;
}

export function TypingLine({ typing, nameOf }: TypingLineProps) {
  const { t } = useWords();
  const ends = Array.from(typing.values());
  const now = useNow(ends.length > 0 ? Math.min(...ends) : undefined);
  const names = Array.from(typing).flatMap(([id, until]) => (until > now ? [nameOf(id)] : []));
  const [first, second] = names;
  if (first === undefined) return null;
  const sentence =
    second === undefined
      ? t("room.typingOne", { name: first })
      : names.length === 2
        ? t("room.typingTwo", { first, second })
        : t("room.typingMany", { name: first, count: names.length - 1 });
  return (
    <p className="typing" data-testid="typing">
      <span className="typing-dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {sentence}
    </p>
  );
}

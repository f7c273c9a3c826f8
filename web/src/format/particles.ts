/**
 * Korean particles that depend on the sound before them: 이/가, 을/를, 은/는, 과/와, 으로/로.
 * Owns the rule for Hangul, digits and Latin letters; whatever else ends a word gets both forms, "이(가)".
 */
const PAIRS = {
  "이/가": ["이", "가"],
  "을/를": ["을", "를"],
  "은/는": ["은", "는"],
  "과/와": ["과", "와"],
  "으로/로": ["으로", "로"],
} as const;

export type ParticlePair = keyof typeof PAIRS;

type Ending = "vowel" | "rieul" | "consonant" | "unknown";

const HANGUL_FIRST = 0xac00;
const HANGUL_LAST = 0xd7a3;
const FINALS = 28;
const RIEUL = 8;

/** How the digits 0 to 9 end when read aloud: 영 일 이 삼 사 오 육 칠 팔 구. */
const DIGITS: readonly Ending[] = [
  "consonant",
  "rieul",
  "vowel",
  "consonant",
  "vowel",
  "vowel",
  "consonant",
  "rieul",
  "rieul",
  "vowel",
];

function endingOf(word: string): Ending {
  const trimmed = word.replace(/[\s"'”’)\]}.,!?]+$/u, "");
  const last = Array.from(trimmed).at(-1);
  if (last === undefined) return "unknown";
  const code = last.codePointAt(0) ?? 0;
  if (code >= HANGUL_FIRST && code <= HANGUL_LAST) {
    const final = (code - HANGUL_FIRST) % FINALS;
    if (final === 0) return "vowel";
    return final === RIEUL ? "rieul" : "consonant";
  }
  if (/^\d$/.test(last)) return DIGITS[Number(last)] ?? "unknown";
  if (/^[a-z]$/i.test(last)) {
    // By sound as a Korean reader says it: 엘, 엠, 엔; a final r is a vowel (버터), other stops get an added vowel.
    if (/^l$/i.test(last)) return "rieul";
    return /^[mn]$/i.test(last) || /ng$/i.test(trimmed) ? "consonant" : "vowel";
  }
  return "unknown";
}

/** The particle alone: particle("마당", "으로/로") is "으로". */
export function particle(word: string, pair: ParticlePair): string {
  const [afterConsonant, afterVowel] = PAIRS[pair];
  const ending = endingOf(word);
  if (ending === "unknown") return pair === "으로/로" ? "(으)로" : `${afterConsonant}(${afterVowel})`;
  if (ending === "rieul" && pair === "으로/로") return afterVowel;
  return ending === "vowel" ? afterVowel : afterConsonant;
}

export function isParticlePair(text: string): text is ParticlePair {
  return Object.hasOwn(PAIRS, text);
}

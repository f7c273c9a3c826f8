/**
 * What stands in for a missing picture: one or two characters of the name, and a colour that stays the same for the
 * same id on every device.
 */
export const AVATAR_TONES = 8;

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function graphemes(text: string): string[] {
  return Array.from(segmenter.segment(text), (one) => one.segment);
}

/** 김민지 → 민지, Ada Lovelace → AL, mango → M, "" → "?". */
export function initials(name: string): string {
  const trimmed = name.trim();
  if (/^[\uac00-\ud7a3]{2,4}$/u.test(trimmed)) return trimmed.slice(-2);
  const words = trimmed.split(/\s+/u).filter((word) => word !== "");
  const first = words[0];
  if (first === undefined) return "?";
  const latin = /^\p{Script=Latin}/u;
  const last = words.at(-1);
  if (words.length > 1 && last !== undefined && latin.test(first) && latin.test(last)) {
    return `${graphemes(first)[0] ?? ""}${graphemes(last)[0] ?? ""}`.toUpperCase();
  }
  return (graphemes(first)[0] ?? "?").toUpperCase();
}

/** A number in 0 … AVATAR_TONES − 1: FNV-1a of the id, its high bits folded into the low ones, which alone vary too little. */
export function toneOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return ((hash ^ (hash >>> 13) ^ (hash >>> 23)) >>> 0) % AVATAR_TONES;
}

/**
 * Splits the text of a message into plain text and links. Only http and https become links, and only what the URL
 * parser accepts: nothing a person typed is ever taken for markup.
 */
export type TextPart = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

// A Hangul run belongs to the address only after a separator: "/wiki/한국" is all link, "example.com에서" ends before 에서.
const ADDRESS = /\bhttps?:\/\/(?:[\x21-\x3b\x3d\x3f-\x7e]|(?<=[/=&?#_%~+\-\uac00-\ud7a3])[\uac00-\ud7a3])+/giu;

const OPENERS: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/** Cuts the punctuation that ends a sentence, and closing brackets that were opened before the address. */
function trimmed(address: string): string {
  let end = address.length;
  while (end > 0) {
    const last = address.charAt(end - 1);
    const opener = OPENERS[last];
    const kept = address.slice(0, end);
    if (opener !== undefined && kept.split(opener).length < kept.split(last).length) end -= 1;
    else if (/[.,;:!?'"*]/.test(last)) end -= 1;
    else break;
  }
  return address.slice(0, end);
}

function hrefOf(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  const web = url.protocol === "http:" || url.protocol === "https:";
  // user:password@host disguises where a link goes.
  return web && url.username === "" && url.password === "" ? url.href : null;
}

export function linkParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let plainFrom = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const href = hrefOf(address);
    if (href === null) continue;
    if (match.index > plainFrom) parts.push({ kind: "text", text: text.slice(plainFrom, match.index) });
    parts.push({ kind: "link", text: address, href });
    plainFrom = match.index + address.length;
  }
  if (plainFrom < text.length) parts.push({ kind: "text", text: text.slice(plainFrom) });
  return parts;
}

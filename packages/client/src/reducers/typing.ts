/**
 * Who is typing, until when. An entry ends at its time, at `typing:stop`, or at that person's message.
 */

/** How long one `typing:start` holds, ms. */
export const TYPING_HOLDS_MS = 6_000;

type Typists = ReadonlyMap<string, number>;

export function startTyping(typing: Typists, userId: string, until: number): Typists {
  return new Map(typing).set(userId, until);
}

export function stopTyping(typing: Typists, userId: string): Typists {
  return typing.has(userId) ? new Map([...typing].filter(([id]) => id !== userId)) : typing;
}

/** Drops those whose time is over at `now` (epoch ms). */
export function expireTyping(typing: Typists, now: number): Typists {
  const holding = [...typing].filter(([, until]) => until > now);
  return holding.length === typing.size ? typing : new Map(holding);
}

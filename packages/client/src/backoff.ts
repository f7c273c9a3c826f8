/**
 * How long to wait before trying again: doubling, with jitter, so that many clients do not return at once.
 */

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** Milliseconds before try number `attempt` (0 is the first repetition). A server that names a time is obeyed. */
export function retryDelay(attempt: number, retryAfterMs: number | null = null): number {
  if (retryAfterMs !== null) return retryAfterMs;
  const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return ceiling * (0.5 + Math.random() / 2);
}

/**
 * One's own messages on their way; the transitions are listed at `PendingMessage`.
 *
 * Invariant: the order is the order of writing, and no transition changes it.
 */
import type { PendingMessage } from "../types.ts";

type Pending = readonly PendingMessage[];

export function enqueue(pending: Pending, entry: PendingMessage): Pending {
  return pending.some((other) => other.id === entry.id) ? pending : [...pending, entry];
}

export function setPendingState(
  pending: Pending,
  messageId: string,
  state: PendingMessage["state"],
  error: string | null,
): Pending {
  return pending.map((entry) => (entry.id === messageId ? { ...entry, state, error } : entry));
}

/** A new connection knows nothing of what was being sent on the last one, nor of what became of what was accepted there. */
export function requeueUnsettled(pending: Pending): Pending {
  if (!pending.some(isUnsettled)) return pending;
  return pending.map((entry) => (isUnsettled(entry) ? { ...entry, state: "queued" } : entry));
}

function isUnsettled(entry: PendingMessage): boolean {
  return entry.state === "sending" || entry.state === "accepted";
}

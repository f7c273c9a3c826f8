/**
 * What a failed connection means: the contract's table of coming back or staying away.
 *
 * Pure. Stock socket.io-client tries again by itself only while the failure was the transport's (`active`); after a
 * CONNECT_ERROR it stays away until `connect` is called.
 */
import { isRecord, isRetryable } from "./errors.ts";
import { retryAfterMs } from "./http.ts";

export type Refusal =
  /** socket.io-client tries again by itself; not before `retryAfterMs`, if the server named a time. */
  | { readonly kind: "comes-back"; readonly retryAfterMs: number | null }
  /** Another token may help. */
  | { readonly kind: "renew" }
  /** Try again, but by one's own timer. */
  | { readonly kind: "again"; readonly retryAfterMs: number | null }
  | { readonly kind: "refused"; readonly reason: string };

const TOKEN_CODES: ReadonlySet<string> = new Set(["token_expired", "token_invalid", "unauthenticated"]);

/** `active` is the socket's own flag after the failure. */
export function readRefusal(error: unknown, active: boolean): Refusal {
  return active ? readTransportFailure(error) : readConnectError(error);
}

function readConnectError(error: unknown): Refusal {
  const data = isRecord(error) ? error.data : undefined;
  const code = isRecord(data) && typeof data.error === "string" ? data.error : null;
  if (code === null) return { kind: "refused", reason: error instanceof Error ? error.message : "refused" };
  if (TOKEN_CODES.has(code)) return { kind: "renew" };
  const wait = isRecord(data) && typeof data.retryAfterMs === "number" ? data.retryAfterMs : null;
  return isRetryable(code) ? { kind: "again", retryAfterMs: wait } : { kind: "refused", reason: code };
}

/** Only polling can see an HTTP status: in `description`, with the request itself in `context`. */
function readTransportFailure(error: unknown): Refusal {
  const status = isRecord(error) ? error.description : undefined;
  if (status === 403) return { kind: "refused", reason: "origin" };
  return { kind: "comes-back", retryAfterMs: status === 503 ? headerOf(error) : null };
}

function headerOf(error: unknown): number | null {
  const context = isRecord(error) ? error.context : undefined;
  const read = isRecord(context) ? context.getResponseHeader : undefined;
  if (typeof read !== "function") return null;
  const header: unknown = read.call(context, "Retry-After");
  return typeof header === "string" ? retryAfterMs(header) : null;
}

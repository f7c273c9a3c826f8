/**
 * Refusals of the server, and which of them may be asked again.
 *
 * Owns the error a caller sees. Codes are those of the contract; `unreachable` is this client's own word for "no answer".
 */

/** `code` is stable and for translation, `reason` is English for developers. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Field name to reason, for `invalid`. */
  readonly details: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | null;

  constructor(
    code: string,
    reason: string,
    about: { status?: number; details?: unknown; retryAfterMs?: unknown } = {},
  ) {
    super(reason);
    this.code = code;
    this.status = about.status ?? 0;
    this.details = isRecord(about.details) ? (about.details as Record<string, string>) : {};
    this.retryAfterMs = typeof about.retryAfterMs === "number" ? about.retryAfterMs : null;
  }
}

/** Codes after which the same thing, with the same id, may be sent again; every other code is final. */
const RETRYABLE: ReadonlySet<string> = new Set(["try_again", "unavailable", "rate_limited", "unreachable"]);

export function isRetryable(code: string): boolean {
  return RETRYABLE.has(code);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What went wrong, as a code: for errors that did not come from the server too. */
export function errorCode(error: unknown): string {
  return error instanceof ApiError ? error.code : "unreachable";
}

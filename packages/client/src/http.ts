/**
 * One HTTP call to the server: where it goes, what it carries, what a refusal becomes.
 *
 * Must never decide who is signed in; `session.ts` does. Every call either resolves with a success or rejects with `ApiError`,
 * `unreachable` when there was no answer, `unavailable` when the answer was not the server's own.
 */
import { ApiError, isRecord } from "./errors.ts";

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Below `/api/`, without a leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
}

export interface Answer<T> {
  readonly body: T;
  /** Query of the `Link` with `rel=next`, or null. */
  readonly next: URLSearchParams | null;
}

export class Http {
  readonly base: URL;
  readonly #fetch: Fetch;

  /** `base` is where Madang is, prefix included. */
  constructor(base: string, fetch: Fetch) {
    this.base = new URL(base.endsWith("/") ? base : `${base}/`);
    this.#fetch = fetch;
  }

  async send<T>(call: Call, token: string | null): Promise<Answer<T>> {
    const response = await this.#request(call, token);
    const body = await readJson(response);
    if (!response.ok) throw refusal(response, body);
    // The one place where the wire becomes a type: what the server answers is the contract's word.
    return { body: body as T, next: nextQuery(response.headers.get("link"), this.base) };
  }

  async #request(call: Call, token: string | null): Promise<Response> {
    const url = new URL(`api/${call.path}`, this.base);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { accept: "application/json" };
    if (call.body !== undefined) headers["content-type"] = "application/json";
    if (call.method !== "GET") headers["x-madang-csrf"] = "1";
    if (token !== null) headers.authorization = `Bearer ${token}`;
    const init: RequestInit = { method: call.method, headers, credentials: token === null ? "same-origin" : "omit" };
    if (call.body !== undefined) init.body = JSON.stringify(call.body);
    try {
      return await this.#fetch(url.href, init);
    } catch (error) {
      throw new ApiError("unreachable", error instanceof Error ? error.message : "the server did not answer");
    }
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    const text = await response.text();
    return text === "" ? null : JSON.parse(text);
  } catch {
    // A proxy's page of HTML, or an answer cut short: its status is all there is to know.
    if (response.ok) throw new ApiError("unreachable", "the answer was not JSON", { status: response.status });
    return null;
  }
}

function refusal(response: Response, body: unknown): ApiError {
  const status = response.status;
  if (isRecord(body) && typeof body.error === "string") {
    const reason = typeof body.reason === "string" ? body.reason : body.error;
    return new ApiError(body.error, reason, {
      status,
      details: body.details,
      retryAfterMs: body.retryAfterMs ?? retryAfterMs(response.headers.get("retry-after")),
    });
  }
  return new ApiError("unavailable", `HTTP ${status}`, {
    status,
    retryAfterMs: retryAfterMs(response.headers.get("retry-after")),
  });
}

/** `Retry-After` in seconds as milliseconds; its form as a date is not used by the server. */
export function retryAfterMs(header: string | null): number | null {
  if (header === null || !/^\d+$/.test(header.trim())) return null;
  return Number(header) * 1000;
}

// Only the query is taken: behind a proxy the server may not know the address it is reached by.
function nextQuery(link: string | null, base: URL): URLSearchParams | null {
  for (const part of (link ?? "").split(/,(?=\s*<)/)) {
    const match = /^\s*<([^>]*)>\s*;(.*)$/.exec(part);
    const target = match?.[1];
    if (target !== undefined && /\brel="?next"?/.test(match?.[2] ?? "")) return new URL(target, base).searchParams;
  }
  return null;
}

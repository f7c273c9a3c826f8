/**
 * Coming back or staying away: each way a connection can fail.
 */
import { describe, expect, it } from "vitest";
import { readRefusal } from "../src/connectRefusal.ts";

describe("a failed connection", () => {
  it.each(["token_expired", "token_invalid", "unauthenticated"])("asks for another token after %s", (error) => {
    expect(readRefusal(connectError(error), false)).toEqual({ kind: "renew" });
  });

  it("stays away from a server that disabled the user", () => {
    expect(readRefusal(connectError("user_disabled"), false)).toEqual({ kind: "refused", reason: "user_disabled" });
  });

  it("tries again by its own timer after a refusal that passes", () => {
    expect(readRefusal(connectError("unavailable", 700), false)).toEqual({ kind: "again", retryAfterMs: 700 });
  });

  it("stays away from what is no Madang server", () => {
    expect(readRefusal(new Error("Invalid namespace"), false)).toEqual({
      kind: "refused",
      reason: "Invalid namespace",
    });
  });

  it("leaves a transport's failure to socket.io-client", () => {
    expect(readRefusal(transportError(0), true)).toEqual({ kind: "comes-back", retryAfterMs: null });
    expect(readRefusal(new Error("timeout"), true)).toEqual({ kind: "comes-back", retryAfterMs: null });
  });

  it("stays away after HTTP 403: another attempt has the same origin", () => {
    expect(readRefusal(transportError(403), true)).toEqual({ kind: "refused", reason: "origin" });
  });

  it("waits as long as HTTP 503 says", () => {
    expect(readRefusal(transportError(503, "7"), true)).toEqual({ kind: "comes-back", retryAfterMs: 7_000 });
  });
});

/** As socket.io-client hands over a CONNECT_ERROR. */
function connectError(error: string, retryAfterMs?: number): Error {
  return Object.assign(new Error(error), { data: { error, reason: "", retryAfterMs } });
}

/** As engine.io-client hands over a failed request. */
function transportError(status: number, retryAfter: string | null = null): Error {
  const context = { getResponseHeader: (name: string) => (name === "Retry-After" ? retryAfter : null) };
  return Object.assign(new Error("xhr poll error"), { type: "TransportError", description: status, context });
}

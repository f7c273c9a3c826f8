/**
 * HTTP calls against a real server of `node:http`: addresses, headers, renewal, refusals.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Api } from "../src/api.ts";
import { ApiError } from "../src/errors.ts";
import { Http } from "../src/http.ts";
import { Session } from "../src/session.ts";
import type { Auth } from "../src/types.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}
type Reply = { status?: number; headers?: Record<string, string>; body?: unknown; raw?: string };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe("an HTTP call", () => {
  it("goes below the prefix, with the query and nothing that is not set", async () => {
    const { api, seen } = await start([{ body: [] }], "/chat");
    await api.messages("a/b", { before: 7, limit: 50 });
    expect(seen[0]?.url).toBe("/chat/api/conversations/a%2Fb/messages?before=7&limit=50");
    expect(seen[0]?.method).toBe("GET");
  });

  it("carries the CSRF header on writes only, and a body only where there is one", async () => {
    const { api, seen } = await start([{ body: {} }, { body: {} }, { status: 204, raw: "" }]);
    await api.me();
    await api.createGroup("Lunch", ["u1"]);
    await api.leave("c1");
    expect(seen.map(({ method, headers, body }) => [method, headers["x-madang-csrf"], body])).toEqual([
      ["GET", undefined, null],
      ["POST", "1", { type: "group", name: "Lunch", memberIds: ["u1"] }],
      ["DELETE", "1", null],
    ]);
    expect(seen[2]?.url).toBe("/api/conversations/c1/members/me");
  });

  it("follows the link to the next page by its query alone", async () => {
    const link =
      '<http://inside:1/api/conversations?limit=50&cursor=prev>; rel="prev", </api/x?cursor=b%2Bc>; rel="next"';
    const { api, seen } = await start([{ body: [], headers: { link } }, { body: [] }]);
    const page = await api.conversations();
    const second = await page.next?.();
    expect(seen[1]?.url).toBe("/api/conversations?cursor=b%2Bc");
    expect(second?.next).toBeNull();
  });

  it("rejects with the server's code, fields and waiting time", async () => {
    const refusal = { ok: false, error: "invalid", reason: "name: too long", details: { name: "too long" } };
    const limited = { ok: false, error: "rate_limited", reason: "slow down", retryAfterMs: 1500 };
    const { api } = await start([
      { status: 422, body: refusal },
      { status: 429, body: limited },
    ]);
    const first = await rejection(api.createGroup("", []));
    expect(first).toMatchObject({ code: "invalid", status: 422, details: { name: "too long" }, retryAfterMs: null });
    expect(await rejection(api.me())).toMatchObject({ code: "rate_limited", retryAfterMs: 1500 });
  });

  it("takes a proxy's page for unavailable, and silence for unreachable", async () => {
    const { api, close } = await start([{ status: 503, raw: "<h1>Bad gateway</h1>", headers: { "retry-after": "3" } }]);
    expect(await rejection(api.me())).toMatchObject({ code: "unavailable", status: 503, retryAfterMs: 3_000 });
    await close();
    expect(await rejection(api.me())).toMatchObject({ code: "unreachable", status: 0 });
  });
});

describe("the session", () => {
  it("refreshes the cookie once for all calls refused meanwhile, and repeats them", async () => {
    const expired = { status: 401, body: { ok: false, error: "token_expired", reason: "" } };
    const { api, seen } = await start((request, number) => {
      if (request.url.endsWith("/auth/refresh")) return { body: { accessToken: "fresh" } };
      return number <= 2 ? expired : { body: { id: "me" } };
    });
    await Promise.all([api.me(), api.me()]);
    expect(seen.filter(({ url }) => url.endsWith("/auth/refresh"))).toHaveLength(1);
    expect(seen).toHaveLength(5);
    expect(seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it("gives up with the first refusal when the refresh is refused too", async () => {
    const { api, seen } = await start((request) => ({
      status: 401,
      body: { error: request.url.endsWith("/auth/refresh") ? "token_invalid" : "unauthenticated", reason: "" },
    }));
    expect(await rejection(api.me())).toMatchObject({ code: "unauthenticated" });
    expect(seen).toHaveLength(2);
  });

  it("asks the host application for a token, and for another when one is refused", async () => {
    const asked: (string | null)[] = [];
    const auth: Auth = {
      kind: "token",
      getToken: async (refused) => {
        asked.push(refused);
        return refused === null ? "old" : "new";
      },
    };
    const { api, seen } = await start(
      ({ headers }) =>
        headers.authorization === "Bearer new"
          ? { body: { id: "me" } }
          : { status: 401, body: { error: "token_expired", reason: "" } },
      "",
      auth,
    );
    expect(await api.me()).toEqual({ id: "me" });
    expect(asked).toEqual([null, "old"]);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer old", "Bearer new"]);
  });

  it("does not end because the server could not be reached", async () => {
    const { session, close } = await start([]);
    await close();
    expect(await session.renew()).toEqual({ outcome: "unreachable" });
  });

  it("does not refresh for a wrong password", async () => {
    const { api, seen } = await start([{ status: 401, body: { error: "unauthenticated", reason: "" } }]);
    expect(await rejection(api.login({ username: "ann", password: "wrong" }))).toMatchObject({ status: 401 });
    expect(seen).toHaveLength(1);
  });
});

async function start(
  replies: Reply[] | ((request: Seen, number: number) => Reply),
  prefix = "",
  auth: Auth = { kind: "cookies" },
) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const body: unknown = text === "" ? null : JSON.parse(text);
    const entry = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
    seen.push(entry);
    const reply = (Array.isArray(replies) ? replies[seen.length - 1] : replies(entry, seen.length)) ?? { status: 500 };
    response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers });
    response.end(reply.raw ?? JSON.stringify(reply.body ?? null));
  };
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const http = new Http(`http://127.0.0.1:${port}${prefix}`, (input, init) => fetch(input, init));
  const session = new Session(http, auth);
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { api: new Api(http, session), session, seen, close };
}

async function rejection(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiError)) throw new Error(`rejected with ${String(error)}`);
  return error;
}

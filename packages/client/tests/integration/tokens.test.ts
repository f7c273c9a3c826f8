/**
 * Tokens of a host application that end while somebody is connected, or have ended before.
 */
import { createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Client, createClient } from "../../src/index.ts";
import { missing, RealServer, until } from "./realServer.ts";

const SECRET = "a secret of the host application, long enough";
const ISSUER = "https://host.example";

describe.skipIf(missing !== null)(`tokens of a host${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  const server = new RealServer({
    MADANG_JWT_SECRET: SECRET,
    MADANG_JWT_ISSUER: ISSUER,
    MADANG_JWT_AUDIENCE: "madang",
  });
  const clients: Client[] = [];

  beforeAll(() => server.start(), 30_000);
  afterEach(() => {
    for (const client of clients.splice(0)) client.stop();
  });
  afterAll(() => server.remove());

  function client(getToken: (refused: string | null) => Promise<string | null>): Client {
    const created = createClient({ url: server.url, auth: { kind: "token", getToken } });
    clients.push(created);
    return created;
  }

  it("are replaced on the live connection before they end, each time", async () => {
    const refused: string[] = [];
    let token = mint(62);
    const ann = client(async (old) => {
      if (old !== null) {
        refused.push(old);
        token = mint(62);
      }
      return token;
    });
    let losses = 0;
    ann.store.subscribe(() => {
      if (ann.store.getSnapshot().connection.status === "reconnecting") losses += 1;
    });
    await ann.start();
    await until(ann, (state) => state.connection.status === "online");
    // The second warning comes only if the server took the second token.
    await expect.poll(() => refused.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(2);
    expect(new Set(refused).size).toBe(refused.length);
    expect(losses).toBe(0);
  }, 30_000);

  it("are asked for again when the one in hand has already ended", async () => {
    const expired = mint(-3_600);
    const asked: (string | null)[] = [];
    const ann = client(async (refused) => {
      asked.push(refused);
      return refused === null && asked.length === 1 ? expired : mint(600);
    });
    await ann.start();
    await until(ann, (state) => state.connection.status === "online");
    expect(asked.slice(0, 2)).toEqual([null, expired]);
    expect(ann.store.getSnapshot().me?.name).toBe("Ann of the host");
  });
});

let minted = 0;

function mint(seconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  minted += 1;
  const claims = {
    sub: "ann",
    name: "Ann of the host",
    iss: ISSUER,
    aud: "madang",
    iat: now - 7_200,
    jti: `${minted}`,
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, exp: now + seconds })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/**
 * Who this client is to the server: the server's cookies, or tokens of whoever embeds the client.
 *
 * Owns getting another token when one is refused or about to end. Must never keep a token longer than the next call.
 *
 * Invariants:
 * 1. At most one renewal runs at a time, in this client and, where the browser has locks, in all tabs of the page: the
 *    server's refresh token is good for one use.
 * 2. A renewal that could not reach the server changes nothing: only the server's word ends a session.
 */
import { ApiError } from "./errors.ts";
import type { SignedIn } from "./generated/contract.ts";
import type { Answer, Call, Http } from "./http.ts";
import type { Auth } from "./types.ts";

/** `renewed`: try again with `token`. `ended`: somebody has to sign in. `unreachable`: nothing is known; try again later. */
export type Renewal =
  | { readonly outcome: "renewed"; readonly token: string }
  | { readonly outcome: "ended" | "unreachable" };

export class Session {
  readonly #http: Http;
  readonly #auth: Auth;
  #token: string | null = null;
  #renewing: Promise<Renewal> | null = null;

  constructor(http: Http, auth: Auth) {
    this.#http = http;
    this.#auth = auth;
  }

  get usesCookies(): boolean {
    return this.#auth.kind === "cookies";
  }

  /** What to send in CONNECT: nothing with cookies. Never rejects; without a token the server's refusal decides. */
  async handshake(): Promise<{ token?: string }> {
    const token = await this.#currentToken().catch(() => null);
    return token === null ? {} : { token };
  }

  /** A call as the signed-in user; renews once if the server no longer takes what it was sent. */
  async send<T>(call: Call): Promise<Answer<T>> {
    const token = await this.#currentToken();
    try {
      return await this.#http.send<T>(call, token);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const renewal = await this.renew();
      if (renewal.outcome !== "renewed") throw error;
      return this.#http.send<T>(call, this.usesCookies ? null : renewal.token);
    }
  }

  /** Gets another token, because the one in use was refused or ends soon. Never rejects. */
  renew(): Promise<Renewal> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renew(): Promise<Renewal> {
    try {
      const token = this.#auth.kind === "cookies" ? await this.#refresh() : await this.#auth.getToken(this.#token);
      if (token === null) return { outcome: "ended" };
      if (!this.usesCookies) this.#token = token;
      return { outcome: "renewed", token };
    } catch (error) {
      const refused = error instanceof ApiError && (error.status === 401 || error.status === 403);
      return { outcome: refused ? "ended" : "unreachable" };
    }
  }

  async #refresh(): Promise<string> {
    const call: Call = { method: "POST", path: "auth/refresh", body: {} };
    const refresh = async (): Promise<string> => (await this.#http.send<SignedIn>(call, null)).body.accessToken;
    const locks = globalThis.navigator?.locks;
    return locks === undefined ? refresh() : locks.request(`madang-refresh ${this.#http.base.href}`, refresh);
  }

  async #currentToken(): Promise<string | null> {
    if (this.#auth.kind === "cookies") return null;
    this.#token = await this.#auth.getToken(null);
    return this.#token;
  }
}

/**
 * The server's HTTP calls, typed.
 *
 * Owns paths and parameters. Every call rejects with `ApiError`. Nothing here touches the store: what a call changes comes back
 * as events, or `client.ts` applies it.
 */
import type {
  Message,
  PublicConfig,
  PublicMember,
  Registration,
  SignedIn,
  Summary,
  UpdateMe,
  User,
} from "./generated/contract.ts";
import type { Call, Http } from "./http.ts";
import type { Session } from "./session.ts";

/** One page of a list; `next` gets the one after it and is null on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: (() => Promise<Page<T>>) | null;
}

/** Bounds are seqs and exclusive, except `around`; `limit` is 1 to 200. Oldest first whatever the bound. */
export interface MessageRange {
  readonly limit?: number;
  readonly before?: number;
  readonly after?: number;
  readonly around?: number;
}

export interface MemberRange {
  readonly limit?: number;
  readonly query?: string;
}

type Query = NonNullable<Call["query"]>;

export class Api {
  readonly #http: Http;
  readonly #session: Session;

  constructor(http: Http, session: Session) {
    this.#http = http;
    this.#session = session;
  }

  /** What anybody may know before signing in. */
  async config(): Promise<PublicConfig> {
    return (await this.#http.send<PublicConfig>({ method: "GET", path: "config" }, null)).body;
  }

  async register(account: Registration): Promise<SignedIn> {
    return this.#open("auth/register", account);
  }

  async login(account: { readonly username: string; readonly password: string }): Promise<SignedIn> {
    return this.#open("auth/login", account);
  }

  async logout(): Promise<void> {
    await this.#session.send({ method: "POST", path: "auth/logout", body: {} });
  }

  async me(): Promise<User> {
    return this.#get("me");
  }

  async updateMe(changes: UpdateMe): Promise<User> {
    return this.#write("PATCH", "me", changes);
  }

  async user(id: string): Promise<User> {
    return this.#get(`users/${encodeURIComponent(id)}`);
  }

  async searchUsers(query: string): Promise<readonly User[]> {
    return this.#get("users", { query });
  }

  async conversations(limit = 50): Promise<Page<Summary>> {
    return this.#page("conversations", { limit });
  }

  async conversation(id: string): Promise<Summary> {
    return this.#get(conversationPath(id));
  }

  /** With one member a direct conversation, which exists once per pair; oneself is allowed. */
  async createDirect(userId: string): Promise<Summary> {
    return this.#write("POST", "conversations", { type: "direct", memberIds: [userId] });
  }

  async createGroup(name: string | null, memberIds: readonly string[]): Promise<Summary> {
    return this.#write("POST", "conversations", { type: "group", name, memberIds });
  }

  async members(id: string, range: MemberRange = {}): Promise<Page<PublicMember>> {
    return this.#page(`${conversationPath(id)}/members`, { ...range });
  }

  async addMembers(id: string, userIds: readonly string[]): Promise<void> {
    await this.#write("POST", `${conversationPath(id)}/members`, { userIds });
  }

  async removeMember(id: string, userId: string): Promise<void> {
    await this.#write("DELETE", `${conversationPath(id)}/members/${encodeURIComponent(userId)}`);
  }

  async leave(id: string): Promise<void> {
    await this.removeMember(id, "me");
  }

  async messages(id: string, range: MessageRange = {}): Promise<readonly Message[]> {
    return this.#get(`${conversationPath(id)}/messages`, { ...range });
  }

  async #open(path: string, body: unknown): Promise<SignedIn> {
    return (await this.#http.send<SignedIn>({ method: "POST", path, body }, null)).body;
  }

  async #get<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.#session.send<T>({ method: "GET", path, query })).body;
  }

  async #write<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
    const call: Call = body === undefined ? { method, path } : { method, path, body };
    return (await this.#session.send<T>(call)).body;
  }

  async #page<T>(path: string, query: Query): Promise<Page<T>> {
    const answer = await this.#session.send<readonly T[]>({ method: "GET", path, query });
    const { body: items, next } = answer;
    return { items, next: next === null ? null : () => this.#page<T>(path, Object.fromEntries(next)) };
  }
}

function conversationPath(id: string): string {
  return `conversations/${encodeURIComponent(id)}`;
}

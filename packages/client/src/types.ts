/**
 * The public face of the client: the shape of its state and the calls it offers.
 *
 * Owns no logic. Everything in the state is immutable: a change makes new objects along the changed path and keeps the
 * others, so `===` tells whether something changed. Maps are `Map`s, because ids come from outside and could collide with
 * the names of an object's prototype.
 */
import type { Api } from "./api.ts";
import type {
  Limits,
  Message,
  PublicMember,
  ReactionChanged,
  RevokedReason,
  SignedIn,
  Summary,
  User,
} from "./generated/contract.ts";

/** Where the connection stands; only `refused` and `signed-out` need somebody to do something. */
export type Connection =
  | { readonly status: "idle" }
  | { readonly status: "connecting" }
  | { readonly status: "online" }
  /** It comes back by itself. `attempt` counts tries since the loss, `since` is when it was lost (epoch ms). */
  | { readonly status: "reconnecting"; readonly attempt: number; readonly since: number }
  /** The server will not have this client: an error code of the contract, or `origin`. */
  | { readonly status: "refused"; readonly reason: string }
  | { readonly status: "signed-out"; readonly reason: SignedOutReason };

/** `none`: never signed in here. `expired`: the session ran out. The others are the reasons of `session:revoked`. */
export type SignedOutReason = "none" | "expired" | RevokedReason;

/** What `send` takes; content is at most `limits.contentUnits` UTF-16 units. */
export interface Draft {
  readonly content: string;
  readonly replyToId?: string;
}

/**
 * A message of one's own that the log does not hold yet. Its `id` is the id the message will have for life.
 *
 *     queued  -> sending  [online, and it is the first of its conversation]
 *     sending -> queued   [no ack in time, or a code that asks to try again]
 *     sending -> accepted [the server has queued it, and stores it later]
 *     sending -> failed   [any other code: final until `retry` or `discard`]
 *     accepted -> failed  [`message:rejected`: it can never be stored]
 *     accepted -> queued  [another connection, or long without a word: only asking again can tell]
 *     failed  -> queued   [retry: same id]
 *     queued, sending, accepted -> (gone) [the log's own row of this id takes its place]
 */
export interface PendingMessage {
  readonly id: string;
  readonly conversationId: string;
  readonly content: string;
  readonly replyToId: string | null;
  /** ISO 8601, this device's clock: for display only. */
  readonly createdAt: string;
  readonly state: "queued" | "sending" | "accepted" | "failed";
  /** Error code of the contract; set exactly when `state` is `failed`. */
  readonly error: string | null;
}

export type Loading = "none" | "newest" | "older";

export interface ConversationState {
  readonly id: string;
  /** Follows the log: its `epoch` and `version` are those of the last change applied here. */
  readonly summary: Summary;
  /** True once the newest page is here; until then `messages` is empty. */
  readonly loaded: boolean;
  /** By seq, ascending, without holes. */
  readonly messages: readonly Message[];
  /** One's own messages on their way, in the order they were written. Shown below `messages`. */
  readonly pending: readonly PendingMessage[];
  readonly hasOlder: boolean;
  readonly loading: Loading;
  /** Code of the error that ended the last load, until the next one starts. */
  readonly loadError: string | null;
  /** True while something is known to be missing and is being fetched. */
  readonly behind: boolean;
  /** Who types, and until when that holds (epoch ms). Never oneself. */
  readonly typing: ReadonlyMap<string, number>;
  /** Members by user id, for rooms up to 100 once opened; null before. */
  readonly members: ReadonlyMap<string, PublicMember> | null;
  /** Read marks, oneself included; only ever higher. */
  readonly reads: ReadonlyMap<string, number>;
  /** Above 100 members: a seq and how many have read exactly up to it, ascending; null until it was told. */
  readonly steps: readonly (readonly [number, number])[] | null;
  /** Events waiting for those before them, by version. */
  readonly held: readonly VersionedEvent[];
  /** Events that came while something was being fetched: the answer may be older than they are. */
  readonly arrived: readonly VersionedEvent[];
}

/** One change of a conversation's log: the message it was about as it stood after the change, or what of it changed. */
export type VersionedEvent =
  | { readonly epoch: string; readonly version: number; readonly message: Message; readonly reaction?: undefined }
  | {
      readonly epoch: string;
      readonly version: number;
      readonly reaction: ReactionChanged;
      readonly message?: undefined;
    };

export interface State {
  readonly connection: Connection;
  readonly me: User | null;
  /** Everybody met so far, by id. */
  readonly users: ReadonlyMap<string, User>;
  readonly conversations: ReadonlyMap<string, ConversationState>;
  /** Ids of `conversations`, newest `lastMessageAt` first. */
  readonly order: readonly string[];
  /** True once every conversation of the list has arrived. */
  readonly listComplete: boolean;
  /** The number of the list as it arrived last; null before the first time. */
  readonly inbox: number | null;
  readonly online: ReadonlySet<string>;
  /** Limits in force; null before the first connection. */
  readonly limits: Limits | null;
}

export interface Store<S> {
  getSnapshot(): S;
  /** Calls `listener` after changes, at most once per microtask. Returns how to stop it. */
  subscribe(listener: () => void): () => void;
}

/** `cookies`: same origin, the server's own cookies. `token`: `getToken` is asked for each connection and HTTP call. */
export type Auth =
  | { readonly kind: "cookies" }
  | {
      readonly kind: "token";
      /** `refused` is the token the server no longer takes: answer with another one, or null to sign out. */
      getToken(refused: string | null): Promise<string | null>;
    };

export interface ClientOptions {
  /** Where Madang is, prefix included (`https://example.org/chat`). Default: the page's origin. */
  readonly url?: string;
  readonly auth?: Auth;
  /** Default: `["websocket", "polling"]`. */
  readonly transports?: readonly ("websocket" | "polling")[];
  /** Epoch milliseconds. Default: `Date.now`. */
  now?(): number;
  /** Default: the global `fetch`. */
  fetch?(input: string, init?: RequestInit): Promise<Response>;
}

/**
 * A client of one Madang server for one user at a time. Calls that fail reject with `ApiError`; cancelling is not offered.
 * All of them may be called at any time and concurrently.
 */
export interface Client {
  readonly store: Store<State>;
  /** The typed HTTP calls, for what has no call of its own here. */
  readonly api: Api;

  /** Finds out who is signed in and connects. A second call does nothing. */
  start(): Promise<void>;
  /** Disconnects and forgets the conversations; what was still pending is lost. */
  stop(): void;
  /** Tries again at once instead of waiting for the next attempt. */
  reconnectNow(): void;

  /** Accounts, with cookies only; the first two also start. */
  register(account: { username: string; password: string; name: string }): Promise<SignedIn>;
  login(account: { username: string; password: string }): Promise<SignedIn>;
  logout(): Promise<void>;

  /**
   * Loads the newest 50 messages and keeps the conversation filled until as many closes as opens were called. The one opened last
   * is the one on the screen: above 100 members, only it is told who types and how many have read.
   */
  openConversation(id: string): void;
  closeConversation(id: string): void;
  /**
   * Puts the page before the oldest message in front; loads the newest page if that failed before. Does nothing while one is
   * loading or nothing is older.
   */
  loadOlder(id: string): Promise<void>;

  /** Queues a message and returns its id for life. */
  send(id: string, draft: Draft): string;
  /** Sends a failed message again, under the same id. */
  retry(id: string, messageId: string): void;
  /** Forgets a queued or failed message. One being sent may still be stored, and then appears. */
  discard(id: string, messageId: string): void;

  /** Call with true at each key stroke: it holds for 5 s or until false. */
  setTyping(id: string, typing: boolean): void;
  /** Moves one's mark forward to `seq` (at most the newest known); earlier marks are ignored. */
  markRead(id: string, seq: number): void;

  /** The direct conversation with a user (oneself: notes), made if there is none. */
  createDirect(userId: string): Promise<Summary>;
  createGroup(name: string | null, memberIds: readonly string[]): Promise<Summary>;
  addMembers(id: string, userIds: readonly string[]): Promise<void>;
  removeMember(id: string, userId: string): Promise<void>;
  leave(id: string): Promise<void>;
  /** People by name or username; those found are in `users` from then on. */
  searchUsers(query: string): Promise<readonly User[]>;
}

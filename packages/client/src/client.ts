/**
 * The client put together: the store, the connection and the parts that act on both.
 *
 * Owns the order in which parts start and stop, and nothing else: what a call means is decided in the part it is handed to.
 */
import { Api } from "./api.ts";
import { attach } from "./attach.ts";
import { CatchUp } from "./catchUp.ts";
import { Connection } from "./connection.ts";
import { ApiError, errorCode } from "./errors.ts";
import { bindEvents } from "./events.ts";
import { Focus } from "./focus.ts";
import type { SignedIn, Summary, User } from "./generated/contract.ts";
import { Http } from "./http.ts";
import { Outbox } from "./outbox.ts";
import { PresenceWatch } from "./presenceWatch.ts";
import { ReadMarks } from "./readMarks.ts";
import type { ConversationAction } from "./reducers/conversation.ts";
import { Rooms } from "./rooms.ts";
import { Session } from "./session.ts";
import { type Action, initialState, reduce } from "./state.ts";
import { createStore, type ReducerStore } from "./store.ts";
import type { Client, ClientOptions, Draft, SignedOutReason, State } from "./types.ts";
import { TypingStatus } from "./typingStatus.ts";

export function createClient(options: ClientOptions = {}): Client {
  return new MadangClient(options);
}

class MadangClient implements Client {
  readonly store: ReducerStore<State, Action> = createStore(reduce, initialState);
  readonly api: Api;
  readonly #connection: Connection;
  readonly #catchUp: CatchUp;
  readonly #rooms: Rooms;
  readonly #outbox: Outbox;
  readonly #readMarks: ReadMarks;
  readonly #typing: TypingStatus;
  readonly #presence: PresenceWatch;
  readonly #focus: Focus;
  readonly #adopting = new Set<string>();
  readonly #usesCookies: boolean;
  #started = false;
  readonly #networkIsBack = (): void => this.reconnectNow();
  readonly #pageIsSeen = (): void => {
    // In the background timers run late, so the next attempt may be a minute away.
    if (document.visibilityState === "visible") this.reconnectNow();
  };

  constructor(options: ClientOptions) {
    const now = (): number => options.now?.() ?? Date.now();
    const http = new Http(options.url ?? pageBase(), options.fetch ?? ((input, init) => fetch(input, init)));
    const session = new Session(http, options.auth ?? { kind: "cookies" });
    this.#usesCookies = session.usesCookies;
    this.api = new Api(http, session);
    const connection: Connection = new Connection(http.base, session, options, now, {
      changed: (state) => this.#dispatch({ type: "connection", connection: state }),
      attach: () => attach(common),
      online: () => this.#resume(),
      lost: () => this.#pause(),
      signedOut: (reason) => this.#signedOut(reason),
    });
    const common = {
      api: this.api,
      line: connection,
      now,
      getState: () => this.store.getSnapshot(),
      dispatch: (action: Action) => this.#dispatch(action),
      change: (id: string, action: ConversationAction) => this.#change(id, action),
    };
    this.#connection = connection;
    this.#rooms = new Rooms({ ...common, adopt: (summary) => this.#adopt(summary) });
    this.#catchUp = new CatchUp({
      ...common,
      reload: (id) => this.#rooms.reload(id),
      membersChanged: (id) => void this.#rooms.loadMembers(id),
      remove: (id) => this.#dispatch({ type: "removed", id }),
    });
    this.#outbox = new Outbox(common);
    this.#readMarks = new ReadMarks(common);
    this.#typing = new TypingStatus(connection, now);
    this.#presence = new PresenceWatch({
      ...common,
      openConversations: () => this.#rooms.opened(),
      learned: (watched, online) => {
        for (const userId of watched) this.#dispatch({ type: "presence", userId, online: online.has(userId) });
      },
    });
    this.#focus = new Focus(connection, () => this.#rooms.opened());
    bindEvents(connection.socket, {
      ...common,
      adopt: (summary) => this.#adopt(summary),
      unknown: (id) => void this.#adoptUnknown(id),
      membersChanged: (id) => void this.#rooms.loadMembers(id),
    });
  }

  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    this.#dispatch({ type: "connection", connection: { status: "connecting" } });
    const refused = this.#usesCookies ? await this.#whoAmI() : null;
    if (!this.#started) return;
    if (refused !== null) return this.#signedOut(refused);
    this.#listenToNetwork("addEventListener");
    this.#connection.start();
  }

  stop(): void {
    this.#end();
    this.#dispatch({ type: "forgotten", connection: { status: "idle" } });
  }

  reconnectNow(): void {
    this.#connection.reconnectNow();
  }

  async register(account: { username: string; password: string; name: string }): Promise<SignedIn> {
    return this.#enter(await this.api.register(account));
  }

  async login(account: { username: string; password: string }): Promise<SignedIn> {
    return this.#enter(await this.api.login(account));
  }

  async logout(): Promise<void> {
    try {
      await this.api.logout();
    } catch (error) {
      // Nobody was signed in any more: that is what was asked for.
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    }
    this.#signedOut("logout");
  }

  openConversation(id: string): void {
    this.#rooms.open(id);
    this.#focus.refresh();
    this.#presence.refresh();
  }

  closeConversation(id: string): void {
    this.#rooms.close(id);
    this.#focus.refresh();
    this.#presence.refresh();
  }

  loadOlder(id: string): Promise<void> {
    return this.#rooms.loadOlder(id);
  }

  send(id: string, draft: Draft): string {
    if (!this.store.getSnapshot().conversations.has(id)) throw new ApiError("not_found", `no conversation ${id}`);
    this.#typing.set(id, false);
    return this.#outbox.send(id, draft);
  }

  retry(id: string, messageId: string): void {
    this.#outbox.retry(id, messageId);
  }

  discard(id: string, messageId: string): void {
    this.#outbox.discard(id, messageId);
  }

  setTyping(id: string, typing: boolean): void {
    this.#typing.set(id, typing);
  }

  markRead(id: string, seq: number): void {
    this.#readMarks.mark(id, seq);
  }

  async createDirect(userId: string): Promise<Summary> {
    return this.#adopt(await this.api.createDirect(userId));
  }

  async createGroup(name: string | null, memberIds: readonly string[]): Promise<Summary> {
    return this.#adopt(await this.api.createGroup(name, memberIds));
  }

  addMembers(id: string, userIds: readonly string[]): Promise<void> {
    return this.api.addMembers(id, userIds);
  }

  removeMember(id: string, userId: string): Promise<void> {
    return this.api.removeMember(id, userId);
  }

  async leave(id: string): Promise<void> {
    await this.api.leave(id);
    this.#dispatch({ type: "removed", id });
  }

  async searchUsers(query: string): Promise<readonly User[]> {
    const users = await this.api.searchUsers(query);
    this.#dispatch({ type: "usersMet", users });
    return users;
  }

  // ------------------------------------------------------------------------------------------- coming and going

  async #enter(signedIn: SignedIn): Promise<SignedIn> {
    this.stop();
    this.#started = true;
    this.#dispatch({ type: "welcomed", me: signedIn.user, limits: null });
    this.#listenToNetwork("addEventListener");
    this.#connection.start();
    return signedIn;
  }

  /** Why nobody can be connected, or null; a server that cannot be reached is left to the connection. */
  async #whoAmI(): Promise<SignedOutReason | null> {
    try {
      const me = await this.api.me();
      this.#dispatch({ type: "welcomed", me, limits: null });
      return null;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return "none";
      return errorCode(error) === "user_disabled" ? "disabled" : null;
    }
  }

  #resume(): void {
    this.#rooms.resume();
    this.#catchUp.resume();
    this.#outbox.resume();
    this.#readMarks.resume();
    this.#presence.resume();
    this.#focus.resume();
  }

  #pause(): void {
    this.#catchUp.pause();
    this.#outbox.pause();
    this.#readMarks.pause();
    this.#presence.pause();
    this.#focus.pause();
    this.#typing.clear();
    this.#dispatch({ type: "everyConversation", action: { type: "connectionLost" } });
  }

  #signedOut(reason: SignedOutReason): void {
    this.#end();
    this.#dispatch({ type: "forgotten", connection: { status: "signed-out", reason } });
  }

  #end(): void {
    this.#started = false;
    this.#listenToNetwork("removeEventListener");
    this.#connection.stop();
    this.#pause();
    this.#readMarks.forget();
    this.#presence.forget();
  }

  #listenToNetwork(how: "addEventListener" | "removeEventListener"): void {
    // Only a page hears of its network and of being looked at; elsewhere the next attempt comes by the clock.
    if (typeof window === "undefined") return;
    window[how]("online", this.#networkIsBack);
    document[how]("visibilitychange", this.#pageIsSeen);
  }

  // ------------------------------------------------------------------------------------------- changing the state

  #dispatch(action: Action): void {
    this.store.dispatch(action);
    if (action.type === "attached") for (const { id } of action.summaries) this.#catchUp.look(id);
  }

  #change(id: string, action: ConversationAction): void {
    this.store.dispatch({ type: "conversation", id, action });
    this.#catchUp.look(id);
    if (action.type === "membersLoaded") this.#presence.refresh();
  }

  #adopt(summary: Summary): Summary {
    this.#dispatch({ type: "attached", summaries: [summary] });
    if (summary.peer !== undefined) this.#presence.meet(summary.peer.id);
    return summary;
  }

  async #adoptUnknown(id: string): Promise<void> {
    if (this.#adopting.has(id)) return;
    this.#adopting.add(id);
    try {
      this.#adopt(await this.api.conversation(id));
    } catch {
      // Gone again, or not reachable now: the next `init` names it if it is there.
    }
    this.#adopting.delete(id);
  }
}

/** Where the page says it lives (`<base href>`), or its origin. */
function pageBase(): string {
  return document.querySelector("base")?.href ?? location.origin;
}

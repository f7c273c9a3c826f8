/**
 * Somebody who is told what happens to one conversation, and what the client's reducers make of it.
 *
 * Owns the record of events as they came, and applying any part of it to the state it began with. Knows no rule of the client:
 * events go through the client's own table into its own reducers.
 */
import { io } from "socket.io-client";
import type { MadangSocket } from "../../src/connection.ts";
import { bindEvents } from "../../src/events.ts";
import type {
  AckFailure,
  ConversationSyncAck,
  Message,
  PublicMember,
  ServerToClientEvents,
  Summary,
  User,
} from "../../src/generated/contract.ts";
import { type Action, initialState, reduce } from "../../src/state.ts";
import type { ConversationState, State } from "../../src/types.ts";

export type EventName = keyof ServerToClientEvents;

/** What a client that loads everything now is given. */
export interface Snapshot {
  readonly summary: Summary;
  readonly page: readonly Message[];
  readonly members: readonly PublicMember[];
}

/** An event as it came, or a conversation one was added to being opened. */
export type Item = { readonly name: EventName; readonly args: readonly unknown[] } | { readonly opened: Snapshot };

export type Handler = (...args: readonly unknown[]) => void;

export class Person {
  readonly user: User;
  readonly record: Item[] = [];
  readonly #socket: MadangSocket;
  readonly #url: string;
  readonly #token: string;
  #roomId = "";
  #begin: Snapshot | null = null;

  private constructor(url: string, token: string, user: User) {
    this.#url = url;
    this.#token = token;
    this.user = user;
    this.#socket = io(url, { auth: { token }, transports: ["websocket"], reconnection: false, autoConnect: false });
    this.#socket.onAny((name: EventName, ...args: unknown[]) => void this.record.push({ name, args }));
  }

  static async signUp(url: string, username: string): Promise<Person> {
    const body = { username, password: `${username} likes long words`, name: username, cookies: false };
    const signedIn = await call(url, "", "POST", "auth/register", body);
    const { accessToken, user } = signedIn as { accessToken: string; user: User };
    return new Person(url, accessToken, user);
  }

  /** Begins to follow a conversation: what there is now, and everything that comes. */
  async follow(roomId: string): Promise<void> {
    this.#roomId = roomId;
    this.#socket.connect();
    await this.#socket.timeout(5_000).emitWithAck("init", {});
    this.#begin = await this.snapshot();
  }

  stop(): void {
    this.#socket.disconnect();
  }

  /** Calls the API as this person; `null` where there is nothing to see. */
  async call(method: string, path: string, body?: object): Promise<unknown> {
    return call(this.#url, this.#token, method, path, body);
  }

  /** What a fresh client is shown; null if the conversation is not one of theirs. */
  async snapshot(): Promise<Snapshot | null> {
    const path = `conversations/${this.#roomId}`;
    const summary = (await this.call("GET", path)) as Summary | null;
    if (summary === null) return null;
    const page = (await this.call("GET", `${path}/messages?limit=200`)) as Message[];
    const members = (await this.call("GET", `${path}/members`)) as PublicMember[];
    return { summary, page, members };
  }

  /** What `conversation:sync` answers to who has everything up to a version. */
  async missed(summary: Summary): Promise<ConversationSyncAck> {
    const ask = { conversationId: this.#roomId, epoch: summary.epoch, version: summary.version };
    const answer: ConversationSyncAck | AckFailure = await this.#socket
      .timeout(5_000)
      .emitWithAck("conversation:sync", ask);
    if (!answer.ok) throw new Error(answer.reason);
    return answer;
  }

  /** The state after some of what came, over what there was in the beginning. */
  after(items: readonly Item[]): Replay {
    return new Replay(this.user, this.#begin, items);
  }

  /** The state of a client that has just loaded everything. */
  fresh(snapshot: Snapshot | null): Replay {
    return new Replay(this.user, snapshot, []);
  }
}

/** The client's state, driven by its own table of events. */
export class Replay {
  #state: State;
  #membersChanged = false;
  readonly #handlers = new Map<string, Handler>();

  constructor(me: User, begin: Snapshot | null, items: readonly Item[]) {
    this.#state = reduce(initialState, { type: "welcomed", me, limits: null });
    const socket = { on: (name: string, handler: Handler) => this.#handlers.set(name, handler) };
    bindEvents(socket as unknown as MadangSocket, {
      getState: () => this.#state,
      dispatch: (action) => this.#dispatch(action),
      change: (id, action) => this.#dispatch({ type: "conversation", id, action }),
      adopt: (summary) => this.#dispatch({ type: "attached", summaries: [summary] }),
      unknown: () => undefined,
      membersChanged: () => {
        this.#membersChanged = true;
      },
      now: () => 0,
    });
    if (begin !== null) this.#dispatch({ type: "attached", summaries: [begin.summary] });
    if (begin !== null) this.open(begin);
    for (const item of items) {
      if ("opened" in item) this.open(item.opened);
      else this.#handlers.get(item.name)?.(...item.args);
    }
  }

  get conversation(): ConversationState | undefined {
    return [...this.#state.conversations.values()][0];
  }

  /** Loads the history and the members, as opening a conversation does. */
  open({ summary: { id }, page, members }: Snapshot): void {
    this.#dispatch({ type: "conversation", id, action: { type: "loadingStarted", loading: "newest" } });
    this.#dispatch({ type: "conversation", id, action: { type: "newestLoaded", page } });
    this.#dispatch({ type: "conversation", id, action: { type: "membersLoaded", members } });
  }

  /** Takes in the answer to what was missed, and loads again what it has voided. */
  repair(answer: ConversationSyncAck, now: Snapshot): void {
    const { summary = now.summary } = answer;
    this.#dispatch({
      type: "conversation",
      id: summary.id,
      action: { type: "caughtUp", changes: answer, summary },
    });
    if (answer.status === "reset") this.open(now);
    this.#membersChanged ||= answer.messages.some((message) => message.system !== undefined);
  }

  /** What a person sees. Members are fetched again whenever one comes or goes, so they are taken from `now` where they were. */
  view(now: Snapshot | null): object | null {
    if (now !== null && this.#membersChanged) {
      const action = { type: "membersLoaded", members: now.members } as const;
      this.#dispatch({ type: "conversation", id: now.summary.id, action });
    }
    const conversation = this.conversation;
    if (conversation === undefined) return null;
    const { summary, messages, behind, held, reads } = conversation;
    // Faces of a group's list entry follow with its next Summary: no event carries them.
    const { faces: _faces, lastMessage, ...list } = summary;
    const rows = messages.map(withoutEpoch);
    const last = lastMessage && withoutEpoch(lastMessage);
    return { list, last, rows, behind, held, reads: Object.fromEntries(reads) };
  }

  #dispatch(action: Action): void {
    this.#state = reduce(this.#state, action);
  }
}

/** The epoch stands in events only. */
function withoutEpoch({ epoch: _epoch, ...row }: Message): object {
  return row;
}

async function call(url: string, token: string, method: string, path: string, body?: object): Promise<unknown> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token !== "") headers.authorization = `Bearer ${token}`;
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${url}/api/${path}`, { method, headers, ...sent });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}

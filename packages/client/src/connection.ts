/**
 * The socket's life: connecting, staying, coming back, staying away.
 *
 * Owns the socket.io-client socket and the `connection` of the state. Must never read the conversations: what is sent on a new
 * connection is the business of `Hooks.attach`.
 *
 *     idle, signed-out, refused -> connecting  [start]
 *     connecting, reconnecting  -> online      [CONNECT accepted, then attach done]
 *     connecting, online        -> reconnecting [engine lost or not reached: socket.io-client tries again]
 *     connecting, reconnecting  -> signed-out  [token refused and no other to be had]
 *     any                       -> signed-out  [session:revoked, or DISCONNECT by the server]
 *     connecting, reconnecting  -> refused     [origin, disabled, a code nothing helps against]
 *     any                       -> idle        [stop]
 */
import { io, type Socket } from "socket.io-client";
import { retryDelay } from "./backoff.ts";
import { readRefusal } from "./connectRefusal.ts";
import { ApiError, isRetryable } from "./errors.ts";
import type { ClientToServerEvents, ServerToClientEvents } from "./generated/contract.ts";
import { ACK_TIMEOUT_MS, type Answer, type ClientEvent, type Line, type Payload } from "./line.ts";
import type { Session } from "./session.ts";
import type { ClientOptions, Connection as ConnectionState, SignedOutReason } from "./types.ts";

export type MadangSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

const RECONNECT_MS = 1_000;
const RECONNECT_MOST_MS = 30_000;
/** A fresh token that is refused as well is not renewed for ever. */
const MOST_RENEWALS = 2;

export interface Hooks {
  changed(state: ConnectionState): void;
  /** Starts delivery; rejects if it could not. `rest` does what need not be waited for. */
  attach(): Promise<{ rest: () => Promise<void> }>;
  online(): void;
  lost(): void;
  signedOut(reason: SignedOutReason): void;
}

export class Connection implements Line {
  readonly socket: MadangSocket;
  readonly #session: Session;
  readonly #hooks: Hooks;
  readonly #now: () => number;
  #state: ConnectionState = { status: "idle" };
  #lostAt: number | null = null;
  #renewals = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Raised by every connection and every end: what was awaited before it no longer counts. */
  #life = 0;

  constructor(
    base: URL,
    session: Session,
    options: Pick<ClientOptions, "transports">,
    now: () => number,
    hooks: Hooks,
  ) {
    this.#session = session;
    this.#hooks = hooks;
    this.#now = now;
    this.socket = io(base.origin, {
      path: `${base.pathname}socket.io/`,
      transports: [...(options.transports ?? ["websocket", "polling"])],
      tryAllTransports: true,
      autoConnect: false,
      forceNew: true,
      withCredentials: session.usesCookies,
      reconnectionDelay: RECONNECT_MS,
      reconnectionDelayMax: RECONNECT_MOST_MS,
      auth: (send) => void this.#session.handshake().then(send),
    });
    this.#listen();
  }

  start(): void {
    this.#set({ status: "connecting" });
    this.socket.connect();
  }

  /** Ends the connection for good; the state is the caller's to set. */
  stop(): void {
    this.#life += 1;
    clearTimeout(this.#timer);
    this.#lostAt = null;
    this.#renewals = 0;
    this.socket.disconnect();
    this.#set({ status: "idle" });
  }

  reconnectNow(): void {
    if (this.#state.status !== "reconnecting") return;
    clearTimeout(this.#timer);
    this.socket.disconnect().connect();
  }

  async request<E extends ClientEvent>(event: E, payload: Payload<E>): Promise<Answer<E>> {
    if (!this.socket.connected) throw new Error("not connected");
    // socket.io-client's types cannot follow an event that is itself a type parameter; `Line` states the same pairs.
    const emit = this.socket.timeout(ACK_TIMEOUT_MS) as unknown as {
      emitWithAck(event: E, payload: Payload<E>): Promise<Answer<E>>;
    };
    return emit.emitWithAck(event, payload);
  }

  hint(event: "typing:start" | "typing:stop", conversationId: string): void {
    if (this.socket.connected) this.socket.volatile.emit(event, { conversationId });
  }

  #listen(): void {
    const { socket } = this;
    socket.on("connect", () => void this.#connected());
    socket.on("disconnect", (reason) => this.#disconnected(reason));
    socket.on("connect_error", (error) => void this.#failed(error));
    socket.io.on("reconnect_attempt", (attempt) => this.#reconnecting(attempt));
    socket.on("session:revoked", ({ reason }) => this.#end(reason));
    socket.on("auth:expiring", () => void this.#refreshToken());
    socket.on("server:closing", ({ retryAfterMs }) => this.#comeBackAfter(retryAfterMs));
  }

  async #connected(): Promise<void> {
    const life = ++this.#life;
    try {
      const { rest } = await this.#hooks.attach();
      if (life !== this.#life) return;
      this.#lostAt = null;
      this.#renewals = 0;
      this.#comeBackAfter(RECONNECT_MS);
      this.#set({ status: "online" });
      this.#hooks.online();
      await rest();
    } catch (error) {
      if (life === this.#life) this.#attachFailed(error);
    }
  }

  #attachFailed(error: unknown): void {
    if (error instanceof ApiError && !isRetryable(error.code)) {
      this.#refuse(error.code);
      return;
    }
    if (error instanceof ApiError && error.retryAfterMs !== null) this.#comeBackAfter(error.retryAfterMs);
    // Closing the engine, not the socket: socket.io-client then comes back by itself.
    this.socket.io.engine.close();
  }

  #disconnected(reason: Socket.DisconnectReason): void {
    this.#life += 1;
    this.#hooks.lost();
    if (this.#state.status === "idle" || reason === "io client disconnect") return;
    if (reason === "io server disconnect") this.#end("revoked");
    else this.#reconnecting(0);
  }

  async #failed(error: Error): Promise<void> {
    const life = ++this.#life;
    const refusal = readRefusal(error, this.socket.active);
    switch (refusal.kind) {
      case "refused":
        return this.#refuse(refusal.reason);
      case "comes-back":
        if (refusal.retryAfterMs !== null) this.#comeBackAfter(refusal.retryAfterMs);
        return this.#reconnecting(this.#state.status === "reconnecting" ? this.#state.attempt : 0);
      case "again":
        return this.#again(refusal.retryAfterMs);
      case "renew": {
        if (this.#renewals >= MOST_RENEWALS) return this.#end("expired");
        const renewal = await this.#session.renew();
        if (life !== this.#life) return;
        if (renewal.outcome === "ended") return this.#end("expired");
        if (renewal.outcome === "unreachable") return this.#again(null);
        this.#renewals += 1;
        this.socket.connect();
      }
    }
  }

  #again(retryAfterMs: number | null): void {
    const attempt = this.#state.status === "reconnecting" ? this.#state.attempt + 1 : 0;
    this.#reconnecting(attempt);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.socket.connect(), retryDelay(attempt, retryAfterMs));
  }

  async #refreshToken(): Promise<void> {
    const renewal = await this.#session.renew();
    if (renewal.outcome !== "renewed" || !this.socket.connected) return;
    // Without an answer the server closes the engine when the old token ends, and the next CONNECT decides.
    await this.request("auth:refresh", { token: renewal.token }).catch(() => undefined);
  }

  #comeBackAfter(ms: number): void {
    this.socket.io.reconnectionDelay(ms);
  }

  #reconnecting(attempt: number): void {
    this.#lostAt ??= this.#now();
    this.#set({ status: "reconnecting", attempt, since: this.#lostAt });
  }

  #refuse(reason: string): void {
    this.stop();
    this.#set({ status: "refused", reason });
  }

  #end(reason: SignedOutReason): void {
    this.stop();
    this.#hooks.signedOut(reason);
  }

  #set(state: ConnectionState): void {
    this.#state = state;
    this.#hooks.changed(state);
  }
}

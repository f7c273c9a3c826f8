/**
 * The outbox against a server that stores, refuses, and loses acks.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Answer, Payload } from "../src/line.ts";
import { Outbox } from "../src/outbox.ts";
import type { ConversationAction } from "../src/reducers/conversation.ts";
import { initialState, reduce } from "../src/state.ts";
import { createStore } from "../src/store.ts";
import { LogModel, ME, person } from "./logModel.ts";

type Send = Payload<"message:send">;
/** What the server does with one send: store it, queue it, store it and lose the ack, or refuse. */
type Fate =
  | "store"
  | "accept"
  | "lose-ack"
  | "lose-request"
  | { readonly error: string; readonly retryAfterMs?: number };

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("the outbox", () => {
  it("stores a message whose ack was lost once, under the id it was written with", async () => {
    const server = new Server(["lose-ack", "store"]);
    const id = server.outbox.send("room", { content: "hello" });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(server.received).toHaveLength(1);
    expect(server.pending).toMatchObject([{ id, state: "sending" }]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.received.map((send) => send.id)).toEqual([id, id]);
    expect(server.received[0]).toEqual(server.received[1]);
    expect(server.model.rows.map((row) => row.id)).toEqual([id]);
    expect(server.pending).toEqual([]);
  });

  it("keeps the order of a conversation through a retry", async () => {
    const server = new Server(["store", { error: "rate_limited", retryAfterMs: 2_000 }, "store", "store"]);
    for (const content of ["1", "2", "3"]) server.outbox.send("room", { content });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(server.model.rows.map((row) => row.content)).toEqual(["1"]);
    expect(server.pending.map((entry) => entry.state)).toEqual(["queued", "queued"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.model.rows.map((row) => row.content)).toEqual(["1", "2", "3"]);
  });

  it("tries again on try_again, unavailable and rate_limited, with growing pauses", async () => {
    const server = new Server([
      { error: "try_again" },
      { error: "unavailable" },
      { error: "rate_limited" },
      { error: "try_again" },
      "store",
    ]);
    server.outbox.send("room", { content: "patient" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.model.rows).toHaveLength(1);
    const pauses = server.times.slice(1).map((time, index) => time - (server.times[index] ?? 0));
    expect(pauses).toHaveLength(4);
    pauses.forEach((pause, index) => {
      expect(pause).toBeGreaterThanOrEqual(250 * 2 ** index);
      expect(pause).toBeLessThanOrEqual(500 * 2 ** index);
    });
  });

  it.each(["not_a_member", "invalid", "too_large", "conflict", "forbidden", "storage_full"])(
    "takes %s as final, and goes on with the next message",
    async (error) => {
      const server = new Server([{ error }, "store"]);
      const id = server.outbox.send("room", { content: "refused" });
      server.outbox.send("room", { content: "next" });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(server.pending).toMatchObject([{ id, state: "failed", error }]);
      expect(server.model.rows.map((row) => row.content)).toEqual(["next"]);
    },
  );

  it("sends a failed message again under the same id, or forgets it", async () => {
    const server = new Server([{ error: "forbidden" }, "store", { error: "forbidden" }]);
    const id = server.outbox.send("room", { content: "again" });
    await vi.advanceTimersByTimeAsync(10);
    server.outbox.retry("room", id);
    await vi.advanceTimersByTimeAsync(10);
    expect(server.received.map((send) => send.id)).toEqual([id, id]);
    expect(server.pending).toEqual([]);
    const other = server.outbox.send("room", { content: "never mind" });
    await vi.advanceTimersByTimeAsync(10);
    server.outbox.discard("room", other);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.pending).toEqual([]);
    expect(server.received).toHaveLength(3);
  });

  it("waits while there is no connection, and repeats what was under way on the next one", async () => {
    const server = new Server(["lose-request", "store", "store"]);
    const first = server.outbox.send("room", { content: "1" });
    await vi.advanceTimersByTimeAsync(100);
    server.disconnect();
    const second = server.outbox.send("room", { content: "2" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.received).toHaveLength(1);
    expect(server.pending.map((entry) => entry.state)).toEqual(["queued", "queued"]);
    server.outbox.resume();
    await vi.advanceTimersByTimeAsync(100);
    expect(server.received.map((send) => send.id)).toEqual([first, first, second]);
    expect(server.model.rows.map((row) => row.id)).toEqual([first, second]);
  });

  it("does not hold back the next by a message that was accepted, and ends it when it is stored", async () => {
    const server = new Server(["accept", "accept"]);
    const first = server.outbox.send("room", { content: "1" });
    const second = server.outbox.send("room", { content: "2" });
    await vi.advanceTimersByTimeAsync(10);
    expect(server.received.map((send) => send.id)).toEqual([first, second]);
    expect(server.pending.map((entry) => entry.state)).toEqual(["accepted", "accepted"]);
    server.persist(first, "1");
    expect(server.pending.map((entry) => entry.id)).toEqual([second]);
    server.change({ type: "failed", messageId: second, error: "not_a_member" });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(server.pending).toMatchObject([{ id: second, state: "failed", error: "not_a_member" }]);
    expect(server.received).toHaveLength(2);
  });

  it("asks again about what was accepted on another connection, in the order of writing", async () => {
    const server = new Server(["accept", "accept", "store", "store"]);
    const ids = ["1", "2"].map((content) => server.outbox.send("room", { content }));
    await vi.advanceTimersByTimeAsync(10);
    server.disconnect();
    expect(server.pending.map((entry) => entry.state)).toEqual(["queued", "queued"]);
    server.outbox.resume();
    await vi.advanceTimersByTimeAsync(10);
    expect(server.received.map((send) => send.id)).toEqual([...ids, ...ids]);
    expect(server.pending).toEqual([]);
  });

  it("asks again, more patiently each time, when nothing says what became of an accepted message", async () => {
    const server = new Server(["accept", "accept", "store"]);
    const id = server.outbox.send("room", { content: "where is it?" });
    await vi.advanceTimersByTimeAsync(29_000);
    expect(server.received).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.received.map((send) => send.id)).toEqual([id, id]);
    await vi.advanceTimersByTimeAsync(58_000);
    expect(server.received).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.received).toHaveLength(3);
    expect(server.pending).toEqual([]);
  });

  it("takes an ack that comes after the message itself for what it is", async () => {
    const server = new Server(["accept"]);
    const id = server.outbox.send("room", { content: "quick" });
    server.persist(id, "quick");
    await vi.advanceTimersByTimeAsync(100_000);
    expect(server.pending).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  it("does not let one conversation wait for another", async () => {
    const server = new Server([{ error: "rate_limited", retryAfterMs: 5_000 }, "store"]);
    server.outbox.send("room", { content: "held up" });
    server.addConversation("other");
    server.outbox.send("other", { content: "at once" });
    await vi.advanceTimersByTimeAsync(10);
    expect(server.received.map((send) => send.conversationId)).toEqual(["room", "other"]);
  });

  it("sends the message replied to, and only when there is one", async () => {
    const server = new Server(["store", "store"]);
    server.outbox.send("room", { content: "plain" });
    server.outbox.send("room", { content: "reply", replyToId: "m1" });
    await vi.advanceTimersByTimeAsync(10);
    expect(server.received[0]).not.toHaveProperty("replyToId");
    expect(server.received[1]).toMatchObject({ replyToId: "m1" });
  });
});

class Server {
  readonly model = new LogModel();
  readonly received: Send[] = [];
  readonly times: number[] = [];
  readonly outbox: Outbox;
  readonly #fates: Fate[];
  readonly #store = createStore(reduce, initialState);
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(fates: Fate[]) {
    this.#fates = fates;
    this.outbox = new Outbox({
      // The outbox sends one kind of event: what is true of it is true of the general type.
      line: { request: (_event, payload) => this.#receive(payload as Send) as never },
      now: Date.now,
      getState: () => this.#store.getSnapshot(),
      change: (id, action) => this.#store.dispatch({ type: "conversation", id, action }),
    });
    this.#store.dispatch({ type: "welcomed", me: person(ME), limits: null });
    this.addConversation("room");
    this.outbox.resume();
  }

  get pending() {
    return this.#store.getSnapshot().conversations.get("room")?.pending ?? [];
  }

  addConversation(id: string): void {
    this.#store.dispatch({ type: "attached", summaries: [{ ...this.model.summary(), id }] });
  }

  /** The server has stored what it had accepted, and says so. */
  persist(id: string, content: string): void {
    const { message } = this.model.send(ME, content, id);
    this.change({ type: "stored", message });
  }

  change(action: ConversationAction): void {
    this.#store.dispatch({ type: "conversation", id: "room", action });
  }

  disconnect(): void {
    this.outbox.pause();
    this.#store.dispatch({ type: "everyConversation", action: { type: "connectionLost" } });
    for (const reject of this.#waiting) reject(new Error("socket has been disconnected"));
  }

  async #receive(send: Send): Promise<Answer<"message:send">> {
    this.received.push(send);
    this.times.push(Date.now());
    const fate = this.#fates.shift();
    if (fate === undefined) throw new Error("one send more than expected");
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (typeof fate === "object") return { ok: false, reason: "", ...fate };
    if (fate === "accept") return { ok: true, tempId: send.id ?? "", level: "accepted" };
    const known = this.model.rows.find((row) => row.id === send.id);
    const message = fate === "lose-request" ? known : (known ?? this.model.send(ME, send.content, send.id).message);
    if (fate === "store" && message !== undefined) return { ok: true, message, level: "stored" };
    return new Promise((_, reject) => {
      this.#waiting.add(reject);
      setTimeout(() => reject(new Error("operation has timed out")), 9_999);
    });
  }
}

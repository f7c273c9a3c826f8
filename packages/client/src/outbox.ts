/**
 * One's own messages, from the moment they are written until the log holds them.
 *
 * Owns when a message is sent and what an answer means; the entries themselves are in the store. In memory: what is pending is
 * lost with the page.
 *
 * Invariants:
 * 1. A message has one id for life; every retry sends the same id and the same body, so the server stores it once.
 * 2. Messages of one conversation are sent one after another, so a retry cannot overtake what was written before it. One that
 *    failed for good does not hold back the next. Conversations do not wait for each other.
 * 3. Only the server's word ends a message: no ack, or a code that asks to try again, and it is sent again.
 * 4. A message that the server has accepted does not hold back the next. If nothing says what became of it, on this connection
 *    for `DOUBT_MS` or because the connection is another, it is sent again.
 */
import { retryDelay } from "./backoff.ts";
import { isRetryable } from "./errors.ts";
import { newMessageId } from "./ids.ts";
import type { Answer, Line } from "./line.ts";
import type { ConversationAction } from "./reducers/conversation.ts";
import type { Draft, PendingMessage, State } from "./types.ts";

/** How long to wait for what became of an accepted message, ms; twice as long each time that it is sent again. */
export const DOUBT_MS = 30_000;

export interface OutboxDependencies {
  readonly line: Pick<Line, "request">;
  getState(): State;
  change(conversationId: string, action: ConversationAction): void;
  /** Epoch milliseconds. */
  now(): number;
}

export class Outbox {
  readonly #deps: OutboxDependencies;
  readonly #attempts = new Map<string, number>();
  /** Conversations with a message under way or waiting for its next try. */
  readonly #busy = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** Messages that were accepted, and until when nothing is asked. */
  readonly #doubts = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #doubted = new Map<string, number>();
  #online = false;

  constructor(dependencies: OutboxDependencies) {
    this.#deps = dependencies;
  }

  /** Delivery works: sends what is queued. */
  resume(): void {
    this.#online = true;
    for (const id of this.#deps.getState().conversations.keys()) this.#pump(id);
  }

  /** Delivery stopped: what was under way is queued again. */
  pause(): void {
    this.#online = false;
    for (const [id, timer] of this.#timers) {
      clearTimeout(timer);
      this.#busy.delete(id);
    }
    this.#timers.clear();
    for (const timer of this.#doubts.values()) clearTimeout(timer);
    this.#doubts.clear();
  }

  send(conversationId: string, draft: Draft): string {
    const entry: PendingMessage = {
      id: newMessageId(),
      conversationId,
      content: draft.content,
      replyToId: draft.replyToId ?? null,
      createdAt: new Date(this.#deps.now()).toISOString(),
      state: "queued",
      error: null,
    };
    this.#deps.change(conversationId, { type: "queued", entry });
    this.#pump(conversationId);
    return entry.id;
  }

  retry(conversationId: string, messageId: string): void {
    if (this.#find(conversationId, messageId)?.state !== "failed") return;
    this.#deps.change(conversationId, { type: "requeued", messageId });
    this.#pump(conversationId);
  }

  discard(conversationId: string, messageId: string): void {
    this.#attempts.delete(messageId);
    this.#doubted.delete(messageId);
    this.#deps.change(conversationId, { type: "discarded", messageId });
  }

  #pump(conversationId: string): void {
    if (!this.#online || this.#busy.has(conversationId)) return;
    const pending = this.#deps.getState().conversations.get(conversationId)?.pending ?? [];
    const entry = pending.find((candidate) => candidate.state === "queued");
    if (entry === undefined) return;
    this.#busy.add(conversationId);
    this.#deps.change(conversationId, { type: "sending", messageId: entry.id });
    void this.#deliver(entry).then((waitMs) => this.#next(conversationId, waitMs));
  }

  /** Sends once; resolves with the milliseconds until this conversation may send again. */
  async #deliver(entry: PendingMessage): Promise<number> {
    let answer: Answer<"message:send">;
    try {
      answer = await this.#deps.line.request("message:send", payloadOf(entry));
    } catch {
      // No ack: stored or not, only the same id sent again can tell.
      this.#requeue(entry);
      return 0;
    }
    if (answer.ok) {
      this.#attempts.delete(entry.id);
      if (answer.level === "stored")
        this.#deps.change(entry.conversationId, { type: "stored", message: answer.message });
      else this.#accepted(entry);
      return 0;
    }
    if (isRetryable(answer.error)) {
      const attempt = this.#attempts.get(entry.id) ?? 0;
      this.#attempts.set(entry.id, attempt + 1);
      this.#requeue(entry);
      return retryDelay(attempt, answer.retryAfterMs ?? null);
    }
    this.#attempts.delete(entry.id);
    this.#deps.change(entry.conversationId, { type: "failed", messageId: entry.id, error: answer.error });
    return 0;
  }

  /** It may be stored already: its row may come before the ack. */
  #accepted(entry: PendingMessage): void {
    if (this.#find(entry.conversationId, entry.id)?.state !== "sending") return;
    this.#deps.change(entry.conversationId, { type: "accepted", messageId: entry.id });
    const times = this.#doubted.get(entry.id) ?? 0;
    const timer = setTimeout(
      () => {
        this.#doubts.delete(entry.id);
        if (this.#find(entry.conversationId, entry.id)?.state !== "accepted") {
          this.#doubted.delete(entry.id);
          return;
        }
        this.#doubted.set(entry.id, times + 1);
        this.#deps.change(entry.conversationId, { type: "requeued", messageId: entry.id });
        this.#pump(entry.conversationId);
      },
      DOUBT_MS * 2 ** times,
    );
    this.#doubts.set(entry.id, timer);
  }

  #next(conversationId: string, waitMs: number): void {
    if (waitMs === 0 || !this.#online) {
      this.#busy.delete(conversationId);
      this.#pump(conversationId);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(conversationId);
      this.#busy.delete(conversationId);
      this.#pump(conversationId);
    }, waitMs);
    this.#timers.set(conversationId, timer);
  }

  /** Back into the queue, unless the log's own row or a discard has ended it meanwhile. */
  #requeue(entry: PendingMessage): void {
    if (this.#find(entry.conversationId, entry.id)?.state !== "sending") return;
    this.#deps.change(entry.conversationId, { type: "requeued", messageId: entry.id });
  }

  #find(conversationId: string, messageId: string): PendingMessage | undefined {
    const pending = this.#deps.getState().conversations.get(conversationId)?.pending;
    return pending?.find((entry) => entry.id === messageId);
  }
}

function payloadOf(entry: PendingMessage): { conversationId: string; id: string; content: string; replyToId?: string } {
  const { conversationId, id, content, replyToId } = entry;
  return replyToId === null ? { conversationId, id, content } : { conversationId, id, content, replyToId };
}

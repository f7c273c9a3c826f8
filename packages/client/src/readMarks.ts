/**
 * Tells the server how far one has read.
 *
 * Owns when a mark is sent; the mark itself is in the store and moves at once.
 *
 * Invariants:
 * 1. A mark only moves forward, and never past the newest message known.
 * 2. However fast one scrolls, a conversation sends at most one mark per 300 ms, the furthest.
 * 3. A mark the server has not confirmed is sent again after the next connection.
 */
import { retryDelay } from "./backoff.ts";
import { isRetryable } from "./errors.ts";
import type { Line } from "./line.ts";
import type { ConversationAction } from "./reducers/conversation.ts";
import type { State } from "./types.ts";

const APART_MS = 300;

export interface ReadMarkDependencies {
  readonly line: Pick<Line, "request">;
  getState(): State;
  change(conversationId: string, action: ConversationAction): void;
}

export class ReadMarks {
  readonly #deps: ReadMarkDependencies;
  readonly #wanted = new Map<string, number>();
  readonly #busy = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #online = false;

  constructor(dependencies: ReadMarkDependencies) {
    this.#deps = dependencies;
  }

  mark(conversationId: string, seq: number): void {
    const summary = this.#deps.getState().conversations.get(conversationId)?.summary;
    if (summary === undefined) return;
    const target = Math.min(seq, summary.lastSeq);
    if (target <= summary.me.lastReadSeq) return;
    this.#deps.change(conversationId, { type: "markedRead", seq: target });
    this.#wanted.set(conversationId, target);
    void this.#send(conversationId);
  }

  resume(): void {
    this.#online = true;
    for (const id of this.#wanted.keys()) void this.#send(id);
  }

  pause(): void {
    this.#online = false;
    for (const [id, timer] of this.#timers) {
      clearTimeout(timer);
      this.#busy.delete(id);
    }
    this.#timers.clear();
  }

  forget(): void {
    this.pause();
    this.#wanted.clear();
  }

  async #send(conversationId: string): Promise<void> {
    const seq = this.#wanted.get(conversationId);
    if (seq === undefined || !this.#online || this.#busy.has(conversationId)) return;
    this.#busy.add(conversationId);
    const waitMs = await this.#attempt(conversationId, seq);
    const timer = setTimeout(() => {
      this.#timers.delete(conversationId);
      this.#busy.delete(conversationId);
      void this.#send(conversationId);
    }, waitMs);
    this.#timers.set(conversationId, timer);
  }

  /** Sends once; resolves with the milliseconds until the next mark of this conversation. */
  async #attempt(conversationId: string, seq: number): Promise<number> {
    try {
      const answer = await this.#deps.line.request("message:read", { conversationId, seq });
      if (!answer.ok && isRetryable(answer.error)) return retryDelay(0, answer.retryAfterMs ?? null);
      if (this.#wanted.get(conversationId) === seq) this.#wanted.delete(conversationId);
      if (answer.ok) {
        const { lastReadSeq, unreadCount } = answer;
        this.#deps.change(conversationId, { type: "ownMarkMoved", seq: lastReadSeq, unreadCount });
      }
    } catch {
      // No answer: the mark stays wanted, and is sent again.
    }
    return APART_MS;
  }
}

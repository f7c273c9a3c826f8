/**
 * Tells others that one is typing, no more often than they need to know.
 *
 *     idle   -> typing [setTyping(true): start, again every 3 s]
 *     typing -> idle   [setTyping(false), a message sent, or 5 s without a key stroke: stop]
 *
 * Invariant: two starts of one conversation are at least 2 s apart, or the server drops the second.
 */
import type { Line } from "./line.ts";

const REPEAT_MS = 3_000;
const HOLDS_MS = 5_000;
const APART_MS = 2_250; // above the limit of 2 s: a start that arrives a millisecond early would be dropped

interface Typing {
  until: number;
  announced: boolean;
  timer: ReturnType<typeof setTimeout>;
}

export class TypingStatus {
  readonly #line: Pick<Line, "hint">;
  readonly #now: () => number;
  readonly #typing = new Map<string, Typing>();
  readonly #startedAt = new Map<string, number>();

  constructor(line: Pick<Line, "hint">, now: () => number) {
    this.#line = line;
    this.#now = now;
  }

  set(conversationId: string, typing: boolean): void {
    const present = this.#typing.get(conversationId);
    if (!typing) {
      this.#stop(conversationId, present);
      return;
    }
    const until = this.#now() + HOLDS_MS;
    if (present !== undefined) {
      present.until = until;
      return;
    }
    const wait = Math.max(0, APART_MS - this.#sinceStart(conversationId));
    const entry: Typing = { until, announced: false, timer: setTimeout(() => this.#tick(conversationId), wait) };
    this.#typing.set(conversationId, entry);
    if (wait === 0) this.#tick(conversationId);
  }

  /** Says nothing more to anybody; the others' entries run out by themselves. */
  clear(): void {
    for (const { timer } of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
    this.#startedAt.clear();
  }

  #tick(conversationId: string): void {
    const entry = this.#typing.get(conversationId);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    const left = entry.until - this.#now();
    if (left <= 0) {
      this.#stop(conversationId, entry);
      return;
    }
    if (!entry.announced || this.#sinceStart(conversationId) >= REPEAT_MS) this.#start(conversationId, entry);
    const untilRepeat = REPEAT_MS - this.#sinceStart(conversationId);
    entry.timer = setTimeout(() => this.#tick(conversationId), Math.min(untilRepeat, left));
  }

  #sinceStart(conversationId: string): number {
    return this.#now() - (this.#startedAt.get(conversationId) ?? Number.NEGATIVE_INFINITY);
  }

  #start(conversationId: string, entry: Typing): void {
    entry.announced = true;
    this.#startedAt.set(conversationId, this.#now());
    this.#line.hint("typing:start", conversationId);
  }

  #stop(conversationId: string, entry: Typing | undefined): void {
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#typing.delete(conversationId);
    if (entry.announced) this.#line.hint("typing:stop", conversationId);
  }
}

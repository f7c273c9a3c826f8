/**
 * Fills what a conversation has missed.
 *
 * Owns when and how the missing part is fetched: over HTTP, `after` the newest message here. Applying it is the reducers' work.
 *
 *     current -> holding [an event ahead of its turn]
 *     holding -> current [the missing one came within 300 ms]
 *     holding -> behind  [it did not]
 *     behind  -> current [summary fetched, then the rows up to it]
 *
 * Invariants:
 * 1. One fetch per conversation at a time.
 * 2. Only rows that were created may be filled in behind the run: if the versions missed are more than the messages missed,
 *    something older changed too, and the newest page replaces the run.
 */
import type { Api } from "./api.ts";
import { retryDelay } from "./backoff.ts";
import { ApiError, errorCode, isRetryable } from "./errors.ts";
import type { Message, Summary } from "./generated/contract.ts";
import type { ConversationAction } from "./reducers/conversation.ts";
import type { ConversationState, State } from "./types.ts";

const HOLD_MS = 300;
const PAGE = 200;
/** Beyond this many missed messages the newest page replaces the run; the rest loads on scrolling up. */
const MOST_FILLED = 1_000;
export const NEWEST_PAGE = 50;

export interface CatchUpDependencies {
  readonly api: Pick<Api, "conversation" | "messages">;
  getState(): State;
  change(conversationId: string, action: ConversationAction): void;
  remove(conversationId: string): void;
  isOpen(conversationId: string): boolean;
}

export class CatchUp {
  readonly #deps: CatchUpDependencies;
  readonly #running = new Set<string>();
  readonly #holding = new Map<string, ReturnType<typeof setTimeout>>();
  #online = false;

  constructor(dependencies: CatchUpDependencies) {
    this.#deps = dependencies;
  }

  /** Delivery works: from now on holes are filled, those that are known at once. */
  resume(): void {
    this.#online = true;
    for (const id of this.#deps.getState().conversations.keys()) this.look(id);
  }

  pause(): void {
    this.#online = false;
    for (const timer of this.#holding.values()) clearTimeout(timer);
    this.#holding.clear();
  }

  /** To be called after every change that may have made or closed a hole. */
  look(id: string): void {
    const conversation = this.#conversation(id);
    if (conversation === undefined || !this.#online) return;
    if (conversation.behind) void this.#run(id);
    else if (conversation.held.length > 0) this.#hold(id, conversation.summary.version);
  }

  #hold(id: string, version: number): void {
    if (this.#holding.has(id)) return;
    const timer = setTimeout(() => {
      this.#holding.delete(id);
      const conversation = this.#conversation(id);
      if (conversation === undefined || conversation.held.length === 0) return;
      // Events that moved on since have a hole of their own, and 300 ms of their own.
      if (conversation.summary.version === version) this.#deps.change(id, { type: "behind" });
      this.look(id);
    }, HOLD_MS);
    this.#holding.set(id, timer);
  }

  async #run(id: string): Promise<void> {
    if (this.#running.has(id)) return;
    this.#running.add(id);
    for (let attempt = 0; this.#online && this.#conversation(id)?.behind; attempt += 1) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, retryDelay(attempt - 1)));
      try {
        await this.#fill(id);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) this.#deps.remove(id);
        else if (!isRetryable(errorCode(error))) break;
      }
    }
    this.#running.delete(id);
    this.look(id);
  }

  async #fill(id: string): Promise<void> {
    if (!this.#deps.isOpen(id)) this.#deps.change(id, { type: "unloaded" });
    const summary = await this.#deps.api.conversation(id);
    const conversation = this.#conversation(id);
    if (conversation === undefined) return;
    if (!conversation.loaded) return this.#deps.change(id, { type: "caughtUp", summary, rows: [], how: "append" });
    if (onlyCreations(conversation, summary)) {
      const rows = await this.#rowsAfter(id, lastSeq(conversation), summary.lastSeq);
      return this.#deps.change(id, { type: "caughtUp", summary, rows, how: "append" });
    }
    const rows = await this.#deps.api.messages(id, { limit: NEWEST_PAGE });
    return this.#deps.change(id, { type: "caughtUp", summary, rows, how: "replace" });
  }

  async #rowsAfter(id: string, seq: number, head: number): Promise<readonly Message[]> {
    const rows: Message[] = [];
    for (let after = seq; after < head; ) {
      const page = await this.#deps.api.messages(id, { after, limit: PAGE });
      rows.push(...page);
      const last = page.at(-1)?.seq;
      if (last === undefined || page.length < PAGE) break;
      after = last;
    }
    return rows;
  }

  #conversation(id: string): ConversationState | undefined {
    return this.#deps.getState().conversations.get(id);
  }
}

function onlyCreations(conversation: ConversationState, summary: Summary): boolean {
  const missing = summary.lastSeq - lastSeq(conversation);
  const changes = summary.version - conversation.summary.version;
  return summary.epoch === conversation.summary.epoch && changes === missing && missing <= MOST_FILLED;
}

function lastSeq(conversation: ConversationState): number {
  return conversation.messages.at(-1)?.seq ?? conversation.summary.me.visibleFromSeq - 1;
}

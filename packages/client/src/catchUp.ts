/**
 * Fills what a conversation has missed.
 *
 * Owns when the missing part is asked for with `conversation:sync`, and collecting its pages. Applying it is the reducers' work.
 *
 *     current -> holding [an event ahead of its turn]
 *     holding -> current [the missing one came within 300 ms]
 *     holding -> behind  [it did not]
 *     behind  -> current [everything up to the head was answered]
 *
 * Invariant: one question per conversation at a time.
 */
import { retryDelay } from "./backoff.ts";
import { ApiError, errorCode, isRetryable } from "./errors.ts";
import type { Changes, Message, Summary } from "./generated/contract.ts";
import type { Line } from "./line.ts";
import type { ConversationAction } from "./reducers/conversation.ts";
import type { ConversationState, State } from "./types.ts";

const HOLD_MS = 300;

export interface CatchUpDependencies {
  readonly line: Pick<Line, "request">;
  getState(): State;
  change(conversationId: string, action: ConversationAction): void;
  remove(conversationId: string): void;
  /** Everything known of the conversation is void: if somebody looks at it, it is to be loaded again. */
  reload(conversationId: string): void;
  /** Somebody joined the conversation, left it, or has another role. */
  membersChanged(conversationId: string): void;
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
        if (errorCode(error) === "not_a_member") this.#deps.remove(id);
        else if (!isRetryable(errorCode(error))) break;
      }
    }
    this.#running.delete(id);
    this.look(id);
  }

  async #fill(id: string): Promise<void> {
    const conversation = this.#conversation(id);
    if (conversation === undefined) return;
    const { changes, summary } = await this.#missed(id, conversation.summary);
    this.#deps.change(id, { type: "caughtUp", changes, summary });
    if (changes.status === "reset") this.#deps.reload(id);
    else if (changes.status === "gap" || changes.messages.some((message) => message.system !== undefined))
      this.#deps.membersChanged(id);
  }

  /** All pages as one; the last of them comes with the summary. */
  async #missed(id: string, from: Summary): Promise<{ changes: Changes; summary: Summary }> {
    const rows = new Map<string, Message>();
    let { version } = from;
    for (;;) {
      const answer = await this.#deps.line.request("conversation:sync", {
        conversationId: id,
        epoch: from.epoch,
        version,
      });
      if (!answer.ok) throw new ApiError(answer.error, answer.reason, { retryAfterMs: answer.retryAfterMs });
      // Too much happened while the pages were read: the newest page stands for all of them.
      if (answer.status !== "delta") rows.clear();
      for (const row of answer.messages) rows.set(row.id, row);
      version = answer.version;
      const { summary } = answer;
      if (summary !== undefined) return { changes: { ...answer, messages: [...rows.values()] }, summary };
    }
  }

  #conversation(id: string): ConversationState | undefined {
    return this.#deps.getState().conversations.get(id);
  }
}

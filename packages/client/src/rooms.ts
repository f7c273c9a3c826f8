/**
 * The conversations somebody looks at: their history and their members.
 *
 * Owns what is loaded when. A conversation is open while it was opened more often than closed; what is open is kept complete,
 * what is closed keeps its newest messages.
 */
import type { Api } from "./api.ts";
import { errorCode } from "./errors.ts";
import type { Summary } from "./generated/contract.ts";
import type { ConversationAction } from "./reducers/conversation.ts";
import type { ConversationState, State } from "./types.ts";

/** Above this many members marks are not told per person, and the list is paged by whoever shows it. */
const MOST_MEMBERS_LOADED = 100;
const KEPT_WHEN_CLOSED = 100;
const NEWEST_PAGE = 50;

export interface RoomDependencies {
  readonly api: Pick<Api, "conversation" | "messages" | "members">;
  getState(): State;
  change(conversationId: string, action: ConversationAction): void;
  adopt(summary: Summary): void;
}

export class Rooms {
  readonly #deps: RoomDependencies;
  readonly #opened = new Map<string, number>();
  readonly #loadingMembers = new Set<string>();
  readonly #membersChanged = new Set<string>();

  constructor(dependencies: RoomDependencies) {
    this.#deps = dependencies;
  }

  /** In the order in which they were opened. */
  opened(): Iterable<string> {
    return this.#opened.keys();
  }

  /** The conversation was forgotten: whoever looks at it gets it anew. */
  reload(id: string): void {
    if (this.#opened.has(id)) void this.#complete(id);
  }

  open(id: string): void {
    this.#opened.set(id, (this.#opened.get(id) ?? 0) + 1);
    void this.#complete(id);
  }

  close(id: string): void {
    const count = this.#opened.get(id) ?? 0;
    if (count > 1) {
      this.#opened.set(id, count - 1);
      return;
    }
    this.#opened.delete(id);
    this.#deps.change(id, { type: "trimmed", keep: KEPT_WHEN_CLOSED });
  }

  /** A new connection: what is open gets what it lacks; what was missed of what is closed came with `init`. */
  resume(): void {
    for (const id of this.#opened.keys()) {
      void this.#complete(id);
    }
  }

  async loadOlder(id: string): Promise<void> {
    const conversation = this.#conversation(id);
    if (conversation === undefined || conversation.loading !== "none") return;
    if (!conversation.loaded) return this.#loadNewest(id);
    const first = conversation.messages[0];
    if (first === undefined || !conversation.hasOlder) return;
    this.#deps.change(id, { type: "loadingStarted", loading: "older" });
    try {
      const page = await this.#deps.api.messages(id, { before: first.seq, limit: NEWEST_PAGE });
      this.#deps.change(id, { type: "olderLoaded", page });
    } catch (error) {
      this.#deps.change(id, { type: "loadingFailed", error: errorCode(error) });
    }
  }

  /** Fetches the members of an open conversation; asked again meanwhile, it fetches once more. */
  async loadMembers(id: string): Promise<void> {
    const conversation = this.#conversation(id);
    if (!this.#opened.has(id) || conversation === undefined) return;
    if (conversation.summary.memberCount > MOST_MEMBERS_LOADED) return;
    if (this.#loadingMembers.has(id)) {
      this.#membersChanged.add(id);
      return;
    }
    this.#loadingMembers.add(id);
    try {
      const { items } = await this.#deps.api.members(id, { limit: MOST_MEMBERS_LOADED });
      this.#deps.change(id, { type: "membersLoaded", members: items });
    } catch {
      // Without members there are no numbers beside messages; the next opening or connection asks again.
    }
    this.#loadingMembers.delete(id);
    if (this.#membersChanged.delete(id)) await this.loadMembers(id);
  }

  async #complete(id: string): Promise<void> {
    if (this.#conversation(id) === undefined) {
      try {
        this.#deps.adopt(await this.#deps.api.conversation(id));
      } catch {
        // Not one of theirs, or not reachable now: the list, when it comes, tells which.
        return;
      }
    }
    const conversation = this.#conversation(id);
    if (conversation === undefined) return;
    const loading = conversation.loaded || conversation.loading !== "none" ? undefined : this.#loadNewest(id);
    await Promise.all([loading, this.loadMembers(id)]);
  }

  async #loadNewest(id: string): Promise<void> {
    this.#deps.change(id, { type: "loadingStarted", loading: "newest" });
    try {
      const page = await this.#deps.api.messages(id, { limit: NEWEST_PAGE });
      this.#deps.change(id, { type: "newestLoaded", page });
    } catch (error) {
      this.#deps.change(id, { type: "loadingFailed", error: errorCode(error) });
    }
  }

  #conversation(id: string): ConversationState | undefined {
    return this.#deps.getState().conversations.get(id);
  }
}

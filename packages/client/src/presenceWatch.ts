/**
 * Whose coming and going this client wants to hear of, beyond those the server tells of by itself.
 *
 * Owns the list of `presence:watch`: members of what is open, and the other side of direct conversations made since this client
 * started, because the server may take a minute to count a new one among the near.
 *
 * Invariant: the list is sent again on every connection, and only when it is another one.
 */
import type { Line } from "./line.ts";
import type { State } from "./types.ts";

const SETTLES_MS = 200;
/** The server takes no more per socket. */
const MOST_WATCHED = 500;

export interface PresenceWatchDependencies {
  readonly line: Pick<Line, "request">;
  getState(): State;
  openConversations(): Iterable<string>;
  /** Who of `watched` is online. */
  learned(watched: readonly string[], online: ReadonlySet<string>): void;
}

export class PresenceWatch {
  readonly #deps: PresenceWatchDependencies;
  readonly #met = new Set<string>();
  #sent = "";
  #online = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(dependencies: PresenceWatchDependencies) {
    this.#deps = dependencies;
  }

  /** Somebody with whom there is a new direct conversation. */
  meet(userId: string): void {
    this.#met.add(userId);
    this.refresh();
  }

  /** To be called when what is open, or who is in it, may have changed. */
  refresh(): void {
    if (!this.#online) return;
    this.#timer ??= setTimeout(() => void this.#send(), SETTLES_MS);
  }

  resume(): void {
    this.#online = true;
    this.refresh();
  }

  pause(): void {
    this.#online = false;
    this.#sent = "";
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  forget(): void {
    this.pause();
    this.#met.clear();
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    const userIds = this.#wanted();
    const key = userIds.join();
    if (key === this.#sent) return;
    this.#sent = key;
    try {
      const answer = await this.#deps.line.request("presence:watch", { userIds });
      if (answer.ok) this.#deps.learned(userIds, new Set(answer.online));
    } catch {
      // Presence may be late: the next change or connection asks again.
      this.#sent = "";
    }
  }

  #wanted(): readonly string[] {
    const { conversations, me } = this.#deps.getState();
    const wanted = new Set<string>();
    for (const id of this.#deps.openConversations()) {
      const conversation = conversations.get(id);
      if (conversation?.summary.peer !== undefined) wanted.add(conversation.summary.peer.id);
      for (const userId of conversation?.members?.keys() ?? []) wanted.add(userId);
    }
    for (const userId of this.#met) wanted.add(userId);
    if (me !== null) wanted.delete(me.id);
    return [...wanted].slice(0, MOST_WATCHED).sort();
  }
}

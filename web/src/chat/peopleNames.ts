/**
 * Names of people the client has not met: those who left a room, or were removed, before this page was opened. Each is
 * asked for once; whoever cannot be found stays without a name.
 */
import type { User } from "@madang/client";

export type AskForUser = (userId: string) => Promise<User>;

export class PeopleNames {
  readonly #ask: AskForUser;
  readonly #asked = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #names: ReadonlyMap<string, string> = new Map();

  constructor(ask: AskForUser) {
    this.#ask = ask;
  }

  readonly getSnapshot = (): ReadonlyMap<string, string> => this.#names;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** May be called at every rendering: only the first call for an id asks, and never before the caller is done. */
  want(userId: string): void {
    if (this.#asked.has(userId)) return;
    this.#asked.add(userId);
    queueMicrotask(() => {
      this.#ask(userId).then(
        (user) => this.#learn(userId, user.name),
        () => {
          // Unknown to the server too, or not reachable: the sentence stands without the name until the page is opened again.
        },
      );
    });
  }

  #learn(userId: string, name: string): void {
    this.#names = new Map(this.#names).set(userId, name);
    for (const listener of this.#listeners) listener();
  }
}

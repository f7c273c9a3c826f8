/**
 * What one person wrote but did not send, per conversation. Kept in the browser's storage so that a reload loses nothing.
 * A store (`subscribe`, `getSnapshot`) because the list shows which conversations hold a draft.
 *
 * Invariants:
 * 1. A key names the person and the conversation, so nobody is ever shown what another person wrote.
 * 2. Only one person's drafts lie in the storage: `dropDrafts` removes the others', and everybody's after a sign-out.
 */
const PREFIX = "madang.draft.";

function keysOf(storage: Storage, prefix: string): string[] {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
  return keys.filter((key) => key?.startsWith(prefix) === true) as string[];
}

function ownPrefix(userId: string): string {
  return `${PREFIX}${userId}.`;
}

/** Removes every draft in the storage, whichever tab or session left it, but those of `userId`; null keeps none. */
export function dropDrafts(storage: Storage, userId: string | null): void {
  for (const key of keysOf(storage, PREFIX)) {
    if (userId === null || !key.startsWith(ownPrefix(userId))) storage.removeItem(key);
  }
}

export class Drafts {
  readonly #storage: Storage;
  readonly #prefix: string;
  readonly #listeners = new Set<() => void>();
  #texts: ReadonlyMap<string, string>;

  constructor(storage: Storage, userId: string) {
    this.#storage = storage;
    this.#prefix = ownPrefix(userId);
    this.#texts = new Map(
      keysOf(storage, this.#prefix).map((key) => [key.slice(this.#prefix.length), storage.getItem(key) ?? ""]),
    );
  }

  readonly getSnapshot = (): ReadonlyMap<string, string> => this.#texts;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** An empty or blank text removes the draft. */
  write(conversationId: string, text: string): void {
    if ((this.#texts.get(conversationId) ?? "") === text) return;
    const texts = new Map(this.#texts);
    if (text.trim() === "") texts.delete(conversationId);
    else texts.set(conversationId, text);
    this.#texts = texts;
    this.#keep(conversationId, texts.get(conversationId));
    for (const listener of this.#listeners) listener();
  }

  /** Removes the drafts of conversations one is not in any more. */
  keepOnly(conversations: { has(conversationId: string): boolean }): void {
    for (const id of this.#texts.keys()) if (!conversations.has(id)) this.write(id, "");
  }

  #keep(conversationId: string, text: string | undefined): void {
    try {
      if (text === undefined) this.#storage.removeItem(this.#prefix + conversationId);
      else this.#storage.setItem(this.#prefix + conversationId, text);
    } catch {
      // A full or forbidden storage costs the draft after a reload, never the typing.
    }
  }
}

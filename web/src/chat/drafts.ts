/**
 * What was written but not sent, per conversation. Kept in the browser's storage so that a reload loses nothing; removed
 * on sign-out. A store (`subscribe`, `getSnapshot`) because the list shows which conversations hold a draft.
 */
const PREFIX = "madang.draft.";

export class Drafts {
  readonly #storage: Storage;
  readonly #listeners = new Set<() => void>();
  #texts: ReadonlyMap<string, string>;

  constructor(storage: Storage) {
    this.#storage = storage;
    const texts = new Map<string, string>();
    for (let index = 0; index < storage.length; index += 1) {
      const key = storage.key(index);
      if (key?.startsWith(PREFIX)) texts.set(key.slice(PREFIX.length), storage.getItem(key) ?? "");
    }
    this.#texts = texts;
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

  clear(): void {
    for (const id of this.#texts.keys()) this.#keep(id, undefined);
    this.#texts = new Map();
    for (const listener of this.#listeners) listener();
  }

  #keep(conversationId: string, text: string | undefined): void {
    try {
      if (text === undefined) this.#storage.removeItem(PREFIX + conversationId);
      else this.#storage.setItem(PREFIX + conversationId, text);
    } catch {
      // A full or forbidden storage costs the draft after a reload, never the typing.
    }
  }
}

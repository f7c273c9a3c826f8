/**
 * What this device shows, as the server is to know it.
 *
 * Owns when `focus` is sent: the conversation opened last, or none. Above 100 members, who types and how many have read is told
 * to those who look, and to nobody else.
 *
 * Invariant: a connection is told what is shown as soon as it works, and then only when it is something else.
 */
import type { Line } from "./line.ts";

export class Focus {
  readonly #line: Pick<Line, "request">;
  readonly #opened: () => Iterable<string>;
  /** What the server takes this connection to show. */
  #told: string | null = null;
  #online = false;
  #due = false;

  constructor(line: Pick<Line, "request">, opened: () => Iterable<string>) {
    this.#line = line;
    this.#opened = opened;
  }

  /** To be called when what is open may have changed; closing one and opening another at once is one change. */
  refresh(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      void this.#tell();
    });
  }

  /** A new connection: it shows nothing, as far as the server knows. */
  resume(): void {
    this.#online = true;
    this.#told = null;
    this.refresh();
  }

  pause(): void {
    this.#online = false;
  }

  async #tell(): Promise<void> {
    const shown = [...this.#opened()].at(-1) ?? null;
    if (!this.#online || shown === this.#told) return;
    this.#told = shown;
    // Without an answer the connection is about to be replaced, and the next one is told.
    await this.#line.request("focus", { conversationId: shown }).catch(() => undefined);
  }
}

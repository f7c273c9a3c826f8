/**
 * Catching up over HTTP while events keep coming, get lost and repeat.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CatchUp } from "../src/catchUp.ts";
import { ApiError } from "../src/errors.ts";
import type { Message } from "../src/generated/contract.ts";
import { type Action, initialState, reduce } from "../src/state.ts";
import { createStore } from "../src/store.ts";
import type { ConversationState, VersionedEvent } from "../src/types.ts";
import { LogModel, ME, person, random } from "./logModel.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("catching up", () => {
  it("ends, after any loss, with the state of a fresh load", async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const pick = random(seed);
      const room = new Room(pick);
      for (let n = 0; n < 60; n += 1) {
        const event =
          pick(4) === 0 && room.model.rows.length > 0
            ? room.model.edit(1 + pick(room.model.rows.length), `edit ${n}`)
            : room.model.send(pick(3) === 0 ? ME : "ann", `text ${n}`);
        if (pick(5) !== 0) room.receive(event);
        if (pick(3) === 0) await vi.advanceTimersByTimeAsync(pick(200));
      }
      // The last event always comes: a lost tail is the server's to repair.
      room.receive(room.model.send("ann", "tail"));
      await vi.advanceTimersByTimeAsync(120_000);
      expect(room.view(), `seed ${seed}`).toEqual(room.fresh());
    }
  });

  it("waits 300 ms for the missing event before it asks", async () => {
    const room = new Room(() => 0);
    const first = room.model.send("ann", "1");
    room.receive(room.model.send("ann", "2"));
    await vi.advanceTimersByTimeAsync(299);
    expect(room.asked).toEqual([]);
    room.receive(first);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.asked).toEqual([]);
    expect(room.view()).toEqual(room.fresh());
  });

  it("fills behind the newest message when only messages were missed", async () => {
    const room = new Room(() => 0);
    for (let n = 0; n < 450; n += 1) room.model.send("ann", `${n}`);
    room.receive(room.model.send("ann", "seen"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.asked).toEqual(["summary", "after 0", "after 200", "after 400"]);
    expect(room.view()).toEqual(room.fresh());
  });

  it("takes the newest page when something older changed as well", async () => {
    const room = new Room(() => 0);
    room.receive(room.model.send("ann", "1"));
    room.model.edit(1, "changed");
    room.receive(room.model.send("ann", "2"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.asked).toEqual(["summary", "newest"]);
    expect(room.view()).toEqual(room.fresh());
  });

  it("asks again while the server is unavailable, and drops what is no longer one's own", async () => {
    const room = new Room(() => 0);
    room.refuse = [new ApiError("unavailable", "", { status: 503 }), new ApiError("not_found", "", { status: 404 })];
    room.model.send("ann", "1");
    room.receive(room.model.send("ann", "2"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(room.asked).toEqual(["summary", "summary"]);
    expect(room.state).toBeUndefined();
  });

  it("fetches only the summary of a conversation that nobody looks at", async () => {
    const room = new Room(() => 0);
    room.open = false;
    room.model.send("ann", "1");
    room.receive(room.model.send("ann", "2"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.asked).toEqual(["summary"]);
    expect(room.state).toMatchObject({ loaded: false, messages: [] });
    expect(room.state?.summary).toEqual(room.model.summary());
  });
});

/** A store with one loaded conversation, and an HTTP interface that answers from the model after a while. */
class Room {
  readonly model = new LogModel();
  readonly asked: string[] = [];
  refuse: ApiError[] = [];
  open = true;
  readonly #store = createStore(reduce, initialState);
  readonly #catchUp: CatchUp;
  readonly #pick: (below: number) => number;

  constructor(pick: (below: number) => number) {
    this.#pick = pick;
    this.#catchUp = new CatchUp({
      api: {
        conversation: () => this.#answer("summary", () => this.model.summary()),
        messages: (_id, { after, limit = 50 } = {}) =>
          after === undefined
            ? this.#answer("newest", () => this.model.newest(limit))
            : this.#answer(`after ${after}`, () => this.model.after(after, limit)),
      },
      getState: () => this.#store.getSnapshot(),
      change: (id, action) => this.#change({ type: "conversation", id, action }),
      remove: (id) => this.#change({ type: "removed", id }),
      isOpen: () => this.open,
    });
    this.#store.dispatch({ type: "welcomed", me: person(ME), limits: null });
    this.#store.dispatch({ type: "attached", summaries: [this.model.summary()] });
    this.#change(this.#about({ type: "loadingStarted", loading: "newest" }));
    this.#change(this.#about({ type: "newestLoaded", page: [] }));
    this.#catchUp.resume();
  }

  get state(): ConversationState | undefined {
    return this.#store.getSnapshot().conversations.get(this.model.id);
  }

  receive(event: VersionedEvent): void {
    this.#change(this.#about({ type: "event", event }));
  }

  view() {
    const { summary, messages, behind, held } = this.state ?? {};
    return { summary, messages, behind, held };
  }

  /** As far back as the client has loaded. */
  fresh() {
    const rows: readonly Message[] = this.model.newest(this.state?.messages.length ?? 0);
    return { summary: this.model.summary(), messages: rows, behind: false, held: [] };
  }

  #about(action: Extract<Action, { type: "conversation" }>["action"]): Action {
    return { type: "conversation", id: this.model.id, action };
  }

  #change(action: Action): void {
    this.#store.dispatch(action);
    this.#catchUp.look(this.model.id);
  }

  async #answer<T>(what: string, read: () => T): Promise<T> {
    this.asked.push(what);
    await new Promise((resolve) => setTimeout(resolve, this.#pick(100)));
    const refusal = this.refuse.shift();
    if (refusal !== undefined) throw refusal;
    const answer = structuredClone(read());
    await new Promise((resolve) => setTimeout(resolve, this.#pick(100)));
    return answer;
  }
}

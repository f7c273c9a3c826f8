/**
 * Catching up while events keep coming, get lost and repeat.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CatchUp } from "../src/catchUp.ts";
import type { AckFailure, ConversationSync, ConversationSyncAck, Message } from "../src/generated/contract.ts";
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

  it("collects the pages of a long absence before it shows any of them", async () => {
    const room = new Room(() => 0);
    room.page = 200;
    for (let n = 0; n < 450; n += 1) room.model.send("ann", `${n}`);
    room.model.edit(3, "changed meanwhile");
    room.receive(room.model.send("ann", "seen"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.asked).toEqual([0, 201, 401]);
    expect(room.view()).toEqual(room.fresh());
    expect(room.state?.messages).toHaveLength(451);
  });

  it("takes the newest page when too much was missed", async () => {
    const room = new Room(() => 0);
    room.most = 10;
    for (let n = 0; n < 60; n += 1) room.model.send("ann", `${n}`);
    room.receive(room.model.send("ann", "seen"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.state?.messages.map((row) => row.seq)).toEqual(Array.from({ length: 50 }, (_, n) => n + 12));
    expect(room.view()).toEqual(room.fresh());
  });

  it("forgets everything of another history, and has it loaded again", async () => {
    const room = new Room(() => 0);
    for (let n = 0; n < 5; n += 1) room.receive(room.model.send("ann", `${n}`));
    room.model.restore("second", 3);
    room.receive(room.model.send("bob", "after the restore"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.reloaded).toBe(1);
    expect(room.state).toMatchObject({ loaded: false, messages: [], behind: false });
    expect(room.state?.summary).toEqual(room.model.summary());
  });

  it("has the members fetched if one of them may have come or gone meanwhile", async () => {
    const room = new Room(() => 0);
    room.model.send("ann", "lost");
    room.receive(room.model.send("ann", "seen"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.membersChanged).toBe(0);
    room.model.leave("bob");
    room.receive(room.model.send("ann", "seen as well"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.membersChanged).toBe(1);
    room.most = 10;
    for (let n = 0; n < 60; n += 1) room.model.send("ann", `${n}`);
    room.receive(room.model.send("ann", "seen after a gap"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.membersChanged).toBe(2);
  });

  it("asks again while the server is unavailable, and drops what is no longer one's own", async () => {
    const room = new Room(() => 0);
    room.refuse = ["unavailable", "not_a_member"];
    room.model.send("ann", "1");
    room.receive(room.model.send("ann", "2"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(room.asked).toEqual([0, 0]);
    expect(room.state).toBeUndefined();
  });
});

/** A store with one loaded conversation, and a line that answers from the model after a while. */
class Room {
  readonly model = new LogModel();
  /** The versions that `conversation:sync` was asked from. */
  readonly asked: number[] = [];
  refuse: string[] = [];
  page = 1_000;
  most = 1_000;
  reloaded = 0;
  membersChanged = 0;
  readonly #store = createStore(reduce, initialState);
  readonly #catchUp: CatchUp;
  readonly #pick: (below: number) => number;

  constructor(pick: (below: number) => number) {
    this.#pick = pick;
    this.#catchUp = new CatchUp({
      line: { request: (_event, payload) => this.#answer(payload as Required<ConversationSync>) as never },
      getState: () => this.#store.getSnapshot(),
      change: (id, action) => this.#change({ type: "conversation", id, action }),
      remove: (id) => this.#change({ type: "removed", id }),
      reload: () => {
        this.reloaded += 1;
      },
      membersChanged: () => {
        this.membersChanged += 1;
      },
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

  async #answer({ epoch, version }: Required<ConversationSync>): Promise<ConversationSyncAck | AckFailure> {
    this.asked.push(version);
    await this.#while();
    const error = this.refuse.shift();
    if (error !== undefined) return { ok: false, error, reason: "" };
    const all = this.model.changes(epoch, version, this.most);
    const messages = all.messages.slice(0, this.page);
    const last = messages.at(-1);
    const cut = all.status === "delta" && last !== undefined && messages.length < all.messages.length;
    const answer: ConversationSyncAck = cut
      ? { ...all, ok: true, messages, more: true, version: last.version }
      : { ...all, ok: true, summary: this.model.summary() };
    await this.#while();
    return structuredClone(answer);
  }

  async #while(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#pick(100)));
  }
}

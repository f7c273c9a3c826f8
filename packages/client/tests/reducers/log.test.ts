/**
 * The one property that matters: whatever was lost, repeated or reordered, once repaired the state is the one a fresh load
 * gives.
 */
import { describe, expect, it } from "vitest";
import type { Message } from "../../src/generated/contract.ts";
import { fromSummary, reduceConversation } from "../../src/reducers/conversation.ts";
import type { ConversationState, VersionedEvent } from "../../src/types.ts";
import { LogModel, ME, random } from "../logModel.ts";

const RUNS = 300;

describe("a conversation's log", () => {
  it("equals a fresh load after any prefix of events, whatever their order and repetition", () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const pick = random(seed);
      const model = busyModel(pick, { late: false });
      let state = load(model);
      const events = happen(model, pick, 20);
      for (const event of shuffleNearby([...events, ...events.slice(0, 5)], pick)) state = apply(state, event);
      expect(view(state), `seed ${seed}`).toEqual(view(load(model)));
      expect(state.held).toEqual([]);
    }
  });

  it("equals a fresh load after any prefix of events for who joined midway", () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const pick = random(seed);
      const model = busyModel(pick, { late: true });
      let state = load(model);
      for (let n = 0; n < 20; n += 1) {
        for (const event of happen(model, pick, 1)) state = apply(state, event);
        expect(view(state), `seed ${seed}, event ${n}`).toEqual(view(load(model)));
      }
    }
  });

  it("moves the mark of who writes, unless they keep what they have not read", () => {
    const model = new LogModel();
    model.send("bob", "first");
    let state = load(model);
    for (const sender of ["ann", ME]) state = apply(state, model.sendKeepingUnread(sender));
    state = apply(state, model.send("bob", "second"));
    expect(Object.fromEntries(state.reads)).toEqual({ bob: 4 });
    expect(state.summary.me).toMatchObject({ lastReadSeq: 0, unreadCount: 3 });
    for (const sender of ["ann", ME]) state = apply(state, model.send(sender, "read"));
    expect(Object.fromEntries(state.reads)).toMatchObject({ bob: 4, ann: 5 });
    expect(state.summary.me).toMatchObject({ lastReadSeq: 6, unreadCount: 0 });
  });

  it("shows nothing across a hole, and equals a fresh load once the hole was fetched", () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const pick = random(seed);
      const model = busyModel(pick);
      let state = load(model);
      const before = state.summary.version;
      const events = happen(model, pick, 20);
      const lost = pick(events.length);
      for (const event of events.filter((_, index) => index !== lost)) state = apply(state, event);
      // Behind a lost last event nothing shows the hole: that is the server's to find.
      expect(state.summary.version, `seed ${seed}`).toBe(before + lost);
      expectNoHole(state);
      const most = pick(2) === 0 ? 1_000 : 0;
      state = catchUp(state, model, most);
      expect(view(state), `seed ${seed}`).toEqual(view(most === 0 ? load(model, 50) : load(model)));
    }
  });

  it("takes a repaired row once, at its last version, and is told that this was everything", () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const pick = random(seed);
      const model = busyModel(pick);
      let state = load(model);
      const from = state.summary.version;
      happen(model, pick, 20);
      const repaired = model.rows.filter((row) => row.version > from).sort((a, b) => a.version - b.version);
      for (const { version } of repaired) {
        const message = model.newest(1_000).find((row) => row.version === version);
        // What one may not see is not sent, and the version only when everything was.
        if (message !== undefined) state = apply(state, { epoch: model.epoch, version, message });
      }
      state = reach(state, model, model.version);
      expect(view(state), `seed ${seed}`).toEqual(view(load(model)));
    }
  });

  it("counts a message once, however often it comes", () => {
    const model = new LogModel();
    const event = model.send("ann", "hello");
    let state = fromSummary(new LogModel().summary());
    state = apply(apply(apply(state, event), event), event);
    expect(state.summary.unreadCount).toBe(1);
    expect(state.summary.version).toBe(1);
  });

  it("lets a message of one's own move one's mark", () => {
    const model = new LogModel();
    let state = load(model);
    state = apply(state, model.send("ann", "hello"));
    state = apply(state, model.send(ME, "hello yourself"));
    expect(state.summary.me).toMatchObject({ lastReadSeq: 2, unreadCount: 0 });
  });

  it("finds everything void in another epoch", () => {
    const model = new LogModel();
    for (let n = 0; n < 5; n += 1) model.send("ann", `${n}`);
    let state = load(model);
    model.restore("second", 3);
    state = apply(state, model.send("bob", "after the restore"));
    expect(state.behind).toBe(true);
    state = catchUp(state, model);
    expect(view(state)).toEqual(view(fromSummary(model.summary())));
    expect(view(reload(state, model))).toEqual(view(load(model)));
    expect(reload(state, model).messages.map((row) => row.content)).toEqual(["0", "1", "2", "after the restore"]);
  });

  it("drops a typing entry at that person's message", () => {
    const model = new LogModel();
    let state = load(model);
    state = reduceConversation(state, { type: "typingStarted", userId: "ann", until: 10 }, ME);
    state = reduceConversation(state, { type: "typingStarted", userId: "bob", until: 10 }, ME);
    state = apply(state, model.send("ann", "done"));
    expect([...state.typing.keys()]).toEqual(["bob"]);
  });
});

describe("pages under way", () => {
  it("never undo an event that came while they were loading", () => {
    const model = new LogModel();
    for (let n = 0; n < 5; n += 1) model.send("ann", `${n}`);
    let state = fromSummary(model.summary());
    state = reduceConversation(state, { type: "loadingStarted", loading: "newest" }, ME);
    const page = model.newest(50);
    state = apply(state, model.edit(2, "edited"));
    state = apply(state, model.send("bob", "new"));
    state = reduceConversation(state, { type: "newestLoaded", page }, ME);
    expect(view(state)).toEqual(view(load(model)));
    expect(state.behind).toBe(false);
  });

  it("are known to be short when they miss the newest message", () => {
    const model = new LogModel();
    model.send("ann", "one");
    const page = model.newest(50);
    model.send("ann", "two");
    let state = fromSummary(model.summary());
    state = reduceConversation(state, { type: "loadingStarted", loading: "newest" }, ME);
    state = reduceConversation(state, { type: "newestLoaded", page }, ME);
    expect(state.behind).toBe(true);
  });

  it("go in front only where they touch, and end at the first visible message", () => {
    const model = new LogModel();
    for (let n = 0; n < 120; n += 1) model.send("ann", `${n}`);
    let state = load(model, 50);
    expect(state.hasOlder).toBe(true);
    state = older(state, model.before(40, 20));
    expect(state.messages).toHaveLength(50);
    state = older(state, model.before(71, 50));
    state = older(state, model.before(21, 50));
    expect(state.messages.map((row) => row.seq)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
    expect(state.hasOlder).toBe(false);
  });
});

describe("one's own message", () => {
  it("is one row under one id, from the outbox to the log", () => {
    const model = new LogModel();
    let state = load(model);
    const entry = pending("mine");
    state = reduceConversation(state, { type: "queued", entry }, ME);
    state = reduceConversation(state, { type: "sending", messageId: "mine" }, ME);
    const { message } = model.send(ME, "hi", "mine");
    state = reduceConversation(state, { type: "stored", message }, ME);
    expect(state.pending).toEqual([]);
    expect(state.messages.map((row) => row.id)).toEqual(["mine"]);
    state = apply(state, { epoch: model.epoch, version: message.version, message });
    expect(state.messages).toHaveLength(1);
    expect(state.summary.version).toBe(1);
  });

  it("stays pending while something before it is missing, and is not lost by catching up", () => {
    const model = new LogModel();
    let state = load(model);
    state = reduceConversation(state, { type: "queued", entry: pending("mine") }, ME);
    model.send("ann", "lost on the way");
    const { message } = model.send(ME, "hi", "mine");
    state = reduceConversation(state, { type: "stored", message }, ME);
    expect(state.pending).toHaveLength(1);
    expect(state.messages).toEqual([]);
    state = catchUp(state, model);
    expect(state.pending).toEqual([]);
    expect(view(state)).toEqual(view(load(model)));
  });
});

function pending(id: string) {
  const entry = { id, conversationId: "room", content: "hi", replyToId: null, createdAt: "", error: null };
  return { ...entry, state: "queued" as const };
}

function busyModel(pick: (below: number) => number, { late = pick(2) === 0 } = {}): LogModel {
  const model = new LogModel();
  model.send("ann", "first");
  happen(model, pick, pick(30));
  if (late) model.join(ME);
  happen(model, pick, pick(10));
  return model;
}

/** Some of everything that can happen to a log. */
function happen(model: LogModel, pick: (below: number) => number, count: number): VersionedEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const written = model.rows.filter((row) => row.type !== "system");
    const any = written[pick(written.length)]?.seq ?? 1;
    switch (pick(13)) {
      case 0:
        return model.edit(any, `edit ${index}`);
      case 1:
        return model.send(ME, `mine ${index}`);
      case 2:
        return model.rename(pick(3) === 0 ? null : `name ${index}`);
      case 3:
        return model.sendSilently("bob");
      case 4:
        return model.remove(any);
      case 5:
      case 6:
        return model.react(any, pick(2) === 0 ? "ann" : ME, pick(2) === 0 ? "👍" : "🎉");
      case 7:
        return model.send("ann", `reply ${index}`, undefined, `m${any}`);
      case 8:
        return model.join(`guest ${index}`);
      case 9:
        return model.memberCount > 3 ? model.leave("guest") : model.join(`guest ${index}`);
      case 10:
        return model.sendKeepingUnread(pick(2) === 0 ? "ann" : ME);
      default:
        return model.send(pick(2) === 0 ? "ann" : "bob", `text ${index}`);
    }
  });
}

function shuffleNearby(events: VersionedEvent[], pick: (below: number) => number): VersionedEvent[] {
  const keyed = events.map((event, index) => ({ event, at: index + pick(6) }));
  return keyed.sort((a, b) => a.at - b.at).map(({ event }) => event);
}

function load(model: LogModel, limit = 1_000): ConversationState {
  return reload(fromSummary(model.summary()), model, limit);
}

function reload(state: ConversationState, model: LogModel, limit = 1_000): ConversationState {
  const loading = reduceConversation(state, { type: "loadingStarted", loading: "newest" }, ME);
  return reduceConversation(loading, { type: "newestLoaded", page: model.newest(limit) }, ME);
}

function older(state: ConversationState, page: readonly Message[]): ConversationState {
  const loading = reduceConversation(state, { type: "loadingStarted", loading: "older" }, ME);
  return reduceConversation(loading, { type: "olderLoaded", page }, ME);
}

/** What is about a message from before one's joining is told by its version alone, and only in its turn. */
function apply(state: ConversationState, event: VersionedEvent): ConversationState {
  const seq = event.message?.seq ?? event.reaction?.seq ?? 0;
  if (seq >= state.summary.me.visibleFromSeq) return reduceConversation(state, { type: "event", event }, ME);
  if (event.version !== state.summary.version + 1) return state;
  return reduceConversation(state, { type: "versionReached", epoch: event.epoch, version: event.version }, ME);
}

function reach(state: ConversationState, model: LogModel, version: number): ConversationState {
  return reduceConversation(state, { type: "versionReached", epoch: model.epoch, version }, ME);
}

function catchUp(state: ConversationState, model: LogModel, most = 1_000): ConversationState {
  const changes = model.changes(state.summary.epoch, state.summary.version, most);
  return reduceConversation(state, { type: "caughtUp", changes, summary: model.summary() }, ME);
}

function expectNoHole(state: ConversationState): void {
  const first = state.messages[0]?.seq ?? 0;
  expect(state.messages.map((row) => row.seq)).toEqual(state.messages.map((_, index) => first + index));
}

/** What a person sees. */
function view(state: ConversationState) {
  const { summary, messages, behind, held, pending: waiting } = state;
  return { summary, messages, behind, held, waiting };
}

/**
 * The whole state: the list and its order, people, presence, forgetting.
 */
import { describe, expect, it, vi } from "vitest";
import type { Summary } from "../src/generated/contract.ts";
import { type Action, initialState, reduce } from "../src/state.ts";
import { createStore } from "../src/store.ts";
import type { State, VersionedEvent } from "../src/types.ts";
import { LogModel, ME, person } from "./logModel.ts";

describe("the list", () => {
  it("has the newest first, whatever order it came in, and moves a conversation up with its message", () => {
    const [a, b, c] = [summary("a", 1), summary("b", 3), summary("c", 2)];
    const there = run({ type: "attached", summaries: [a, b, c] });
    expect(there.order).toEqual(["b", "c", "a"]);
    expect(run({ type: "attached", summaries: [c, a] }, { type: "attached", summaries: [b] }).order).toEqual(
      there.order,
    );
    const model = new LogModel();
    for (let n = 0; n < 9; n += 1) model.send("ann", `${n}`);
    const message = {
      ...model.send("ann", "new").message,
      conversationId: "a",
      seq: a.lastSeq + 1,
      version: a.version + 1,
    };
    const event: VersionedEvent = { epoch: a.epoch, version: message.version, message };
    const moved = reduce(there, { type: "conversation", id: "a", action: { type: "event", event } });
    expect(moved.order).toEqual(["a", "b", "c"]);
    expect(moved.conversations.get("b")).toBe(there.conversations.get("b"));
  });

  it("is not confused by ids that are names of a prototype", () => {
    const state = run({ type: "attached", summaries: [summary("__proto__", 1), summary("constructor", 2)] });
    expect(state.order).toEqual(["constructor", "__proto__"]);
    expect(reduce(state, { type: "removed", id: "__proto__" }).order).toEqual(["constructor"]);
    expect(state.users.get("toString")).toBeUndefined();
  });

  it("takes other settings without the log's part of an older summary", () => {
    const there = run({ type: "attached", summaries: [summary("a", 5)] });
    const older = summary("a", 3);
    const next = reduce(there, {
      type: "settingsChanged",
      summary: { ...older, me: { ...older.me, mutedUntil: "2030-01-01T00:00:00.000Z", unreadCount: 0 } },
    });
    const conversation = next.conversations.get("a")?.summary;
    expect(conversation?.me.mutedUntil).toBe("2030-01-01T00:00:00.000Z");
    expect(conversation).toMatchObject({ lastSeq: 5, unreadCount: 5 });
  });

  it("ignores a summary older than what was applied", () => {
    const there = run({ type: "attached", summaries: [summary("a", 5)] });
    const next = reduce(there, { type: "attached", summaries: [summary("a", 3)] });
    expect(next.conversations.get("a")?.summary.lastSeq).toBe(5);
  });
});

describe("people", () => {
  it("are met in the list and follow their updates wherever they are shown", () => {
    const direct: Summary = {
      ...summary("a", 1),
      type: "direct",
      peer: person("ann"),
      faces: [person("ann"), person(ME)],
    };
    const there = run({ type: "attached", summaries: [direct, summary("b", 1)] });
    expect(there.users.get("ann")?.name).toBe("ANN");
    const next = reduce(there, { type: "userUpdated", user: { ...person("ann"), name: "Anna" } });
    expect(next.users.get("ann")?.name).toBe("Anna");
    expect(next.conversations.get("a")?.summary.peer?.name).toBe("Anna");
    expect(next.conversations.get("a")?.summary.faces[0]?.name).toBe("Anna");
    expect(next.conversations.get("b")).toBe(there.conversations.get("b"));
  });

  it("come and go, and a new connection starts their list anew", () => {
    const state = run(
      { type: "onlineListed", userIds: ["ann"], first: true },
      { type: "onlineListed", userIds: ["bob"], first: false },
      { type: "presence", userId: "ann", online: false },
      { type: "presence", userId: "cy", online: true },
    );
    expect([...state.online]).toEqual(["bob", "cy"]);
    expect([...reduce(state, { type: "onlineListed", userIds: [], first: true }).online]).toEqual([]);
  });

  it("leave nothing behind for the next one who signs in", () => {
    const there = run({ type: "attached", summaries: [summary("a", 1)] });
    expect(reduce(there, { type: "welcomed", me: person("somebody else"), limits: null }).order).toEqual([]);
    const gone = reduce(there, { type: "forgotten", connection: { status: "signed-out", reason: "logout" } });
    expect(gone).toEqual({ ...initialState, connection: { status: "signed-out", reason: "logout" } });
  });
});

describe("the store", () => {
  it("tells of a burst once, and not of what changed nothing", async () => {
    const store = createStore(reduce, initialState);
    const heard = vi.fn();
    const stop = store.subscribe(heard);
    store.dispatch({ type: "presence", userId: "ann", online: true });
    store.dispatch({ type: "presence", userId: "bob", online: true });
    expect(store.getSnapshot().online.size).toBe(2);
    await Promise.resolve();
    expect(heard).toHaveBeenCalledTimes(1);
    store.dispatch({ type: "removed", id: "nothing" });
    await Promise.resolve();
    stop();
    store.dispatch({ type: "presence", userId: "cy", online: true });
    await Promise.resolve();
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

function run(...actions: Action[]): State {
  const start = reduce(initialState, { type: "welcomed", me: person(ME), limits: null });
  return actions.reduce(reduce, start);
}

function summary(id: string, messages: number): Summary {
  const model = new LogModel();
  for (let n = 0; n < messages; n += 1) model.send("ann", `${n}`);
  return { ...model.summary(), id };
}

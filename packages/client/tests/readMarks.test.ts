/**
 * Read marks on their way to the server.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ReadMarks } from "../src/readMarks.ts";
import { initialState, reduce } from "../src/state.ts";
import { createStore } from "../src/store.ts";
import { LogModel, ME, person } from "./logModel.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("read marks", () => {
  it("move at once here, and are told once per 300 ms, the furthest", async () => {
    const { marks, sent, unread } = start(10);
    for (let seq = 1; seq <= 6; seq += 1) marks.mark("room", seq);
    expect(unread()).toBe(4);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([1, 6]);
  });

  it("never move back, nor past what there is", async () => {
    const { marks, sent } = start(3);
    marks.mark("room", 99);
    await vi.advanceTimersByTimeAsync(1_000);
    marks.mark("room", 2);
    marks.mark("nowhere", 2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([3]);
  });

  it("are sent again until the server has answered", async () => {
    const { marks, sent, answers } = start(5);
    answers.push(new Error("timed out"), { ok: false, error: "rate_limited", reason: "", retryAfterMs: 900 });
    marks.mark("room", 5);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(sent).toEqual([5, 5, 5]);
  });

  it("wait for the next connection", async () => {
    const { marks, sent, unread } = start(5);
    marks.pause();
    marks.mark("room", 5);
    expect(unread()).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(sent).toEqual([]);
    marks.resume();
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual([5]);
  });

  it("give way to the server's count, unless this device has read further since", async () => {
    const { marks, store, unread } = start(10);
    marks.mark("room", 8);
    store.dispatch({ type: "conversation", id: "room", action: { type: "ownMarkMoved", seq: 4, unreadCount: 6 } });
    expect(unread()).toBe(2);
    store.dispatch({ type: "conversation", id: "room", action: { type: "ownMarkMoved", seq: 9, unreadCount: 1 } });
    expect(unread()).toBe(1);
  });
});

type Answer = Error | { ok: false; error: string; reason: string; retryAfterMs: number };

function start(messages: number) {
  const model = new LogModel();
  const store = createStore(reduce, initialState);
  for (let n = 0; n < messages; n += 1) model.send("ann", `${n}`);
  store.dispatch({ type: "welcomed", me: person(ME), limits: null });
  store.dispatch({ type: "attached", summaries: [model.summary()] });
  store.dispatch({ type: "conversation", id: "room", action: { type: "loadingStarted", loading: "newest" } });
  store.dispatch({ type: "conversation", id: "room", action: { type: "newestLoaded", page: model.rows } });
  const sent: number[] = [];
  const answers: Answer[] = [];
  const request = async (_event: string, payload: unknown): Promise<unknown> => {
    const { seq } = payload as { seq: number };
    sent.push(seq);
    const answer = answers.shift() ?? { ok: true, lastReadSeq: seq, unreadCount: messages - seq };
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const marks = new ReadMarks({
    // Read marks send one kind of event: what is true of it is true of the general type.
    line: { request: request as never },
    getState: () => store.getSnapshot(),
    change: (id, action) => store.dispatch({ type: "conversation", id, action }),
  });
  marks.resume();
  const unread = () => store.getSnapshot().conversations.get("room")?.summary.unreadCount;
  return { marks, sent, answers, store, unread };
}

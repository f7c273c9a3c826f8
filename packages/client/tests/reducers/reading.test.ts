/**
 * How many have read what, in a large room.
 */
import { describe, expect, it } from "vitest";
import type { Changes } from "../../src/generated/contract.ts";
import { fromSummary, reduceConversation } from "../../src/reducers/conversation.ts";
import { LogModel, ME } from "../logModel.ts";

describe("the counts of a large room", () => {
  it("are what was told last, live or on coming back, and void in another history", () => {
    const model = new LogModel();
    model.send(ME, "hello");
    const summary = model.summary();
    const changes: Changes = { status: "delta", epoch: summary.epoch, version: summary.version, messages: [] };
    const fresh = fromSummary(summary);
    expect(fresh.steps).toBeNull();
    const live = reduceConversation(fresh, { type: "marksCounted", steps: [[1, 3]] }, ME);
    expect(live.steps).toEqual([[1, 3]]);
    const told = reduceConversation(live, { type: "caughtUp", changes: { ...changes, steps: [[1, 4]] }, summary }, ME);
    expect(told.steps).toEqual([[1, 4]]);
    expect(reduceConversation(told, { type: "caughtUp", changes, summary }, ME).steps).toEqual([[1, 4]]);
    const reset = reduceConversation(told, { type: "caughtUp", changes: { ...changes, status: "reset" }, summary }, ME);
    expect(reset.steps).toBeNull();
  });
});

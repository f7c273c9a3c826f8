/**
 * Typing, as the others hear of it.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TypingStatus } from "../src/typingStatus.ts";

let said: [event: string, at: number][];
let typing: TypingStatus;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  said = [];
  typing = new TypingStatus({ hint: (event) => said.push([event, Date.now()]) }, Date.now);
});
afterEach(() => vi.useRealTimers());

describe("typing", () => {
  it("is repeated every 3 s while keys are struck, and ends 5 s after the last", () => {
    for (let at = 0; at <= 7_000; at += 500) {
      typing.set("room", true);
      vi.advanceTimersByTime(500);
    }
    vi.advanceTimersByTime(20_000);
    expect(said).toEqual([
      ["typing:start", 0],
      ["typing:start", 3_000],
      ["typing:start", 6_000],
      ["typing:start", 9_000],
      ["typing:stop", 12_000],
    ]);
  });

  it("ends at once when told so", () => {
    typing.set("room", true);
    vi.advanceTimersByTime(1_000);
    typing.set("room", false);
    vi.advanceTimersByTime(20_000);
    expect(said).toEqual([
      ["typing:start", 0],
      ["typing:stop", 1_000],
    ]);
  });

  it("starts again no sooner than the server takes it", () => {
    typing.set("room", true);
    typing.set("room", false);
    vi.advanceTimersByTime(500);
    typing.set("room", true);
    vi.advanceTimersByTime(2_000);
    typing.set("room", false);
    expect(said).toEqual([
      ["typing:start", 0],
      ["typing:stop", 0],
      ["typing:start", 2_250],
      ["typing:stop", 2_500],
    ]);
  });

  it("says nothing when the second start was taken back before it was said", () => {
    typing.set("room", true);
    typing.set("room", false);
    typing.set("room", true);
    typing.set("room", false);
    vi.advanceTimersByTime(20_000);
    expect(said).toHaveLength(2);
  });
});

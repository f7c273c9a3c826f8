import { expect, it } from "vitest";
import { message } from "../../test/fixtures";
import type { Row } from "./rows";
import { AT_END, FIRST, frozen, including, MOST, rangeOf, STEP, toppedOut, widenedDown, widenedUp } from "./slice";

function history(from: number, to: number): Row[] {
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const seq = from + index;
    return { kind: "system", key: `m${seq}`, message: message(seq, null) };
  });
}

it("opens with the newest rows and follows what is appended", () => {
  expect(rangeOf(history(1, 1000), AT_END)).toEqual({ from: 1000 - FIRST, to: 1000 });
  expect(rangeOf(history(1, 1001), AT_END)).toEqual({ from: 1001 - FIRST, to: 1001 });
});

it("takes nothing away above a reader who scrolled up while rows are appended", () => {
  const before = history(1, 1000);
  const slice = frozen(before, AT_END);
  expect(rangeOf(history(1, 1030), slice)).toEqual({ from: 1000 - FIRST, to: 1030 });
});

it("moves up and down without ever holding more than the most, and reaches the end again", () => {
  const rows = history(1, 1000);
  let slice = AT_END;
  for (let step = 0; step < 20; step += 1) {
    slice = widenedUp(rows, slice);
    const range = rangeOf(rows, slice);
    expect(range.to - range.from).toBeLessThanOrEqual(MOST);
  }
  expect(rangeOf(rows, slice)).toEqual({ from: 0, to: MOST });
  for (let step = 0; step < 20; step += 1) slice = widenedDown(rows, slice);
  expect(slice.end).toBeNull();
  expect(rangeOf(rows, slice)).toEqual({ from: 1000 - MOST, to: 1000 });
});

it("shows an older page in the moment it arrives, the rows that were there staying in", () => {
  const slice = toppedOut(history(51, 1000), frozen(history(51, 1000), { start: "m51", end: "m300" }));
  expect(rangeOf(history(1, 1000), slice)).toEqual({ from: 0, to: 300 });
});

it("starts with the divider of the message it starts with", () => {
  const rows: Row[] = [...history(1, 5), { kind: "day", key: "day x", time: new Date() }, ...history(6, 9)];
  expect(rangeOf(rows, { start: "m6", end: null })).toEqual({ from: 5, to: 10 });
});

it("moves to wherever one row is wanted", () => {
  const rows = history(1, 1000);
  const range = rangeOf(rows, including(rows, AT_END, "m300"));
  expect(range.from).toBeLessThanOrEqual(299 - STEP + 1);
  expect(range.to).toBeGreaterThan(299);
  expect(including(rows, AT_END, "m990")).toBe(AT_END);
});

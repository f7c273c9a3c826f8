import { expect, it } from "vitest";
import { newestInView } from "./inView";

/** Ten rows of 50 px, seq 1 to 10, the first at y = 0. */
const rows = Array.from({ length: 10 }, (_, index) => ({ seq: index + 1, top: index * 50, bottom: index * 50 + 50 }));

it("takes the last row that is wholly in view, not one that only peeks in", () => {
  expect(newestInView(rows, 0, 500)).toBe(10);
  expect(newestInView(rows, 0, 220)).toBe(4);
  expect(newestInView(rows, 0, 249)).toBe(5);
});

it("takes nothing when nothing is in view", () => {
  expect(newestInView([], 0, 500)).toBeNull();
  expect(newestInView(rows, 600, 900)).toBeNull();
  expect(newestInView(rows, -300, -10)).toBeNull();
});

it("takes a message taller than the view by its end, or by filling half of the view", () => {
  const tall = [{ seq: 7, top: 0, bottom: 2000 }];
  expect(newestInView(tall, 0, 400)).toBe(7);
  expect(newestInView(tall, -350, 50)).toBeNull();
  expect(newestInView(tall, 1900, 2300)).toBe(7);
});

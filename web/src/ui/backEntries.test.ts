import { beforeEach, expect, it, vi } from "vitest";
import { addLayer, afterBack } from "./backEntries";

const layers = () => (history.state as { layers?: number } | null)?.layers ?? 0;
const arrived = () => new Promise((done) => addEventListener("popstate", done, { once: true }));

beforeEach(() => {
  history.pushState(null, "", "/start");
});

it("closes the top layer by Back, then the one below, and stays at the address", async () => {
  const [lower, upper] = [vi.fn(), vi.fn()];
  addLayer(lower);
  addLayer(upper);
  for (const [left, calls] of [
    [1, [0, 1]],
    [0, [1, 1]],
  ] as const) {
    history.back();
    await arrived();
    expect(layers()).toBe(left);
    expect([lower.mock.calls.length, upper.mock.calls.length]).toEqual(calls);
    expect(location.pathname).toBe("/start");
  }
});

it("takes the entry of a layer back that closes by itself, and closes nothing else by that", async () => {
  const [lower, upper] = [vi.fn(), vi.fn()];
  const removeLower = addLayer(lower);
  addLayer(upper)();
  await arrived();
  expect(layers()).toBe(1);
  removeLower();
  await arrived();
  expect(layers()).toBe(0);
  expect(lower).not.toHaveBeenCalled();
  expect(upper).not.toHaveBeenCalled();
});

it("hands the entry on to a layer that takes the place of another", async () => {
  const depth = history.length;
  addLayer(vi.fn())();
  const close = vi.fn();
  const remove = addLayer(close);
  await new Promise((done) => setTimeout(done, 5));
  expect([layers(), history.length]).toEqual([1, depth + 1]);
  expect(close).not.toHaveBeenCalled();
  remove();
  await arrived();
});

it("lets an address that follows a closing layer wait until the history has moved", async () => {
  const moved = arrived(); // on a busy machine the history may have moved before the next line runs
  addLayer(vi.fn())();
  await new Promise((done) => setTimeout(done));
  afterBack(() => history.pushState(null, "", "/next"));
  await moved;
  expect(location.pathname).toBe("/next");
  history.back();
  await arrived();
  expect([location.pathname, layers()]).toEqual(["/start", 0]);
});

it("does not stay at an entry whose layer is gone", async () => {
  const remove = addLayer(vi.fn());
  history.pushState(null, "", "/next");
  remove();
  history.back();
  await arrived();
  await arrived();
  expect([location.pathname, layers()]).toEqual(["/start", 0]);
});

import type { User } from "@madang/client";
import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { user } from "../test/fixtures";
import { usePeopleSearch } from "./usePeopleSearch";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("drops an answer that comes after a newer question", async () => {
  const answers = new Map<string, (people: readonly User[]) => void>();
  const search = (query: string) => new Promise<readonly User[]>((resolve) => answers.set(query, resolve));
  const { result, rerender } = renderHook(({ query }) => usePeopleSearch(search, query), {
    initialProps: { query: "m" },
  });
  act(() => vi.advanceTimersByTime(500));
  rerender({ query: "mi" });
  act(() => vi.advanceTimersByTime(500));
  await act(async () => answers.get("mi")?.([user("minji")]));
  await act(async () => answers.get("m")?.([user("matteo")]));
  expect(result.current.people.map((one) => one.id)).toEqual(["minji"]);
});

it("asks once for what was typed in one go", () => {
  const search = vi.fn(async () => []);
  const { rerender } = renderHook(({ query }) => usePeopleSearch(search, query), { initialProps: { query: "m" } });
  rerender({ query: "mi" });
  rerender({ query: "min" });
  act(() => vi.advanceTimersByTime(500));
  expect(search).toHaveBeenCalledExactlyOnceWith("min");
});

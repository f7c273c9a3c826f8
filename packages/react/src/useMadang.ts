/**
 * A part of the client's state, re-rendering only when that part changes.
 */
import type { State } from "@madang/client";
import { useRef, useSyncExternalStore } from "react";
import { useClient } from "./provider.tsx";

/**
 * `select` may be written in place and may make new objects: with `isEqual` the component keeps the earlier one while they are
 * equal. Both must be pure.
 */
export function useMadang<T>(select: (state: State) => T, isEqual: (a: T, b: T) => boolean = Object.is): T {
  const { store } = useClient();
  const shown = useRef<{ readonly value: T } | null>(null);
  let seen: { readonly state: State; readonly value: T } | null = null;

  // React asks several times per render and needs the same answer each time.
  const getSnapshot = (): T => {
    const state = store.getSnapshot();
    if (seen?.state !== state) seen = { state, value: keep(select(state)) };
    return seen.value;
  };
  const keep = (value: T): T => {
    if (shown.current !== null && isEqual(shown.current.value, value)) return shown.current.value;
    shown.current = { value };
    return value;
  };
  return useSyncExternalStore(store.subscribe, getSnapshot, getSnapshot);
}

/** Same length and the same things in the same order. */
export function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

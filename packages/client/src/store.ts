/**
 * A value that changes only through a pure reducer, and tells who asked.
 *
 * Invariants:
 * 1. `getSnapshot` is always the newest state; a state is never changed, only replaced.
 * 2. Listeners hear of a burst once: they are called in a microtask, however many actions came before it.
 */
import type { Store } from "./types.ts";

export interface ReducerStore<S, A> extends Store<S> {
  dispatch(action: A): void;
}

export function createStore<S, A>(reduce: (state: S, action: A) => S, initial: S): ReducerStore<S, A> {
  let state = initial;
  let announced = false;
  const listeners = new Set<() => void>();

  const announce = (): void => {
    announced = false;
    for (const listener of [...listeners]) listener();
  };

  return {
    getSnapshot: () => state,
    subscribe(listener) {
      // A wrapper, so that the same function may listen twice and stop once.
      const entry = (): void => listener();
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
      };
    },
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      if (announced) return;
      announced = true;
      queueMicrotask(announce);
    },
  };
}

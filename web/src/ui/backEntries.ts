/**
 * Lets the browser's Back close what lies over the page. Every open layer has an entry of its own in the history, at the
 * same address, so Back leaves that entry and not the page underneath.
 *
 * Invariants:
 * 1. `history.state.layers` says how many layers lie over the page at an entry; an entry without it has none.
 * 2. A layer that closes by itself takes its entry back, a moment later, so that another layer taking its place keeps it.
 * 3. An entry whose layer is gone is never stayed at: whoever arrives there is sent on.
 */
type Close = () => void;

const open: Close[] = [];
let listening = false;
let scheduled = false;
/** The history moves after the call that asked for it; what is to be put on top of it waits. */
let going = false;
const waiting: (() => void)[] = [];

function layersHere(): number {
  const state: unknown = history.state;
  if (typeof state !== "object" || state === null || !("layers" in state)) return 0;
  return typeof state.layers === "number" ? state.layers : 0;
}

function settle(): void {
  if (going) return;
  const here = layersHere();
  for (let layers = here + 1; layers <= open.length; layers += 1) history.pushState({ ...history.state, layers }, "");
  if (here > open.length) {
    going = true;
    history.go(open.length - here);
  }
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    settle();
  });
}

function popped(): void {
  // Arriving where `settle` went is nobody's wish to close anything.
  if (!going) for (const close of open.splice(layersHere()).reverse()) close();
  going = false;
  for (const go of waiting.splice(0)) go();
  schedule();
}

/** Puts a layer over the page; `close` is called when Back is pressed. Returns what to call when it closes by itself. */
export function addLayer(close: Close): () => void {
  if (!listening) window.addEventListener("popstate", popped);
  listening = true;
  open.push(close);
  settle();
  return () => {
    const index = open.indexOf(close);
    if (index < 0) return;
    open.splice(index, 1);
    schedule();
  };
}

/** Calls `go`, which changes the address: now, or once the history has moved away from a layer that has just closed. */
export function afterBack(go: () => void): void {
  if (going) waiting.push(go);
  else go();
}

/**
 * Joins the scrolling box, the rendered part of the history and the loading of older pages. Owns the slice and whether
 * the reader stands at the end; loading belongs to the client.
 */
import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { Row } from "./rows";
import type { ScrollKeeper, ScrollState } from "./ScrollKeeper";
import { AT_END, frozen, including, type Range, rangeOf, type Slice, toppedOut, widenedDown, widenedUp } from "./slice";

/** More is rendered or loaded when less than this remains beyond what is visible, in CSS pixels. */
const MARGIN = 700;

/** Renders after which a row to open at counts as gone. */
const MOST_TRIES = 5;

export interface TimelineScroll {
  keeper: RefObject<ScrollKeeper | null>;
  box: RefObject<HTMLDivElement | null>;
  range: Range;
  pinned: boolean;
  /** The room stands where it was to open: what is in view is what the reader came to see. */
  placed: boolean;
  onScroll: (state: ScrollState) => void;
  toNewest: () => void;
}

interface Options {
  rows: readonly Row[];
  /** True while asking for the page before the oldest message makes sense. */
  mayLoad: boolean;
  load: () => void;
  /** The row to stand at when the room opens; null for the end. Read once, when `ready` turns true. */
  openAt: string | null;
  ready: boolean;
}

function useOpening(
  { rows, openAt, ready }: Options,
  keeper: RefObject<ScrollKeeper | null>,
  setSlice: (slice: Slice) => void,
): boolean {
  const target = useRef<string | null>(null);
  const tries = useRef(0);
  const [placed, setPlaced] = useState(false);
  // After every render until it stands: the row to stand at may have to be rendered first, and only React knows when it is.
  useEffect(() => {
    if (!ready || placed) return;
    if (tries.current === 0) target.current = openAt;
    tries.current += 1;
    const row = target.current;
    if (row === null || keeper.current?.toRow(row) === true || tries.current > MOST_TRIES) setPlaced(true);
    else setSlice(including(rows, AT_END, row));
  });
  return placed;
}

export function useTimelineScroll(options: Options): TimelineScroll {
  const { rows, mayLoad, load } = options;
  const keeper = useRef<ScrollKeeper>(null);
  const box = useRef<HTMLDivElement>(null);
  const [slice, setSlice] = useState<Slice>(AT_END);
  const [pinned, setPinned] = useState(true);
  const range = rangeOf(rows, slice);
  const placed = useOpening(options, keeper, setSlice);

  const fill = useCallback(
    (above: number, below: number, atEnd: boolean) => {
      if (above < MARGIN && range.from > 0) setSlice((was) => widenedUp(rows, was));
      else if (above < MARGIN && mayLoad) {
        setSlice((was) => toppedOut(rows, was));
        load();
      }
      if (below < MARGIN && range.to < rows.length) setSlice((was) => widenedDown(rows, was));
      else if (atEnd && rangeOf(rows, AT_END).from > range.from + rows.length / 2) setSlice(AT_END);
    },
    [rows, range.from, range.to, mayLoad, load],
  );

  const onScroll = useCallback(
    (state: ScrollState) => {
      setPinned(state.pinned);
      if (!state.pinned) setSlice((was) => frozen(rows, was));
      fill(state.above, state.below, state.pinned);
    },
    [rows, fill],
  );

  // At the very top nothing scrolls any more, and a page shorter than the screen never did: what has just arrived decides
  // whether more is wanted.
  useEffect(() => {
    const element = box.current;
    if (element === null || element.clientHeight === 0) return;
    const below = element.scrollHeight - element.clientHeight - element.scrollTop;
    fill(element.scrollTop, below, false);
  }, [fill]);

  const toNewest = useCallback(() => {
    setSlice(AT_END);
    setPinned(true);
    // After the newest rows are on the page.
    requestAnimationFrame(() => keeper.current?.toEnd());
  }, []);

  return { keeper, box, range, pinned, placed, onScroll, toNewest };
}

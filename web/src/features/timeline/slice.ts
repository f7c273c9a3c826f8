/**
 * Which part of a long history is on the page. A room may hold thousands of rows; at most MOST of them are rendered, and
 * the part moves with the reader. ScrollKeeper holds the reader's place, so no row's height needs to be known or guessed.
 *
 * Invariant: `end` null means the part reaches the newest row and follows it; `start` null means "as many as FIRST", and
 * TOP "from the oldest row there is", so that a page being loaded is shown in the same moment as it arrives.
 */
import type { Row } from "./rows";

export const TOP = Symbol("top");

export interface Slice {
  start: string | typeof TOP | null;
  end: string | null;
}

export interface Range {
  from: number;
  to: number;
}

export const AT_END: Slice = { start: null, end: null };

/** Rows shown when a room opens, rows added at a time, and the most there are at once. */
export const FIRST = 120;
export const STEP = 80;
export const MOST = 360;

function indexOf(rows: readonly Row[], key: string | null): number {
  return key === null ? -1 : rows.findIndex((row) => row.key === key);
}

export function rangeOf(rows: readonly Row[], slice: Slice): Range {
  const last = indexOf(rows, slice.end);
  const to = last < 0 ? rows.length : last + 1;
  if (slice.start === TOP) return { from: 0, to };
  const first = indexOf(rows, slice.start);
  const from = first < 0 ? Math.max(0, to - FIRST) : Math.min(first, to);
  return { from: withDividerBefore(rows, from), to };
}

/** A divider belongs to the message below it. */
function withDividerBefore(rows: readonly Row[], from: number): number {
  let first = from;
  while (first > 0 && isDivider(rows[first - 1])) first -= 1;
  return first;
}

function isDivider(row: Row | undefined): boolean {
  return row?.kind === "day" || row?.kind === "unread";
}

/** Parts are named by messages: a day's divider moves when older messages of that day arrive. */
function messageKey(rows: readonly Row[], from: number): string | null {
  return rows.slice(from).find((row) => !isDivider(row))?.key ?? null;
}

function sliceOf(rows: readonly Row[], range: Range): Slice {
  const end = range.to >= rows.length ? null : (rows[range.to - 1]?.key ?? null);
  return { start: messageKey(rows, range.from), end };
}

/** Fixes the top, so that rows appended below do not take rows away above the reader. */
export function frozen(rows: readonly Row[], slice: Slice): Slice {
  return slice.start === null ? sliceOf(rows, rangeOf(rows, slice)) : slice;
}

/** Ready for an older page in front. */
export function toppedOut(rows: readonly Row[], slice: Slice): Slice {
  const { to } = rangeOf(rows, slice);
  return { ...sliceOf(rows, { from: 0, to: Math.min(to, MOST) }), start: TOP };
}

export function widenedUp(rows: readonly Row[], slice: Slice): Slice {
  const range = rangeOf(rows, slice);
  const from = Math.max(0, range.from - STEP);
  return sliceOf(rows, { from, to: Math.min(range.to, from + MOST) });
}

export function widenedDown(rows: readonly Row[], slice: Slice): Slice {
  const range = rangeOf(rows, slice);
  const to = Math.min(rows.length, range.to + STEP);
  return sliceOf(rows, { from: Math.max(range.from, to - MOST), to });
}

/** Makes room for one row, for example the unread divider, wherever it is. */
export function including(rows: readonly Row[], slice: Slice, key: string): Slice {
  const index = indexOf(rows, key);
  const range = rangeOf(rows, slice);
  if (index < 0 || (index >= range.from && index < range.to)) return slice;
  const from = Math.max(0, index - STEP);
  return sliceOf(rows, { from, to: Math.min(rows.length, Math.max(from + MOST, index + 1)) });
}

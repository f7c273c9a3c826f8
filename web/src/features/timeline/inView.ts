/**
 * Decides which message has been read: pure geometry, separate from the page it is measured on.
 *
 * A message counts as seen when it stands in the visible part of the list: all of it, or for one that is taller than
 * what fits, its end or as much of it as fills half the list.
 */
export interface MeasuredRow {
  seq: number;
  top: number;
  bottom: number;
}

/** Rounding of fractional layouts, in CSS pixels. */
const TOLERANCE = 2;

function isSeen(row: MeasuredRow, viewTop: number, viewBottom: number): boolean {
  const shown = Math.min(row.bottom, viewBottom) - Math.max(row.top, viewTop);
  if (shown <= 0) return false;
  const whole = row.top >= viewTop - TOLERANCE && row.bottom <= viewBottom + TOLERANCE;
  const tall = row.bottom - row.top > (viewBottom - viewTop) * 0.75;
  return whole || (tall && (row.bottom <= viewBottom + TOLERANCE || shown >= (viewBottom - viewTop) / 2));
}

/** The highest seq among the rows in view, null when none is. Rows come in order of seq. */
export function newestInView(rows: readonly MeasuredRow[], viewTop: number, viewBottom: number): number | null {
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    const row = rows[index];
    if (row === undefined || row.bottom < viewTop) break;
    if (isSeen(row, viewTop, viewBottom)) return row.seq;
  }
  return null;
}

/**
 * A run of messages: by seq, ascending, without holes.
 *
 * Owns the run's one invariant. A row replaces another of the same seq only if its version is higher, so applying the same
 * thing twice, or an older thing later, changes nothing.
 */
import type { Message, Summary } from "../generated/contract.ts";

/** The run with `row` in its place; null if that would leave a hole. Rows before the run are not part of it. */
export function placeRow(run: readonly Message[], row: Message): readonly Message[] | null {
  const first = run[0];
  if (first === undefined) return [row];
  const index = row.seq - first.seq;
  if (index < 0) return run;
  if (index > run.length) return null;
  const present = run[index];
  if (present !== undefined && present.version >= row.version) return run;
  return present === undefined ? [...run, row] : run.with(index, row);
}

/** The run with a page behind it or over it; null if the page does not touch the run. */
export function placePage(run: readonly Message[], page: readonly Message[]): readonly Message[] | null {
  let placed: readonly Message[] | null = run;
  for (const row of page) {
    placed = placeRow(placed, row);
    if (placed === null) return null;
  }
  return placed;
}

/** The run with an older page in front; null if the two do not touch. */
export function prependPage(run: readonly Message[], page: readonly Message[]): readonly Message[] | null {
  const first = run[0];
  if (first === undefined) return page;
  const older = page.filter((row) => row.seq < first.seq);
  const last = older.at(-1);
  if (last === undefined) return run;
  return last.seq === first.seq - 1 ? [...older, ...run] : null;
}

/** Whether there is a message before the run that this member may see. */
export function hasOlder(run: readonly Message[], summary: Summary): boolean {
  const first = run[0];
  return first !== undefined && first.seq > Math.max(1, summary.me.visibleFromSeq);
}

/**
 * A run of messages never gets a hole, whatever is put into it.
 */
import { describe, expect, it } from "vitest";
import { placePage, placeRow, prependPage } from "../../src/reducers/rows.ts";
import { LogModel } from "../logModel.ts";

const model = new LogModel();
for (let n = 0; n < 10; n += 1) model.send("ann", `${n}`);
const run = model.rows.slice(3, 6);
const put = (seq: number) => model.rows.slice(seq - 1, seq).map((row) => placeRow(run, row))[0];

describe("a run of messages", () => {
  it("takes the next row, refuses one beyond it, leaves out one before it", () => {
    expect(put(7)?.map((row) => row.seq)).toEqual([4, 5, 6, 7]);
    expect(put(8)).toBeNull();
    expect(put(3)).toBe(run);
  });

  it("takes a page that overlaps or follows, and refuses one that does neither", () => {
    expect(placePage(run, model.rows.slice(4))?.map((row) => row.seq)).toEqual([4, 5, 6, 7, 8, 9, 10]);
    expect(placePage(run, model.rows.slice(8))).toBeNull();
    expect(prependPage(run, model.rows.slice(0, 4))?.map((row) => row.seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(prependPage(run, model.rows.slice(0, 2))).toBeNull();
  });
});

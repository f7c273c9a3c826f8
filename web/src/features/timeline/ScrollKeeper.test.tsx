import { act, fireEvent, render, screen } from "@testing-library/react";
import { createRef, type ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ScrollKeeper, type ScrollState } from "./ScrollKeeper";

/**
 * A page with a layout: every row is 50 px high, the box shows 200 px. jsdom computes none, so the three measures the
 * keeper reads are answered from the rows that are really in the document.
 */
const ROW = 50;
const VIEW = 200;
let scrollTop = 0;

const rowsIn = (box: Element) => Array.from(box.querySelectorAll<HTMLElement>("[data-row]"));

beforeEach(() => {
  scrollTop = 0;
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(VIEW);
  vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockImplementation(function height(this: HTMLElement) {
    return Math.max(VIEW, rowsIn(this).length * ROW);
  });
  Object.defineProperty(HTMLElement.prototype, "scrollTop", {
    configurable: true,
    get: () => scrollTop,
    set(this: HTMLElement, wanted: number) {
      scrollTop = Math.max(0, Math.min(wanted, this.scrollHeight - VIEW));
    },
  });
  vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockImplementation(function box(this: HTMLElement) {
    const list = this.closest("[data-testid=timeline]");
    const index = list === null ? -1 : rowsIn(list).indexOf(this);
    return index < 0 ? new DOMRect(0, 0, 300, VIEW) : new DOMRect(0, index * ROW - scrollTop, 300, ROW);
  });
});

afterEach(() => {
  Reflect.deleteProperty(HTMLElement.prototype, "scrollTop");
});

const keys = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `m${from + index}`);

function room() {
  const keeper = createRef<ScrollKeeper>();
  const box = createRef<HTMLDivElement>();
  const onScroll = vi.fn<(state: ScrollState) => void>();
  const element = (rows: readonly string[], endIsHere = true, head: ReactNode = null) => (
    <ScrollKeeper ref={keeper} box={box} label="Messages" endIsHere={endIsHere} onScroll={onScroll}>
      {head}
      {rows.map((key) => (
        <p key={key} data-row={key}>
          {key}
        </p>
      ))}
    </ScrollKeeper>
  );
  return { keeper, onScroll, element };
}

/** The reader scrolls; the browser tells. */
function scrollTo(top: number) {
  const box = screen.getByTestId("timeline");
  box.scrollTop = top;
  fireEvent.scroll(box);
}

const placeOf = (key: string) => screen.getByText(key).getBoundingClientRect().top;

it("opens at the end and stays there as rows come", () => {
  const { element } = room();
  const { rerender } = render(element(keys(1, 10)));
  expect(scrollTop).toBe(300);
  rerender(element(keys(1, 14)));
  expect(scrollTop).toBe(500);
});

it("holds the row the reader looks at while older rows come in front and new ones behind", () => {
  const { element } = room();
  const { rerender } = render(element(keys(51, 70)));
  scrollTo(120);
  const before = placeOf("m54");
  rerender(element(keys(1, 75)));
  expect(placeOf("m54")).toBe(before);
});

it("counts a movement whose scroll event has not come yet", () => {
  const { element } = room();
  const { rerender } = render(element(keys(51, 70)));
  scrollTo(120);
  screen.getByTestId("timeline").scrollTop = 400;
  const before = placeOf("m60");
  rerender(element(keys(1, 70)));
  expect(placeOf("m60")).toBe(before);
});

it("holds on to the next row when the topmost one in view goes away", () => {
  const { element } = room();
  const { rerender } = render(element(keys(1, 20)));
  scrollTo(200);
  const before = placeOf("m6");
  rerender(element(["new", ...keys(1, 20)].filter((key) => key !== "m5")));
  expect(placeOf("m6")).toBe(before);
});

it("does not follow a divider that moves to the top of an older page", () => {
  const divider = (
    <p key="unread" data-row="unread" data-moves="">
      divider
    </p>
  );
  const { element } = room();
  const { rerender } = render(element(keys(51, 70), true, divider));
  scrollTo(0);
  const before = placeOf("m51");
  rerender(element(keys(1, 70), true, divider));
  expect(placeOf("m51")).toBe(before);
});

it("comes back to the end only by the reader's scrolling or by toEnd, and says so", () => {
  const { element, keeper, onScroll } = room();
  const { rerender } = render(element(keys(1, 20)));
  scrollTo(100);
  expect(onScroll).toHaveBeenLastCalledWith({ pinned: false, above: 100, below: 700 });
  rerender(element(keys(1, 21)));
  expect(scrollTop).toBe(100);
  act(() => keeper.current?.toEnd());
  expect(scrollTop).toBe(850);
  rerender(element(keys(1, 22)));
  expect(scrollTop).toBe(900);
});

it("does not run along at the end of a part that is not the newest", () => {
  const { element } = room();
  const { rerender } = render(element(keys(1, 20)));
  scrollTo(100);
  rerender(element(keys(1, 20), false));
  scrollTo(800);
  rerender(element(keys(1, 40), false));
  expect(scrollTop).toBe(800);
});

it("brings one row to a third of the height", () => {
  const { element, keeper } = room();
  render(element(keys(1, 30)));
  expect(keeper.current?.toRow("m10")).toBe(true);
  expect(placeOf("m10")).toBeCloseTo(VIEW / 3);
  expect(keeper.current?.toRow("nowhere")).toBe(false);
});

import { act, fireEvent, render, screen } from "@testing-library/react";
import { useRef } from "react";
import { beforeEach, expect, it, vi } from "vitest";
import { useAttention } from "./useAttention";
import { useReading } from "./useReading";

/** A box of 200 px whose rows are 50 px high; the reader stands at the top, so four rows are in view. */
const VIEW = 200;
const ROW = 50;
const onRead = vi.fn();

let visible = true;
let focused = true;

beforeEach(() => {
  onRead.mockReset();
  visible = true;
  focused = true;
  vi.spyOn(document, "visibilityState", "get").mockImplementation(() => (visible ? "visible" : "hidden"));
  vi.spyOn(document, "hasFocus").mockImplementation(() => focused);
  vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockImplementation(function box(this: HTMLElement) {
    const { seq } = this.dataset;
    return seq === undefined ? new DOMRect(0, 0, 300, VIEW) : new DOMRect(0, (Number(seq) - 1) * ROW, 300, ROW);
  });
});

function Room({ rows, lastReadSeq }: { rows: number; lastReadSeq: number }) {
  const container = useRef<HTMLDivElement>(null);
  const look = useReading({ container, lastReadSeq, attentive: useAttention(), onRead });
  return (
    <div ref={container} data-testid="box" onScroll={look}>
      {[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].slice(0, rows).map((seq) => (
        <p key={seq} data-seq={seq}>
          {seq}
        </p>
      ))}
    </div>
  );
}

function change(to: { visible?: boolean; focused?: boolean }) {
  visible = to.visible ?? visible;
  focused = to.focused ?? focused;
  act(() => {
    document.dispatchEvent(new Event("visibilitychange"));
    window.dispatchEvent(new Event(focused ? "focus" : "blur"));
  });
}

it("marks what is in view, not what lies below", () => {
  render(<Room rows={10} lastReadSeq={0} />);
  expect(onRead).toHaveBeenLastCalledWith(4);
});

it("marks nothing while the page is hidden, and catches up when it is seen again", () => {
  visible = false;
  render(<Room rows={3} lastReadSeq={0} />);
  expect(onRead).not.toHaveBeenCalled();
  change({ visible: true });
  expect(onRead).toHaveBeenLastCalledWith(3);
});

it("marks nothing while another window has the focus, even when a message arrives in plain sight", () => {
  const { rerender } = render(<Room rows={2} lastReadSeq={2} />);
  change({ focused: false });
  rerender(<Room rows={3} lastReadSeq={2} />);
  expect(screen.getByText("3")).toBeDefined();
  expect(onRead).not.toHaveBeenCalled();
  change({ focused: true });
  expect(onRead).toHaveBeenLastCalledWith(3);
});

it("marks nothing by scrolling while another window has the focus, even if the browser has not told yet", () => {
  render(<Room rows={10} lastReadSeq={3} />);
  onRead.mockReset();
  focused = false;
  fireEvent.scroll(screen.getByTestId("box"));
  expect(onRead).not.toHaveBeenCalled();
  focused = true;
  fireEvent.scroll(screen.getByTestId("box"));
  expect(onRead).toHaveBeenLastCalledWith(4);
});

it("does not repeat a mark that already stands", () => {
  render(<Room rows={4} lastReadSeq={4} />);
  expect(onRead).not.toHaveBeenCalled();
});

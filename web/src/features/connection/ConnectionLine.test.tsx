import type { Connection } from "@madang/client";
import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ConnectionLine } from "./ConnectionLine";

const ONLINE: Connection = { status: "online" };
const LOST: Connection = { status: "reconnecting", attempt: 1, since: 0 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const line = () => screen.getByTestId("connection-line");

it("says nothing while all is well, and nothing of an interruption that is over in a moment", () => {
  const { rerender } = render(<ConnectionLine connection={ONLINE} behind={false} />);
  rerender(<ConnectionLine connection={LOST} behind={false} />);
  act(() => vi.advanceTimersByTime(500));
  expect(line().textContent).toBe("");
  rerender(<ConnectionLine connection={ONLINE} behind={false} />);
  act(() => vi.advanceTimersByTime(5000));
  expect(line().textContent).toBe("");
});

it("says that it tries again once that lasts, then that it catches up, then nothing", () => {
  const { rerender } = render(<ConnectionLine connection={LOST} behind={false} />);
  act(() => vi.advanceTimersByTime(1500));
  expect(line().textContent).toBe("The connection was lost. Trying again…");
  rerender(<ConnectionLine connection={ONLINE} behind />);
  expect(line().textContent).toBe("Catching up…");
  rerender(<ConnectionLine connection={ONLINE} behind={false} />);
  expect(line().textContent).toBe("");
});

it("says at once and in words that the server refuses", () => {
  render(<ConnectionLine connection={{ status: "refused", reason: "user_disabled" }} behind={false} />);
  expect(line().textContent).toBe("This account has been disabled. Ask your administrator.");
});

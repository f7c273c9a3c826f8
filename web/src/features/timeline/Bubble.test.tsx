import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { message, pending } from "../../test/fixtures";
import { Bubble } from "./Bubble";
import type { BubbleRow } from "./rows";

const actions = { onRetry: vi.fn(), onDiscard: vi.fn(), nameOf: (id: string) => id };

function row(body: BubbleRow["body"], own: boolean): BubbleRow {
  return { kind: "bubble", key: "m1", own, first: true, last: true, time: new Date(2026, 10, 22, 15, 24), body };
}

function show(one: BubbleRow) {
  render(
    <ol>
      <Bubble row={one} {...actions} />
    </ol>,
  );
  return screen.getByRole("listitem");
}

it("shows who, what, when and how many have not read it", () => {
  const item = show(row({ state: "stored", message: message(1, "minji"), peopleUnread: 2 }, false));
  expect(screen.getByTestId("message-sender").textContent).toBe("minji");
  expect(item.textContent).toContain("text 1");
  expect(item.textContent).toContain("3:24 PM");
  expect(screen.getByText("Not read by 2 people")).toBeDefined();
});

it("shows no number when everybody has read it", () => {
  show(row({ state: "stored", message: message(1, "minji"), peopleUnread: 0 }, false));
  expect(screen.queryByTestId("people-unread")).toBeNull();
});

it("says that a message is on its way, without a time", () => {
  const item = show(row({ state: "pending", pending: pending("p", "sending") }, true));
  expect(screen.getByText("Sending")).toBeDefined();
  expect(item.querySelector("time")).toBeNull();
});

it("says that a message waits to be sent", () => {
  show(row({ state: "pending", pending: pending("p", "queued") }, true));
  expect(screen.getByTestId("sending").textContent).toBe("Waiting to send");
});

it("says in words why a message was not sent, and offers to send it again or to delete it", () => {
  show(row({ state: "pending", pending: pending("p", "failed", "not_a_member") }, true));
  expect(screen.getByTestId("failed").textContent).toContain("You are not in this conversation any more.");
  fireEvent.click(screen.getByRole("button", { name: "Send again" }));
  expect(actions.onRetry).toHaveBeenCalledWith("p");
  fireEvent.click(screen.getByRole("button", { name: "Delete" }));
  expect(actions.onDiscard).toHaveBeenCalledWith("p");
});

it("makes links of web addresses only, and leaves markup as text", () => {
  const content = "<b>x</b> https://example.com/a javascript:alert(1)";
  const item = show(row({ state: "stored", message: message(1, "minji", 1, { content }), peopleUnread: 0 }, false));
  const link = screen.getByRole("link");
  expect(link.getAttribute("href")).toBe("https://example.com/a");
  expect(link.getAttribute("rel")).toContain("noopener");
  expect(item.textContent).toContain("<b>x</b>");
  expect(item.querySelector("b")).toBeNull();
});

it("leaves nothing of a deleted message", () => {
  const deleted = message(1, "minji", 1, { content: "", deletedAt: new Date().toISOString() });
  show(row({ state: "stored", message: deleted, peopleUnread: 0 }, false));
  expect(screen.getByText("This message was deleted.")).toBeDefined();
});

import type { Client, ConversationState } from "@madang/client";
import { act, fireEvent, render, screen } from "@testing-library/react";
import i18next from "i18next";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SentenceContext } from "../../chat/systemSentence";
import { conversation, ME, member, message, pending, summary } from "../../test/fixtures";
import { Timeline } from "./Timeline";

const sentences: SentenceContext = { t: i18next.getFixedT("en"), language: "en", meId: ME, nameOf: (id) => id };
const client = {
  markRead: vi.fn(),
  loadOlder: vi.fn(async () => undefined),
  retry: vi.fn(),
  discard: vi.fn(),
} satisfies Partial<Client>;

let focused = true;

beforeEach(() => {
  focused = true;
  vi.clearAllMocks();
  vi.spyOn(document, "hasFocus").mockImplementation(() => focused);
});

const element = (about: ConversationState) => (
  <Timeline client={client as unknown as Client} conversation={about} sentences={sentences} notes={false} />
);

const read = (lastReadSeq: number) => summary({}, { lastReadSeq });

describe("the unread divider", () => {
  const messages = [message(1, ME), message(2, "minji"), message(3, "minji")];

  it("stands where the reader had stopped, and stays while they read", () => {
    const { rerender } = render(element(conversation({ messages, summary: read(1) })));
    expect(screen.getByTestId("unread-divider").nextElementSibling?.getAttribute("data-row")).toBe("m2");
    rerender(element(conversation({ messages, summary: read(3) })));
    expect(screen.getByTestId("unread-divider").nextElementSibling?.getAttribute("data-row")).toBe("m2");
  });

  it("is placed anew when the reader returns to messages that came meanwhile", () => {
    const { rerender } = render(element(conversation({ messages, summary: read(3) })));
    expect(screen.queryByTestId("unread-divider")).toBeNull();
    focused = false;
    act(() => void window.dispatchEvent(new Event("blur")));
    rerender(element(conversation({ messages: [...messages, message(4, "minji")], summary: read(3) })));
    focused = true;
    act(() => void window.dispatchEvent(new Event("focus")));
    expect(screen.getByTestId("unread-divider").nextElementSibling?.getAttribute("data-row")).toBe("m4");
  });

  it("does not come or move when the reader leaves", () => {
    render(element(conversation({ messages, summary: read(3) })));
    focused = false;
    act(() => void window.dispatchEvent(new Event("blur")));
    expect(screen.queryByTestId("unread-divider")).toBeNull();
  });

  it("does not stand before a message that comes while the reader looks", () => {
    const { rerender } = render(element(conversation({ messages, summary: read(3) })));
    rerender(element(conversation({ messages: [...messages, message(4, "minji")], summary: read(3) })));
    expect(screen.queryByTestId("unread-divider")).toBeNull();
  });
});

it("shows the number of people who have not read each message", () => {
  const members = new Map([
    ["minji", member("minji", 1)],
    ["cheol", member("cheol", 2)],
    [ME, member(ME, 2)],
  ]);
  render(element(conversation({ messages: [message(1, ME), message(2, ME)], members, summary: read(2) })));
  const numbers = screen
    .getAllByTestId("message")
    .map((row) => row.querySelector("[data-testid=people-unread]")?.textContent);
  expect(numbers).toEqual([undefined, "1Not read by 1 person"]);
});

it("keeps the row on the page when a message on its way is stored", () => {
  const { rerender } = render(element(conversation({ pending: [pending("m1", "sending")] })));
  const before = screen.getByTestId("message");
  rerender(element(conversation({ messages: [message(1, ME, 60)], summary: read(1) })));
  expect(screen.getByTestId("message")).toBe(before);
  expect(before.dataset.state).toBe("stored");
});

it("asks for older pages while the reader stands near the oldest message, but not after a failure", () => {
  const messages = [message(51, "minji")];
  // jsdom has no layout: a box of some height that shows everything.
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(500);
  const { rerender } = render(element(conversation({ messages, hasOlder: true, summary: read(51) })));
  expect(client.loadOlder).toHaveBeenCalledWith("c");
  client.loadOlder.mockClear();
  rerender(element(conversation({ messages, hasOlder: true, loadError: "unreachable", summary: read(51) })));
  expect(client.loadOlder).not.toHaveBeenCalled();
  expect(screen.getByRole("alert").textContent).toContain("The server cannot be reached.");
  fireEvent.click(screen.getByRole("button", { name: "Load older messages" }));
  expect(client.loadOlder).toHaveBeenCalledTimes(1);
});

describe("a room with more unread than one page", () => {
  const page = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => message(from + index, "minji"));
  const at = (lastReadSeq: number, oldest: number, more: Partial<ConversationState> = {}) =>
    conversation({
      messages: page(oldest, 300),
      hasOlder: oldest > 1,
      summary: summary({ lastSeq: 300 }, { lastReadSeq, unreadCount: 300 - lastReadSeq }),
      ...more,
    });

  beforeEach(() => {
    // jsdom has no layout: everything is in view, so whatever may be read is.
    vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockReturnValue(new DOMRect(0, 0, 300, 200));
  });

  it("loads older pages until the first unread message is there, and reads nothing before", () => {
    const { rerender } = render(element(at(190, 251)));
    expect(client.loadOlder).toHaveBeenCalledTimes(1);
    rerender(element(at(190, 251, { loading: "older" })));
    rerender(element(at(190, 201)));
    expect(client.loadOlder).toHaveBeenCalledTimes(2);
    expect(client.markRead).not.toHaveBeenCalled();
    rerender(element(at(190, 151)));
    expect(screen.getByTestId("unread-divider").nextElementSibling?.getAttribute("data-row")).toBe("m191");
    expect(client.markRead).toHaveBeenCalledWith("c", 300);
  });

  it("opens at its end after a longer absence, and when a page cannot be loaded", () => {
    for (const room of [at(40, 251), at(190, 251, { loadError: "unreachable" })]) {
      client.markRead.mockClear();
      render(element(room)).unmount();
      expect(client.markRead).toHaveBeenCalledWith("c", 300);
    }
    expect(client.loadOlder).not.toHaveBeenCalled();
  });
});

describe("what is spoken", () => {
  it("is a message that arrives, not history and not one's own", () => {
    const { rerender } = render(element(conversation({ messages: [message(5, "minji")], summary: read(5) })));
    expect(screen.getByTestId("announcer").textContent).toBe("");
    const older = [message(4, "minji"), message(5, "minji")];
    rerender(element(conversation({ messages: older, summary: read(5) })));
    expect(screen.getByTestId("announcer").textContent).toBe("");
    rerender(element(conversation({ messages: [...older, message(6, "minji")], summary: read(6) })));
    expect(screen.getByTestId("announcer").textContent).toBe("minji: text 6");
    const more = [...older, message(6, "minji"), message(7, ME)];
    rerender(element(conversation({ messages: more, summary: read(7) })));
    expect(screen.getByTestId("announcer").textContent).toBe("");
  });

  it("is a number when several arrive at once", () => {
    const { rerender } = render(element(conversation({ messages: [message(1, "minji")], summary: read(1) })));
    const messages = [1, 2, 3, 4].map((seq) => message(seq, "minji"));
    rerender(element(conversation({ messages, summary: read(4) })));
    expect(screen.getByTestId("announcer").textContent).toBe("3 new messages");
  });
});

describe("typing", () => {
  const now = Date.now();

  it.each([
    [["minji"], "minji is typing"],
    [["minji", "cheol"], "minji and cheol are typing"],
    [["minji", "cheol", "yuna"], "minji and 2 others are typing"],
  ])("of %j reads “%s”", (ids, sentence) => {
    const typing = new Map(ids.map((id) => [id, now + 60_000]));
    render(element(conversation({ typing })));
    expect(screen.getByTestId("typing").textContent).toBe(sentence);
  });

  it("ends by itself when its time is over", () => {
    vi.useFakeTimers();
    render(element(conversation({ typing: new Map([["minji", Date.now() + 1000]]) })));
    expect(screen.getByTestId("typing")).toBeDefined();
    act(() => vi.advanceTimersByTime(1100));
    expect(screen.queryByTestId("typing")).toBeNull();
    vi.useRealTimers();
  });
});

import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Drafts } from "../../chat/drafts";
import { Composer } from "./Composer";

const onSend = vi.fn();
const onTyping = vi.fn();

function show(drafts = new Drafts(localStorage, "me"), limit = 10_000) {
  render(
    <Composer
      conversationId="c"
      placeholder="Write a message"
      drafts={drafts}
      limit={limit}
      onSend={onSend}
      onTyping={onTyping}
    />,
  );
  return screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Message" });
}

beforeEach(() => {
  localStorage.clear();
  onSend.mockReset();
  onTyping.mockReset();
});

describe("Enter", () => {
  it("sends what was written and empties the field", async () => {
    const field = show();
    await userEvent.type(field, "hello{Enter}");
    expect(onSend).toHaveBeenCalledExactlyOnceWith("hello");
    expect(field.value).toBe("");
  });

  it("starts a new line together with Shift", async () => {
    const field = show();
    await userEvent.type(field, "one{Shift>}{Enter}{/Shift}two");
    expect(onSend).not.toHaveBeenCalled();
    expect(field.value).toBe("one\ntwo");
  });

  it("never sends while a Hangul syllable is being composed, however the browser says so", () => {
    const field = show();
    fireEvent.change(field, { target: { value: "안녀" } });
    fireEvent.compositionStart(field);
    fireEvent.keyDown(field, { key: "Enter" });
    fireEvent.compositionEnd(field);
    fireEvent.keyDown(field, { key: "Enter", isComposing: true });
    fireEvent.keyDown(field, { key: "Enter", keyCode: 229 });
    expect(onSend).not.toHaveBeenCalled();
  });

  it("sends once, and the whole word, after the composition has ended", () => {
    const field = show();
    fireEvent.compositionStart(field);
    fireEvent.change(field, { target: { value: "안녕" } });
    fireEvent.compositionEnd(field);
    fireEvent.keyDown(field, { key: "Enter", keyCode: 13 });
    expect(onSend).toHaveBeenCalledExactlyOnceWith("안녕");
  });

  it("does not send blanks", async () => {
    await userEvent.type(show(), "   {Enter}");
    expect(onSend).not.toHaveBeenCalled();
  });
});

describe("the limit", () => {
  it("is shown near the end, counted in UTF-16 units after NFC, and holds the message back beyond it", () => {
    const field = show(undefined, 600);
    fireEvent.change(field, { target: { value: "x".repeat(99) } });
    expect(screen.queryByText(/left/)).toBeNull();
    fireEvent.change(field, { target: { value: "👍".repeat(299) } });
    expect(screen.getByText("2 characters left")).toBeDefined();
    // Decomposed Hangul is three units before NFC and one after it.
    fireEvent.change(field, { target: { value: "\u1112\u1161\u11ab".repeat(600) } });
    expect(screen.getByText("0 characters left")).toBeDefined();
    fireEvent.change(field, { target: { value: "x".repeat(601) } });
    expect(screen.getByText("1 character too long")).toBeDefined();
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Send" }).disabled).toBe(true);
    fireEvent.keyDown(field, { key: "Enter" });
    expect(onSend).not.toHaveBeenCalled();
  });
});

describe("the draft", () => {
  it("is kept per conversation, survives a reload, and is gone once sent", async () => {
    await userEvent.type(show(), "half a thou");
    const reloaded = new Drafts(localStorage, "me");
    expect(reloaded.getSnapshot().get("c")).toBe("half a thou");
    expect(reloaded.getSnapshot().get("other")).toBeUndefined();
    await userEvent.type(screen.getByRole("textbox"), "ght{Enter}");
    expect(new Drafts(localStorage, "me").getSnapshot().size).toBe(0);
  });

  it("is there again when the room is opened", () => {
    localStorage.setItem("madang.draft.me.c", "kept");
    expect(show().value).toBe("kept");
  });
});

it("tells when somebody types, and stops telling when the field is empty, left or sent", async () => {
  const field = show();
  await userEvent.type(field, "a");
  expect(onTyping).toHaveBeenLastCalledWith(true);
  await userEvent.clear(field);
  expect(onTyping).toHaveBeenLastCalledWith(false);
  await userEvent.type(field, "b{Enter}");
  expect(onTyping).toHaveBeenLastCalledWith(false);
});

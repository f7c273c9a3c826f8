import { beforeEach, expect, it } from "vitest";
import { Drafts, dropDrafts } from "./drafts";

beforeEach(() => {
  localStorage.clear();
});

it("shows nobody what another person wrote in the same room", () => {
  new Drafts(localStorage, "mina").write("room", "secret");
  expect(new Drafts(localStorage, "joon").getSnapshot().size).toBe(0);
  expect(new Drafts(localStorage, "mina").getSnapshot().get("room")).toBe("secret");
});

it("drops what other people left, and everything when nobody is signed in, but nothing that is no draft", () => {
  localStorage.setItem("madang.theme", "dark");
  localStorage.setItem("madang.draft.room", "of an older page");
  new Drafts(localStorage, "mina").write("room", "secret");
  new Drafts(localStorage, "joon").write("room", "his own");
  dropDrafts(localStorage, "joon");
  expect(Object.keys(localStorage).sort()).toEqual(["madang.draft.joon.room", "madang.theme"]);
  dropDrafts(localStorage, null);
  expect(Object.keys(localStorage)).toEqual(["madang.theme"]);
});

it("drops the draft of a conversation one is not in any more", () => {
  const drafts = new Drafts(localStorage, "mina");
  drafts.write("left", "too late");
  drafts.write("here", "soon");
  drafts.keepOnly(new Set(["here"]));
  expect([...drafts.getSnapshot().keys()]).toEqual(["here"]);
  expect([...new Drafts(localStorage, "mina").getSnapshot().keys()]).toEqual(["here"]);
});

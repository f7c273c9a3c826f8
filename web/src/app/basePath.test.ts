import { expect, it } from "vitest";
import { basePathOf } from "./basePath";

it("reads the prefix from the document's base", () => {
  expect(basePathOf("https://example.org/")).toBe("");
  expect(basePathOf("https://example.org/chat/")).toBe("/chat");
  expect(basePathOf("https://example.org/a/b/?x=1#y")).toBe("/a/b");
});

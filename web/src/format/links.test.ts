import { expect, it } from "vitest";
import { linkParts } from "./links";

const links = (text: string) => linkParts(text).flatMap((part) => (part.kind === "link" ? [part.text] : []));

it("finds http and https and leaves every other scheme as text", () => {
  expect(links("see https://example.com/a?b=1#c now")).toEqual(["https://example.com/a?b=1#c"]);
  expect(links("HTTP://EXAMPLE.COM")).toEqual(["HTTP://EXAMPLE.COM"]);
  expect(links("javascript:alert(1) data:text/html,x ftp://a.b file:///etc")).toEqual([]);
});

it("ends before punctuation and before a Korean particle, but keeps a Korean path", () => {
  expect(links("여기 https://example.com에서 봐요.")).toEqual(["https://example.com"]);
  expect(links("(https://example.com/a).")).toEqual(["https://example.com/a"]);
  expect(links("https://en.wikipedia.org/wiki/Seoul_(disambiguation)!")).toEqual([
    "https://en.wikipedia.org/wiki/Seoul_(disambiguation)",
  ]);
  expect(links("https://ko.wikipedia.org/wiki/한국")).toEqual(["https://ko.wikipedia.org/wiki/한국"]);
});

it("does not link an address that hides its host behind a user name", () => {
  expect(links("https://bank.example@evil.example/")).toEqual([]);
});

it("loses no character of the message", () => {
  const text = "a https://x.example/1, b\nhttp:// c https://y.example/<b>";
  expect(
    linkParts(text)
      .map((part) => part.text)
      .join(""),
  ).toBe(text);
});

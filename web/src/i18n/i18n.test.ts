import { expect, it } from "vitest";
import en from "./en.json";
import { preferredLanguage, startTranslations } from "./i18n";
import ko from "./ko.json";

type Tree = { readonly [key: string]: string | Tree };

/** Every key as a path, plural forms folded into one: English has two, Korean one. */
function paths(tree: Tree, prefix = ""): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === "string" ? [`${prefix}${key.replace(/_(one|other)$/, "")}`] : paths(value, `${prefix}${key}.`),
  );
}

function texts(tree: Tree, prefix = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[`${prefix}${key}`, value]] : texts(value, `${prefix}${key}.`),
  );
}

const slots = (text: string) => new Set(Array.from(text.matchAll(/\{\{(\w+)/g), (match) => match[1]));

it("has every key in both languages", () => {
  const unique = (tree: Tree) => Array.from(new Set(paths(tree))).sort();
  expect(unique(ko)).toEqual(unique(en));
});

it("leaves no text empty and fills in the same names in both languages", () => {
  const english = new Map(texts(en));
  for (const [key, text] of texts(ko)) {
    expect(text, key).not.toBe("");
    expect(slots(text), key).toEqual(slots(english.get(key) ?? ""));
  }
});

it("writes the particle that fits the name it follows", () => {
  const i18n = startTranslations("ko");
  const renamed = (name: string) => i18n.t("system.renamed", { actor: "민지님", name });
  expect(renamed("가족")).toBe("민지님이 대화 이름을 ‘가족’으로 바꾸었습니다.");
  expect(renamed("서울")).toBe("민지님이 대화 이름을 ‘서울’로 바꾸었습니다.");
});

it("prefers the stored language, then the browser's, then English", () => {
  expect(preferredLanguage("ko", ["en-US"])).toBe("ko");
  expect(preferredLanguage(null, ["fr-FR", "ko-KR", "en"])).toBe("ko");
  expect(preferredLanguage("xx", ["fr"])).toBe("en");
});

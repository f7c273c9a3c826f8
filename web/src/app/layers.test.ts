import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const SHARED = ["chat", "format", "i18n", "people", "ui"];

const sources = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter(
  (path) => /\.tsx?$/.test(path) && !path.includes(".test."),
);

/** What a file imports of this folder, as paths from its root. */
function imports(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  return Array.from(text.matchAll(/(?:from|import) "(\.[^"]+)"/g), (match) =>
    relative(ROOT, join(ROOT, dirname(path), match[1] ?? "")),
  );
}

it("lets no feature import another one, nor the page that puts them together", () => {
  for (const path of sources.filter((one) => one.startsWith("features/"))) {
    const own = path.split("/").slice(0, 2).join("/");
    const foreign = imports(path).filter(
      (target) => target.startsWith("app/") || (target.startsWith("features/") && !target.startsWith(`${own}/`)),
    );
    expect(foreign, path).toEqual([]);
  }
});

it("keeps what features share free of features", () => {
  for (const path of sources.filter((one) => SHARED.includes(one.split("/")[0] ?? ""))) {
    expect(
      imports(path).filter((target) => /^(?:app|features)\//.test(target)),
      path,
    ).toEqual([]);
  }
});

it("keeps files near 250 lines", () => {
  for (const path of sources) expect(readFileSync(join(ROOT, path), "utf8").split("\n").length, path).toBeLessThan(260);
});

it("never hands text to the page as markup", () => {
  for (const path of sources)
    expect(readFileSync(join(ROOT, path), "utf8")).not.toMatch(/dangerouslySetInnerHTML|innerHTML/);
});

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const css = readFileSync(`${import.meta.dirname}/tokens.css`, "utf8");
const tokens = new Map(
  Array.from(css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g), (match) => [
    match[1] ?? "",
    { light: match[2] ?? "", dark: match[3] ?? "" },
  ]),
);

function luminance(hex: string): number {
  const channel = (from: number) => {
    const value = Number.parseInt(hex.slice(from, from + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const SURFACES: Record<string, string[]> = {
  ink: ["paper", "paper-raised", "paper-sunken", "paper-hover", "paper-chosen"],
  "ink-soft": ["paper", "paper-raised", "paper-sunken", "paper-hover", "paper-chosen"],
  "ink-faint": ["paper", "paper-raised", "paper-sunken", "paper-hover", "paper-chosen"],
  "yard-ink": ["yard"],
  "yard-chip-ink": ["yard-chip"],
  "own-ink": ["own"],
  "other-ink": ["other"],
  count: ["yard"],
  jade: ["paper", "paper-raised", "yard", "yard-chip", "paper-chosen", "jade-soft"],
  "jade-ink": ["jade", "jade-hover"],
  persimmon: ["paper", "paper-raised", "yard", "persimmon-soft"],
  "persimmon-ink": ["persimmon"],
};

for (const theme of ["light", "dark"] as const) {
  it(`keeps text at 4.5:1 or more on every surface it stands on, ${theme}`, () => {
    for (const [text, surfaces] of Object.entries(SURFACES)) {
      for (const surface of surfaces) {
        const ratio = contrast(tokens.get(text)?.[theme] ?? "", tokens.get(surface)?.[theme] ?? "");
        expect(ratio, `${text} on ${surface}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
}

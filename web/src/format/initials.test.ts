import { expect, it } from "vitest";
import { AVATAR_TONES, initials, toneOf } from "./initials";

it("uses the given name of a Korean name and the initials of a Latin one", () => {
  expect(initials("김민지")).toBe("민지");
  expect(initials("Ada Lovelace")).toBe("AL");
  expect(initials("mango")).toBe("M");
  expect(initials("우리 가족 모임")).toBe("우");
});

it("never cuts an emoji apart and never is empty", () => {
  expect(initials("👩‍👩‍👧 home")).toBe("👩‍👩‍👧");
  expect(initials("   ")).toBe("?");
});

it("gives one id one tone, and spreads ids over all tones", () => {
  expect(toneOf("a1")).toBe(toneOf("a1"));
  const tones = new Set(Array.from({ length: 200 }, (_, index) => toneOf(`user-${index}`)));
  expect(tones.size).toBe(AVATAR_TONES);
});

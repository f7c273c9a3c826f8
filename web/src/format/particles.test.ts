import { expect, it } from "vitest";
import { particle } from "./particles";

it("chooses by the final consonant of a Hangul syllable", () => {
  expect(particle("마당", "이/가")).toBe("이");
  expect(particle("친구", "이/가")).toBe("가");
  expect(particle("민지", "을/를")).toBe("를");
  expect(particle("은혁", "은/는")).toBe("은");
  expect(particle("바다", "과/와")).toBe("와");
});

it("lets 으로 lose its vowel after ㄹ only", () => {
  expect(particle("서울", "으로/로")).toBe("로");
  expect(particle("마당", "으로/로")).toBe("으로");
  expect(particle("서울", "이/가")).toBe("이");
});

it("reads digits and Latin letters aloud", () => {
  expect(particle("방 1", "으로/로")).toBe("로");
  expect(particle("3", "이/가")).toBe("이");
  expect(particle("2", "이/가")).toBe("가");
  expect(particle("Team", "을/를")).toBe("을");
  expect(particle("Design", "으로/로")).toBe("으로");
  expect(particle("Bob", "이/가")).toBe("가");
});

it("looks past closing quotes and writes both forms where the sound is unknown", () => {
  expect(particle("‘가족’", "으로/로")).toBe("으로");
  expect(particle("🌿", "이/가")).toBe("이(가)");
  expect(particle("", "으로/로")).toBe("(으)로");
});

import { describe, expect, it } from "vitest";
import { clock, dayTitle, listTime, minuteKey, untilMidnight } from "./time";

/** Times are written in the machine's own zone, as the reader sees them. */
const at = (year: number, month: number, day: number, hour = 0, minute = 0) =>
  new Date(year, month - 1, day, hour, minute);

describe("clock", () => {
  it("writes 오전 and 오후 before the numbers, whatever the browser's own day periods are", () => {
    expect(clock(at(2026, 11, 22, 15, 24), "ko")).toBe("오후 3:24");
    expect(clock(at(2026, 11, 22, 21, 5), "ko")).toBe("오후 9:05");
    expect(clock(at(2026, 11, 22, 9, 0), "ko")).toBe("오전 9:00");
  });

  it("counts noon as the afternoon's twelve and midnight as the morning's", () => {
    expect(clock(at(2026, 11, 22, 12, 0), "ko")).toBe("오후 12:00");
    expect(clock(at(2026, 11, 22, 0, 7), "ko")).toBe("오전 12:07");
    expect(clock(at(2026, 11, 22, 0, 7), "en")).toBe("12:07 AM");
  });
});

describe("listTime", () => {
  const now = at(2026, 1, 1, 0, 30);

  it("says the clock for today and 어제 across the turn of the year", () => {
    expect(listTime(at(2026, 1, 1, 0, 10), now, "ko")).toBe("오전 12:10");
    expect(listTime(at(2025, 12, 31, 23, 59), now, "ko")).toBe("어제");
    expect(listTime(at(2025, 12, 31, 23, 59), now, "en")).toBe("Yesterday");
  });

  it("says a day, with its year when that is another one", () => {
    const later = at(2026, 11, 22, 10, 0);
    expect(listTime(at(2026, 3, 5), later, "ko")).toBe("3월 5일");
    expect(listTime(at(2026, 3, 5), later, "en")).toBe("Mar 5");
    expect(listTime(at(2025, 12, 30), now, "ko")).toBe("2025. 12. 30.");
    expect(listTime(at(2025, 12, 30), now, "en")).toBe("Dec 30, 2025");
  });
});

it("names a day with its weekday in both languages", () => {
  expect(dayTitle(at(2026, 11, 22), "ko")).toBe("2026년 11월 22일 일요일");
  expect(dayTitle(at(2026, 11, 22), "en")).toBe("Sunday, November 22, 2026");
});

it("keeps two moments of one minute together and parts neighbours", () => {
  expect(minuteKey(new Date(2026, 0, 1, 3, 4, 1))).toBe(minuteKey(new Date(2026, 0, 1, 3, 4, 59)));
  expect(minuteKey(at(2026, 1, 1, 3, 4))).not.toBe(minuteKey(at(2026, 1, 1, 3, 5)));
});

it("knows how long today still lasts", () => {
  expect(untilMidnight(at(2026, 11, 22, 23, 59))).toBe(60_000);
});

/**
 * Times as people read them: a clock, "yesterday", a day. Owns the wording of 오전/오후 because browsers differ on it
 * (some print "PM 3:24" in Korean, some 밤 or 저녁); the numbers come from Intl parts, so the time zone is the reader's.
 * Never used to order messages: order is `seq`.
 */
export type Language = "ko" | "en";

const clockParts = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit", hour12: true });

/** 오후 3:24 · 3:24 PM */
export function clock(time: Date, language: Language): string {
  const parts = clockParts.formatToParts(time);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? "";
  const numbers = `${part("hour")}:${part("minute")}`;
  const afternoon = part("dayPeriod").toUpperCase() === "PM";
  if (language === "ko") return `${afternoon ? "오후" : "오전"} ${numbers}`;
  return `${numbers} ${afternoon ? "PM" : "AM"}`;
}

/** The local calendar day as YYYY-MM-DD: equal keys are the same day for the reader. */
export function dayKey(time: Date): string {
  const month = String(time.getMonth() + 1).padStart(2, "0");
  return `${time.getFullYear()}-${month}-${String(time.getDate()).padStart(2, "0")}`;
}

/** The local minute: messages of one person in one minute stand together and show one time. */
export function minuteKey(time: Date): string {
  return `${dayKey(time)} ${time.getHours()}:${time.getMinutes()}`;
}

/** 2026년 11월 22일 일요일 · Sunday, November 22, 2026 */
export function dayTitle(time: Date, language: Language): string {
  const weekday = new Intl.DateTimeFormat(language, { weekday: "long" }).format(time);
  if (language === "ko") return `${time.getFullYear()}년 ${time.getMonth() + 1}월 ${time.getDate()}일 ${weekday}`;
  const day = new Intl.DateTimeFormat("en-US", { month: "long", day: "numeric", year: "numeric" }).format(time);
  return `${weekday}, ${day}`;
}

/** What stands beside a conversation in the list: today a clock, then yesterday, then a day, then a day with its year. */
export function listTime(time: Date, now: Date, language: Language): string {
  if (dayKey(time) === dayKey(now)) return clock(time, language);
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayKey(time) === dayKey(yesterday)) return language === "ko" ? "어제" : "Yesterday";
  const sameYear = time.getFullYear() === now.getFullYear();
  if (language === "ko") {
    const day = `${time.getMonth() + 1}월 ${time.getDate()}일`;
    return sameYear ? day : `${time.getFullYear()}. ${time.getMonth() + 1}. ${time.getDate()}.`;
  }
  const options: Intl.DateTimeFormatOptions = { month: "short", day: "numeric" };
  if (!sameYear) options.year = "numeric";
  return new Intl.DateTimeFormat("en-US", options).format(time);
}

/** Milliseconds until the reader's next midnight, when "today" becomes "yesterday". */
export function untilMidnight(now: Date): number {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1).getTime() - now.getTime();
}

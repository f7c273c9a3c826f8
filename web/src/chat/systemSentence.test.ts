import type { Message, SystemEvent } from "@madang/client";
import i18next from "i18next";
import { afterAll, describe, expect, it } from "vitest";
import { ME, message } from "../test/fixtures";
import { type SentenceContext, systemSentence } from "./systemSentence";

const NAMES: Record<string, string> = { minji: "민지", cheol: "철수", yuna: "유나", jun: "준호", sora: "소라" };

function context(language: "ko" | "en"): SentenceContext {
  return { t: i18next.getFixedT(language), language, meId: ME, nameOf: (id) => NAMES[id] ?? id };
}

function entry(system: SystemEvent): Message {
  return message(1, null, 1, { system, content: "server's own words" });
}

const ko = (system: SystemEvent) => systemSentence(entry(system), context("ko"));
const en = (system: SystemEvent) => systemSentence(entry(system), context("en"));

afterAll(() => {
  void i18next.changeLanguage("en");
});

describe("who did it", () => {
  it("is said from the reader's side", () => {
    const add = (actorId: string | null, userIds: string[]): SystemEvent => ({
      kind: "members_added",
      actorId,
      userIds,
    });
    expect(ko(add("minji", ["cheol"]))).toBe("민지님이 철수님을 초대했습니다.");
    expect(ko(add(ME, ["cheol", "yuna"]))).toBe("철수님, 유나님을 초대했습니다.");
    expect(ko(add("minji", [ME]))).toBe("민지님이 나를 초대했습니다.");
    expect(ko(add("minji", ["cheol", ME]))).toBe("민지님이 나, 철수님을 초대했습니다.");
    expect(ko(add(null, ["cheol"]))).toBe("철수님이 들어왔습니다.");
    expect(en(add("minji", ["cheol", "yuna"]))).toBe("민지 added 철수 and 유나.");
    expect(en(add("minji", [ME]))).toBe("민지 added you.");
  });

  it("is somebody who comes by themselves when the added one is the actor", () => {
    expect(ko({ kind: "members_added", actorId: "minji", userIds: ["minji"] })).toBe("민지님이 들어왔습니다.");
    expect(en({ kind: "members_added", actorId: ME, userIds: [ME] })).toBe("You joined.");
  });
});

it("shortens a long list of names", () => {
  const system: SystemEvent = {
    kind: "members_added",
    actorId: ME,
    userIds: ["minji", "cheol", "yuna", "jun", "sora"],
  };
  expect(ko(system)).toBe("민지님, 철수님, 유나님 외 2명을 초대했습니다.");
  expect(en(system)).toBe("You added 민지, 철수, 유나 and 2 others.");
});

it("writes the particle that fits a room's name", () => {
  expect(ko({ kind: "renamed", actorId: "minji", name: "서울" })).toBe("민지님이 대화 이름을 ‘서울’로 바꾸었습니다.");
  expect(ko({ kind: "renamed", actorId: ME, name: "가족" })).toBe("대화 이름을 ‘가족’으로 바꾸었습니다.");
  expect(ko({ kind: "created", actorId: "minji", name: "친구" })).toBe("민지님이 ‘친구’를 만들었습니다.");
  expect(en({ kind: "renamed", actorId: null, name: "Seoul" })).toBe("The conversation is now called “Seoul”.");
});

it("tells leaving from being removed", () => {
  expect(ko({ kind: "member_left", actorId: "minji", userIds: ["minji"] })).toBe("민지님이 나갔습니다.");
  expect(ko({ kind: "member_removed", actorId: "minji", userIds: ["cheol"] })).toBe("민지님이 철수님을 내보냈습니다.");
  expect(en({ kind: "member_removed", actorId: ME, userIds: ["cheol"] })).toBe("You removed 철수.");
  expect(en({ kind: "member_left", actorId: ME })).toBe("You left.");
});

it("names the new role", () => {
  expect(ko({ kind: "role_changed", actorId: "minji", userIds: ["cheol"], role: "owner" })).toBe(
    "민지님이 철수님의 역할을 방장으로 바꾸었습니다.",
  );
  expect(en({ kind: "role_changed", actorId: "minji", userIds: [ME], role: "admin" })).toBe("You are now an admin.");
});

it("falls back to the server's words for what it does not know", () => {
  const unknown = { kind: "pinned", actorId: "minji" } as unknown as SystemEvent;
  expect(en(unknown)).toBe("server's own words");
  expect(systemSentence(message(1, null), context("en"))).toBe("text 1");
});

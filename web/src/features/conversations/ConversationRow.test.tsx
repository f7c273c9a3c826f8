import { render, screen } from "@testing-library/react";
import i18next from "i18next";
import { expect, it } from "vitest";
import type { SentenceContext } from "../../chat/systemSentence";
import { conversation, ME, message, pending, summary, user } from "../../test/fixtures";
import { ConversationRow } from "./ConversationRow";

const sentences: SentenceContext = { t: i18next.getFixedT("en"), language: "en", meId: ME, nameOf: (id) => id };
const now = new Date(2026, 10, 22, 12, 0);

function show(about: ReturnType<typeof conversation>, more: { draft?: string; online?: boolean } = {}) {
  render(
    <ul>
      <ConversationRow
        conversation={about}
        sentences={sentences}
        draft={more.draft}
        online={more.online ?? false}
        open={false}
        now={now}
      />
    </ul>,
  );
  return screen.getByRole("link");
}

const last = message(7, "minji", 5);
const busy = summary({ lastMessage: last, lastMessageAt: last.createdAt }, { unreadCount: 12 });

it("says who wrote last in a group, when, and how many are unread", () => {
  const row = show(conversation({ summary: busy }));
  expect(row.textContent).toContain("minji: text 7");
  expect(row.textContent).toContain("10:05 AM");
  expect(screen.getByTestId("unread-badge").textContent).toBe("1212 unread messages");
});

it("has no badge when nothing is unread", () => {
  show(conversation({ summary: summary() }));
  expect(screen.queryByTestId("unread-badge")).toBeNull();
});

it("shows a draft in place of the last message", () => {
  expect(show(conversation({ summary: busy }), { draft: "half" }).textContent).toContain("Draft half");
});

it("shows a message on its way, and says when it was not sent", () => {
  const row = show(conversation({ summary: busy, pending: [pending("p", "failed", "rate_limited")] }));
  expect(row.textContent).toContain("Not sent pending p");
});

it("says that the other one of a direct chat is here, and names notes to self", () => {
  const direct = summary({ type: "direct", name: null, peer: user("minji", "Minji") });
  show(conversation({ summary: direct }), { online: true });
  expect(screen.getByRole("img", { name: "Online" })).toBeDefined();
  const notes = summary({ type: "direct", name: null, peer: user(ME, "Me"), memberCount: 1 });
  render(
    <ul>
      <ConversationRow
        conversation={conversation({ summary: notes })}
        sentences={sentences}
        draft={undefined}
        online
        open={false}
        now={now}
      />
    </ul>,
  );
  expect(screen.getByText("Notes to self")).toBeDefined();
});

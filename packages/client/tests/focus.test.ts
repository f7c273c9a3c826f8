/**
 * What the server is told that this device shows.
 */
import { describe, expect, it } from "vitest";
import { Focus } from "../src/focus.ts";
import type { Line } from "../src/line.ts";

describe("focus", () => {
  it("is the conversation opened last, told once", async () => {
    const { focus, opened, sent } = start();
    opened.push("a");
    focus.refresh();
    focus.refresh();
    await settled();
    opened.push("b");
    focus.refresh();
    await settled();
    focus.refresh();
    await settled();
    opened.pop();
    focus.refresh();
    await settled();
    opened.pop();
    focus.refresh();
    await settled();
    expect(sent).toEqual(["a", "b", "a", null]);
  });

  it("says nothing between closing one and opening another", async () => {
    const { focus, opened, sent } = start();
    opened.push("a");
    focus.refresh();
    await settled();
    opened.pop();
    focus.refresh();
    opened.push("b");
    focus.refresh();
    await settled();
    expect(sent).toEqual(["a", "b"]);
  });

  it("is told again to every connection, and to none that is lost", async () => {
    const { focus, opened, sent } = start();
    opened.push("a");
    focus.refresh();
    await settled();
    focus.pause();
    opened.push("b");
    focus.refresh();
    await settled();
    expect(sent).toEqual(["a"]);
    focus.resume();
    await settled();
    focus.pause();
    focus.resume();
    await settled();
    expect(sent).toEqual(["a", "b", "b"]);
  });
});

function start() {
  const opened: string[] = [];
  const sent: (string | null)[] = [];
  const line = {
    request: (_event: string, payload: { conversationId: string | null }) => {
      sent.push(payload.conversationId);
      return sent.length % 2 === 0 ? Promise.reject(new Error("timed out")) : Promise.resolve({ ok: true });
    },
  };
  const focus = new Focus(line as unknown as Pick<Line, "request">, () => opened);
  focus.resume();
  return { focus, opened, sent };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

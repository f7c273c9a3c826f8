/**
 * Starting delivery: what is said to be known, and what the pages of the answer do to the state.
 */
import { describe, expect, it } from "vitest";
import { type AttachDependencies, attach } from "../src/attach.ts";
import { type Init, type InitAck, LIMITS, type Summary } from "../src/generated/contract.ts";
import { type Action, initialState, reduce } from "../src/state.ts";
import { LogModel, ME, person } from "./logModel.ts";

describe("starting delivery", () => {
  it("knows nothing the first time, and names what it knows from then on", async () => {
    const server = new Server();
    const model = new LogModel();
    model.send("ann", "hello");
    server.pages = [{ conversations: [model.summary()], inbox: 4 }];
    await server.attach();
    expect(server.asked).toEqual([{}]);
    server.pages = [{ inbox: 9 }];
    await server.attach();
    expect(server.asked[1]).toEqual({ inbox: 4, known: { room: [model.epoch, model.version] } });
    expect([...server.state.conversations.keys()]).toEqual(["room"]);
    expect(server.state.inbox).toBe(9);
  });

  it("applies what was missed to what is loaded, and drops what has ended", async () => {
    const server = new Server();
    const model = new LogModel();
    model.send("ann", "before");
    server.pages = [{ conversations: [model.summary(), { ...model.summary(), id: "other" }] }];
    await server.attach();
    server.load("room", model);
    const { epoch, version } = model;
    model.edit(1, "edited");
    model.send("ann", "missed");
    server.pages = [
      { conversations: [model.summary()], changes: { room: model.changes(epoch, version) }, removed: ["other"] },
    ];
    await server.attach();
    const room = server.state.conversations.get("room");
    expect(room).toMatchObject({ behind: false, summary: model.summary(), messages: model.newest(50) });
    expect(server.state.order).toEqual(["room"]);
  });

  it("counts what did not fit as missing, and keeps what is there meanwhile", async () => {
    const server = new Server();
    const model = new LogModel();
    model.send("ann", "before");
    server.pages = [{ conversations: [model.summary()] }];
    await server.attach();
    server.load("room", model);
    model.send("ann", "missed");
    const behind = { status: "behind" as const, epoch: model.epoch, version: model.version, messages: [] };
    server.pages = [{ conversations: [model.summary()], changes: { room: behind } }];
    await server.attach();
    expect(server.state.conversations.get("room")).toMatchObject({ behind: true, summary: { version: 1 } });
    expect(server.state.conversations.get("room")?.messages).toHaveLength(1);
  });

  it("does not take the number of a list that was cut short for the number of all of it", async () => {
    const server = new Server();
    server.pages = [{ inbox: 5, next: "more" }];
    await expect(server.attach()).rejects.toThrow("cut");
    expect(server.state).toMatchObject({ inbox: null, listComplete: false });
  });

  it("asks about what it could not name and was not told of", async () => {
    const server = new Server();
    const summaries = Array.from({ length: LIMITS.known + 2 }, (_, n) => ({
      ...new LogModel().summary(),
      id: `c${n}`,
    }));
    server.pages = [{ conversations: summaries }];
    await server.attach();
    const unnamed = server.state.order.slice(LIMITS.known);
    server.pages = [{ conversations: summaries.filter(({ id }) => id === unnamed[0]) }];
    await server.attach();
    expect(Object.keys(server.asked[1]?.known ?? {})).toHaveLength(LIMITS.known);
    expect(server.verified).toEqual([unnamed[1]]);
  });
});

/** Answers `init` with what a test has laid out, and keeps the state. */
class Server implements AttachDependencies {
  state = reduce(initialState, { type: "welcomed", me: person(ME), limits: LIMITS });
  pages: Partial<InitAck>[] = [];
  readonly asked: Init[] = [];
  readonly verified: string[] = [];
  readonly line: AttachDependencies["line"] = {
    request: async (_event, payload) => {
      this.asked.push(payload as Init);
      const page = this.pages.shift();
      if (page === undefined) throw new Error("cut");
      const server = { version: "0", contract: 1, limits: LIMITS };
      const lists = { conversations: [], removed: [], changes: {}, online: [] };
      return { ok: true, server, user: person(ME), expiresAt: null, inbox: 0, ...lists, ...page } as never;
    },
  };
  readonly api = {
    conversation: async (id: string): Promise<Summary> => {
      this.verified.push(id);
      return { ...new LogModel().summary(), id };
    },
  };

  getState = () => this.state;
  dispatch = (action: Action): void => {
    this.state = reduce(this.state, action);
  };

  async attach(): Promise<void> {
    const { rest } = await attach(this);
    await rest();
  }

  load(id: string, model: LogModel): void {
    this.dispatch({ type: "conversation", id, action: { type: "loadingStarted", loading: "newest" } });
    this.dispatch({ type: "conversation", id, action: { type: "newestLoaded", page: model.newest(50) } });
  }
}

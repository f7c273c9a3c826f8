/**
 * Two people talk over a real server.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Client, type ConversationState, createClient, unreadCounter } from "../../src/index.ts";
import { type Account, Cable, connected, missing, RealServer, signUp, until } from "./realServer.ts";

describe.skipIf(missing !== null)(`against a real server${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  const server = new RealServer();
  const clients: Client[] = [];
  const cables: Cable[] = [];
  let ann: Account;
  let bob: Account;
  let cy: Account;

  beforeAll(async () => {
    await server.start();
    ann = await signUp(server, "ann");
    bob = await signUp(server, "bob");
    cy = await signUp(server, "cy");
  }, 30_000);
  afterEach(() => {
    for (const client of clients.splice(0)) client.stop();
    for (const cable of cables.splice(0)) cable.remove();
  });
  afterAll(() => server.remove());

  async function online(account: Account, url = server.url, transports?: ("websocket" | "polling")[]): Promise<Client> {
    const client = await connected(account, url, transports === undefined ? {} : { transports });
    clients.push(client);
    return client;
  }

  async function overCable(account: Account): Promise<{ client: Client; cable: Cable }> {
    const cable = new Cable(server);
    cables.push(cable);
    return { client: await online(account, await cable.lay()), cable };
  }

  it("shows a new conversation and its messages to both, counts them, and follows the reading", async () => {
    const [a, b] = [await online(ann), await online(bob)];
    const { id } = await a.createGroup("Lunch", [bob.id]);
    await until(b, (state) => state.conversations.has(id));
    a.openConversation(id);
    await loaded(a, id);
    const messageId = a.send(id, { content: "안녕 👋" });
    expect(room(a, id).pending).toMatchObject([{ id: messageId, state: "sending" }]);
    await until(a, () => room(a, id).messages.at(-1)?.id === messageId);
    expect(room(a, id).pending).toEqual([]);
    await until(b, () => room(b, id).summary.lastMessage?.content === "안녕 👋");
    expect(room(b, id).summary).toMatchObject({ unreadCount: 1, name: "Lunch", memberCount: 2 });
    expect(b.store.getSnapshot().order[0]).toBe(id);

    const seq = room(a, id).summary.lastSeq;
    await until(a, () => room(a, id).members?.size === 2);
    expect(unreadCounter(room(a, id))({ seq, senderId: ann.id })).toBe(1);
    b.markRead(id, seq);
    expect(room(b, id).summary.unreadCount).toBe(0);
    await until(a, () => unreadCounter(room(a, id))({ seq, senderId: ann.id }) === 0);
  });

  it("keeps notes to self, and finds the same direct conversation again", async () => {
    const a = await online(ann);
    const notes = await a.createDirect(ann.id);
    expect((await a.createDirect(ann.id)).id).toBe(notes.id);
    a.openConversation(notes.id);
    await loaded(a, notes.id);
    const messageId = a.send(notes.id, { content: "milk" });
    await until(a, () => room(a, notes.id).messages.some((message) => message.id === messageId));
    expect(room(a, notes.id).summary.unreadCount).toBe(0);
  });

  it("shows who types and who is there", async () => {
    const [a, b] = [await online(ann), await online(bob)];
    const { id } = await a.createDirect(bob.id);
    await until(b, (state) => state.conversations.has(id));
    await until(b, (state) => state.online.has(ann.id));
    a.setTyping(id, true);
    await until(b, () => room(b, id).typing.has(ann.id));
    expect(room(a, id).typing.size).toBe(0);
    a.setTyping(id, false);
    await until(b, () => room(b, id).typing.size === 0);
    a.stop();
    await until(b, (state) => !state.online.has(ann.id), 14_000);
  }, 25_000);

  it("pages upwards to the first message, without a hole and without repetition", async () => {
    const a = await online(ann);
    const { id } = await a.createGroup("Long", [bob.id]);
    for (let n = 0; n < 120; n += 1) a.send(id, { content: `${n}` });
    await until(a, () => room(a, id).pending.length === 0);
    const b = await online(bob);
    b.openConversation(id);
    await loaded(b, id);
    expect(room(b, id).messages).toHaveLength(50);
    while (room(b, id).hasOlder) await b.loadOlder(id);
    const { messages, summary } = room(b, id);
    expect(messages.map((message) => message.seq)).toEqual(messages.map((_, index) => index + 1));
    expect(messages.filter((message) => message.type === "text").map((message) => message.content)).toEqual(
      Array.from({ length: 120 }, (_, n) => `${n}`),
    );
    expect(messages.at(-1)?.seq).toBe(summary.lastSeq);
    expect(summary.unreadCount).toBe(120);
  });

  it("fills what was missed while the cable was cut, and sends what was written meanwhile, once", async () => {
    const a = await online(ann);
    const { client: b, cable } = await overCable(bob);
    const { id } = await a.createGroup("Cable", [bob.id]);
    await until(b, (state) => state.conversations.has(id));
    b.openConversation(id);
    await loaded(b, id);
    cable.cut();
    await until(b, (state) => state.connection.status === "reconnecting");
    for (let n = 0; n < 70; n += 1) a.send(id, { content: `meanwhile ${n}` });
    await until(a, () => room(a, id).pending.length === 0);
    const mine = ["from the tunnel", "still in it"].map((content) => b.send(id, { content }));
    expect(room(b, id).pending.map((entry) => entry.state)).toEqual(["queued", "queued"]);
    cable.plug();
    b.reconnectNow();
    // A page may bring the last row a moment before its event moves the summary.
    await until(b, () => room(b, id).pending.length === 0 && room(b, id).summary.lastMessage?.id === mine[1]);
    const { messages, summary, behind, held } = room(b, id);
    expect(messages.map((message) => message.seq)).toEqual(messages.map((_, index) => index + 1));
    expect(messages.filter((message) => message.content.startsWith("meanwhile"))).toHaveLength(70);
    expect(messages.slice(-2).map((message) => message.id)).toEqual(mine);
    expect({ behind, held, lastSeq: summary.lastSeq }).toEqual({ behind: false, held: [], lastSeq: messages.length });
    await until(a, () => room(a, id).summary.lastSeq === summary.lastSeq);
  });

  it.each(["live", "after coming back"])("shows whose mark a message left where it was, %s", async (when) => {
    const { client: a, cable } = await overCable(ann);
    const b = await online(bob);
    const { id } = await a.createGroup("Kept", [bob.id, cy.id]);
    await until(b, (state) => state.conversations.has(id));
    a.openConversation(id);
    await loaded(a, id);
    await until(a, () => room(a, id).members?.size === 3);
    a.send(id, { content: "hungry?" });
    await until(b, () => room(b, id).summary.unreadCount === 1);
    if (when !== "live") {
      cable.cut();
      await until(a, (state) => state.connection.status === "reconnecting");
    }
    const response = await fetch(`${server.url}/api/conversations/${id}/messages`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${await bob.getToken(null)}` },
      body: JSON.stringify({ content: "have not looked", keepUnread: true }),
    });
    expect(response.status).toBe(201);
    if (when !== "live") {
      cable.plug();
      a.reconnectNow();
    }
    await until(a, () => room(a, id).messages.at(-1)?.keepUnread);
    await until(b, () => room(b, id).summary.lastSeq === 3);
    const count = unreadCounter(room(a, id));
    expect(room(a, id).messages.slice(1).map(count)).toEqual([2, 2]);
    expect(room(b, id).summary).toMatchObject({ unreadCount: 1, me: { lastReadSeq: 1 } });
    const { items } = await a.api.members(id);
    expect(items.find(({ user }) => user.id === bob.id)?.lastReadSeq).toBe(1);
  });

  it("stores a message once whose ack was lost with the connection", async () => {
    const { client: a, cable } = await overCable(ann);
    const b = await online(bob);
    const { id } = await a.createGroup("Ack", [bob.id]);
    a.openConversation(id);
    await loaded(a, id);
    await until(b, (state) => state.conversations.has(id));
    cable.deaf = true;
    const messageId = a.send(id, { content: "did you get this?" });
    await until(b, () => room(b, id).summary.lastMessage?.id === messageId);
    expect(room(a, id).pending).toMatchObject([{ id: messageId, state: "sending" }]);
    cable.cut();
    cable.plug();
    await until(a, () => room(a, id).pending.length === 0);
    const stored = await b.api.messages(id);
    expect(stored.filter((message) => message.id === messageId)).toHaveLength(1);
    expect(room(a, id).messages.map((message) => message.id)).toEqual(stored.map((message) => message.id));
  });

  it("follows members coming and going", async () => {
    const [a, b, c] = [await online(ann), await online(bob), await online(cy)];
    const { id } = await a.createGroup("Doors", [bob.id]);
    a.openConversation(id);
    await until(a, () => room(a, id).members?.size === 2);
    await a.addMembers(id, [cy.id]);
    await until(c, (state) => state.conversations.has(id));
    await until(a, () => room(a, id).members?.size === 3 && room(a, id).summary.memberCount === 3);
    await a.removeMember(id, bob.id);
    await until(b, (state) => !state.conversations.has(id) && !state.order.includes(id));
    await c.leave(id);
    await until(a, () => room(a, id).members?.size === 1 && room(a, id).summary.memberCount === 1);
  });

  it("reads a list longer than one page, and drops what was taken away while it was gone", async () => {
    const a = await online(ann);
    const { client: b, cable } = await overCable(bob);
    const made: string[] = [];
    for (let n = 0; n < 105; n += 1) made.push((await a.createGroup(`Group ${n}`, [bob.id])).id);
    await until(b, (state) => made.every((id) => state.conversations.has(id)));
    cable.cut();
    await until(b, (state) => state.connection.status === "reconnecting");
    const [taken = "", ...kept] = made;
    await a.removeMember(taken, bob.id);
    cable.plug();
    b.reconnectNow();
    await until(b, (state) => state.connection.status === "online" && !state.conversations.has(taken));
    expect(kept.every((id) => b.store.getSnapshot().conversations.has(id))).toBe(true);
    const again = await online(bob);
    await until(again, (state) => state.listComplete);
    const { order, conversations } = again.store.getSnapshot();
    expect(order.length).toBeGreaterThan(100);
    expect(new Set(order)).toEqual(new Set(conversations.keys()));
    expect(order).toEqual(b.store.getSnapshot().order);
  });

  it("works over polling alone", async () => {
    const [a, b] = [await online(ann, server.url, ["polling"]), await online(bob)];
    const { id } = await a.createDirect(bob.id);
    await until(b, (state) => state.conversations.has(id));
    a.send(id, { content: "by post" });
    await until(b, () => room(b, id).summary.lastMessage?.content === "by post");
    b.send(id, { content: "got it" });
    await until(a, () => room(a, id).summary.lastMessage?.content === "got it");
  });

  it("tells a refused message from one on its way", async () => {
    const a = await online(ann);
    const { id } = await a.createDirect(ann.id);
    const tooLong = a.send(id, { content: "x".repeat(10_001) });
    const fine = a.send(id, { content: "short" });
    await until(a, () => room(a, id).summary.lastMessage?.id === fine);
    expect(room(a, id).pending).toMatchObject([{ id: tooLong, state: "failed", error: "too_large" }]);
    a.discard(id, tooLong);
    expect(room(a, id).pending).toEqual([]);
  });

  it("finds people, and knows them from then on", async () => {
    const a = await online(ann);
    const found = await a.searchUsers("bob");
    expect(found.map((user) => user.id)).toEqual([bob.id]);
    expect(a.store.getSnapshot().users.get(bob.id)?.name).toBe("bob");
  });

  it("comes back by itself after a restart of the server, with everything", async () => {
    const [a, b] = [await online(ann), await online(bob)];
    const { id } = await a.createGroup("Restart", [bob.id]);
    b.openConversation(id);
    a.send(id, { content: "before" });
    await until(b, (state) => state.conversations.get(id)?.summary.lastMessage?.content === "before");
    await server.stop();
    await until(a, (state) => state.connection.status === "reconnecting");
    a.send(id, { content: "during" });
    await server.start();
    await until(b, () => room(b, id).messages.at(-1)?.content === "during", 20_000);
    expect(
      room(b, id)
        .messages.map((message) => message.content)
        .slice(-2),
    ).toEqual(["before", "during"]);
  }, 40_000);

  it("signs out everywhere it was told to, and stays away", async () => {
    const dee = await signUp(server, "dee");
    const client = await online(dee);
    await client.logout();
    expect(client.store.getSnapshot().connection).toEqual({ status: "signed-out", reason: "logout" });
    expect(client.store.getSnapshot().me).toBeNull();
  });

  it("is signed out when no token helps", async () => {
    const stranger: Account = { id: "", name: "", getToken: async (refused) => (refused === null ? "forged" : null) };
    const client = createClient({ url: server.url, auth: { kind: "token", getToken: stranger.getToken } });
    clients.push(client);
    await client.start();
    await until(client, (state) => state.connection.status === "signed-out");
    expect(client.store.getSnapshot().connection).toEqual({ status: "signed-out", reason: "expired" });
  });
});

function room(client: Client, id: string): ConversationState {
  const conversation = client.store.getSnapshot().conversations.get(id);
  if (conversation === undefined) throw new Error(`no conversation ${id}`);
  return conversation;
}

async function loaded(client: Client, id: string): Promise<void> {
  await until(client, (state) => state.conversations.get(id)?.loaded);
}

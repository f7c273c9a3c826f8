/**
 * Old state and events equal a fresh state: after every kind of change there is, for who was there, who joined midway and who
 * left; and with any one event lost, once the hole was filled.
 *
 * The tables name every kind of system message and every event of the contract: a new one without a case does not compile.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message, SystemKind } from "../../src/generated/contract.ts";
import { type EventName, type Item, Person } from "./observer.ts";
import { missing, RealServer } from "./realServer.ts";

interface World {
  readonly ann: Person;
  readonly bob: Person;
  readonly cy: Person;
  readonly dee: Person;
  readonly path: string;
  /** Ids of what was said, by the name of the change that said it. */
  readonly said: Map<string, string>;
}

type Change = (world: World) => Promise<unknown>;

/** In the order in which they happen. Bob has been there from the first, Cy joins midway, Dee is removed. */
const CHANGES: Readonly<Record<string, Change>> = {
  send: say("ann", "send", { content: "hello", mentions: "all" }),
  "send another": say("ann", "another", { content: "hello again" }),
  reply: (world) => say("ann", "reply", { content: "I mean", replyToId: said(world, "send") })(world),
  "reply of one's own": (world) => say("bob", "own", { content: "yes", replyToId: said(world, "send") })(world),
  silent: say("ann", "silent", { content: "psst", silent: true }),
  "kept unread": say("dee", "kept unread", { content: "from a notification", keepUnread: true }),
  "kept unread by oneself": say("bob", "own unread", { content: "from a notification", keepUnread: true }),
  "read by writing": say("bob", "read", { content: "now I have read" }),
  "read by another who writes": say("dee", "kept", { content: "and I" }),
  edit: ({ ann, path, said }) => ann.call("PATCH", `${path}/messages/${said.get("send")}`, { content: "hello!" }),
  react: ({ ann, path, said }) => ann.call("PUT", `${path}/messages/${said.get("send")}/reactions/👍`),
  "react as well": ({ bob, path, said }) => bob.call("PUT", `${path}/messages/${said.get("send")}/reactions/👍`),
  "react to the newest": ({ bob, path, said }) => bob.call("PUT", `${path}/messages/${said.get("kept")}/reactions/🎉`),
  "take back": ({ ann, path, said }) => ann.call("DELETE", `${path}/messages/${said.get("send")}/reactions/👍`),
  "read some": ({ bob, path }) => bob.call("POST", `${path}/read`, { seq: 3 }),
  "read by another": ({ ann, path }) => ann.call("POST", `${path}/read`, {}),
  "delete what was quoted": ({ ann, path, said }) => ann.call("DELETE", `${path}/messages/${said.get("send")}`),
  "own settings": ({ bob, path }) =>
    bob.call("PATCH", `${path}/members/me`, { pinned: true, mutedUntil: "2030-01-01T00:00:00Z", markedUnread: true }),
  "read what was marked unread": ({ bob, path }) => bob.call("POST", `${path}/read`, {}),
  "mark unread": ({ bob, path }) => bob.call("PATCH", `${path}/members/me`, { markedUnread: true }),
  "send where it was marked unread": say("bob", "marked", { content: "still here" }),
  "add a member": ({ ann, cy, path }) => ann.call("POST", `${path}/members`, { userIds: [cy.user.id] }),
  "edit what is hidden": ({ ann, path, said }) =>
    ann.call("PATCH", `${path}/messages/${said.get("another")}`, { content: "hidden from Cy" }),
  "send to all": say("ann", "all", { content: "welcome" }),
  "quote what is hidden": (world) => say("ann", "late", { content: "see", replyToId: said(world, "another") })(world),
  rename: ({ ann, path }) => ann.call("PATCH", path, { name: "Dinner" }),
  "unname, picture, own fields": ({ ann, path }) =>
    ann.call("PATCH", path, { name: null, avatarUrl: "/picture.png", custom: { floor: 3 } }),
  "picture alone": ({ ann, path }) => ann.call("PATCH", path, { avatarUrl: null }),
  promote: ({ ann, bob, path }) => ann.call("PATCH", `${path}/members/${bob.user.id}`, { role: "admin" }),
  transfer: ({ ann, bob, path }) => ann.call("PATCH", `${path}/members/${bob.user.id}`, { role: "owner" }),
  "remove a member": ({ bob, dee, path }) => bob.call("DELETE", `${path}/members/${dee.user.id}`),
  "send to who is left": say("ann", "left", { content: "without Dee" }),
  leave: ({ cy, path }) => cy.call("DELETE", `${path}/members/me`),
  "send meanwhile": say("ann", "meanwhile", { content: "without Cy" }),
  "come back": ({ bob, cy, dee, path }) => bob.call("POST", `${path}/members`, { userIds: [cy.user.id, dee.user.id] }),
  "send again": say("bob", "again", { content: "all here" }),
  "owner leaves": ({ bob, path }) => bob.call("DELETE", `${path}/members/me`),
  end: ({ ann, path }) => ann.call("DELETE", path),
};

/** Whether an event has a place in the state of a conversation. */
const EVENTS: Readonly<Record<EventName, boolean>> = {
  "message:new": true,
  "message:updated": true,
  "message:deleted": true,
  "message:reaction": true,
  "message:persisted": false, // only where messages are queued, as the next one
  "message:rejected": false,
  "conversation:version": true,
  "message:read": true,
  "message:reads": false, // only above 100 members, where this room never is
  "conversation:new": true,
  "conversation:updated": true,
  "conversation:removed": true,
  "typing:start": false,
  "typing:stop": false,
  "user:online": false,
  "user:offline": false,
  "user:updated": false,
  "auth:expiring": false,
  "session:revoked": false,
  "server:closing": false,
  error: false,
};

/** Whether somebody sees a message of this kind; the end of a group nobody sees any more. */
const SYSTEM: Readonly<Record<SystemKind, boolean>> = {
  created: true,
  members_added: true,
  member_left: true,
  member_removed: true,
  renamed: true,
  updated: true,
  role_changed: true,
  ended: false,
};

const VERSIONED: ReadonlySet<EventName> = new Set([
  "message:new",
  "message:updated",
  "message:deleted",
  "message:reaction",
  "conversation:version",
]);

describe.skipIf(missing !== null)(`old state and events${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  const server = new RealServer();
  let people: Person[] = [];
  let world: World;

  beforeAll(async () => {
    await server.start();
    people = await Promise.all(["ann", "bob", "cy", "dee"].map((name) => Person.signUp(server.url, name)));
    const [ann, bob, cy, dee] = people as [Person, Person, Person, Person];
    const body = { type: "group", name: "Lunch", memberIds: [bob.user.id, dee.user.id] };
    const { id } = (await ann.call("POST", "conversations", body)) as { id: string };
    for (const person of people) await person.follow(id);
    world = { ann, bob, cy, dee, path: `conversations/${id}`, said: new Map() };
  }, 30_000);
  afterAll(async () => {
    for (const person of people) person.stop();
    await server.remove();
  });

  it("equal a fresh state after every kind of change, with every event and with any one lost and fetched", async () => {
    const { ann, bob, cy, dee } = world;
    for (const [name, change] of Object.entries(CHANGES)) {
      await change(world);
      for (const person of [ann, dee]) await expectFresh(name, person, { holes: false });
      for (const person of [bob, cy]) await expectFresh(name, person, { holes: true });
    }
    const seen = [ann, bob, cy, dee].flatMap((person) => person.record);
    for (const [event, counts] of Object.entries(EVENTS))
      if (counts)
        expect(
          seen.some((item) => "name" in item && item.name === event),
          event,
        ).toBe(true);
    for (const [kind, shown] of Object.entries(SYSTEM))
      expect(seen.some((item) => kindOf(item) === kind) || kind === "created", kind).toBe(shown);
  }, 60_000);
});

/** Waits until what somebody was told makes what they would load now; with `holes`, the same without each event in turn. */
async function expectFresh(name: string, person: Person, { holes }: { holes: boolean }): Promise<void> {
  const now = await person.snapshot();
  const wanted = person.fresh(now).view(now);
  const got = (): object | null => {
    if (now !== null && person.after(person.record).conversation?.loaded === false) person.record.push({ opened: now });
    return person.after(person.record).view(now);
  };
  await expect.poll(got, { message: `${person.user.name} after ${name}`, interval: 5, timeout: 3_000 }).toEqual(wanted);
  if (now === null || !holes) return;
  const answers = new Map<number, ReturnType<Person["missed"]>>();
  for (const lost of person.record.filter((item) => "name" in item && VERSIONED.has(item.name))) {
    const replay = person.after(person.record.filter((item) => item !== lost));
    const known = replay.conversation?.summary;
    if (known === undefined) continue;
    if (!answers.has(known.version)) answers.set(known.version, person.missed(known));
    replay.repair((await answers.get(known.version)) as Awaited<ReturnType<Person["missed"]>>, now);
    expect(replay.view(now), `${person.user.name} after ${name}, without ${JSON.stringify(lost)}`).toEqual(wanted);
  }
}

function say(who: "ann" | "bob" | "dee", name: string, draft: object): Change {
  return async ({ said, path, [who]: person }) => {
    const { message } = (await person.call("POST", `${path}/messages`, draft)) as { message: Message };
    said.set(name, message.id);
  };
}

function said(world: World, name: string): string {
  const id = world.said.get(name);
  if (id === undefined) throw new Error(`${name} was not said`);
  return id;
}

function kindOf(item: Item): SystemKind | undefined {
  return "name" in item && item.name === "message:new" ? (item.args[0] as Message).system?.kind : undefined;
}

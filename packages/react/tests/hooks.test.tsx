/**
 * The hooks over the real client, against a real server of `node:http` that has no sockets: what they show and how often they
 * render.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Client, createClient, type Summary, type User } from "@madang/client";
import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  MadangProvider,
  sameItems,
  useClient,
  useConversation,
  useConversationList,
  useMadang,
  useOnline,
  useTyping,
} from "../src/index.ts";

let server: Server;
let client: Client;
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const [, , , id] = (request.url ?? "").split(/[/?]/);
    const body = request.url?.includes("/messages") || request.url?.includes("/members") ? [] : summary(id ?? "new");
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  client = createClient({
    url,
    auth: { kind: "token", getToken: async () => "token" },
    fetch: (...call) => fetch(...call),
  });
});

afterEach(() => {
  cleanup();
  server.close();
  server.closeAllConnections();
});

describe("the hooks", () => {
  it("say so when there is no provider", () => {
    expect(() => render(<NeedsClient />)).toThrow("no <MadangProvider> above");
  });

  it("open a conversation while it is shown, also where React mounts twice, and show it when it comes", async () => {
    const view = render(
      <StrictMode>
        <MadangProvider client={client}>
          <Room id="a" />
        </MadangProvider>
      </StrictMode>,
    );
    expect(screen.getByText("unknown")).toBeTruthy();
    await screen.findByText("a loaded");
    expect(asked.filter((call) => call.includes("/messages"))).toHaveLength(1);
    expect(screen.getByText("typing: , online: false")).toBeTruthy();
    view.unmount();
  });

  it("list the conversations, the newest first", async () => {
    render(
      <MadangProvider client={client}>
        <List />
      </MadangProvider>,
    );
    expect(screen.getByRole("list").textContent).toBe("");
    act(() => client.openConversation("1"));
    act(() => client.openConversation("2"));
    await waitFor(() => expect(screen.getByRole("list").textContent).toBe("21"));
  });

  it("render again only when what was selected has changed", async () => {
    let renders = 0;
    const Names = () => {
      renders += 1;
      return useMadang(({ order }) => order.filter((id) => id === "none"), sameItems).join();
    };
    render(
      <MadangProvider client={client}>
        <Names />
      </MadangProvider>,
    );
    act(() => client.openConversation("1"));
    await waitFor(() => expect(client.store.getSnapshot().conversations.get("1")?.loaded).toBe(true));
    expect(renders).toBe(1);
  });
});

function NeedsClient() {
  return useClient().store.getSnapshot().order.length;
}

function Room({ id }: { id: string }) {
  const conversation = useConversation(id);
  const typing = useTyping(id);
  const online = useOnline("somebody");
  return (
    <>
      <p>
        {conversation === undefined ? "unknown" : `${conversation.id} ${conversation.loaded ? "loaded" : "loading"}`}
      </p>
      <p>{`typing: ${typing.join()}, online: ${online}`}</p>
    </>
  );
}

function List() {
  const conversations = useConversationList();
  return (
    <ul>
      {conversations.map(({ id }) => (
        <li key={id}>{id}</li>
      ))}
    </ul>
  );
}

function summary(id: string): Summary {
  const at = `2026-01-0${id === "2" ? 2 : 1}T00:00:00.000Z`;
  const me = { role: "member", lastReadSeq: 0, unreadCount: 0, visibleFromSeq: 1 } as const;
  const settings = { notificationEnabled: true, mutedUntil: null, pinnedAt: null, markedUnread: false };
  const faces: User[] = [];
  return {
    id,
    type: "group",
    name: id,
    epoch: "e",
    version: 0,
    lastSeq: 0,
    memberCount: 1,
    faces,
    lastMessage: null,
    lastMessageAt: at,
    createdAt: at,
    me: { ...me, ...settings },
    unreadCount: 0,
    avatarUrl: null,
    custom: {},
  };
}

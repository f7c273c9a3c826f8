/**
 * What the server sends, turned into actions.
 *
 * Owns the table from event to action, and the end of typing entries that nobody ends.
 */
import type { MadangSocket } from "./connection.ts";
import type { Message, ReactionChanged, Summary } from "./generated/contract.ts";
import type { ConversationAction } from "./reducers/conversation.ts";
import { TYPING_HOLDS_MS } from "./reducers/typing.ts";
import type { Action } from "./state.ts";
import type { State } from "./types.ts";

export interface EventDependencies {
  getState(): State;
  dispatch(action: Action): void;
  change(conversationId: string, action: ConversationAction): void;
  /** A conversation one was added to. */
  adopt(summary: Summary): void;
  /** Something happened in a conversation that is not in the list. */
  unknown(conversationId: string): void;
  /** Somebody joined a conversation, left it, or has another role. */
  membersChanged(conversationId: string): void;
  now(): number;
}

export function bindEvents(socket: MadangSocket, deps: EventDependencies): void {
  bindLog(socket, deps);
  bindPeople(socket, deps);
  socket.on("conversation:new", (summary) => deps.adopt(summary));
  socket.on("conversation:updated", (summary) => deps.dispatch({ type: "settingsChanged", summary }));
  socket.on("conversation:removed", ({ conversationId }) => deps.dispatch({ type: "removed", id: conversationId }));
}

function bindLog(socket: MadangSocket, deps: EventDependencies): void {
  for (const event of ["message:new", "message:updated", "message:deleted"] as const)
    socket.on(event, (message) => receive(message, deps));
  socket.on("message:persisted", ({ message }) => deps.change(message.conversationId, { type: "stored", message }));
  socket.on("message:rejected", ({ conversationId, tempId, error }) =>
    deps.change(conversationId, { type: "failed", messageId: tempId, error }),
  );
  socket.on("message:reaction", (reaction) => receiveReaction(reaction, deps));
  socket.on("conversation:version", ({ conversationId, epoch, version }) =>
    deps.change(conversationId, { type: "versionReached", epoch, version }),
  );
  socket.on("message:read", ({ conversationId, userId, lastReadSeq, unreadCount }) => {
    if (userId !== deps.getState().me?.id) {
      deps.change(conversationId, { type: "markMoved", userId, seq: lastReadSeq });
    } else if (unreadCount !== undefined) {
      deps.change(conversationId, { type: "ownMarkMoved", seq: lastReadSeq, unreadCount });
    }
  });
  socket.on("message:reads", ({ conversationId, steps }) =>
    deps.change(conversationId, { type: "marksCounted", steps }),
  );
}

function bindPeople(socket: MadangSocket, deps: EventDependencies): void {
  socket.on("typing:start", ({ conversationId, userId }) => {
    if (userId === deps.getState().me?.id) return;
    const until = deps.now() + TYPING_HOLDS_MS;
    deps.change(conversationId, { type: "typingStarted", userId, until });
    setTimeout(() => deps.change(conversationId, { type: "typingExpired", now: until }), TYPING_HOLDS_MS);
  });
  socket.on("typing:stop", ({ conversationId, userId }) =>
    deps.change(conversationId, { type: "typingStopped", userId }),
  );
  socket.on("user:online", (userId) => deps.dispatch({ type: "presence", userId, online: true }));
  socket.on("user:offline", (userId) => deps.dispatch({ type: "presence", userId, online: false }));
  socket.on("user:updated", (user) => deps.dispatch({ type: "userUpdated", user }));
}

function receiveReaction(reaction: ReactionChanged, deps: EventDependencies): void {
  const { conversationId: id, epoch, version } = reaction;
  if (deps.getState().conversations.has(id)) deps.change(id, { type: "event", event: { epoch, version, reaction } });
  else deps.unknown(id);
}

function receive(message: Message, deps: EventDependencies): void {
  const id = message.conversationId;
  const conversation = deps.getState().conversations.get(id);
  if (conversation === undefined) {
    deps.unknown(id);
    return;
  }
  const event = { epoch: message.epoch ?? conversation.summary.epoch, version: message.version, message };
  deps.change(id, { type: "event", event });
  if (message.system !== undefined) deps.membersChanged(id);
}

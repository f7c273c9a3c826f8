/**
 * What may happen to one conversation, as a closed list of actions, and the state after each.
 *
 * Owns the table from action to reducer. Pure: time, ids and answers of the server come in with the action.
 */
import type { Changes, Message, PublicMember, Summary } from "../generated/contract.ts";
import type { ConversationState, Loading, PendingMessage, VersionedEvent } from "../types.ts";
import { adoptSummary, caughtUp, failLoading, newestLoaded, olderLoaded, startLoading, trim } from "./history.ts";
import { applyEvent, markBehind, reachVersion, settle, withoutPending } from "./log.ts";
import { enqueue, requeueUnsettled, setPendingState } from "./pending.ts";
import { markMoved, markRead, membersLoaded, ownMarkMoved } from "./reading.ts";
import { withMembership } from "./summary.ts";
import { expireTyping, startTyping, stopTyping } from "./typing.ts";

export type LogAction =
  | { readonly type: "event"; readonly event: VersionedEvent }
  /** One's own message, by its ack or `message:persisted`: the same change as its event, whichever comes first. */
  | { readonly type: "stored"; readonly message: Message }
  | { readonly type: "versionReached"; readonly epoch: string; readonly version: number }
  | { readonly type: "behind" }
  | { readonly type: "caughtUp"; readonly changes: Changes; readonly summary: Summary };

export type HistoryAction =
  | { readonly type: "loadingStarted"; readonly loading: Exclude<Loading, "none"> }
  | { readonly type: "loadingFailed"; readonly error: string }
  | { readonly type: "newestLoaded"; readonly page: readonly Message[] }
  | { readonly type: "olderLoaded"; readonly page: readonly Message[] }
  | { readonly type: "trimmed"; readonly keep: number };

export type PeopleAction =
  | { readonly type: "membersLoaded"; readonly members: readonly PublicMember[] }
  | { readonly type: "markMoved"; readonly userId: string; readonly seq: number }
  | { readonly type: "ownMarkMoved"; readonly seq: number; readonly unreadCount: number }
  | { readonly type: "marksCounted"; readonly steps: readonly (readonly [number, number])[] }
  | { readonly type: "markedRead"; readonly seq: number }
  | { readonly type: "typingStarted"; readonly userId: string; readonly until: number }
  | { readonly type: "typingStopped"; readonly userId: string }
  | { readonly type: "typingExpired"; readonly now: number };

export type PendingAction =
  | { readonly type: "queued"; readonly entry: PendingMessage }
  | { readonly type: "sending" | "accepted" | "requeued" | "discarded"; readonly messageId: string }
  | { readonly type: "failed"; readonly messageId: string; readonly error: string }
  | { readonly type: "connectionLost" };

export type ConversationAction = LogAction | HistoryAction | PeopleAction | PendingAction;

/** What a conversation is when its summary is all that is known. */
export function fromSummary(summary: Summary): ConversationState {
  return {
    id: summary.id,
    summary,
    loaded: false,
    messages: [],
    pending: [],
    hasOlder: false,
    loading: "none",
    loadError: null,
    behind: false,
    typing: new Map(),
    members: null,
    reads: new Map(),
    steps: null,
    held: [],
    arrived: [],
  };
}

/** A summary that delivery starts from: events above its version follow. */
export function attach(state: ConversationState, summary: Summary, meId: string | null): ConversationState {
  const sameEpoch = summary.epoch === state.summary.epoch;
  if (sameEpoch && summary.version < state.summary.version) return state;
  const settled = { ...state, behind: false };
  if (sameEpoch && summary.version === state.summary.version) return adoptSummary(settled, summary);
  if (state.loaded || state.loading !== "none") return markBehind(state);
  return settle(adoptSummary(settled, summary), summary.version, meId);
}

/** Other settings of one's own; the log's part of the summary counts only if it is of the same version. */
export function changeSettings(state: ConversationState, summary: Summary): ConversationState {
  if (summary.epoch === state.summary.epoch && summary.version === state.summary.version)
    return adoptSummary(state, summary);
  const { lastReadSeq: _mark, unreadCount: _unread, ...settings } = summary.me;
  return { ...state, summary: withMembership(state.summary, settings) };
}

export function reduceConversation(
  state: ConversationState,
  action: ConversationAction,
  meId: string | null,
): ConversationState {
  switch (action.type) {
    case "event":
      return applyEvent(state, action.event, meId);
    case "stored":
      return applyEvent(
        state,
        { epoch: state.summary.epoch, version: action.message.version, message: action.message },
        meId,
      );
    case "versionReached":
      return reachVersion(state, action.epoch, action.version, meId);
    case "behind":
      return markBehind(state);
    case "caughtUp":
      return caughtUp(state, action.changes, action.summary, meId);
    case "loadingStarted":
      return startLoading(state, action.loading);
    case "loadingFailed":
      return failLoading(state, action.error);
    case "newestLoaded":
      return newestLoaded(state, action.page);
    case "olderLoaded":
      return olderLoaded(state, action.page);
    case "trimmed":
      return trim(state, action.keep);
    case "queued":
    case "sending":
    case "accepted":
    case "requeued":
    case "discarded":
    case "failed":
    case "connectionLost":
      return reducePending(state, action);
    default:
      return reducePeople(state, action, meId);
  }
}

function reducePending(state: ConversationState, action: PendingAction): ConversationState {
  switch (action.type) {
    case "queued":
      return { ...state, pending: enqueue(state.pending, action.entry) };
    case "sending":
    case "accepted":
      return { ...state, pending: setPendingState(state.pending, action.messageId, action.type, null) };
    case "requeued":
      return { ...state, pending: setPendingState(state.pending, action.messageId, "queued", null) };
    case "failed":
      return { ...state, pending: setPendingState(state.pending, action.messageId, "failed", action.error) };
    case "discarded":
      return withoutPending(state, action.messageId);
    case "connectionLost":
      return { ...state, pending: requeueUnsettled(state.pending), typing: new Map() };
  }
}

function reducePeople(state: ConversationState, action: PeopleAction, meId: string | null): ConversationState {
  switch (action.type) {
    case "membersLoaded":
      return membersLoaded(state, action.members);
    case "markMoved":
      return markMoved(state, action.userId, action.seq);
    case "ownMarkMoved":
      return meId === null ? state : ownMarkMoved(state, meId, action.seq, action.unreadCount);
    case "marksCounted":
      return { ...state, steps: action.steps };
    case "markedRead":
      return meId === null ? state : markRead(state, meId, action.seq);
    case "typingStarted":
      return { ...state, typing: startTyping(state.typing, action.userId, action.until) };
    case "typingStopped":
      return { ...state, typing: stopTyping(state.typing, action.userId) };
    case "typingExpired":
      return { ...state, typing: expireTyping(state.typing, action.now) };
  }
}

/**
 * One conversation's log, applied: versioned events in, the next state of the conversation out.
 *
 * Invariants:
 * 1. `summary.version` is the last change that was applied with every change before it.
 * 2. An event above `version + 1` is held, never shown: the run of messages has no hole.
 * 3. Whatever order, repetition or loss the events had, once a hole is filled the state is the one a fresh load gives.
 */
import type { Message } from "../generated/contract.ts";
import type { ConversationState, VersionedEvent } from "../types.ts";
import { raiseMark } from "./reading.ts";
import { placeReaction, placeRow } from "./rows.ts";
import { followReaction, followRow, movesMarkOf } from "./summary.ts";
import { stopTyping } from "./typing.ts";

/** Held events above this number push out the oldest; the hole they leave is fetched like any other. */
const MOST_HELD = 500;

export function applyEvent(state: ConversationState, event: VersionedEvent, meId: string | null): ConversationState {
  const fetching = state.loading !== "none" || state.behind;
  const noted = fetching ? { ...state, arrived: [...state.arrived, event] } : state;
  if (event.epoch !== noted.summary.epoch) return markBehind(noted);
  if (event.version <= noted.summary.version) return applyChange(noted, event, meId);
  if (event.version > noted.summary.version + 1) return hold(noted, event);
  return release(withVersion(applyChange(noted, event, meId), event.version), meId);
}

/** The server says that everything up to `version` was sent: what is held up to there has no hole before it. */
export function reachVersion(
  state: ConversationState,
  epoch: string,
  version: number,
  meId: string | null,
): ConversationState {
  if (epoch !== state.summary.epoch) return markBehind(state);
  if (version <= state.summary.version) return state;
  return settle(state, version, meId);
}

/** Everything up to `version` is here or held: sets it, and goes on with what follows. */
export function settle(state: ConversationState, version: number, meId: string | null): ConversationState {
  return release(applyHeldUpTo(state, version, meId), meId);
}

/**
 * Takes in what is held at or below `version` and sets it. A repaired row comes once, at its last version, so rows are taken
 * by seq here: an edited message may carry a higher version than the one written after it.
 */
function applyHeldUpTo(state: ConversationState, version: number, meId: string | null): ConversationState {
  const ready = state.held.filter((event) => event.version <= version).sort((a, b) => seqOf(a) - seqOf(b));
  const held = state.held.filter((event) => event.version > version);
  let next: ConversationState = { ...state, held };
  for (const event of ready) next = applyChange(next, event, meId);
  return withVersion(next, version);
}

/** Applies what is held and now follows without a hole. */
function release(state: ConversationState, meId: string | null): ConversationState {
  let next = state;
  let taken = 0;
  for (const event of state.held) {
    if (event.version > next.summary.version + 1) break;
    next = applyChange(next, event, meId);
    next = withVersion(next, event.version);
    taken += 1;
  }
  return taken === 0 ? next : { ...next, held: state.held.slice(taken) };
}

function withVersion(state: ConversationState, version: number): ConversationState {
  return version > state.summary.version ? { ...state, summary: { ...state.summary, version } } : state;
}

export function markBehind(state: ConversationState): ConversationState {
  return state.behind ? state : { ...state, behind: true };
}

/** The pending entry gives way to the log's own row of the same id. */
export function withoutPending(state: ConversationState, messageId: string): ConversationState {
  if (!state.pending.some((entry) => entry.id === messageId)) return state;
  return { ...state, pending: state.pending.filter((entry) => entry.id !== messageId) };
}

function applyChange(state: ConversationState, event: VersionedEvent, meId: string | null): ConversationState {
  if (event.message !== undefined) return applyMessage(state, event.message, meId);
  const messages = placeReaction(state.messages, event.reaction);
  const summary = followReaction(state.summary, event.reaction);
  return messages === state.messages && summary === state.summary ? state : { ...state, messages, summary };
}

function seqOf(event: VersionedEvent): number {
  return event.message?.seq ?? event.reaction?.seq ?? 0;
}

function applyMessage(state: ConversationState, message: Message, meId: string | null): ConversationState {
  const messages = state.loaded ? placeRow(state.messages, message) : state.messages;
  if (messages === null) return markBehind(state);
  const isNew = message.seq > state.summary.lastSeq;
  const summary = followRow(state.summary, message, meId);
  const next = withoutPending({ ...state, messages, summary }, message.id);
  if (!isNew || message.senderId === null) return isNew ? followMembership(next, message) : next;
  const typing = stopTyping(next.typing, message.senderId);
  const reader = movesMarkOf(message);
  return { ...next, typing, reads: reader === null ? next.reads : raiseMark(next.reads, reader, message.seq) };
}

/** Who left can neither read nor type; who joined is fetched with the members. */
function followMembership(state: ConversationState, message: Message): ConversationState {
  const kind = message.system?.kind;
  if (kind !== "member_left" && kind !== "member_removed") return state;
  const gone = new Set(message.system?.userIds ?? (message.system?.actorId ? [message.system.actorId] : []));
  const without = <V>(map: ReadonlyMap<string, V>): ReadonlyMap<string, V> =>
    new Map([...map].filter(([id]) => !gone.has(id)));
  return {
    ...state,
    members: state.members === null ? null : without(state.members),
    reads: without(state.reads),
    typing: without(state.typing),
  };
}

function hold(state: ConversationState, event: VersionedEvent): ConversationState {
  if (state.held.some((other) => other.version === event.version)) return state;
  const held = [...state.held, event].sort((a, b) => a.version - b.version).slice(-MOST_HELD);
  return { ...state, held };
}

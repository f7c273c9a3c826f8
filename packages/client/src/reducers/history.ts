/**
 * Pages of one conversation's history, and the ways to catch up with its log.
 *
 * Owns what a page may do to the run of messages. A page is a picture of a moment: events that came while it was under way are
 * applied over it, so it can never undo them.
 */
import type { Changes, Message, Summary } from "../generated/contract.ts";
import type { ConversationState, Loading } from "../types.ts";
import { markBehind, settle, withoutPending } from "./log.ts";
import { raiseMark } from "./reading.ts";
import { hasOlder, placePage, placeReaction, placeRow, prependPage } from "./rows.ts";
import { keepFurtherMark } from "./summary.ts";

export function startLoading(state: ConversationState, loading: Exclude<Loading, "none">): ConversationState {
  return { ...state, loading, loadError: null, arrived: [] };
}

export function failLoading(state: ConversationState, error: string): ConversationState {
  return stopLoading({ ...state, loadError: error });
}

export function newestLoaded(state: ConversationState, page: readonly Message[]): ConversationState {
  return showRun(stopLoading({ ...state, loaded: true, loadError: null }), overlay(page, state));
}

export function olderLoaded(state: ConversationState, page: readonly Message[]): ConversationState {
  const joined = prependPage(state.messages, page);
  if (joined === null) return stopLoading(state);
  const next = showRun(stopLoading(state), overlay(joined, state));
  return { ...next, hasOlder: page.length > 0 && next.hasOlder };
}

/** What the server says was missed, and the summary of the same moment: everything at or below its version is settled. */
export function caughtUp(
  state: ConversationState,
  changes: Changes,
  summary: Summary,
  meId: string | null,
): ConversationState {
  if (changes.status === "reset") return reset(state, summary);
  // Live events may have gone past the answer while it was under way: then only its rows count.
  const overtaken = summary.epoch === state.summary.epoch && summary.version < state.summary.version;
  const reads = (changes.reads ?? []).reduce((marks, [userId, seq]) => raiseMark(marks, userId, seq), state.reads);
  const base = {
    ...(overtaken ? state : adoptSummary(state, summary)),
    reads,
    steps: changes.steps ?? state.steps,
    behind: false,
  };
  if (!state.loaded) return settle(base, summary.version, meId);
  if (changes.status === "behind") return markBehind(state);
  const rows = [...changes.messages].sort((a, b) => a.seq - b.seq);
  const messages = changes.status === "delta" ? placePage(state.messages, rows) : rows;
  if (messages === null) return markBehind(state);
  const arrived = state.loading === "none" ? [] : base.arrived;
  return settle(showRun({ ...base, arrived }, overlay(messages, base)), summary.version, meId);
}

/** Nothing known counts any more: what is left is the summary, and what was written here and is on its way. */
function reset(state: ConversationState, summary: Summary): ConversationState {
  return {
    ...unload(state),
    summary,
    behind: false,
    held: [],
    arrived: [],
    members: null,
    reads: new Map(),
    steps: null,
  };
}

/** Without the messages: opening the conversation loads them again. */
function unload(state: ConversationState): ConversationState {
  if (!state.loaded && state.messages.length === 0) return state;
  return { ...state, loaded: false, messages: [], hasOlder: false, loading: "none", loadError: null, arrived: [] };
}

/** Keeps only the newest rows of a conversation nobody looks at. */
export function trim(state: ConversationState, keep: number): ConversationState {
  if (state.loading !== "none" || state.messages.length <= keep) return state;
  return { ...state, messages: state.messages.slice(-keep), hasOlder: true };
}

/** Takes the server's summary as the truth up to its version; a new epoch voids what was held. */
export function adoptSummary(state: ConversationState, summary: Summary): ConversationState {
  const sameEpoch = summary.epoch === state.summary.epoch;
  return {
    ...state,
    summary: keepFurtherMark(summary, sameEpoch ? state.summary : undefined),
    held: state.held.filter((event) => event.epoch === summary.epoch),
  };
}

/** The rows with the events over them that came meanwhile; one that does not touch them is missing, and found to be. */
function overlay(rows: readonly Message[], state: ConversationState): readonly Message[] {
  return state.arrived
    .filter((event) => event.epoch === state.summary.epoch)
    .reduce<readonly Message[]>(
      (run, event) =>
        event.message === undefined ? placeReaction(run, event.reaction) : (placeRow(run, event.message) ?? run),
      rows,
    );
}

function stopLoading(state: ConversationState): ConversationState {
  return { ...state, loading: "none", arrived: state.behind ? state.arrived : [] };
}

/** Makes `messages` what is shown; whether they reach the head decides whether something is missing. */
function showRun(state: ConversationState, messages: readonly Message[]): ConversationState {
  const next = dropStored({ ...state, messages, hasOlder: hasOlder(messages, state.summary) });
  return reachesHead(next) ? next : markBehind(next);
}

function reachesHead(state: ConversationState): boolean {
  const last = state.messages.at(-1);
  return last === undefined
    ? state.summary.lastSeq < state.summary.me.visibleFromSeq || state.summary.lastSeq === 0
    : last.seq >= state.summary.lastSeq;
}

function dropStored(state: ConversationState): ConversationState {
  const stored = new Set(state.messages.map((message) => message.id));
  return state.pending
    .filter((entry) => stored.has(entry.id))
    .reduce((next, entry) => withoutPending(next, entry.id), state);
}

/**
 * The whole state of a client and the one reducer that changes it.
 *
 * Owns the closed list of actions. Pure. What concerns one conversation is decided in `reducers/conversation.ts`; here it only
 * finds its place.
 */
import type { Changes, Limits, Summary, User } from "./generated/contract.ts";
import {
  attach,
  type ConversationAction,
  changeSettings,
  fromSummary,
  reduceConversation,
} from "./reducers/conversation.ts";
import { putConversation, putConversations, removeConversation } from "./reducers/list.ts";
import { meet, peopleOf, setOnline, updatePerson } from "./reducers/people.ts";
import type { Connection, ConversationState, State } from "./types.ts";

export type Action =
  | { readonly type: "connection"; readonly connection: Connection }
  | { readonly type: "welcomed"; readonly me: User; readonly limits: Limits | null }
  /** Everything of the person is forgotten; the connection says why. */
  | { readonly type: "forgotten"; readonly connection: Connection }
  /** Summaries that delivery starts from: a page of `init`, `conversation:new`, or an answer about one conversation. */
  | {
      readonly type: "attached";
      readonly summaries: readonly Summary[];
      /** What was missed of those that are known here. */
      readonly changes?: Readonly<Record<string, Changes>>;
    }
  /** All of the list has arrived; `inbox` is its number as of the first page. */
  | { readonly type: "listCompleted"; readonly inbox: number }
  | { readonly type: "settingsChanged"; readonly summary: Summary }
  | { readonly type: "removed"; readonly id: string }
  | { readonly type: "usersMet"; readonly users: readonly User[] }
  | { readonly type: "userUpdated"; readonly user: User }
  | { readonly type: "onlineListed"; readonly userIds: readonly string[]; readonly first: boolean }
  | { readonly type: "presence"; readonly userId: string; readonly online: boolean }
  | { readonly type: "conversation"; readonly id: string; readonly action: ConversationAction }
  | { readonly type: "everyConversation"; readonly action: ConversationAction };

export const initialState: State = {
  connection: { status: "idle" },
  me: null,
  users: new Map(),
  conversations: new Map(),
  order: [],
  listComplete: false,
  inbox: null,
  online: new Set(),
  limits: null,
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "connection":
      return patch(state, { connection: action.connection });
    case "forgotten":
      return { ...initialState, connection: action.connection };
    case "welcomed":
      return welcome(state, action.me, action.limits);
    case "attached":
      return attachAll(state, action.summaries, new Map(Object.entries(action.changes ?? {})));
    case "listCompleted":
      return patch(state, { listComplete: true, inbox: action.inbox });
    case "settingsChanged":
      return change(state, action.summary.id, (conversation) => changeSettings(conversation, action.summary));
    case "removed":
      return patch(state, removeConversation(state, action.id));
    case "usersMet":
      return patch(state, { users: meet(state.users, action.users) });
    case "userUpdated":
      return updateUser(state, action.user);
    case "onlineListed":
      return patch(state, { online: new Set([...(action.first ? [] : state.online), ...action.userIds]) });
    case "presence":
      return patch(state, { online: setOnline(state.online, action.userId, action.online) });
    case "conversation":
      return reduceOne(state, action.id, action.action);
    case "everyConversation":
      return changeEvery(state, (one) => reduceConversation(one, action.action, state.me?.id ?? null));
  }
}

/** The state with some parts replaced; the same state if they are what it has. */
function patch(state: State, parts: Partial<State>): State {
  const names = Object.keys(parts) as (keyof State)[];
  return names.every((name) => parts[name] === state[name]) ? state : { ...state, ...parts };
}

function welcome(state: State, me: User, limits: Limits | null): State {
  const known = state.me !== null && state.me.id !== me.id ? { ...initialState, connection: state.connection } : state;
  return { ...known, me, limits: limits ?? known.limits, users: meet(known.users, [me]) };
}

function attachAll(state: State, summaries: readonly Summary[], missed: ReadonlyMap<string, Changes>): State {
  const meId = state.me?.id ?? null;
  const page = summaries.map((summary) => {
    const known = state.conversations.get(summary.id);
    if (known === undefined) return fromSummary(summary);
    const changes = missed.get(summary.id);
    if (changes === undefined) return attach(known, summary, meId);
    return reduceConversation(known, { type: "caughtUp", changes, summary }, meId);
  });
  return { ...state, ...putConversations(state, page), users: meet(state.users, peopleOf(summaries)) };
}

function reduceOne(state: State, id: string, action: ConversationAction): State {
  const next = change(state, id, (one) => reduceConversation(one, action, state.me?.id ?? null));
  if (action.type !== "membersLoaded") return next;
  return {
    ...next,
    users: meet(
      next.users,
      action.members.map((member) => member.user),
    ),
  };
}

function updateUser(state: State, user: User): State {
  const next = changeEvery(state, (one) => {
    const summary = updatePerson(one.summary, user);
    return summary === one.summary ? one : { ...one, summary };
  });
  return { ...next, me: state.me?.id === user.id ? user : state.me, users: meet(state.users, [user]) };
}

function change(state: State, id: string, how: (conversation: ConversationState) => ConversationState): State {
  const conversation = state.conversations.get(id);
  if (conversation === undefined) return state;
  return patch(state, putConversation(state, how(conversation)));
}

function changeEvery(state: State, how: (conversation: ConversationState) => ConversationState): State {
  const changed = [...state.conversations.values()].map(how).filter((one) => one !== state.conversations.get(one.id));
  return changed.length === 0 ? state : { ...state, ...putConversations(state, changed) };
}

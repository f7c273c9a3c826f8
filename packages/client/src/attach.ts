/**
 * Starting delivery on a new connection: `init`, page by page.
 *
 * Owns what is said to be known, and what the answer of `init` does to the state. The first page is enough to be online; the
 * others follow behind it.
 *
 * Invariant: after the last page the list is the server's. A conversation that was not said to be known, that no page named and
 * no event brought meanwhile, is asked about before it is dropped.
 */
import { ApiError } from "./errors.ts";
import { type Init, type InitAck, LIMITS, type Summary } from "./generated/contract.ts";
import type { Line } from "./line.ts";
import type { Action } from "./state.ts";
import type { State } from "./types.ts";

export interface AttachDependencies {
  readonly line: Pick<Line, "request">;
  readonly api: { conversation(id: string): Promise<Summary> };
  getState(): State;
  dispatch(action: Action): void;
}

/** Rejects with `ApiError` if the server refuses, with another error if there was no answer. Resolves after the first page. */
export async function attach(deps: AttachDependencies): Promise<{ rest: () => Promise<void> }> {
  const request = whatIsKnown(deps.getState());
  const known = request.known ?? {};
  const missing = new Set([...deps.getState().conversations.keys()].filter((id) => !Object.hasOwn(known, id)));
  const first = await init(deps, request);
  deps.dispatch({ type: "welcomed", me: first.user, limits: first.server.limits });
  take(deps, first, missing, true);
  return { rest: () => takeRest(deps, first, missing) };
}

/** The newest conversations here, as far as they may be named; the others are shown anew. */
function whatIsKnown(state: State): Init {
  const most = state.limits?.known ?? LIMITS.known;
  const known = state.order.slice(0, most).flatMap((id) => {
    const summary = state.conversations.get(id)?.summary;
    return summary === undefined ? [] : [[id, [summary.epoch, summary.version]] as const];
  });
  if (known.length === 0) return {};
  return { known: Object.fromEntries(known), ...(state.inbox === null ? {} : { inbox: state.inbox }) };
}

async function takeRest(deps: AttachDependencies, first: InitAck, missing: Set<string>): Promise<void> {
  for (let cursor = first.next; cursor !== undefined; ) {
    const page = await init(deps, { cursor });
    take(deps, page, missing, false);
    cursor = page.next;
  }
  deps.dispatch({ type: "listCompleted", inbox: first.inbox });
  for (const id of missing) await verify(deps, id);
}

async function verify(deps: AttachDependencies, id: string): Promise<void> {
  try {
    deps.dispatch({ type: "attached", summaries: [await deps.api.conversation(id)] });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) deps.dispatch({ type: "removed", id });
  }
}

async function init(deps: AttachDependencies, request: Init): Promise<InitAck> {
  const answer = await deps.line.request("init", request);
  if (!answer.ok) throw new ApiError(answer.error, answer.reason, { retryAfterMs: answer.retryAfterMs });
  return answer;
}

function take(deps: AttachDependencies, page: InitAck, missing: Set<string>, first: boolean): void {
  deps.dispatch({ type: "attached", summaries: page.conversations, changes: page.changes });
  deps.dispatch({ type: "onlineListed", userIds: page.online, first });
  for (const { id } of page.conversations) missing.delete(id);
  for (const id of page.removed) {
    missing.delete(id);
    deps.dispatch({ type: "removed", id });
  }
}

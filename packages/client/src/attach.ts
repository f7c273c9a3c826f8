/**
 * Starting delivery on a new connection: `init`, page by page.
 *
 * Owns what the answer of `init` does to the state. The first page is enough to be online; the others follow behind it.
 *
 * Invariant: after the last page the list is the server's. A conversation that no page named and no event brought meanwhile is
 * asked about before it is dropped, because a list that moves while it is read in pages can miss one.
 */
import { ApiError } from "./errors.ts";
import type { InitAck, Summary } from "./generated/contract.ts";
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
  const before = new Set(deps.getState().conversations.keys());
  const first = await init(deps, undefined);
  deps.dispatch({ type: "welcomed", me: first.user, limits: first.server.limits });
  take(deps, first, before, true);
  return { rest: () => takeRest(deps, first.next, before) };
}

async function takeRest(deps: AttachDependencies, next: string | undefined, missing: Set<string>): Promise<void> {
  for (let cursor = next; cursor !== undefined; ) {
    const page = await init(deps, cursor);
    take(deps, page, missing, false);
    cursor = page.next;
  }
  deps.dispatch({ type: "listCompleted" });
  for (const id of missing) await verify(deps, id);
}

async function verify(deps: AttachDependencies, id: string): Promise<void> {
  try {
    deps.dispatch({ type: "attached", summaries: [await deps.api.conversation(id)] });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) deps.dispatch({ type: "removed", id });
  }
}

async function init(deps: AttachDependencies, cursor: string | undefined): Promise<InitAck> {
  const answer = await deps.line.request("init", cursor === undefined ? {} : { cursor });
  if (!answer.ok) throw new ApiError(answer.error, answer.reason, { retryAfterMs: answer.retryAfterMs });
  return answer;
}

function take(deps: AttachDependencies, page: InitAck, missing: Set<string>, first: boolean): void {
  deps.dispatch({ type: "attached", summaries: page.conversations });
  deps.dispatch({ type: "onlineListed", userIds: page.online, first });
  for (const { id } of page.conversations) missing.delete(id);
  for (const id of page.removed) {
    missing.delete(id);
    deps.dispatch({ type: "removed", id });
  }
}

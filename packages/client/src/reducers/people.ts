/**
 * People: who was met, and who is online.
 */
import type { Summary, User } from "../generated/contract.ts";

type Users = ReadonlyMap<string, User>;

export function meet(users: Users, met: Iterable<User>): Users {
  const next = new Map(users);
  let changed = false;
  for (const user of met) {
    if (next.get(user.id) === user) continue;
    next.set(user.id, user);
    changed = true;
  }
  return changed ? next : users;
}

/** Everybody a list of conversations shows. */
export function* peopleOf(summaries: readonly Summary[]): Generator<User> {
  for (const summary of summaries) {
    yield* summary.faces;
    if (summary.peer !== undefined) yield summary.peer;
  }
}

/** The summary with a newer state of somebody it shows. */
export function updatePerson(summary: Summary, user: User): Summary {
  const shown = summary.peer?.id === user.id || summary.faces.some((face) => face.id === user.id);
  if (!shown) return summary;
  const faces = summary.faces.map((face) => (face.id === user.id ? user : face));
  return summary.peer?.id === user.id ? { ...summary, faces, peer: user } : { ...summary, faces };
}

export function setOnline(online: ReadonlySet<string>, userId: string, isOnline: boolean): ReadonlySet<string> {
  if (online.has(userId) === isOnline) return online;
  const next = new Set(online);
  if (isOnline) next.add(userId);
  else next.delete(userId);
  return next;
}

/** Who is here, as far as this page can know: nobody while its connection is away, oneself while it stands. */
import type { State } from "@madang/client";
import { useMadang } from "@madang/react";
import { useMemo } from "react";

const NOBODY: ReadonlySet<string> = new Set();

export function peopleHere({
  connection,
  me,
  online,
}: Pick<State, "connection" | "me" | "online">): ReadonlySet<string> {
  if (connection.status !== "online") return NOBODY;
  return me === null || online.has(me.id) ? online : new Set(online).add(me.id);
}

export function usePresence(): ReadonlySet<string> {
  const connection = useMadang((state) => state.connection);
  const me = useMadang((state) => state.me);
  const online = useMadang((state) => state.online);
  return useMemo(() => peopleHere({ connection, me, online }), [connection, me, online]);
}

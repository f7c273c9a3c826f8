/** People found for what is typed: waits for a pause, drops answers that come too late, keeps the last ones while searching. */
import type { User } from "@madang/client";
import { useEffect, useState } from "react";

export type Search = (query: string) => Promise<readonly User[]>;

export type Found =
  | { status: "searching"; people: readonly User[] }
  | { status: "found"; people: readonly User[] }
  | { status: "failed"; people: readonly User[]; error: unknown };

const PAUSE_MS = 180;

export function usePeopleSearch(search: Search, query: string): Found {
  const [found, setFound] = useState<Found>({ status: "searching", people: [] });
  const wanted = query.trim();
  useEffect(() => {
    let current = true;
    setFound((was) => ({ status: "searching", people: was.people }));
    const ask = () => {
      search(wanted).then(
        (people) => current && setFound({ status: "found", people }),
        (error: unknown) => current && setFound({ status: "failed", people: [], error }),
      );
    };
    const timer = setTimeout(ask, wanted === "" ? 0 : PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [search, wanted]);
  return found;
}

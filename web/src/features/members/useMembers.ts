/**
 * The members of one conversation: those the client keeps (rooms up to 100), or pages asked for here (larger rooms).
 */
import type { Client, ConversationState, Page, PublicMember } from "@madang/client";
import { useCallback, useEffect, useState } from "react";

type MemberPage = Page<PublicMember>;

export interface Members {
  people: readonly PublicMember[];
  loading: boolean;
  error: unknown;
  /** Loads the next page; null when everybody is here. */
  more: (() => void) | null;
}

interface Paged {
  people: readonly PublicMember[];
  next: MemberPage["next"];
  loading: boolean;
  error: unknown;
}

const EMPTY: Paged = { people: [], next: null, loading: true, error: null };

export function useMembers(client: Client, conversation: ConversationState): Members {
  const { id, members } = conversation;
  const [paged, setPaged] = useState<Paged>(EMPTY);
  const kept = members !== null;

  const load = useCallback(async (ask: () => Promise<MemberPage>) => {
    setPaged((was) => ({ ...was, loading: true, error: null }));
    try {
      const page = await ask();
      setPaged((was) => ({ people: [...was.people, ...page.items], next: page.next, loading: false, error: null }));
    } catch (error) {
      setPaged((was) => ({ ...was, loading: false, error }));
    }
  }, []);

  useEffect(() => {
    if (!kept) void load(() => client.api.members(id));
  }, [kept, load, client, id]);

  if (members !== null) return { people: Array.from(members.values()), loading: false, error: null, more: null };
  const { people, next, loading, error } = paged;
  return { people, loading, error, more: next === null ? null : () => void load(next) };
}

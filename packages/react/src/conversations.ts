/**
 * Hooks about conversations and the people in them.
 */
import type { ConversationState } from "@madang/client";
import { useEffect } from "react";
import { useClient } from "./provider.tsx";
import { sameItems, useMadang } from "./useMadang.ts";

/** All conversations, the newest first. */
export function useConversationList(): readonly ConversationState[] {
  return useMadang(({ conversations, order }) => order.flatMap((id) => conversations.get(id) ?? []), sameItems);
}

/** One conversation, opened while the component is mounted; undefined while it is not known. */
export function useConversation(id: string): ConversationState | undefined {
  const client = useClient();
  useEffect(() => {
    client.openConversation(id);
    return () => client.closeConversation(id);
  }, [client, id]);
  return useMadang((state) => state.conversations.get(id));
}

/** Ids of those who type in a conversation, the earliest first; never oneself. */
export function useTyping(id: string): readonly string[] {
  return useMadang((state) => [...(state.conversations.get(id)?.typing.keys() ?? [])], sameItems);
}

export function useOnline(userId: string): boolean {
  return useMadang((state) => state.online.has(userId));
}

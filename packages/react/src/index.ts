/**
 * The public names of `@madang/react`.
 */
// biome-ignore-all lint/performance/noBarrelFile: the one entry of the package.
export { useConversation, useConversationList, useOnline, useTyping } from "./conversations.ts";
export { MadangProvider, useClient } from "./provider.tsx";
export { sameItems, useMadang } from "./useMadang.ts";

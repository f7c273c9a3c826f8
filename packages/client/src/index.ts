/**
 * The public names of `@madang/client`. Nothing here runs; every other module imports its siblings directly.
 */
// biome-ignore-all lint/performance/noBarrelFile: the one entry of the package.
export type { Api, MemberRange, MessageRange, Page } from "./api.ts";
export { createClient } from "./client.ts";
export { ApiError, isRetryable } from "./errors.ts";
export type {
  Attachment,
  ErrorCode,
  Limits,
  Membership,
  Message,
  MessageType,
  PublicConfig,
  PublicMember,
  Quote,
  Reaction,
  Role,
  Sender,
  SignedIn,
  Summary,
  SystemEvent,
  SystemKind,
  User,
} from "./generated/contract.ts";
export type {
  Auth,
  Client,
  ClientOptions,
  Connection,
  ConversationState,
  Draft,
  Loading,
  PendingMessage,
  SignedOutReason,
  State,
  Store,
  VersionedEvent,
} from "./types.ts";
export { readersOf, unreadCounter } from "./unread.ts";

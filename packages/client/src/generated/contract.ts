/**
 * Madang's contract: every event and payload, the error codes, the limits.
 *
 * Generated from `madang.contract` by `python -m madang.contract.export`; changes by hand are lost.
 * Fields and events may be added by a newer server; unknown ones are ignored.
 */

export const CONTRACT_VERSION = 1;

export type ConversationType = "direct" | "group";

export type MessageType = "text" | "image" | "video" | "file" | "system";

export type RemovedReason = "left" | "removed" | "ended";

export type RevokedReason = "logout" | "password_changed" | "disabled" | "revoked";

export type Role = "owner" | "admin" | "member";

export type SystemKind = "created" | "members_added" | "member_left" | "member_removed" | "renamed" | "updated" | "role_changed" | "ended";

/** A smaller picture of an attachment. */
export interface AttachmentPreview {
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** A file a message refers to; sizes in bytes, pixels and milliseconds. */
export interface Attachment {
  readonly id: string;
  readonly kind: "image" | "video" | "audio" | "file";
  readonly name: string;
  readonly size: number;
  readonly mimeType: string;
  readonly url: string;
  readonly width?: number;
  readonly height?: number;
  readonly durationMs?: number;
  readonly preview?: AttachmentPreview;
  readonly placeholder?: string;
}

/** Who wrote a message, as they are now. */
export interface Sender {
  readonly id: string;
  readonly name: string;
  readonly avatarUrl: string | null;
}

/** The message replied to; blank where it is deleted or the reader may not see it. */
export interface Quote {
  readonly id: string;
  readonly seq: number;
  readonly senderId: string | null;
  readonly content: string;
  readonly type: MessageType;
}

/** How many people reacted with one emoji; `userIds` are the first 20. */
export interface Reaction {
  readonly emoji: string;
  readonly count: number;
  readonly userIds: readonly string[];
}

/** What a system message says, for clients to write the sentence. */
export interface SystemEvent {
  readonly kind: SystemKind;
  readonly actorId: string | null;
  readonly userIds?: readonly string[];
  /** `created`: the name, if there is one. `renamed`: the new one; null if it was taken away. */
  readonly name?: string | null;
  readonly role?: Role;
  readonly avatarUrl?: string | null;
  /** `renamed`, `updated`: the new values of what changed. */
  readonly custom?: Readonly<Record<string, unknown>>;
}

/** One entry of a conversation's log, in its present state. */
export interface Message {
  readonly id: string;
  readonly conversationId: string;
  readonly seq: number;
  readonly version: number;
  readonly senderId: string | null;
  readonly sender: Sender | null;
  readonly type: MessageType;
  readonly content: string;
  readonly createdAt: string;
  /** Stands in events; a page of history has it once, in the Summary. */
  readonly epoch?: string;
  readonly mentions: readonly string[] | "all";
  readonly replyToId: string | null;
  readonly replyTo?: Quote;
  readonly attachments: readonly Attachment[];
  readonly reactions: readonly Reaction[];
  readonly system?: SystemEvent;
  readonly silent?: boolean;
  /** It left its sender's mark where it was; every other message of somebody moves it. */
  readonly keepUnread?: boolean;
  readonly editedAt: string | null;
  readonly deletedAt: string | null;
}

/** A person or a bot, as everybody may see them. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly avatarUrl: string | null;
  readonly bot: boolean;
  readonly custom: Readonly<Record<string, unknown>>;
  readonly deletedAt: string | null;
}

/** My own place in a conversation. */
export interface Membership {
  readonly role: Role;
  readonly lastReadSeq: number;
  readonly unreadCount: number;
  readonly visibleFromSeq: number;
  readonly notificationEnabled: boolean;
  readonly mutedUntil: string | null;
  readonly pinnedAt: string | null;
  readonly markedUnread: boolean;
}

/** A conversation as it stands in one person's list. */
export interface Summary {
  readonly id: string;
  readonly type: ConversationType;
  readonly name: string | null;
  readonly epoch: string;
  readonly version: number;
  readonly lastSeq: number;
  readonly memberCount: number;
  /** The first four members, oneself last. */
  readonly faces: readonly User[];
  readonly lastMessage: Message | null;
  readonly lastMessageAt: string | null;
  readonly createdAt: string;
  readonly me: Membership;
  /** The same number as in `me`, for the brief's clients. */
  readonly unreadCount: number;
  readonly avatarUrl: string | null;
  readonly custom: Readonly<Record<string, unknown>>;
  readonly key?: string;
  /** Direct conversations: the other person, or oneself in notes to self. */
  readonly peer?: User;
}

/** What was missed of a conversation since the version a client named. `delta`: every message changed since, as it is now, by version; a page of them if there is `more`. `gap`: too much was missed, `messages` is the newest page and replaces what is cached. `reset`: all that is known is void. `behind`: there was no room; ask with `conversation:sync`. */
export interface Changes {
  readonly status: "delta" | "gap" | "reset" | "behind";
  readonly epoch: string;
  /** Everything up to here is known once `messages` are applied. `behind`: where the log stands. */
  readonly version: number;
  readonly messages: readonly Message[];
  /** Ask again with `version` for the changes after it. */
  readonly more?: true;
  /** Members and the seq they have read up to; rooms of up to 100. */
  readonly reads?: readonly (readonly [string, number])[];
  /** Rooms above that: a seq and how many have read exactly up to it, ascending; whoever is not counted stands below. */
  readonly steps?: readonly (readonly [number, number])[];
  /** In answers to `conversation:sync`, unless there is more. */
  readonly summary?: Summary;
}

/** Somebody's place in a conversation, as other members may see it. */
export interface PublicMember {
  readonly user: User;
  readonly role: Role;
  readonly joinedAt: string;
  readonly lastReadSeq: number;
  readonly visibleFromSeq: number;
}

/** Not done: `error` is a code of the table, `reason` is English for developers. */
export interface AckFailure {
  readonly error: string;
  readonly reason: string;
  readonly ok: false;
  readonly details?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
  readonly id?: string;
}

/** Limits in force, as clients read them. */
export interface Limits {
  /** UTF-16 code units of a message, counted after NFC. */
  readonly contentUnits: number;
  /** UTF-16 code units of a display name or a conversation's name. */
  readonly nameUnits: number;
  /** Letters, digits and `. _ -` of a username. */
  readonly usernameUnits: number;
  /** Of a new password. */
  readonly passwordMinCharacters: number;
  /** Of its UTF-8 form. */
  readonly passwordMaxBytes: number;
  /** Files of one message. */
  readonly attachments: number;
  /** People named in one message. */
  readonly mentions: number;
  /** Different emojis on one message. */
  readonly emojis: number;
  /** UTF-16 code units of a conversation's key. */
  readonly keyUnits: number;
  /** Of `custom` as JSON. */
  readonly customBytes: number;
  /** People named in one call. */
  readonly membersPerCall: number;
  /** People of one conversation. */
  readonly members: number;
  /** Messages of one page of history. */
  readonly page: number;
  /** Conversations of one page of the list, and of one `init`. */
  readonly inboxPage: number;
  /** Conversations a client may say it knows, in one `init`. */
  readonly known: number;
  /** People whose presence one socket watches. */
  readonly watchedUsers: number;
  /** A frame or a body; larger closes the engine or answers `too_large`. */
  readonly payloadBytes: number;
  /** Messages of one user, in the long run; 0: no limit. */
  readonly sendsPerSecond: number;
  /** Messages of one user at once. */
  readonly sendBurst: number;
  /** How long one's own message may be edited; 0: no limit. */
  readonly editSeconds: number;
  /** How long one's own message may be deleted; 0: no limit. */
  readonly deleteSeconds: number;
  /** One `typing:start` per conversation in this time; more are dropped. */
  readonly typingSeconds: number;
  /** Sign-ins and sign-ups from one address. */
  readonly loginsPerMinute: number;
  /** After this without an ack, send the same thing with the same id again. */
  readonly ackTimeoutMs: number;
  /** After this without another `typing:start`, somebody no longer types. */
  readonly typingTimeoutMs: number;
}

/** Start delivery; sent on every connect, and again with `cursor` for the next page of the list. `inbox` is that of the first page last time; `known` has epoch and version of conversations that are here. Both need not be said again with `cursor`. */
export interface Init {
  readonly inbox?: number;
  readonly known?: Readonly<Record<string, readonly [string, number]>>;
  readonly cursor?: string;
}

/** Done. */
export interface OkAck {
  readonly ok: true;
}

/** Which server this is. */
export interface ServerInfo {
  readonly version: string;
  readonly contract: number;
  readonly limits: Limits;
}

/** One's own account and list of conversations; `next` is the cursor of the page after it. With `inbox`, `conversations` has only what changed; whatever is not named is as the client knows it, and is live as well. `removed` are memberships that ended. `changes` has the known conversations of which something was missed. */
export interface InitAck extends OkAck {
  readonly server: ServerInfo;
  readonly user: User;
  readonly expiresAt: string | null;
  readonly inbox: number;
  readonly conversations: readonly Summary[];
  readonly removed: readonly string[];
  readonly changes: Readonly<Record<string, Changes>>;
  readonly online: readonly string[];
  readonly next?: string;
}

/** A message to be stored; `id` is the client's own UUID, the same on every retry. */
export interface MessageSend {
  readonly conversationId: string;
  readonly content: string;
  readonly id?: string;
  readonly type?: "text" | "image" | "video" | "file";
  readonly replyToId?: string | null;
  readonly attachments?: readonly string[];
  readonly mentions?: readonly string[] | "all";
  readonly silent?: boolean;
  readonly keepUnread?: boolean;
}

/** The message as stored, or as it is now when it had been stored before. */
export interface MessageSendAck extends OkAck {
  readonly message: Message;
  readonly level: "stored";
  readonly duplicate?: boolean;
}

/** Where messages are queued: it will be stored under this id, and `message:persisted` or `message:rejected` follows. */
export interface MessageAcceptedAck extends OkAck {
  readonly tempId: string;
  readonly level: "accepted";
}

/** One's own message gets another content. */
export interface MessageEdit {
  readonly conversationId: string;
  readonly messageId: string;
  readonly content: string;
}

/** The message as it is now. */
export interface MessageAck extends OkAck {
  readonly message: Message;
}

/** A message becomes a tombstone. */
export interface MessageDelete {
  readonly conversationId: string;
  readonly messageId: string;
}

/** One emoji on a message, or, with `remove`, off it. */
export interface MessageReact {
  readonly conversationId: string;
  readonly messageId: string;
  readonly emoji: string;
  readonly remove?: boolean;
}

/** Everything up to `seq` has been read; without it, the newest delivered to this socket. */
export interface ReadMark {
  readonly conversationId: string;
  readonly seq?: number;
}

/** Where one's mark stands now. */
export interface ReadMarkAck extends OkAck {
  readonly lastReadSeq: number;
  readonly unreadCount: number;
}

/** What was missed of one conversation since `version`; without `version`, its newest page. */
export interface ConversationSync {
  readonly conversationId: string;
  readonly epoch?: string;
  readonly version?: number;
}

/** What was missed. */
export interface ConversationSyncAck extends Changes {
  readonly ok: true;
}

/** Nothing but which conversation. */
export interface ConversationRef {
  readonly conversationId: string;
}

/** What this device shows; null: no conversation. */
export interface Focusing {
  readonly conversationId: string | null;
}

/** Whose presence this socket wants; replaces the list it gave before. */
export interface PresenceWatch {
  readonly userIds: readonly string[];
}

/** Which of the watched are online. */
export interface PresenceWatchAck extends OkAck {
  readonly online: readonly string[];
}

/** A newer access token of the same user. */
export interface AuthRefresh {
  readonly token: string;
}

/** Until when the socket may stay. */
export interface AuthRefreshAck extends OkAck {
  readonly expiresAt: string | null;
}

/** Somebody reacted to a message, or took it back; `count` is how many people this emoji has now. */
export interface ReactionChanged {
  readonly conversationId: string;
  readonly messageId: string;
  readonly seq: number;
  readonly version: number;
  readonly epoch: string;
  readonly userId: string;
  readonly emoji: string;
  readonly removed: boolean;
  readonly count: number;
}

/** What was acknowledged as `accepted` is stored: the message as its sender sees it. */
export interface MessagePersisted {
  readonly tempId: string;
  readonly message: Message;
}

/** What was acknowledged as `accepted` can never be stored: `error` is a code of the table. */
export interface MessageRejected {
  readonly tempId: string;
  readonly conversationId: string;
  readonly error: string;
  readonly reason: string;
}

/** You have everything of this conversation up to this version. */
export interface ConversationVersion {
  readonly conversationId: string;
  readonly epoch: string;
  readonly version: number;
}

/** Somebody's read mark moved; `unreadCount` only to oneself. */
export interface ReadMoved {
  readonly userId: string;
  readonly conversationId: string;
  readonly lastReadSeq: number;
  readonly lastReadAt: string;
  readonly unreadCount?: number;
}

/** How many have read exactly up to a seq, ascending, the newest hundred; whoever is not counted stands below. */
export interface ReadSteps {
  readonly conversationId: string;
  readonly steps: readonly (readonly [number, number])[];
}

/** Somebody started or stopped typing. */
export interface Typing {
  readonly userId: string;
  readonly conversationId: string;
}

/** When somebody came or went; stands after the user's id. */
export interface PresenceAt {
  readonly at: string;
}

/** The conversation is no longer in one's list. */
export interface ConversationRemoved {
  readonly conversationId: string;
  readonly reason: RemovedReason;
}

/** The token of this socket ends soon: send `auth:refresh`. */
export interface AuthExpiring {
  readonly expiresAt: string;
}

/** Stay away until somebody signs in again. */
export interface SessionRevoked {
  readonly reason: RevokedReason;
}

/** This node drains; the engine closes next and the client comes back by itself. */
export interface ServerClosing {
  readonly retryAfterMs: number;
}

/** An event that asked for no ack has failed. */
export interface ErrorNotice {
  readonly event: string;
  readonly error: string;
  readonly reason: string;
  readonly conversationId?: string;
}

/** Where messages are queued: it will be stored under this id, or rejected. */
export interface AcceptedMessage {
  readonly tempId: string;
  readonly level: "accepted";
}

/** People to add, at most 100. */
export interface AddMembers {
  readonly userIds: readonly string[];
}

/** Every refusal over HTTP. */
export interface ApiError {
  readonly error: string;
  readonly reason: string;
  readonly ok: false;
  readonly details?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
}

/** The new role of a member; a new owner takes the place of the old one. */
export interface ChangeRole {
  readonly role: Role;
}

/** The message as it is now. */
export interface ChangedMessage {
  readonly message: Message;
}

/** A direct conversation has one member beside oneself, or oneself alone. */
export interface CreateConversation {
  readonly type: ConversationType;
  readonly memberIds?: readonly string[];
  readonly name?: string | null;
  /** Makes a group exist once: whoever creates it again, and is a member, gets the first. */
  readonly key?: string | null;
  readonly custom?: Readonly<Record<string, unknown>>;
}

/** A username and its password. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly cookies?: boolean;
}

/** The new content. */
export interface EditBody {
  readonly content: string;
}

/** One's own settings of a conversation; `mutedUntil` null ends muting. */
export interface MemberSettings {
  readonly notificationEnabled?: boolean;
  readonly mutedUntil?: string | null;
  readonly pinned?: boolean;
  readonly markedUnread?: boolean;
}

/** What a client may know before anybody signs in. */
export interface PublicConfig {
  readonly version: string;
  readonly contract: number;
  readonly limits: Limits;
  readonly registration: "open" | "invite" | "closed";
  /** Nobody has an account yet: the next one becomes the administrator. */
  readonly firstAccount: boolean;
}

/** How far one has read; without it, to the end. */
export interface ReadBody {
  readonly seq?: number;
}

/** The refresh token where cookies are not used. */
export interface RefreshBody {
  readonly refreshToken?: string;
  readonly cookies?: boolean;
}

/** A new account; `cookies: false` puts the refresh token into the answer. */
export interface Registration {
  readonly username: string;
  readonly password: string;
  readonly name: string;
  readonly cookies?: boolean;
}

/** A message to be stored: `message:send` without the conversation, which the address names. */
export interface SendBody {
  readonly content: string;
  readonly id?: string;
  readonly type?: "text" | "image" | "video" | "file";
  readonly replyToId?: string | null;
  readonly attachments?: readonly string[];
  readonly mentions?: readonly string[] | "all";
  readonly silent?: boolean;
  readonly keepUnread?: boolean;
}

/** The stored message. */
export interface SentMessage {
  readonly message: Message;
  readonly level: "stored";
  readonly duplicate?: boolean;
}

/** Who signed in, and the access token with its end. */
export interface SignedIn {
  readonly user: User;
  readonly accessToken: string;
  readonly expiresAt: string;
  readonly refreshToken?: string;
  /** The first account of an empty server is its administrator; clients say so. */
  readonly administrator: boolean;
}

/** What owners and admins may change about a group; null takes the name or the picture away. */
export interface UpdateConversation {
  readonly name?: string | null;
  readonly avatarUrl?: string | null;
  readonly custom?: Readonly<Record<string, unknown>>;
}

/** What one may change about oneself. */
export interface UpdateMe {
  readonly name?: string;
  readonly custom?: Readonly<Record<string, unknown>>;
}

/** The closed table of errors. `retryable`: the same request with the same id may succeed later. */
export const ERRORS = {
  /** Nobody is signed in. */
  unauthenticated: { httpStatus: 401, retryable: false },
  /** The access token has expired: refresh it, then try again. */
  token_expired: { httpStatus: 401, retryable: false },
  /** The token is forged, malformed, revoked or of the wrong type. */
  token_invalid: { httpStatus: 401, retryable: false },
  /** An administrator has disabled this account. */
  user_disabled: { httpStatus: 403, retryable: false },
  /** You are known, but not allowed to do this. */
  forbidden: { httpStatus: 403, retryable: false },
  /** No conversation of yours has this id (the answer on sockets). */
  not_a_member: { httpStatus: 404, retryable: false },
  /** Nothing you may see has this id; over HTTP also: no such conversation of yours. */
  not_found: { httpStatus: 404, retryable: false },
  /** The request breaks a rule; `details` names the fields. */
  invalid: { httpStatus: 422, retryable: false },
  /** It collides with what exists: an id, a username, a key. */
  conflict: { httpStatus: 409, retryable: false },
  /** Larger than the limit; limits are in `init` and `/api/config`. */
  too_large: { httpStatus: 413, retryable: false },
  /** Too much in too short a time: wait `retryAfterMs`. */
  rate_limited: { httpStatus: 429, retryable: true },
  /** The store is away or silent, so the outcome is unknown, or too much is waiting: send it again, same id. */
  try_again: { httpStatus: 503, retryable: true },
  /** The disk of the store is full; nothing was acknowledged. */
  storage_full: { httpStatus: 507, retryable: false },
  /** The server is starting or stopping, or has met a defect, which it has logged. */
  unavailable: { httpStatus: 503, retryable: true },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** The limits of a server that was not told otherwise; those in force come with `init`. */
export const LIMITS: Limits = {
  contentUnits: 10000,
  nameUnits: 100,
  usernameUnits: 32,
  passwordMinCharacters: 8,
  passwordMaxBytes: 1024,
  attachments: 10,
  mentions: 100,
  emojis: 20,
  keyUnits: 200,
  customBytes: 4096,
  membersPerCall: 100,
  members: 100000,
  page: 200,
  inboxPage: 100,
  known: 1000,
  watchedUsers: 500,
  payloadBytes: 1000000,
  sendsPerSecond: 10.0,
  sendBurst: 30,
  editSeconds: 0.0,
  deleteSeconds: 0.0,
  typingSeconds: 2.0,
  loginsPerMinute: 10,
  ackTimeoutMs: 10000,
  typingTimeoutMs: 6000,
};

/** The answer to an event: what it asked for, or why not. `ok` tells which. */
export type Ack<Answer extends OkAck> = (answer: Answer | AckFailure) => void;

/** What a client may send; for the second type parameter of socket.io-client's `Socket`. */
export interface ClientToServerEvents {
  /** Start delivery; on every connect. */
  "init": (payload: Init, ack: Ack<InitAck>) => void;
  /** Store a message and deliver it. */
  "message:send": (payload: MessageSend, ack: Ack<MessageSendAck | MessageAcceptedAck>) => void;
  /** Change the content of one's own message. */
  "message:edit": (payload: MessageEdit, ack: Ack<MessageAck>) => void;
  /** Delete one's own message, or as admin anybody's. */
  "message:delete": (payload: MessageDelete, ack: Ack<MessageAck>) => void;
  /** React to a message with an emoji, or take it back. */
  "message:react": (payload: MessageReact, ack: Ack<MessageAck>) => void;
  /** Move one's own read mark forward. */
  "message:read": (payload: ReadMark, ack: Ack<ReadMarkAck>) => void;
  /** What was missed of a conversation. */
  "conversation:sync": (payload: ConversationSync, ack: Ack<ConversationSyncAck>) => void;
  /** One is typing; repeat every 3 s. */
  "typing:start": (payload: ConversationRef, ack?: Ack<OkAck>) => void;
  /** One has stopped typing. */
  "typing:stop": (payload: ConversationRef, ack?: Ack<OkAck>) => void;
  /** What this device shows: large rooms tell it who types and who has read. */
  "focus": (payload: Focusing, ack?: Ack<OkAck>) => void;
  /** Whose presence to be told of. */
  "presence:watch": (payload: PresenceWatch, ack: Ack<PresenceWatchAck>) => void;
  /** Keep this socket beyond the old token. */
  "auth:refresh": (payload: AuthRefresh, ack: Ack<AuthRefreshAck>) => void;
}

/** What the server may send; for the first type parameter of socket.io-client's `Socket`. */
export interface ServerToClientEvents {
  /** To: Members who may see it, the acting socket included. */
  "message:new": (message: Message) => void;
  /** To: The same: its content was edited. */
  "message:updated": (message: Message) => void;
  /** To: The same: it is a tombstone now. */
  "message:deleted": (message: Message) => void;
  /** To: The same: somebody reacted, or took it back. */
  "message:reaction": (reactionChanged: ReactionChanged) => void;
  /** To: The sender's sockets: it was accepted, and is stored. */
  "message:persisted": (messagePersisted: MessagePersisted) => void;
  /** To: The same: it was accepted, and can never be stored. */
  "message:rejected": (messageRejected: MessageRejected) => void;
  /** To: After a repair, or for what you may not see. */
  "conversation:version": (conversationVersion: ConversationVersion) => void;
  /** To: Members of rooms up to 100; with `unreadCount` to oneself. */
  "message:read": (readMoved: ReadMoved) => void;
  /** To: Rooms above 100, at most 2/s: sockets that focus it. */
  "message:reads": (readSteps: ReadSteps) => void;
  /** To: Others in the room; above 100 members those who focus it. */
  "typing:start": (typing: Typing) => void;
  /** To: The same. */
  "typing:stop": (typing: Typing) => void;
  /** To: Direct peers, members of small recent rooms, watchers. */
  "user:online": (userId: string, presenceAt: PresenceAt) => void;
  /** To: The same, after 5-10 s of grace. */
  "user:offline": (userId: string, presenceAt: PresenceAt) => void;
  /** To: Those who share a conversation. */
  "user:updated": (user: User) => void;
  /** To: The user's sockets: you were added. */
  "conversation:new": (summary: Summary) => void;
  /** To: The user's sockets: your own settings changed. */
  "conversation:updated": (summary: Summary) => void;
  /** To: The user's sockets, after the last entry. */
  "conversation:removed": (conversationRemoved: ConversationRemoved) => void;
  /** To: The socket, 60 s before. */
  "auth:expiring": (authExpiring: AuthExpiring) => void;
  /** To: The user's sockets, then DISCONNECT. */
  "session:revoked": (sessionRevoked: SessionRevoked) => void;
  /** To: Sockets of a draining node, then the engine closes. */
  "server:closing": (serverClosing: ServerClosing) => void;
  /** To: The socket whose event without ack failed. */
  "error": (errorNotice: ErrorNotice) => void;
}

/**
 * Shapes of the wire as the contract writes them, used by every other module of the client.
 *
 * Times are ISO 8601 UTC with milliseconds, ids are UUIDs. Owns no logic. Fields may be added by a newer server; unknown
 * ones are ignored.
 */

export type Role = "owner" | "admin" | "member";

export interface User {
  readonly id: string;
  readonly username: string | null;
  readonly name: string;
  readonly avatarUrl: string | null;
  readonly bot: boolean;
  readonly custom: Readonly<Record<string, unknown>>;
  readonly deletedAt: string | null;
}

export interface Sender {
  readonly id: string;
  readonly name: string;
  readonly avatarUrl: string | null;
}

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
  readonly preview?: { readonly url: string; readonly width: number; readonly height: number };
  readonly placeholder?: string;
}

export interface Reaction {
  readonly emoji: string;
  readonly count: number;
  readonly userIds: readonly string[];
}

export interface ReplyTo {
  readonly id: string;
  readonly seq: number;
  readonly senderId: string | null;
  readonly content: string;
  readonly type: MessageType;
}

export type MessageType = "text" | "image" | "video" | "file" | "system";

export interface SystemEntry {
  readonly kind: string;
  readonly actorId: string | null;
  readonly userIds?: readonly string[];
  readonly name?: string | null;
  readonly role?: Role | null;
}

export interface Message {
  readonly id: string;
  readonly conversationId: string;
  readonly seq: number;
  readonly version: number;
  readonly senderId: string | null;
  readonly sender: Sender | null;
  readonly type: MessageType;
  readonly content: string;
  readonly mentions: readonly string[] | "all";
  readonly replyToId: string | null;
  readonly replyTo?: ReplyTo | null;
  readonly attachments: readonly Attachment[];
  readonly reactions: readonly Reaction[];
  readonly system?: SystemEntry | null;
  readonly silent?: boolean;
  readonly createdAt: string;
  readonly editedAt: string | null;
  readonly deletedAt: string | null;
}

export interface MySettings {
  readonly role: Role;
  readonly lastReadSeq: number;
  readonly unreadCount: number;
  readonly notificationEnabled: boolean;
  readonly mutedUntil: string | null;
  readonly visibleFromSeq: number;
  readonly pinnedAt: string | null;
  readonly markedUnread: boolean;
}

export interface Summary {
  readonly id: string;
  readonly type: "direct" | "group";
  readonly key?: string | null;
  readonly name: string | null;
  readonly avatarUrl: string | null;
  readonly custom: Readonly<Record<string, unknown>>;
  readonly epoch: string;
  readonly version: number;
  readonly lastSeq: number;
  readonly memberCount: number;
  readonly peer?: User | null;
  readonly faces: readonly User[];
  readonly lastMessage: Message | null;
  readonly lastMessageAt: string | null;
  readonly createdAt: string;
  readonly me: MySettings;
  readonly unreadCount: number;
}

export interface Member {
  readonly user: User;
  readonly role: Role;
  readonly joinedAt: string;
  readonly lastReadSeq: number;
  readonly visibleFromSeq: number;
}

export interface Changes {
  readonly status: "delta" | "gap" | "reset" | "behind";
  readonly epoch: string;
  readonly version: number;
  readonly messages: readonly Message[];
  readonly more?: boolean;
  readonly reads?: readonly (readonly [userId: string, seq: number])[];
  readonly summary?: Summary;
}

export interface Session {
  readonly user: User;
  readonly accessToken: string;
  readonly expiresAt: string;
}

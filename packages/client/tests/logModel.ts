/**
 * A conversation as a server would keep it: the plainest possible log, to compare the client's state with.
 *
 * Owns no rule of the client: every number is counted from the whole log, each time anew.
 */
import type { Changes, Message, Quote, ReactionChanged, Summary, User } from "../src/generated/contract.ts";
import type { VersionedEvent } from "../src/types.ts";

/** A change that is told as a whole message. */
export type MessageEvent = Extract<VersionedEvent, { message: Message }>;

export const ME = "me";

export function person(id: string): User {
  return { id, username: id, name: id.toUpperCase(), avatarUrl: null, bot: false, custom: {}, deletedAt: null };
}

/** Numbers from a seed: the same seed is the same run. */
export function random(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export class LogModel {
  readonly id = "room";
  epoch = "first";
  version = 0;
  myMark = 0;
  name: string | null = "Room";
  memberCount = 3;
  /** Above 1 when ME joined after the first message. */
  visibleFrom = 1;
  /** As stored, without quotes: those are made when a row is shown. */
  readonly rows: Message[] = [];

  send(senderId: string, content: string, id = `m${this.rows.length + 1}`, replyToId: string | null = null) {
    if (senderId === ME) this.myMark = this.rows.length + 1;
    const sender = { id: senderId, name: senderId, avatarUrl: null };
    return this.#append({ id, senderId, sender, content, replyToId });
  }

  sendSilently(senderId: string): MessageEvent {
    return this.#append({ senderId, content: "quiet", silent: true });
  }

  /** A reply from a notification: its sender's mark stays where it is. */
  sendKeepingUnread(senderId: string): MessageEvent {
    const sender = { id: senderId, name: senderId, avatarUrl: null };
    return this.#append({ senderId, sender, content: "on my way", keepUnread: true });
  }

  rename(name: string | null): MessageEvent {
    this.name = name;
    return this.#append({ type: "system", content: "", system: { kind: "renamed", actorId: "ann", name } });
  }

  /** Somebody joins; if it is ME, what was before is hidden and counts as read. */
  join(userId: string): MessageEvent {
    this.memberCount += 1;
    const event = this.#append({
      type: "system",
      content: "",
      system: { kind: "members_added", actorId: "ann", userIds: [userId] },
    });
    if (userId === ME) this.visibleFrom = this.myMark = event.message.seq;
    return event;
  }

  leave(userId: string): MessageEvent {
    this.memberCount -= 1;
    return this.#append({
      type: "system",
      content: "",
      system: { kind: "member_left", actorId: userId, userIds: [userId] },
    });
  }

  edit(seq: number, content: string): MessageEvent {
    return this.#change(seq, { content, editedAt: stamp(this.version + 1) });
  }

  remove(seq: number): MessageEvent {
    return this.#change(seq, { content: "", reactions: [], deletedAt: stamp(this.version + 1) });
  }

  /** Puts the reaction on, or takes it off if it is there. */
  react(seq: number, userId: string, emoji: string): VersionedEvent {
    const { reactions, id } = this.#row(seq);
    const present = reactions.find((one) => one.emoji === emoji);
    const removed = present?.userIds.includes(userId) === true;
    const userIds = removed ? present.userIds.filter((one) => one !== userId) : [...(present?.userIds ?? []), userId];
    const next = { emoji, count: userIds.length, userIds };
    const all = present === undefined ? [...reactions, next] : reactions.map((one) => (one === present ? next : one));
    const { version, epoch } = this.#change(seq, { reactions: all.filter((one) => one.count > 0) });
    const reaction: ReactionChanged = {
      conversationId: this.id,
      messageId: id,
      seq,
      version,
      epoch,
      userId,
      emoji,
      removed,
      count: userIds.length,
    };
    return { epoch, version, reaction };
  }

  /** What `conversation:sync` answers to who knows the log up to a version; `most` missed versions make a gap. */
  changes(epoch: string, version: number, most = 1_000): Changes {
    const head = { epoch: this.epoch, version: this.version };
    if (epoch !== this.epoch || version > this.version) return { ...head, status: "reset", messages: [] };
    if (this.version - version > most) return { ...head, status: "gap", messages: this.newest(50) };
    const messages = this.newest(Number.POSITIVE_INFINITY).filter((row) => row.version > version);
    return { ...head, status: "delta", messages: messages.sort((a, b) => a.version - b.version) };
  }

  /** Another history: every number so far is void. */
  restore(epoch: string, keep: number): void {
    this.rows.length = keep;
    this.epoch = epoch;
    this.version = keep;
    this.myMark = Math.min(this.myMark, keep);
    this.rows.forEach((row, index) => {
      this.rows[index] = { ...row, version: index + 1 };
    });
  }

  summary(): Summary {
    const unreadCount = this.rows.filter(
      (row) => row.seq > this.myMark && row.senderId !== ME && row.type !== "system" && row.silent !== true,
    ).length;
    return {
      id: this.id,
      type: "group",
      name: this.name,
      epoch: this.epoch,
      version: this.version,
      lastSeq: this.rows.length,
      memberCount: this.memberCount,
      faces: [],
      lastMessage: this.newest(1)[0] ?? null,
      lastMessageAt: this.rows.at(-1)?.createdAt ?? null,
      createdAt: stamp(0),
      me: {
        role: "member",
        lastReadSeq: this.myMark,
        unreadCount,
        visibleFromSeq: this.visibleFrom,
        notificationEnabled: true,
        mutedUntil: null,
        pinnedAt: null,
        markedUnread: false,
      },
      unreadCount,
      avatarUrl: null,
      custom: {},
    };
  }

  newest(limit: number): Message[] {
    return this.rows.slice(Math.max(this.visibleFrom - 1, this.rows.length - limit)).map((row) => this.#shown(row));
  }

  before(seq: number, limit: number): Message[] {
    return this.newest(Number.POSITIVE_INFINITY)
      .filter((row) => row.seq < seq)
      .slice(-limit);
  }

  #row(seq: number): Message {
    const row = this.rows[seq - 1];
    if (row === undefined) throw new RangeError(`no row ${seq}`);
    return row;
  }

  #change(seq: number, fields: Partial<Message>): MessageEvent {
    const row = this.#row(seq);
    this.version += 1;
    return this.#put({ ...row, ...fields, version: this.version });
  }

  #shown(row: Message): Message {
    const quoted = this.rows.find((other) => other.id === row.replyToId);
    return quoted === undefined ? row : { ...row, replyTo: this.#quote(quoted) };
  }

  #quote({ id, seq, senderId, content, type, deletedAt }: Message): Quote {
    const blank = deletedAt !== null || seq < this.visibleFrom;
    return blank ? { id, seq, senderId: null, content: "", type: "text" } : { id, seq, senderId, content, type };
  }

  #append(fields: Partial<Message>): MessageEvent {
    this.version += 1;
    const seq = this.rows.length + 1;
    return this.#put({
      id: `m${seq}`,
      conversationId: this.id,
      seq,
      version: this.version,
      senderId: null,
      sender: null,
      type: "text",
      content: "",
      createdAt: stamp(seq),
      mentions: [],
      replyToId: null,
      attachments: [],
      reactions: [],
      editedAt: null,
      deletedAt: null,
      ...fields,
    });
  }

  #put(row: Message): MessageEvent {
    this.rows[row.seq - 1] = row;
    return { epoch: this.epoch, version: this.version, message: this.#shown(row) };
  }
}

function stamp(second: number): string {
  return new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
}

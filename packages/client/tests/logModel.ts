/**
 * A conversation as a server would keep it: the plainest possible log, to compare the client's state with.
 *
 * Owns no rule of the client: every number is counted from the whole log, each time anew.
 */
import type { Message, Summary, User } from "../src/generated/contract.ts";
import type { VersionedEvent } from "../src/types.ts";

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
  name = "Room";
  readonly rows: Message[] = [];

  send(senderId: string, content: string, id = `m${this.rows.length + 1}`): VersionedEvent {
    if (senderId === ME) this.myMark = this.rows.length + 1;
    return this.#append({ id, senderId, sender: { id: senderId, name: senderId, avatarUrl: null }, content });
  }

  sendSilently(senderId: string): VersionedEvent {
    return this.#append({ senderId, content: "quiet", silent: true });
  }

  rename(name: string): VersionedEvent {
    this.name = name;
    return this.#append({ type: "system", content: "", system: { kind: "renamed", actorId: "ann", name } });
  }

  edit(seq: number, content: string): VersionedEvent {
    const row = this.rows[seq - 1];
    if (row === undefined) throw new RangeError(`no row ${seq}`);
    this.version += 1;
    return this.#put({ ...row, content, version: this.version, editedAt: stamp(this.version) });
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
      memberCount: 3,
      faces: [],
      lastMessage: this.rows.at(-1) ?? null,
      lastMessageAt: this.rows.at(-1)?.createdAt ?? null,
      createdAt: stamp(0),
      me: {
        role: "member",
        lastReadSeq: this.myMark,
        unreadCount,
        visibleFromSeq: 1,
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

  newest(limit: number): readonly Message[] {
    return this.rows.slice(-limit);
  }

  after(seq: number, limit: number): readonly Message[] {
    return this.rows.slice(seq, seq + limit);
  }

  before(seq: number, limit: number): readonly Message[] {
    return this.rows.slice(0, seq - 1).slice(-limit);
  }

  #append(fields: Partial<Message>): VersionedEvent {
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

  #put(row: Message): VersionedEvent {
    this.rows[row.seq - 1] = row;
    return { epoch: this.epoch, version: this.version, message: row };
  }
}

function stamp(second: number): string {
  return new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
}

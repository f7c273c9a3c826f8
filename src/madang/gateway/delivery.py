"""Delivery: entries of a log, handed to the sockets of a conversation.

Owns what each socket may see of an entry, and taking people out of a room. Must never decide what comes next: the feed
and the repair do. A room gets one object; only sockets that see less than the rest get their own.

Invariants:
1. Nobody is handed an entry below their `visibleFromSeq`: they are told its version instead, so that they can count on;
   but nothing of a row that was read, because between rows versions are missing, and the repair tells the last one.
2. A quote of a message below it is blank.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from madang.contract.server_events import ConversationRemoved, ConversationVersion, RemovedReason
from madang.contract.shapes import Message, Quote
from madang.gateway.connection import Connection, Connections
from madang.gateway.live_log import LiveLog
from madang.gateway.packets import event_packet, one_event
from madang.ports.bus import LogEntry
from madang.socketio import EventPacket, Frames, Namespace

__all__ = ["CHUNK_BYTES", "Delivery"]

CHUNK_BYTES: Final = 128 * 1024
"""Frames of one conversation joined into one object."""

_encode = msgspec.json.Encoder().encode
_decode_message = msgspec.json.Decoder(Message).decode


class Delivery:
    """Hands entries out."""

    def __init__(self, namespace: Namespace, connections: Connections) -> None:
        self._namespace = namespace
        self._connections = connections

    def hand_out(self, live: LiveLog, entries: Sequence[LogEntry], *, dense: bool = True) -> None:
        """Send entries to the room, ascending, all above `live.version`; rows that were read are not `dense`."""
        for chunk in _chunks(entries):
            frames = Frames([_packet(entry) for entry in chunk])
            depths = sorted(depth for entry in chunk for depth in _depths(entry))
            if live.late_from <= depths[0]:
                self._namespace.broadcast(live.room, frames)
                continue
            late = {connection: seen_from for connection, seen_from in live.late.items() if seen_from > depths[0]}
            self._namespace.broadcast(live.room, frames, except_={connection.socket for connection in late})
            own: dict[int, Frames] = {}
            for connection, seen_from in late.items():
                hidden = bisect_left(depths, seen_from)  # who has as many hidden entries and quotes has the same ones
                if hidden not in own:
                    own[hidden] = Frames(_visible(chunk, live, seen_from, dense=dense))
                if own[hidden].packets:
                    connection.socket.send(own[hidden])

    def replay(self, live: LiveLog, connection: Connection, entries: Sequence[LogEntry], *, dense: bool = True) -> None:
        """Send entries to one attached socket."""
        seen_from = connection.attached[live.conversation_id]
        for chunk in _chunks(entries):
            packets = _visible(chunk, live, seen_from, dense=dense)
            if packets:
                connection.socket.send(Frames(packets))

    def enter(self, live: LiveLog, connection: Connection) -> None:
        """A socket has everything up to `live.version`: it joins the room."""
        connection.socket.join(live.room)
        live.enter(connection)

    def leave(self, live: LiveLog, connection: Connection) -> None:
        """Take one socket out."""
        del connection.attached[live.conversation_id]
        connection.socket.leave(live.room)
        live.leave(connection)

    def dismiss(self, live: LiveLog, connection: Connection, reason: RemovedReason) -> None:
        """Take one socket out and tell it."""
        self.leave(live, connection)
        connection.shown.discard(live.conversation_id)
        removed = ConversationRemoved(conversation_id=live.conversation_id, reason=reason)
        connection.socket.send(one_event("conversation:removed", _encode(removed)))

    def remove(self, live: LiveLog, user_id: str, reason: RemovedReason, version: int) -> None:
        """A person is no member from `version` on: take their sockets out, after the last entry they may see.

        Sockets that were shown a later state stay: they have been shown a later membership.
        """
        for connection in self._connections.of(user_id):
            if live.conversation_id not in connection.attached:
                continue
            parked = live.parked_place(connection)
            if parked is None or parked.version < version:
                self.dismiss(live, connection, reason)

    def send_back(self, live: LiveLog, user_id: str, seen_from: int) -> None:
        """A person left and came back while this node was behind: close the sockets that were shown the older membership;
        they come back and are shown the present one, which is always right.
        """
        for connection in self._connections.of(user_id):
            if connection.attached.get(live.conversation_id, seen_from) < seen_from:
                connection.socket.close_engine(1013, "the membership has changed")

    def complete(self, live: LiveLog, epoch: str, version: int) -> None:
        """Tell the room that it has everything up to a version."""
        payload = _version_notice(live, epoch, version)
        self._namespace.broadcast(live.room, one_event("conversation:version", payload))

    def people(self, live: LiveLog) -> set[str]:
        """Whose sockets are attached to a conversation."""
        people = {socket.data.user_id for socket in self._namespace.members(live.room)}
        return people | {place.connection.user_id for place in live.parked}

    def give_up(self, live: LiveLog) -> None:
        """Close every socket of a conversation that cannot be delivered; they come back and are shown where it stands."""
        attached = [socket.data for socket in self._namespace.members(live.room)]
        for connection in attached + [place.connection for place in live.parked]:
            connection.socket.close_engine(1013, "delivery failed")


def _depths(entry: LogEntry) -> tuple[int, ...]:
    """The seqs somebody must see to be handed an entry at all, and to be handed it with its quote."""
    return (entry.seq,) if entry.quotes is None else (entry.seq, entry.quotes)


def _packet(entry: LogEntry) -> EventPacket:
    return event_packet(entry.event, entry.payload)


def _visible(chunk: Sequence[LogEntry], live: LiveLog, seen_from: int, *, dense: bool) -> list[EventPacket]:
    """Entries as somebody may see them who sees from this seq on."""
    return [_shown(entry, live, seen_from) for entry in chunk if dense or entry.seq >= seen_from]


def _shown(entry: LogEntry, live: LiveLog, seen_from: int) -> EventPacket:
    if entry.seq < seen_from:
        return event_packet("conversation:version", _version_notice(live, entry.epoch, entry.version))
    if entry.quotes is None or entry.quotes >= seen_from:
        return _packet(entry)
    message = _decode_message(entry.payload)
    if isinstance(message.reply_to, Quote):
        blank = Quote(id=message.reply_to.id, seq=message.reply_to.seq, sender_id=None, content="", type="text")
        message = msgspec.structs.replace(message, reply_to=blank)
    return event_packet(entry.event, _encode(message))


def _version_notice(live: LiveLog, epoch: str, version: int) -> bytes:
    return _encode(ConversationVersion(conversation_id=live.conversation_id, epoch=epoch, version=version))


def _chunks(entries: Sequence[LogEntry]) -> Iterable[list[LogEntry]]:
    """Entries in runs of about `CHUNK_BYTES`."""
    chunk: list[LogEntry] = []
    size = 0
    for entry in entries:
        chunk.append(entry)
        size += len(entry.payload)
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk

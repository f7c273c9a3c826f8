"""Notices: what the bus brings, handed to the sockets of this node.

Owns the step from a bus message to rooms and sockets. Quick and never raising, because the bus calls it in the middle
of its own work; what takes time is started as a task.
"""

from __future__ import annotations

import msgspec

from madang.contract.server_events import RevokedReason, SessionRevoked
from madang.gateway.attach import Attach
from madang.gateway.connection import Connection, Connections
from madang.gateway.feed import Feed
from madang.gateway.focus import Focus
from madang.gateway.packets import one_event
from madang.gateway.read_steps import StepCounts
from madang.gateway.watches import Watches
from madang.ports.bus import (
    BusMessage,
    LogAppended,
    MemberAdded,
    PresenceNotice,
    ReadsMoved,
    RoomNotice,
    SessionsRevoked,
    UserNotice,
)
from madang.socketio import Namespace, Traffic
from madang.tasks import TaskSupervisor

__all__ = ["Notices", "send_away"]

_encode = msgspec.json.Encoder().encode


class Notices:
    """The bus's listener on this node."""

    def __init__(
        self,
        *,
        namespace: Namespace,
        connections: Connections,
        feed: Feed,
        attach: Attach,
        watches: Watches,
        focus: Focus,
        steps: StepCounts,
        tasks: TaskSupervisor,
    ) -> None:
        self._namespace = namespace
        self._connections = connections
        self._feed = feed
        self._attach = attach
        self._watches = watches
        self._focus = focus
        self._steps = steps
        self._tasks = tasks

    def heard(self, _channel: str, message: BusMessage) -> None:
        """Hand one message on."""
        match message:
            case LogAppended():
                self._feed.arrived(message)
                self._steps.moved(message.conversation_id)  # whoever writes has read
            case ReadsMoved():
                self._steps.moved(message.conversation_id)
            case RoomNotice():
                self._tell_room(message)
            case UserNotice():
                self._tell_user(message)
            case PresenceNotice():
                self._watches.tell(message)
            case MemberAdded():
                self._attach_added(message)
            case SessionsRevoked():
                self._revoke(message)

    def _tell_room(self, notice: RoomNotice) -> None:
        frames, traffic = one_event(notice.event, notice.payload), _traffic(notice.key, volatile=notice.volatile)
        if notice.narrow and self._feed.is_large(notice.conversation_id):
            for connection in self._focus.of(notice.conversation_id):
                if connection.user_id != notice.except_user:
                    connection.socket.send(frames, traffic=traffic, key=notice.key)
            return
        but = () if notice.except_user is None else self._connections.of(notice.except_user)
        self._namespace.broadcast(
            f"conv:{notice.conversation_id}",
            frames,
            traffic=traffic,
            key=notice.key,
            except_=[connection.socket for connection in but],
        )

    def _tell_user(self, notice: UserNotice) -> None:
        frames = one_event(notice.event, notice.payload)
        for connection in self._connections.of(notice.user_id):
            if connection.started:
                connection.socket.send(frames, traffic=_traffic(notice.key, volatile=False), key=notice.key)

    def _attach_added(self, added: MemberAdded) -> None:
        for connection in self._connections.of(added.user_id):
            if connection.started:  # also one that seems attached: that may be to a membership before this one
                self._tasks.start(self._attach.added(connection, added.conversation_id), "attach")

    def _revoke(self, revoked: SessionsRevoked) -> None:
        for connection in self._connections.of(revoked.user_id):
            if revoked.session_ids is None or connection.identity.session_id in revoked.session_ids:
                send_away(connection, revoked.reason)


def _traffic(key: str | None, *, volatile: bool) -> Traffic:
    if volatile:
        return Traffic.VOLATILE
    return Traffic.ORDERED if key is None else Traffic.LATEST


def send_away(connection: Connection, reason: RevokedReason) -> None:
    """Tell a socket that its session is over, and that it is to stay away."""
    connection.revoked = True
    connection.socket.send(one_event("session:revoked", _encode(SessionRevoked(reason=reason))))
    connection.socket.disconnect()

"""The bus: how nodes tell each other what has happened.

The bus is a hint, the store is the truth: whatever is lost here is found again by comparing versions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from madang.contract.server_events import RemovedReason, RevokedReason

__all__ = [
    "Bus",
    "BusMessage",
    "BusStats",
    "Listener",
    "LogAppended",
    "LogEntry",
    "Lost",
    "MemberAdded",
    "PresenceNotice",
    "ReadsMoved",
    "RoomNotice",
    "SessionsRevoked",
    "UserNotice",
    "conversation_channel",
    "presence_channel",
    "user_channel",
]


def conversation_channel(conversation_id: str) -> str:
    """Where a conversation's log and its ephemera are told."""
    return f"conv:{conversation_id}"


def user_channel(user_id: str) -> str:
    """Where what concerns one person's devices is told."""
    return f"user:{user_id}"


def presence_channel(user_id: str) -> str:
    """Where a person's coming and going is told to those who watch it."""
    return f"presence:{user_id}"


class LogEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a log, ready to be sent: `payload` is the JSON of the event's one argument."""

    version: int
    seq: int
    epoch: str
    event: str
    payload: bytes
    quotes: int | None = None
    """The seq of the message it quotes: whoever does not see that far back must be given the quote blank."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    removed_reason: RemovedReason = "removed"


class LogAppended(Struct, frozen=True, kw_only=True, tag="log"):
    """Versions of one conversation, ascending, just committed."""

    conversation_id: str
    entries: tuple[LogEntry, ...]


class PresenceNotice(Struct, frozen=True, kw_only=True, tag="presence"):
    """A person came or went, for those who watch; `payload` is the JSON of the arguments, joined by commas."""

    user_id: str
    event: str
    payload: bytes


class RoomNotice(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="room"):
    """Something unversioned for the members of a conversation: typing, others' read marks."""

    conversation_id: str
    event: str
    payload: bytes
    except_user: str | None = None
    key: str | None = None
    """Set where only the last notice with the same key matters; a slow socket then misses those before it."""
    volatile: bool = False
    """Lost without harm: dropped for sockets that are behind."""
    narrow: bool = False
    """In a large room only sockets that focus it get this."""


class ReadsMoved(Struct, frozen=True, kw_only=True, tag="reads"):
    """Read marks in a large room have moved: whoever looks at it is to be told how many have read what."""

    conversation_id: str


class UserNotice(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="user"):
    """Something for all devices of one person; `payload` is the JSON of the arguments, joined by commas."""

    user_id: str
    event: str
    payload: bytes
    key: str | None = None
    """As in `RoomNotice`."""


class MemberAdded(Struct, frozen=True, kw_only=True, tag="added"):
    """A person has become a member: their devices are to be attached to the conversation."""

    user_id: str
    conversation_id: str


class SessionsRevoked(Struct, frozen=True, kw_only=True, tag="revoked"):
    """Sockets of these sessions (None: of every session) must go and stay away."""

    user_id: str
    session_ids: tuple[str, ...] | None
    reason: RevokedReason


BusMessage = LogAppended | RoomNotice | ReadsMoved | UserNotice | PresenceNotice | MemberAdded | SessionsRevoked
Listener = Callable[[str, BusMessage], None]
Lost = Callable[[], None]


class BusStats(Struct, frozen=True, kw_only=True):
    """What there is to count; all of it is zero on a bus that has no network."""

    published: int = 0
    """Messages handed to the network."""
    received_bytes: int = 0
    reconnects: int = 0
    """How often other nodes were heard again after they had not been."""
    probes_lost: int = 0
    """How often this node did not hear itself."""


class Bus(Protocol):
    """Publishes to channels and hears those it has subscribed to.

    Guarantees: messages of one node on one channel arrive in the order of `publish`, at most once each. The node that
    publishes hears its own message at once, within `publish`, if it is subscribed. What other nodes have published since
    `subscribe` returned is heard, or `lost` is called when other nodes are heard again. Nothing is promised about the rest.
    """

    def listen(self, listener: Listener, lost: Lost | None = None) -> None:
        """Who hears; set once, before anything is subscribed. Both must return quickly.

        Args:
            listener: takes what was published; must not raise.
            lost: called whenever messages may have been lost, and when other nodes are not heard any more: what they
                would have said must be looked for in the store.
        """
        ...

    @property
    def heard(self) -> bool:
        """Whether other nodes hear this one and are heard; always, where there are none."""
        ...

    def stats(self) -> BusStats: ...

    def publish(self, channel: str, message: BusMessage) -> None:
        """Tell everybody subscribed. Never waits and never raises; when the bus is down, only this node hears."""
        ...

    async def subscribe(self, channels: list[str]) -> None:
        """Return when the subscriptions hold: what is published afterwards is heard. At once while other nodes are not
        heard; then `lost` is called when they are. Counted: each needs its own `unsubscribe`, also when this raises or
        is cancelled.
        """
        ...

    def unsubscribe(self, channels: list[str]) -> None:
        """Give subscriptions back; the last one ends the channel, perhaps after a while."""
        ...

    async def start(self) -> None:
        """Begin to hear. A network that does not answer is waited for a moment, then in the background.

        Raises:
            SettingsError: it refuses what it is asked, and would again.
        """
        ...

    async def close(self) -> None:
        """Send what was published, then forget everything. Safe to call twice."""
        ...

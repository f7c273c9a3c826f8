"""One's own settings of a conversation: notifications, muting, pinning, marked unread.

Owns checking them and telling the person's other devices. They are nobody else's business, so they are no part of the
log.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from madang.clock import Clock, from_iso
from madang.contract.rest import MemberSettings
from madang.contract.shapes import Summary
from madang.errors import invalid
from madang.ids import parse_id
from madang.ports.bus import Bus, UserNotice, user_channel
from madang.ports.conversations import Conversations
from madang.ports.members import Members, SettingsChange
from madang.services.access import not_a_member

__all__ = ["MemberSettingsService"]


class MemberSettingsService:
    """Changes settings of the person who asks."""

    def __init__(self, members: Members, conversations: Conversations, bus: Bus, clock: Clock) -> None:
        self._members = members
        self._conversations = conversations
        self._bus = bus
        self._clock = clock

    async def change(self, actor_id: str, conversation_id: str, body: MemberSettings) -> Summary:
        """Write settings, and tell one's devices `conversation:updated` if something changed; one's Summary.

        Raises:
            MadangError: `not_a_member`, `invalid`.
        """
        conversation = parse_id(conversation_id)
        if conversation is None:
            raise not_a_member()
        change = SettingsChange(
            notification_enabled=body.notification_enabled,
            muted_until=_moment(body.muted_until),
            pinned=body.pinned,
            marked_unread=body.marked_unread,
        )
        changed = await self._members.change_settings(conversation, actor_id, change, self._clock.now())
        summaries = [] if changed is None else await self._conversations.summaries(actor_id, [conversation])
        if not summaries:
            raise not_a_member()
        if changed:
            payload = msgspec.json.encode(summaries[0])
            notice = UserNotice(user_id=actor_id, event="conversation:updated", payload=payload)
            self._bus.publish(user_channel(actor_id), notice)
        return summaries[0]


def _moment(text: str | UnsetType | None) -> int | UnsetType | None:
    if text is None or text is UNSET:
        return text
    try:
        moment = from_iso(str(text))
    except (ValueError, OverflowError):
        moment = -1
    if moment < 0:
        raise invalid("mutedUntil", "must be an ISO 8601 time, or null")
    return moment

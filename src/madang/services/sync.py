"""Coming back: what a client that was away is told, at any age, exactly.

Owns reading what clients say they know, and putting what they missed into `Changes` within the bounds of an answer. What
helps whom is decided by `domain.sync`; the store reads it in one snapshot. Must never leave something out without saying
so: what does not fit is `behind`, or there is `more`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from madang.contract.limits import Limits
from madang.contract.shapes import Changes, Message
from madang.domain.sync import VOID
from madang.errors import invalid
from madang.ids import parse_id
from madang.ports.sync import ListPage, ListQuery, Missed, Sync
from madang.services.access import not_a_member

__all__ = ["Known", "SyncService"]

PLACES: Final = 1_000
"""Conversations attached by one `init`, those the client knows as they are included."""
LIST_ROWS: Final = 500
"""Messages in all `changes` of one `init`."""
SYNC_ROWS: Final = 200
"""Messages in one answer to `conversation:sync`."""
PAGE_ROWS: Final = 50
"""Messages of the newest page, where too much was missed."""
ANSWER_BYTES: Final = 256 * 1024
"""JSON of the changes in one answer."""

_encode = msgspec.json.Encoder().encode


class Known(Struct, frozen=True, kw_only=True):
    """What a client says it knows, while it is shown its list."""

    versions: Mapping[str, int]
    inbox: int | None
    left_since: int | None
    """Number of the list after which memberships that ended have not been named yet."""
    first: bool
    """Whether no page was shown yet."""


class SyncService:
    """Answers those who come back."""

    def __init__(self, sync: Sync, epoch: str, limits: Limits) -> None:
        self._sync = sync
        self._epoch = epoch
        self._limits = limits

    def known(self, known: Mapping[str, tuple[str, int]], inbox: int | None) -> Known:
        """What a client knows, in terms of this history. Raises `MadangError(invalid)`."""
        if len(known) > self._limits.known:
            raise invalid("known", f"names at most {self._limits.known} conversations")
        versions: dict[str, int] = {}
        for named, (epoch, version) in known.items():
            conversation_id = parse_id(named)
            if conversation_id is None:
                raise invalid("known", "must name conversations by their id")
            versions[conversation_id] = version if epoch == self._epoch else VOID
        if VOID in versions.values():
            inbox = None  # it counts in another history as well
        return Known(versions=versions, inbox=inbox, left_since=inbox, first=True)

    async def page(self, user_id: str, known: Known, shown: Collection[str]) -> ListPage:
        """The next page of somebody's list, without what was shown."""
        return await self._sync.page(user_id, self._query(known, exclude=shown))

    async def again(self, user_id: str, known: Known, page: ListPage, stale: Collection[str]) -> ListPage:
        """The same page with some of its conversations read again; those that are over are `removed`."""
        kept = [missed for missed in page.missed if missed.place.conversation_id not in stale]
        room = max(0, LIST_ROWS - sum(len(missed.messages) for missed in kept))
        newer = await self._sync.page(user_id, self._query(known, only=stale, rows=room))
        here = {place.conversation_id for place in newer.places}
        return ListPage(
            inbox_version=page.inbox_version,
            places=[place for place in page.places if place.conversation_id not in stale] + newer.places,
            summaries=sorted(
                [summary for summary in page.summaries if summary.id not in stale] + newer.summaries,
                key=lambda summary: (summary.last_message_at or "", summary.id),
                reverse=True,
            ),
            missed=kept + newer.missed,
            removed=sorted({*page.removed, *(set(stale) - here)}),
            more=page.more,
        )

    async def missed(
        self, user_id: str, conversation_id: str, epoch: str | UnsetType, version: int | UnsetType
    ) -> Missed:
        """What a member has missed of a conversation since a version; of its newest page, without one.

        Raises:
            MadangError: `not_a_member`.
        """
        known = None if version is UNSET else VOID if epoch != self._epoch else version
        place = parse_id(conversation_id)
        found = None
        if place is not None:
            found = await self._sync.missed(user_id, place, known, rows=SYNC_ROWS, page_rows=PAGE_ROWS)
        if found is None:
            raise not_a_member()
        return _cut(found)

    def changes(self, missed: Sequence[Missed]) -> dict[str, Changes]:
        """The changes of a page of the list, by conversation, within the bound of one answer."""
        room = ANSWER_BYTES
        answer: dict[str, Changes] = {}
        for one in missed:
            changes = self._behind(one) if one.left_out else self.one(one)
            size = len(_encode(changes))
            if size > room and changes.status in {"delta", "gap"}:
                changes, size = self._behind(one), 0
            room -= size
            answer[one.place.conversation_id] = changes
        return answer

    def one(self, missed: Missed) -> Changes:
        """What was missed of one conversation."""
        return Changes(
            status=missed.status,
            epoch=self._epoch,
            version=missed.messages[-1].version if missed.more else missed.place.version,
            messages=missed.messages,
            more=True if missed.more else UNSET,
            reads=UNSET if missed.reads is None else missed.reads,
            steps=UNSET if missed.steps is None else missed.steps,
            summary=UNSET if missed.summary is None else missed.summary,
        )

    def _behind(self, missed: Missed) -> Changes:
        return Changes(status="behind", epoch=self._epoch, version=missed.place.version)

    def _query(
        self,
        known: Known,
        *,
        exclude: Collection[str] = (),
        only: Collection[str] | None = None,
        rows: int = LIST_ROWS,
    ) -> ListQuery:
        return ListQuery(
            known=known.versions,
            inbox=known.inbox,
            left_since=known.left_since if only is None else None,
            name_unknown=known.first and only is None,
            exclude=exclude,
            only=only,
            summaries=self._limits.inbox_page,
            places=PLACES,
            rows=rows,
            page_rows=PAGE_ROWS,
        )


def _cut(missed: Missed) -> Missed:
    """No more than fits into an answer, but at least one message, so that every answer goes on."""
    room = ANSWER_BYTES
    kept: list[Message] = []
    for message in missed.messages if missed.status == "delta" else missed.messages[::-1]:
        room -= len(_encode(message))
        if kept and room < 0:
            break
        kept.append(message)
    if len(kept) == len(missed.messages):
        return missed
    if missed.status == "gap":
        return msgspec.structs.replace(missed, messages=kept[::-1])
    return msgspec.structs.replace(missed, messages=kept, more=True, reads=None, steps=None, summary=None)

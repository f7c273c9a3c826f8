"""Coming back: the port that reads what somebody has missed, and what changed in people's lists. Reads only.

Every answer is one snapshot: memberships, heads, messages and marks in it belong together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from madang.contract.shapes import Message, Summary
from madang.domain.conversation import LARGE_ROOM
from madang.domain.sync import Status

__all__ = ["MOST_READS", "MOST_STEPS", "ListPage", "ListQuery", "MemberTouched", "Missed", "Place", "Sync"]

MOST_READS: Final = LARGE_ROOM
"""Members up to which everybody's mark is told."""
MOST_STEPS: Final = 100
"""Above that, how many different marks are counted."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a conversation stands for one of its members."""

    conversation_id: str
    version: int
    seq: int
    member_count: int
    visible_from_seq: int
    """Whoever leaves and comes back has a higher one, so it names the membership."""


class Missed(Struct, frozen=True, kw_only=True):
    """What somebody has missed of a conversation; nothing below their `visible_from_seq`, quotes of that blank."""

    place: Place
    status: Status
    messages: list[Message] = []
    """`delta`: by version, as they are now. `gap`: the newest page, by seq. `reset`: none."""
    more: bool = False
    """Only with `delta`: there are changes after the last of `messages`."""
    left_out: bool = False
    """There was no room for the messages: nothing of them is here."""
    reads: list[tuple[str, int]] | None = None
    """Members and their marks, by user id; None above `MOST_READS` members."""
    steps: list[tuple[int, int]] | None = None
    """Above that: how many members' marks stand at a seq, ascending, the newest `MOST_STEPS`; None if not asked for."""
    summary: Summary | None = None


class ListQuery(Struct, frozen=True, kw_only=True):
    """The next page of somebody's list, for one who may know some of it."""

    known: Mapping[str, int]
    """Versions by conversation; `domain.sync.VOID` for those of another epoch."""
    inbox: int | None
    """Number of the list as the client knows it: only what changed since gets a Summary. None, or one above the list's
    own, which is of another history: everything does.
    """
    left_since: int | None
    """Number of the list after which memberships that ended are named."""
    name_unknown: bool
    """Whether those of `known` that are no memberships now are named as well."""
    exclude: Collection[str]
    """Conversations shown before."""
    only: Collection[str] | None = None
    """If given, no others."""
    summaries: int
    places: int
    rows: int
    """Bounds of the page."""
    page_rows: int
    """Messages of a `gap`."""


class ListPage(Struct, frozen=True, kw_only=True):
    """A page of somebody's list, newest first."""

    inbox_version: int
    places: list[Place]
    """Every membership of the page."""
    summaries: list[Summary]
    """Of those of `places` that the client does not know as they are."""
    missed: list[Missed]
    """Of those of `places` that are known at another version; without `steps` and `summary`."""
    removed: list[str]
    more: bool


class MemberTouched(Struct, frozen=True, kw_only=True):
    """Somebody's member row after a change of their list."""

    user_id: str
    conversation_id: str
    inbox_version: int
    """The number of the list at which the row was last touched."""
    visible_from_seq: int | None
    """None: the membership has ended."""


class Sync(Protocol):
    """Reads for coming back. Raises `MadangError(try_again)` if the store cannot be reached."""

    async def page(self, user_id: str, query: ListQuery) -> ListPage:
        """The newest conversations that are not excluded, and what was missed of those that are known."""
        ...

    async def missed(
        self, user_id: str, conversation_id: str, known: int | None, *, rows: int, page_rows: int
    ) -> Missed | None:
        """What a member has missed since `known` (None: everything); with the Summary unless there is more. None for
        whoever is no member now.
        """
        ...

    async def steps(self, conversation_id: str) -> list[tuple[int, int]]:
        """How many members' marks stand at a seq, ascending, the newest `MOST_STEPS`. Costs a walk over the members."""
        ...

    async def inbox_versions(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Numbers of these people's lists."""
        ...

    async def touched(self, user_ids: Sequence[str], depth: int) -> list[MemberTouched]:
        """Member rows that the last `depth` changes of each of these lists have touched, in no order."""
        ...

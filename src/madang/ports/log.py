"""The log of conversations: the port through which every change of one is committed.

Vocabulary: an *entry* is what somebody asks to be appended; its *verdict* says what became of it; a *commit* is one
new version of the log, always about one message. Membership changes are system messages of the same log.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal, Protocol

from msgspec import UNSET, Struct, UnsetType

from madang.contract.server_events import ReactionChanged, RemovedReason
from madang.contract.shapes import Attachment, Message
from madang.domain.conversation import ConversationType
from madang.domain.membership import Role
from madang.domain.message import MessageType

__all__ = [
    "AddMembers",
    "ChangeRole",
    "Commit",
    "ConversationLog",
    "CreateConversation",
    "DeleteMessage",
    "EditMessage",
    "EndConversation",
    "Entry",
    "Head",
    "LogEvent",
    "LogSlice",
    "Mark",
    "MarkVerdict",
    "MessageChange",
    "NewMessage",
    "Outcome",
    "PageWindow",
    "React",
    "RemoveMember",
    "UpdateConversation",
    "Verdict",
]

LogEvent = Literal["message:new", "message:updated", "message:deleted", "message:reaction"]
"""What a version of a log is told as."""


class Outcome(StrEnum):
    """What became of an entry."""

    STORED = "stored"
    """It is committed and flushed."""
    DUPLICATE = "duplicate"
    """It had been stored before; the verdict carries it as it is now."""
    CONFLICT = "conflict"
    """Its id belongs to something else, or what it would change is deleted (`Verdict.reason` says so)."""
    NOT_A_MEMBER = "not_a_member"
    """The actor is not a member now, or the conversation does not exist: one answer for both."""
    NOT_FOUND = "not_found"
    """The message does not exist, or the actor does not see it: one answer for both."""
    FORBIDDEN = "forbidden"
    """A member, but the role, the message or its age does not allow it; `Verdict.reason` says which."""
    INVALID = "invalid"
    """It names people or messages that do not exist; `Verdict.reason` says which."""
    TOO_LARGE = "too_large"
    """The conversation would have too many members, or the message too many different emojis."""
    STORAGE_FULL = "storage_full"
    """No room on the disk; nothing of the entry was kept."""
    BUSY = "busy"
    """Undecided: somebody else holds the conversation, and the caller would not wait. Nothing of the entry was kept."""


class NewMessage(Struct, frozen=True, kw_only=True):
    """A plain send. Content is cleaned and `body_hash` computed by the domain before it gets here.

    `reply_to_id` must be a message of the same conversation that the sender sees, else it is INVALID. The quote in the
    verdict is what the sender sees: members whose `visible_from_seq` is above `reply_to.seq` must be given it blank.
    """

    conversation_id: str
    id: str
    sender_id: str
    type: MessageType
    content: str
    body_hash: bytes
    mentions: list[str] | Literal["all"] = []
    reply_to_id: str | None = None
    attachments: list[Attachment] = []
    silent: bool = False
    keep_unread: bool = False
    """The sender's mark stays where it is; `own_since_read` rises instead."""


class CreateConversation(Struct, frozen=True, kw_only=True):
    """A conversation with its first members and the system message `created` (seq 1, version 1).

    `unique_key` makes it exist once: the second creation is a DUPLICATE whose verdict names the first. Everybody's
    `visible_from_seq` is 1. Unknown or disabled users make it INVALID. The id of a conversation that exists is a
    DUPLICATE with the same entry, a CONFLICT with any other.
    """

    conversation_id: str
    entry_id: str
    actor_id: str
    type: ConversationType
    member_ids: Sequence[str]
    """Without duplicates, the actor included, who becomes owner of a group; in a direct one all are members."""
    name: str | None = None
    unique_key: str | None = None
    key: str | None = None
    """The host application's own name for it, as its members read it."""
    custom: dict[str, Any] = {}


class AddMembers(Struct, frozen=True, kw_only=True):
    """People join a group: `members_added`. Those who are members already are left out; if nobody remains,
    nothing changes (STORED without commits). They see the log from this entry on; both marks stand at it.
    """

    conversation_id: str
    entry_id: str
    actor_id: str
    user_ids: Sequence[str]


class RemoveMember(Struct, frozen=True, kw_only=True):
    """Somebody leaves (actor = user: `member_left`) or is removed (`member_removed`).

    If the last owner leaves, a second commit `role_changed` without an actor passes the role on
    (`domain.membership.next_owner`); its id is derived from the entry's.
    Removing somebody who is no member changes nothing (STORED without commits).
    """

    conversation_id: str
    entry_id: str
    actor_id: str
    user_id: str


class UpdateConversation(Struct, frozen=True, kw_only=True):
    """A group's name, picture or own fields: `renamed` if the name changes, else `updated`, with what changed in its
    `system`. What is UNSET stays; `name` or `avatar_url` None takes it away. Values it has already change nothing
    (STORED without commits).
    """

    conversation_id: str
    entry_id: str
    actor_id: str
    name: str | UnsetType | None = UNSET
    avatar_url: str | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class ChangeRole(Struct, frozen=True, kw_only=True):
    """Somebody gets another role: `role_changed`.

    A new owner takes the place of the old one, who becomes an admin in a second commit of the same transaction; its id
    is derived from the entry's. INVALID for who is no member; the role somebody has already changes nothing.
    """

    conversation_id: str
    entry_id: str
    actor_id: str
    user_id: str
    role: Role


class EndConversation(Struct, frozen=True, kw_only=True):
    """The owner ends a group: `ended`, with which every membership ends and the key becomes free. The log stays in the
    store and nobody can read it.
    """

    conversation_id: str
    entry_id: str
    actor_id: str


class EditMessage(Struct, frozen=True, kw_only=True):
    """The sender replaces the content, cleaned by the domain; what it was is kept. The same content changes nothing.

    FORBIDDEN for messages of others, system messages and those made before `made_since` (ms). INVALID if empty without
    attachments. CONFLICT if deleted.
    """

    conversation_id: str
    message_id: str
    actor_id: str
    content: str
    made_since: int = 0


class DeleteMessage(Struct, frozen=True, kw_only=True):
    """A message becomes a tombstone: content, mentions, attachments, reactions and what it was before edits are erased,
    and quotes of it are blank from then on. Its number and place stay. Deleting twice changes nothing.

    The sender may if it was made at `made_since` (ms) or later, owners and admins of a group may always.
    """

    conversation_id: str
    message_id: str
    actor_id: str
    made_since: int = 0


class React(Struct, frozen=True, kw_only=True):
    """Adds a reaction, or takes it back; `emoji` is in the domain's canonical form. Adding what is there and taking back
    what is not changes nothing. CONFLICT if the message is deleted, TOO_LARGE above so many different emojis.
    """

    conversation_id: str
    message_id: str
    actor_id: str
    emoji: str
    remove: bool = False


MessageChange = EditMessage | DeleteMessage | React
Entry = (
    NewMessage
    | CreateConversation
    | AddMembers
    | RemoveMember
    | UpdateConversation
    | ChangeRole
    | EndConversation
    | MessageChange
)


class Commit(Struct, frozen=True, kw_only=True):
    """One new version of a conversation's log."""

    conversation_id: str
    event: LogEvent
    message: Message
    """With `version`, `seq`, `epoch` and the sender as they are now, its quote filled: see `NewMessage`."""
    reaction: ReactionChanged | None = None
    """What `message:reaction` carries; the other events carry the message."""
    added: tuple[str, ...] = ()
    """Users who are members from this version on."""
    removed: tuple[str, ...] = ()
    """Users who are none from this version on."""
    removed_reason: RemovedReason = "removed"


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of one entry."""

    outcome: Outcome
    conversation_id: str
    message: Message | None = None
    """STORED and DUPLICATE of a NewMessage, STORED of a MessageChange: the message as it is now, as the actor sees it now. A
    retry of somebody who does not see their message any more gets what they wrote, and nothing that others made of it.
    """
    commits: tuple[Commit, ...] = ()
    """In version order; only when STORED, or when a DUPLICATE is found whose first answer was lost before it was told."""
    reason: str = ""


class Mark(Struct, frozen=True, kw_only=True):
    """Somebody has read up to `seq` (None: to the head)."""

    conversation_id: str
    user_id: str
    seq: int | None


class MarkVerdict(Struct, frozen=True, kw_only=True):
    """Where the mark stands after it."""

    outcome: Literal[Outcome.STORED, Outcome.NOT_A_MEMBER, Outcome.INVALID, Outcome.STORAGE_FULL]
    """INVALID: above the head. STORED also when nothing moved (`moved` says it)."""
    moved: bool = False
    """The mark went forward, or "marked unread" was taken back by it; or it may have, and nobody was told."""
    last_read_seq: int = 0
    last_read_at: int = 0
    """Milliseconds since 1970."""
    unread_count: int = 0
    member_count: int = 0


class Head(Struct, frozen=True):
    """Where a log stands."""

    seq: int
    version: int
    member_count: int


class LogSlice(Struct, frozen=True, kw_only=True):
    """Messages changed after a version, and the head, from one snapshot."""

    head: Head
    messages: list[Message]
    """By version, at most the limit asked for; each carries `epoch`."""
    more: bool


class PageWindow(Struct, frozen=True, kw_only=True):
    """Which part of the history: at most one of the four bounds; none means the newest.

    `before` and `after` are exclusive, `around` is included (half of the limit on each side), `at` is wall time in
    milliseconds and means around the first message at or after it.
    """

    limit: int
    before: int | None = None
    after: int | None = None
    around: int | None = None
    at: int | None = None


class ConversationLog(Protocol):
    """Commits changes and reads them back.

    Guarantees:
    1. A verdict is returned only after the transaction that decided it is committed and flushed (fdatasync).
    2. Entries of one call are decided in their order per conversation; `seq` and `version` stay dense: refused entries
       take no number. Equal ids inside one call count as retries.
    3. The duplicate check precedes the membership check, which sees the members at commit, not before.
    4. Sending moves the sender's read mark to the message unless `keep_unread`.
    5. `created_at` never falls within a conversation.
    6. The transaction that changes somebody's member row raises that user's `inbox_version` (not for the mark that
       sending moves: clients infer that from the message).
    7. Cancelling the caller never cancels the commit; its outcome is then unknown to the caller.

    A data error in one entry of a batch spoils only that entry (`invalid`); a full disk makes every verdict of the
    batch STORAGE_FULL. Raises `MadangError(try_again)` if the store cannot be reached; then nothing is known.
    """

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        """Commit a batch; one verdict per entry, in order. `now` is wall time in milliseconds.

        Without `wait`, all entries of a conversation that another writer holds are BUSY, and the others do not wait for
        it. With `wait` none is.
        """
        ...

    async def mark(self, marks: Sequence[Mark], now: int) -> list[MarkVerdict]:
        """Move read marks forward, never backward; one verdict per mark, in order."""
        ...

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        """Heads of those that exist."""
        ...

    async def since(self, conversation_id: str, version: int, limit: int) -> LogSlice | None:
        """What changed after `version`; None if there is no such conversation."""
        ...

    async def message(self, conversation_id: str, message_id: str, visible_from_seq: int) -> Message | None:
        """One message, if it exists and does not lie below `visible_from_seq`."""
        ...

    async def page(self, conversation_id: str, window: PageWindow, visible_from_seq: int) -> list[Message]:
        """History, oldest first, nothing below `visible_from_seq`; quotes of hidden or deleted messages are blank."""
        ...

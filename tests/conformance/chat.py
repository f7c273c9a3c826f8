"""A conversation told in a few words: people, groups and messages on any store.

Owns how the suites build what they talk about. Times are small whole numbers so that they can be read in a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, Literal

from madang.contract.shapes import Attachment, Message, Summary
from madang.domain.membership import Role
from madang.domain.message import MessageType, body_hash
from madang.ids import new_id
from madang.ports.accounts import NewAccount
from madang.ports.log import (
    AddMembers,
    ChangeRole,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    EndConversation,
    Entry,
    Mark,
    MarkVerdict,
    NewMessage,
    Outcome,
    PageWindow,
    React,
    RemoveMember,
    UpdateConversation,
    Verdict,
)
from madang.ports.store import Store

EVERYTHING = PageWindow(limit=1_000)


def message(
    conversation_id: str,
    sender_id: str,
    content: str = "hello",
    *,
    id: str | None = None,  # noqa: A002  # it is the field's name
    type: MessageType = "text",  # noqa: A002  # it is the field's name
    mentions: list[str] | Literal["all"] | None = None,
    reply_to_id: str | None = None,
    attachments: Sequence[Attachment] = (),
    silent: bool = False,
    keep_unread: bool = False,
) -> NewMessage:
    """An entry with the hash of its body, as the domain computes it."""
    named = mentions if mentions is not None else []
    hashed = body_hash(
        kind=type,
        content=content.encode(errors="replace").decode(),
        reply_to_id=reply_to_id,
        attachments=[attachment.id for attachment in attachments],
        mentions=named,
        silent=silent,
    )
    return NewMessage(
        conversation_id=conversation_id,
        id=id or new_id(),
        sender_id=sender_id,
        type=type,
        content=content,
        body_hash=hashed,
        mentions=named,
        reply_to_id=reply_to_id,
        attachments=list(attachments),
        silent=silent,
        keep_unread=keep_unread,
    )


def creation(actor_id: str, *others: str, **fields: Any) -> CreateConversation:
    """A group of these people, unless `type` says otherwise."""
    defaults = {"conversation_id": new_id(), "entry_id": new_id(), "type": "group", "name": None}
    return CreateConversation(**{**defaults, "actor_id": actor_id, "member_ids": [actor_id, *others], **fields})


def addition(conversation_id: str, actor_id: str, *people: str, entry_id: str | None = None) -> AddMembers:
    """`actor_id` adds these people."""
    entry = entry_id or new_id()
    return AddMembers(conversation_id=conversation_id, entry_id=entry, actor_id=actor_id, user_ids=people)


def removal(conversation_id: str, actor_id: str, user_id: str, *, entry_id: str | None = None) -> RemoveMember:
    """`actor_id` removes somebody, or leaves."""
    entry = entry_id or new_id()
    return RemoveMember(conversation_id=conversation_id, entry_id=entry, actor_id=actor_id, user_id=user_id)


def edit(conversation_id: str, actor_id: str, message_id: str, content: str, made_since: int = 0) -> EditMessage:
    """`actor_id` gives a message another content."""
    return EditMessage(
        conversation_id=conversation_id,
        message_id=message_id,
        actor_id=actor_id,
        content=content,
        made_since=made_since,
    )


def deletion(conversation_id: str, actor_id: str, message_id: str, made_since: int = 0) -> DeleteMessage:
    """`actor_id` deletes a message."""
    return DeleteMessage(
        conversation_id=conversation_id, message_id=message_id, actor_id=actor_id, made_since=made_since
    )


def reaction(conversation_id: str, actor_id: str, message_id: str, emoji: str, *, remove: bool = False) -> React:
    """`actor_id` reacts, or takes it back."""
    return React(conversation_id=conversation_id, message_id=message_id, actor_id=actor_id, emoji=emoji, remove=remove)


def change(conversation_id: str, actor_id: str, *, entry_id: str | None = None, **values: Any) -> UpdateConversation:
    """`actor_id` changes name, picture or own fields of a group."""
    entry = entry_id or new_id()
    return UpdateConversation(conversation_id=conversation_id, entry_id=entry, actor_id=actor_id, **values)


def role(conversation_id: str, actor_id: str, user_id: str, new: Role, *, entry_id: str | None = None) -> ChangeRole:
    """`actor_id` gives somebody another role."""
    entry = entry_id or new_id()
    return ChangeRole(conversation_id=conversation_id, entry_id=entry, actor_id=actor_id, user_id=user_id, role=new)


def ending(conversation_id: str, actor_id: str, *, entry_id: str | None = None) -> EndConversation:
    """`actor_id` ends a group."""
    return EndConversation(conversation_id=conversation_id, entry_id=entry_id or new_id(), actor_id=actor_id)


class Chat:
    """A store and a clock that ticks with every call."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = 1_000
        self._numbers = count(1)

    def tick(self) -> int:
        """A time later than all before."""
        self.now += 1_000
        return self.now

    async def user(self, name: str = "Somebody") -> str:
        """A new person."""
        account = NewAccount(id=new_id(), username=f"user{next(self._numbers)}", name=name, password_hash="not a hash")
        return (await self.store.accounts.create(account, self.tick())).user.id

    async def users(self, number: int) -> list[str]:
        """New people, called A, B, C…"""
        return [await self.user(chr(ord("A") + place)) for place in range(number)]

    async def group(self, *member_ids: str, **fields: Any) -> str:
        """A group owned by the first of these people; returns its id."""
        (verdict,) = await self.append(creation(*member_ids, **fields))
        assert verdict.outcome is Outcome.STORED, verdict
        return verdict.conversation_id

    async def append(self, *entries: Entry, now: int | None = None) -> list[Verdict]:
        """One batch."""
        return await self.store.log.append(entries, self.tick() if now is None else now)

    async def send(self, conversation_id: str, sender_id: str, content: str = "hello", **fields: Any) -> Message:
        """A message that must be stored."""
        (verdict,) = await self.append(message(conversation_id, sender_id, content, **fields))
        assert verdict.outcome is Outcome.STORED, verdict
        assert verdict.message is not None
        return verdict.message

    async def read(self, conversation_id: str, user_id: str, seq: int | None = None) -> MarkVerdict:
        """One mark."""
        mark = Mark(conversation_id=conversation_id, user_id=user_id, seq=seq)
        (verdict,) = await self.store.log.mark([mark], self.tick())
        return verdict

    async def history(self, conversation_id: str, visible_from_seq: int = 1) -> list[Message]:
        """All of a log that can be seen."""
        return await self.store.log.page(conversation_id, EVERYTHING, visible_from_seq)

    async def summary(self, user_id: str, conversation_id: str) -> Summary:
        """A conversation in somebody's list."""
        (found,) = await self.store.conversations.summaries(user_id, [conversation_id])
        return found

    async def inbox_version(self, user_id: str) -> int:
        """The number of somebody's list."""
        return (await self.store.conversations.inbox(user_id, limit=1)).inbox_version


def outcomes(verdicts: Sequence[Verdict]) -> list[Outcome]:
    """Only what became of each."""
    return [verdict.outcome for verdict in verdicts]


def seqs(messages: Sequence[Message]) -> list[int]:
    """Only the places."""
    return [message.seq for message in messages]

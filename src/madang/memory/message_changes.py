"""Changes of a message in memory: edited, deleted, reacted to, by the same rules as on a database."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from madang.contract.limits import LIMITS
from madang.contract.server_events import ReactionChanged
from madang.domain.membership import Action, may
from madang.memory.messages import to_message
from madang.memory.rows import ConversationRow, MemberRow, MessageRow, Rows
from madang.ports.log import Commit, DeleteMessage, EditMessage, LogEvent, MessageChange, Outcome, React, Verdict

__all__ = ["append_message_change"]


_ACTION: Final[dict[type, Action]] = {
    EditMessage: Action.EDIT_OWN,
    DeleteMessage: Action.DELETE_OWN,
    React: Action.REACT,
}


class _Decision(Struct, frozen=True):
    """What becomes of a change: an event if it changes something."""

    outcome: Outcome
    event: LogEvent | None = None
    reason: str = ""


_NOTHING = _Decision(Outcome.STORED)


def append_message_change(rows: Rows, change: MessageChange, now: int) -> Verdict:
    """Decide one change and make it."""
    conversation = rows.conversations.get(change.conversation_id)
    actor = None if conversation is None else conversation.member(change.actor_id)
    if conversation is None or actor is None:
        return Verdict(outcome=Outcome.NOT_A_MEMBER, conversation_id=change.conversation_id)
    message = conversation.message(change.message_id)
    if message is None or message.seq < actor.joined_seq:
        return Verdict(outcome=Outcome.NOT_FOUND, conversation_id=conversation.id)
    if not may(actor.role, _ACTION[type(change)], conversation.type):
        return Verdict(outcome=Outcome.FORBIDDEN, conversation_id=conversation.id)
    decision: _Decision
    match change:
        case EditMessage():
            decision = _edit(change, message, now)
        case DeleteMessage():
            decision = _delete(conversation, change, actor, message, now)
        case React():
            decision = _react(change, message)
    if decision.outcome is not Outcome.STORED:
        return Verdict(outcome=decision.outcome, conversation_id=conversation.id, reason=decision.reason)
    commits = () if decision.event is None else (_commit(rows, conversation, change, message, decision.event),)
    return Verdict(
        outcome=Outcome.STORED,
        conversation_id=conversation.id,
        message=to_message(rows, conversation, message, epoch=rows.epoch, visible_from_seq=actor.joined_seq),
        commits=commits,
    )


def _commit(
    rows: Rows, conversation: ConversationRow, change: MessageChange, message: MessageRow, event: LogEvent
) -> Commit:
    message.version = conversation.next_version()
    told = None
    if isinstance(change, React):
        told = ReactionChanged(
            conversation_id=conversation.id,
            message_id=message.id,
            seq=message.seq,
            version=message.version,
            epoch=rows.epoch,
            user_id=change.actor_id,
            emoji=change.emoji,
            removed=change.remove,
            count=len(message.reactions.get(change.emoji, ())),
        )
    shown = to_message(rows, conversation, message, epoch=rows.epoch)
    return Commit(conversation_id=conversation.id, event=event, message=shown, reaction=told)


def _edit(change: EditMessage, message: MessageRow, now: int) -> _Decision:
    if message.type == "system":
        return _Decision(Outcome.FORBIDDEN, reason="system messages cannot be edited")
    if message.sender_id != change.actor_id:
        return _Decision(Outcome.FORBIDDEN, reason="only its sender may edit a message")
    if message.deleted_at is not None:
        return _Decision(Outcome.CONFLICT, reason="the message is deleted")
    if message.content == change.content:
        return _NOTHING
    if message.created_at < change.made_since:
        return _Decision(Outcome.FORBIDDEN, reason="the message is too old to be edited")
    if not change.content.strip() and not message.attachments:
        return _Decision(Outcome.INVALID, reason="content: must not be empty without attachments")
    message.content = change.content
    message.edited_at = max(now, message.edited_at or message.created_at)
    return _Decision(Outcome.STORED, "message:updated")


def _delete(
    conversation: ConversationRow, change: DeleteMessage, actor: MemberRow, message: MessageRow, now: int
) -> _Decision:
    if message.type == "system":
        return _Decision(Outcome.FORBIDDEN, reason="system messages cannot be deleted")
    is_leader = may(actor.role, Action.DELETE_ANY, conversation.type)
    if not is_leader and message.sender_id != change.actor_id:
        return _Decision(Outcome.FORBIDDEN, reason="your role does not allow deleting messages of others here")
    if message.deleted_at is not None:
        return _NOTHING
    if not is_leader and message.created_at < change.made_since:
        return _Decision(Outcome.FORBIDDEN, reason="the message is too old to be deleted")
    message.content, message.mentions, message.attachments, message.reactions = "", (), (), {}
    message.deleted_at = max(now, message.created_at)
    return _Decision(Outcome.STORED, "message:deleted")


def _react(change: React, message: MessageRow) -> _Decision:
    if message.type == "system":
        return _Decision(Outcome.FORBIDDEN, reason="system messages take no reactions")
    if message.deleted_at is not None:
        return _NOTHING if change.remove else _Decision(Outcome.CONFLICT, reason="the message is deleted")
    people = message.reactions.get(change.emoji, [])
    if (change.actor_id in people) is not change.remove:
        return _NOTHING
    if not people and len(message.reactions) >= LIMITS.emojis:
        return _Decision(Outcome.TOO_LARGE, reason=f"at most {LIMITS.emojis} different emojis on one message")
    if change.remove:
        people.remove(change.actor_id)
        if not people:
            del message.reactions[change.emoji]
    else:
        message.reactions[change.emoji] = [*people, change.actor_id]
    return _Decision(Outcome.STORED, "message:reaction")

"""Messages in memory, as they are read: what the log, the lists and the changes of a message give out."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from madang.clock import to_iso
from madang.contract.shapes import Message, Quote, Reaction
from madang.domain.message import excerpt
from madang.memory.rows import ConversationRow, MessageRow, Rows

__all__ = ["to_message"]

REACTORS: Final = 20


def to_message(
    rows: Rows,
    conversation: ConversationRow,
    message: MessageRow,
    *,
    epoch: str | UnsetType = UNSET,
    visible_from_seq: int = 0,
) -> Message:
    """A message as it is now, for somebody who sees from this seq on; of their own, hidden by now, what they wrote."""
    quoted = None if message.reply_to_id is None else conversation.message(message.reply_to_id)
    reply_to: Quote | UnsetType = UNSET
    if quoted is not None and (quoted.seq < visible_from_seq or quoted.deleted_at is not None):
        reply_to = Quote(id=quoted.id, seq=quoted.seq, sender_id=None, content="", type="text")
    elif quoted is not None:
        content = excerpt(quoted.content)
        reply_to = Quote(id=quoted.id, seq=quoted.seq, sender_id=quoted.sender_id, content=content, type=quoted.type)
    return Message(
        id=message.id,
        conversation_id=conversation.id,
        seq=message.seq,
        version=message.version,
        sender_id=message.sender_id,
        sender=None if message.sender_id is None else rows.users[message.sender_id].sender(),
        type=message.type,
        content=message.content,
        created_at=to_iso(message.created_at),
        epoch=epoch,
        mentions="all" if message.mentions == "all" else list(message.mentions),
        reply_to_id=message.reply_to_id,
        reply_to=reply_to,
        attachments=list(message.attachments),
        reactions=[
            Reaction(emoji=emoji, count=len(people), user_ids=people[:REACTORS])
            for emoji, people in message.reactions.items()
            if message.seq >= visible_from_seq
        ],
        system=UNSET if message.system is None else message.system,
        silent=True if message.silent else UNSET,
        keep_unread=True if message.keep_unread else UNSET,
        edited_at=None if message.edited_at is None else to_iso(message.edited_at),
        deleted_at=None if message.deleted_at is None else to_iso(message.deleted_at),
    )

"""Coming back, in memory: the port `Sync`, by looking at the logs themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from madang.contract.shapes import Message
from madang.domain.sync import Status, starts_membership, status_of
from madang.memory.conversations import MemoryConversations
from madang.memory.messages import to_message
from madang.memory.rows import ConversationRow, MemberRow, MessageRow, Rows
from madang.ports.sync import MOST_READS, MOST_STEPS, ListPage, ListQuery, MemberTouched, Missed, Place

__all__ = ["MemorySync"]


class MemorySync:
    """Answers from the logs themselves."""

    def __init__(self, rows: Rows, conversations: MemoryConversations) -> None:
        self._rows = rows
        self._conversations = conversations

    async def page(self, user_id: str, query: ListQuery) -> ListPage:
        user = self._rows.users.get(user_id)
        version = 0 if user is None else user.inbox_version
        since = query.inbox if query.inbox is not None and query.inbox <= version else None
        found = sorted(self._rows.of(user_id), key=lambda pair: (pair[0].last_message_at(), pair[0].id), reverse=True)
        found = [pair for pair in found if pair[0].id not in query.exclude]
        found = [pair for pair in found if query.only is None or pair[0].id in query.only]
        shown: list[str] = []
        places: list[tuple[ConversationRow, MemberRow]] = []
        for conversation, row in found[: query.places]:
            as_known = query.known.get(conversation.id) == conversation.version
            if not (since is not None and as_known and row.inbox_version <= since):
                if len(shown) == query.summaries:
                    break
                shown.append(conversation.id)
            places.append((conversation, row))
        by_id = {summary.id: summary for summary in await self._conversations.summaries(user_id, shown)}
        return ListPage(
            inbox_version=version,
            places=[_place(*pair) for pair in places],
            summaries=[by_id[conversation_id] for conversation_id in shown],
            missed=self._missed_of_page(places, query),
            removed=self._removed(user_id, query),
            more=len(places) < len(found),
        )

    async def missed(
        self, user_id: str, conversation_id: str, known: int | None, *, rows: int, page_rows: int
    ) -> Missed | None:
        conversation = self._rows.conversations.get(conversation_id)
        row = None if conversation is None else conversation.member(user_id)
        if conversation is None or row is None:
            return None
        status, messages, more = self._messages(conversation, row, known, rows, page_rows)
        if more:
            return Missed(place=_place(conversation, row), status=status, messages=messages, more=True)
        (summary,) = await self._conversations.summaries(user_id, [conversation_id])
        return Missed(
            place=_place(conversation, row),
            status=status,
            messages=messages,
            reads=_reads(conversation),
            steps=_steps(conversation) if len(conversation.present()) > MOST_READS else None,
            summary=summary,
        )

    async def steps(self, conversation_id: str) -> list[tuple[int, int]]:
        conversation = self._rows.conversations.get(conversation_id)
        return [] if conversation is None else _steps(conversation)

    async def inbox_versions(self, user_ids: Sequence[str]) -> dict[str, int]:
        users = self._rows.users
        return {user_id: users[user_id].inbox_version for user_id in user_ids if user_id in users}

    async def touched(self, user_ids: Sequence[str], depth: int) -> list[MemberTouched]:
        return [
            MemberTouched(
                user_id=row.user_id,
                conversation_id=conversation.id,
                inbox_version=row.inbox_version,
                visible_from_seq=row.joined_seq if row.left_at is None else None,
            )
            for conversation in self._rows.conversations.values()
            for row in conversation.members.values()
            if row.user_id in user_ids and row.inbox_version > self._rows.users[row.user_id].inbox_version - depth
        ]

    def _missed_of_page(self, places: Sequence[tuple[ConversationRow, MemberRow]], query: ListQuery) -> list[Missed]:
        missed_of: list[Missed] = []
        room = query.rows
        for conversation, row in places:
            known = query.known.get(conversation.id)
            if known is None or known == conversation.version:
                continue
            status, place = status_of(known, conversation.version), _place(conversation, row)
            needs = {"reset": 0, "gap": query.page_rows, "delta": conversation.version - known}[status]
            if needs > room:
                missed_of.append(Missed(place=place, status=status, left_out=True))
                continue
            status, messages, _ = self._messages(conversation, row, known, needs, query.page_rows)
            room -= len(messages)
            missed_of.append(Missed(place=place, status=status, messages=messages, reads=_reads(conversation)))
        return missed_of

    def _messages(
        self, conversation: ConversationRow, row: MemberRow, known: int | None, rows: int, page_rows: int
    ) -> tuple[Status, list[Message], bool]:
        def shown(found: Sequence[MessageRow]) -> list[Message]:
            return [to_message(self._rows, conversation, each, visible_from_seq=row.joined_seq) for each in found]

        visible = [message for message in conversation.messages if message.seq >= row.joined_seq]
        status = status_of(known, conversation.version)
        if status == "gap":
            return status, shown(visible[-page_rows:]), False
        if status == "reset" or known is None:
            return status, [], False
        changed = sorted(
            (message for message in visible if message.version > known), key=lambda message: message.version
        )
        if starts_membership(changed[:rows], row.joined_seq):
            return "reset", [], False
        return status, shown(changed[:rows]), len(changed) > rows

    def _removed(self, user_id: str, query: ListQuery) -> list[str]:
        here = {conversation.id for conversation, _ in self._rows.of(user_id)}
        gone: set[str] = set()
        if query.left_since is not None:
            for conversation in self._rows.conversations.values():
                row = conversation.members.get(user_id)
                if row is not None and row.left_at is not None and row.inbox_version > query.left_since:
                    gone.add(conversation.id)
        if query.name_unknown:
            gone.update(query.known.keys() - here)
        return sorted(gone)


def _place(conversation: ConversationRow, row: MemberRow) -> Place:
    return Place(
        conversation_id=conversation.id,
        version=conversation.version,
        seq=len(conversation.messages),
        member_count=len(conversation.present()),
        visible_from_seq=row.joined_seq,
    )


def _reads(conversation: ConversationRow) -> list[tuple[str, int]] | None:
    present = conversation.present()
    if len(present) > MOST_READS:
        return None
    return sorted((row.user_id, row.last_read_seq) for row in present.values())


def _steps(conversation: ConversationRow) -> list[tuple[int, int]]:
    return sorted(Counter(row.last_read_seq for row in conversation.present().values()).items())[-MOST_STEPS:]

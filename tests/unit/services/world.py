"""A small world for the tests of services: a real SQLite store, the bus of one node, and people to talk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from madang.clock import SystemClock
from madang.contract.limits import LIMITS
from madang.contract.rest import CreateConversation
from madang.ids import new_id
from madang.memory.bus import MemoryBus
from madang.ports.accounts import NewAccount
from madang.ports.bus import BusMessage, conversation_channel, user_channel
from madang.ports.log import ConversationLog
from madang.services.access import Access
from madang.services.committer import Committer
from madang.services.conversations import ConversationService
from madang.services.messages import MessageService
from madang.services.reading import ReadingService
from madang.storage.sqlite import SqliteStore
from madang.tasks import TaskSupervisor

__all__ = ["World", "open_world"]


class World:
    """Everything below the doors, ready to be asked."""

    def __init__(self, store: SqliteStore, log: ConversationLog, *, send_rate: float) -> None:
        self.store = store
        self.clock = SystemClock()
        self.tasks = TaskSupervisor()
        self.bus = MemoryBus()
        self.heard: list[BusMessage] = []
        self.bus.listen(lambda _channel, message: self.heard.append(message))
        self.committer = Committer(log, self.bus, self.clock, self.tasks)
        self.access = Access(store.conversations)
        self.conversations = ConversationService(
            self.committer, store.conversations, self.access, LIMITS, users_create=True
        )
        self.messages = MessageService(self.committer, store.log, self.access, self.clock, LIMITS, send_rate=send_rate)
        self.reading = ReadingService(log, self.bus, self.clock, self.tasks)

    async def user(self, username: str) -> str:
        """A new account; its id."""
        account = NewAccount(id=new_id(), username=username, name=username.title(), password_hash="none")
        return (await self.store.accounts.create(account, self.clock.now())).user.id

    async def group(self, owner: str, *others: str) -> str:
        """A new group that the bus is heard for; its id."""
        body = CreateConversation(type="group", name="마당", member_ids=list(others))
        summary, _ = await self.conversations.create(owner, body)
        await self.bus.subscribe([conversation_channel(summary.id)])
        return summary.id

    async def hear(self, *user_ids: str) -> None:
        """Hear what concerns these people's devices."""
        await self.bus.subscribe([user_channel(user_id) for user_id in user_ids])


@asynccontextmanager
async def open_world(folder: Path, *, log: type | None = None, send_rate: float = 0.0) -> AsyncIterator[World]:
    """A world on a fresh store; `log` may wrap the store's log."""
    store = SqliteStore(folder / "madang.sqlite3")
    await store.open()
    world = World(store, log(store.log) if log else store.log, send_rate=send_rate)
    try:
        yield world
    finally:
        await world.committer.close()
        await world.reading.close()
        await world.tasks.close()
        await store.close()

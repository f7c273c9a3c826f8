"""The store in memory: everything of one run, nothing after it.

For tests, and the model that stores on databases are compared with: the same port, the same semantics, no durability.
Closing and opening again keeps what it holds.
"""

from __future__ import annotations

import asyncio

from madang.contract.limits import LIMITS
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.memory.accounts import MemoryAccounts
from madang.memory.conversations import MemoryConversations
from madang.memory.log import MemoryLog
from madang.memory.members import MemoryMembers
from madang.memory.rows import Rows
from madang.memory.sessions import MemorySessions
from madang.memory.sync import MemorySync

__all__ = ["MemoryStore"]


class MemoryStore:
    """The port `Store` in dictionaries.

    Args:
        max_members: people a conversation may have.
    """

    def __init__(self, *, max_members: int = LIMITS.members) -> None:
        self._rows = rows = Rows(new_id())
        self.log = MemoryLog(rows, max_members)
        self.accounts = MemoryAccounts(rows)
        self.sessions = MemorySessions(rows)
        self.conversations = MemoryConversations(rows)
        self.members = MemoryMembers(rows)
        self.sync = MemorySync(rows, self.conversations)
        self.lanes = 1
        self._open = False

    @property
    def epoch(self) -> str:
        return self._rows.epoch

    async def moved(self) -> None:
        await asyncio.Event().wait()  # nobody else has it

    async def new_epoch(self) -> str:
        self._rows.epoch = new_id()
        return self.epoch

    async def open(self) -> None:
        self._open = True

    async def close(self) -> None:
        self._open = False

    async def ping(self) -> None:
        if not self._open:
            raise MadangError(ErrorCode.UNAVAILABLE, "the store is not open")

"""The store: everything durable, as one object that opens and closes."""

from __future__ import annotations

from typing import Protocol

from madang.ports.accounts import Accounts
from madang.ports.conversations import Conversations
from madang.ports.log import ConversationLog
from madang.ports.members import Members
from madang.ports.sessions import Sessions
from madang.ports.sync import Sync

__all__ = ["Store"]


class Store(Protocol):
    """The nouns of the store. They share transactions' guarantees: what one call has returned, the next one sees."""

    @property
    def log(self) -> ConversationLog: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def conversations(self) -> Conversations: ...

    @property
    def members(self) -> Members: ...

    @property
    def sync(self) -> Sync: ...

    @property
    def lanes(self) -> int:
        """Batches of the log that it commits side by side, if they are of different conversations."""
        ...

    @property
    def epoch(self) -> str:
        """The history the counters belong to; a UUID made with the installation. The same while the store is open."""
        ...

    async def open(self) -> None:
        """Bring the schema up to date and connect.

        Raises:
            SettingsError: with a sentence for the operator: unwritable folder, newer schema, locked by another server.
        """
        ...

    async def close(self) -> None:
        """Finish what was started, then let go of every file and connection. Safe to call twice."""
        ...

    async def ping(self) -> None:
        """Prove that the store answers. Raises `MadangError(try_again)`."""
        ...

    async def moved(self) -> None:
        """Return when the store turns out to have another history than it was opened with: a standby was promoted, a backup
        restored. From then on everything is `try_again`, and it must be closed and opened again. Mostly never.
        """
        ...

    async def new_epoch(self) -> str:
        """Begin another history: whoever comes back with numbers of an older one is told to forget them. Returns it;
        stores that are open meanwhile go on with the old one.
        """
        ...

"""A process that appends until it is ended, and says of each verdict that it has returned.

    python -m tests.integration.storage.appending_process FOLDER-OR-URL BATCHES

Each line on standard output is `<conversation id> <message id> <seq>`, written in one system call after `append` has
returned. That is what an acknowledgement stands on, so whatever is printed must be in the store for good.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import structlog

from madang.storage.postgres import PostgresStore
from madang.storage.sqlite import SqliteStore
from tests.conformance.chat import Chat, message


async def main(place: str, batches: int) -> None:
    """Append batches of one to twenty messages to three conversations."""
    chance = random.Random(batches)
    store = PostgresStore(place) if place.startswith("postgresql:") else SqliteStore(Path(place) / "madang.db")
    await store.open()
    chat = Chat(store)
    people = [await chat.user(f"P{number}") for number in range(3)] if not await store.accounts.exists_any() else []
    if not people:
        people = [user.id for user in await store.accounts.search("", 3)]
    groups = [await chat.group(*people) for _ in range(3)]
    os.write(1, b"ready\n")
    for _ in range(batches):
        entries = [
            message(chance.choice(groups), chance.choice(people), "x" * chance.randint(1, 400))
            for _ in range(chance.randint(1, 20))
        ]
        verdicts = await chat.append(*entries)
        lines = [f"{v.message.conversation_id} {v.message.id} {v.message.seq}\n" for v in verdicts if v.message]
        os.write(1, "".join(lines).encode())
    await store.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

"""The parts of a server on a fresh store, without a door: what tests of the use cases and of the API stand on.

Owns their assembly with fast password hashing, a clock that tests move, and a bus whose messages are kept. The parts are
the real ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from madang.api.app import ApiServices
from madang.clock import SystemClock
from madang.contract.limits import LIMITS, Limits
from madang.contract.rest import CreateConversation, Registration
from madang.ids import new_id
from madang.memory.bus import MemoryBus
from madang.memory.ratelimit import MemoryRateLimit
from madang.memory.store import MemoryStore
from madang.ports.accounts import NewAccount
from madang.ports.bus import BusMessage, conversation_channel, user_channel
from madang.ports.log import ConversationLog
from madang.ports.queue import MessageQueue
from madang.ports.store import Store
from madang.security.host_tokens import HostTokens
from madang.security.passwords import Argon2Passwords
from madang.security.tokens import OpaqueRefreshTokens, SignedBearerTokens
from madang.services.access import Access
from madang.services.accounts import AccountService, RegistrationPolicy
from madang.services.committer import Committer
from madang.services.conversations import ConversationService
from madang.services.enqueuer import Enqueuer
from madang.services.identity import IdentityService
from madang.services.member_settings import MemberSettingsService
from madang.services.message_changes import MessageChangeService
from madang.services.message_people import MessagePeopleService
from madang.services.messages import MessageService
from madang.services.profiles import DirectoryPolicy, ProfileService
from madang.services.reading import ReadingService
from madang.services.send_rate import SendRate
from madang.services.sessions import SessionService, SignIn
from madang.storage.sqlite import SqliteStore
from madang.tasks import TaskSupervisor

__all__ = ["ADDRESS", "PASSWORD", "STORES", "MovableClock", "ServerParts", "registration", "server_parts"]

SECRET = "the secret of a server that lives as long as its test"
PASSWORD = "correct horse battery"
ADDRESS = "203.0.113.9"
"""Where clients of tests come from; not this machine."""
StoreKind = Literal["memory", "sqlite"]
STORES: Final[tuple[StoreKind, ...]] = ("memory", "sqlite")
"""What every test of a use case runs on."""


class MovableClock(SystemClock):
    """The machine's clock, and what a test adds to it."""

    def __init__(self) -> None:
        self.added_ms = 0

    def now(self) -> int:
        return super().now() + self.added_ms

    def monotonic(self) -> float:
        return super().monotonic() + self.added_ms / 1_000


@dataclass(kw_only=True)
class ServerParts:
    """What a test may take hold of."""

    store: Store
    bus: MemoryBus
    clock: MovableClock
    tasks: TaskSupervisor
    log: ConversationLog
    committer: Committer
    enqueuer: Enqueuer | None
    access: Access
    tokens: SignedBearerTokens
    refresh_tokens: OpaqueRefreshTokens
    passwords: Argon2Passwords
    conversations: ConversationService
    messages: MessageService
    changes: MessageChangeService
    reading: ReadingService
    profiles: ProfileService
    services: ApiServices = field(init=False)
    heard: list[BusMessage] = field(default_factory=list)

    async def sign_up(self, username: str, name: str = "") -> SignIn:
        """A new person, signed in, whose channel is heard from now on."""
        account = await self.services.accounts.create(username, PASSWORD, name or username.capitalize())
        await self.hear(account.user.id)
        return await self.services.sessions.open(account)

    async def user(self, username: str) -> str:
        """A new person who never signs in; their id."""
        account = NewAccount(id=new_id(), username=username, name=username.title(), password_hash="none")
        return (await self.store.accounts.create(account, self.clock.now())).user.id

    async def group(self, owner: str, *others: str) -> str:
        """A new group whose channel is heard; its id."""
        body = CreateConversation(type="group", name="마당", member_ids=list(others))
        summary, _ = await self.conversations.create(owner, body)
        await self.bus.subscribe([conversation_channel(summary.id)])
        return summary.id

    async def hear(self, *user_ids: str) -> None:
        """Keep what is told to these people's devices."""
        await self.bus.subscribe([user_channel(user_id) for user_id in user_ids])


def registration(username: str, password: str = PASSWORD, name: str = "Ann") -> Registration:
    """What somebody who signs up sends."""
    return Registration(username=username, password=password, name=name)


@asynccontextmanager
async def server_parts(
    folder: Path,
    *,
    store_kind: StoreKind = "sqlite",
    host: HostTokens | None = None,
    registration: RegistrationPolicy = "open",
    directory: DirectoryPolicy = "open",
    limits: Limits = LIMITS,
    send_rate: float = 0,
    bus: MemoryBus | None = None,
    log: Callable[[ConversationLog], Any] = lambda log: log,
    queue: Callable[[MovableClock], MessageQueue] | None = None,
) -> AsyncIterator[ServerParts]:
    """A server's parts for as long as the context lasts; `log` may put something in front of the store's, and `queue` has
    messages accepted before they are stored.
    """
    clock = MovableClock()
    store: Store = MemoryStore() if store_kind == "memory" else SqliteStore(folder / "madang.sqlite3", clock=clock)
    await store.open()
    tasks, bus, front = TaskSupervisor(), MemoryBus() if bus is None else bus, log(store.log)
    committer = Committer(front, bus, clock, tasks)
    enqueuer = None if queue is None else Enqueuer(queue(clock), store.conversations, committer, tasks)
    reading = ReadingService(front, bus, clock, tasks)
    access, rate = Access(store.conversations), SendRate(clock, limits, send_rate)
    parts = ServerParts(
        store=store,
        bus=bus,
        clock=clock,
        tasks=tasks,
        log=front,
        committer=committer,
        enqueuer=enqueuer,
        access=access,
        tokens=SignedBearerTokens(SECRET, host=host),
        refresh_tokens=OpaqueRefreshTokens(SECRET),
        passwords=Argon2Passwords(memory_kib=64, time_cost=1, threads=1),
        conversations=ConversationService(committer, store.conversations, access, limits, users_create=True),
        messages=MessageService(committer, front, access, limits, rate, enqueuer=enqueuer),
        changes=MessageChangeService(committer, clock, limits, rate, tasks, enqueuer=enqueuer),
        reading=reading,
        profiles=ProfileService(store.accounts, store.conversations, bus, limits, directory=directory),
    )
    parts.services = _services(parts, limits, registration)
    bus.listen(lambda _, message: parts.heard.append(message))
    try:
        yield parts
    finally:
        parts.passwords.close()
        await reading.close()
        if enqueuer is not None:
            await enqueuer.close()
        await committer.close()
        await tasks.close()
        await store.close()


def _services(parts: ServerParts, limits: Limits, registration: RegistrationPolicy) -> ApiServices:
    store, clock, created = parts.store, parts.clock, parts.conversations.create_notes
    sessions = SessionService(
        accounts=store.accounts,
        sessions=store.sessions,
        bearer_tokens=parts.tokens,
        refresh_tokens=parts.refresh_tokens,
        bus=parts.bus,
        clock=clock,
    )
    return ApiServices(
        identities=IdentityService(store.accounts, store.sessions, parts.tokens, clock, created),
        sessions=sessions,
        accounts=AccountService(
            accounts=store.accounts,
            passwords=parts.passwords,
            sessions=sessions,
            rate_limit=MemoryRateLimit(clock),
            clock=clock,
            limits=limits,
            created=created,
            registration=registration,
        ),
        profiles=parts.profiles,
        conversations=parts.conversations,
        messages=parts.messages,
        message_changes=parts.changes,
        message_people=MessagePeopleService(parts.log, store.members, parts.access, limits, enqueuer=parts.enqueuer),
        member_settings=MemberSettingsService(store.members, store.conversations, parts.bus, clock),
        reading=parts.reading,
    )

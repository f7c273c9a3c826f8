"""The store, the bus and the use cases over them: what a server and the command line share.

Start order, stopped in reverse: secret -> store -> what nodes share -> tasks -> bus -> committer -> queue -> read marks
-> passwords -> use cases. Leases end with the door that holds them (`sockets`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

import msgspec

from madang.app.failpoints import Failpoints
from madang.app.queue import open_queue
from madang.clock import Clock, SystemClock
from madang.config import Settings, SettingsError, signing_secret
from madang.contract.limits import LIMITS, Limits
from madang.memory.bus import MemoryBus
from madang.memory.presence import MemoryPresence
from madang.memory.ratelimit import MemoryRateLimit
from madang.ports.bus import Bus
from madang.ports.log import ConversationLog
from madang.ports.passwords import Passwords
from madang.ports.presence import Presence
from madang.ports.queue import MessageQueue
from madang.ports.ratelimit import RateLimit
from madang.ports.store import Store
from madang.security.host_tokens import HostTokens, SharedSecret
from madang.security.passwords import Argon2Passwords
from madang.security.tokens import OpaqueRefreshTokens, SignedBearerTokens
from madang.services.access import Access
from madang.services.accounts import AccountService
from madang.services.committer import Committer
from madang.services.conversations import ConversationService
from madang.services.enqueuer import Enqueuer
from madang.services.identity import IdentityService
from madang.services.member_settings import MemberSettingsService
from madang.services.message_changes import MessageChangeService
from madang.services.message_people import MessagePeopleService
from madang.services.messages import MessageService
from madang.services.profiles import ProfileService
from madang.services.reading import ReadingService
from madang.services.send_rate import SendRate
from madang.services.sessions import SessionService
from madang.storage.sqlite import SqliteStore
from madang.tasks import TaskSupervisor

if TYPE_CHECKING:
    from madang.storage.postgres import PostgresStore

__all__ = ["DATABASE_FILE", "Foundation", "Services", "database", "installed", "open_services"]

DATABASE_FILE: Final = "madang.sqlite3"
SECONDS_AT_ONCE: Final = 3
"""A user may send this many seconds' worth of messages at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What opens and closes."""

    settings: Settings
    secret: str
    limits: Limits
    clock: Clock
    store: Store
    tasks: TaskSupervisor
    bus: Bus
    log: ConversationLog
    committer: Committer
    queue: MessageQueue | None
    """Where messages wait to be stored; None: they are stored before they are acknowledged."""
    enqueuer: Enqueuer | None
    reading: ReadingService
    passwords: Passwords
    presence: Presence
    rate_limit: RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases, and what they stand on."""

    foundation: Foundation
    access: Access
    conversations: ConversationService
    sessions: SessionService
    identities: IdentityService
    accounts: AccountService
    profiles: ProfileService
    messages: MessageService
    message_changes: MessageChangeService
    message_people: MessagePeopleService
    member_settings: MemberSettingsService


@contextmanager
def installed(extra: str, setting: str) -> Iterator[None]:
    """For importing what talks to PostgreSQL or Redis: who uses neither has no driver of it, and does not wait for one.

    Raises:
        SettingsError: of `setting`, if a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            setting, f"takes {error.name}, which is not installed: pip install 'madang[{extra}]'."
        ) from None


def database(settings: Settings, clock: Clock, limits: Limits, *, shared: bool = False) -> SqliteStore | PostgresStore:
    """The store of these settings, not opened.

    Args:
        settings: the operator's.
        clock: what it reads the time from.
        limits: of the contract.
        shared: whether others who say so too may have the same PostgreSQL open: nodes that hear of each other.

    Raises:
        SettingsError: it takes a package that is not installed.
    """
    if settings.database_url:
        with installed("postgres", "MADANG_DATABASE_URL"):
            from madang.storage.postgres import PostgresStore
        return PostgresStore(
            settings.database_url,
            clock=clock,
            max_members=limits.members,
            unsafe_durability=settings.unsafe_durability,
            shared=shared,
        )
    return SqliteStore(settings.data / DATABASE_FILE, clock=clock, max_members=limits.members)


def _bus(settings: Settings, installation: str, clock: Clock, tasks: TaskSupervisor) -> Bus:
    if not settings.redis_url:
        return MemoryBus()
    with installed("redis", "MADANG_REDIS_URL"):
        from madang.cluster.bus import RedisBus
    return RedisBus(settings.redis_url, installation=installation, clock=clock, tasks=tasks)


def _across_nodes(
    settings: Settings, installation: str, clock: Clock, tasks: TaskSupervisor, stack: AsyncExitStack
) -> tuple[Presence, RateLimit]:
    """What nodes know of each other beside the store and the bus."""
    alone = MemoryRateLimit(clock)
    if not settings.redis_url:
        return MemoryPresence(), alone
    with installed("redis", "MADANG_REDIS_URL"):
        from madang.cluster.client import connect
        from madang.cluster.presence import RedisPresence
        from madang.cluster.ratelimit import RedisRateLimit
    client = connect(settings.redis_url)
    stack.push_async_callback(client.aclose)
    return (
        RedisPresence(client, installation=installation, clock=clock, tasks=tasks),
        RedisRateLimit(client, installation=installation, clock=clock, alone=alone),
    )


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything below the doors, for as long as the context lasts. Nobody else can open the same data meanwhile, but nodes
    that share a bus.

    Raises:
        SettingsError: the data folder cannot be used, or another Madang uses it.
    """
    async with AsyncExitStack() as stack:
        yield _use_cases(await _open_foundation(settings, stack))


async def _open_foundation(settings: Settings, stack: AsyncExitStack) -> Foundation:
    failpoints = Failpoints(settings.failpoints)
    secret = signing_secret(settings)
    clock = SystemClock()
    limits = _limits(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    store = database(settings, clock, limits, shared=bool(settings.redis_url))
    stack.push_async_callback(store.close)
    await store.open()
    tasks = TaskSupervisor()
    presence, rate_limit = _across_nodes(settings, store.epoch, clock, tasks, stack)
    stack.push_async_callback(tasks.close)
    bus = failpoints.around_bus(_bus(settings, store.epoch, clock, tasks))
    stack.push_async_callback(bus.close)
    await bus.start()
    log = failpoints.around_log(store.log)
    committer = Committer(log, bus, clock, tasks, lanes=store.lanes)
    stack.push_async_callback(committer.close)
    queue = await open_queue(settings, tasks, stack) if settings.persistence == "queue" else None
    enqueuer = Enqueuer(queue, store.conversations, committer, tasks) if queue is not None else None
    if enqueuer is not None:
        stack.push_async_callback(enqueuer.close)
    reading = ReadingService(store.log, bus, clock, tasks)
    stack.push_async_callback(reading.close)
    passwords = Argon2Passwords()
    stack.callback(passwords.close)
    return Foundation(
        settings=settings,
        secret=secret,
        limits=limits,
        clock=clock,
        store=store,
        tasks=tasks,
        bus=bus,
        log=log,
        committer=committer,
        queue=queue,
        enqueuer=enqueuer,
        reading=reading,
        passwords=passwords,
        presence=presence,
        rate_limit=rate_limit,
    )


def _use_cases(base: Foundation) -> Services:
    store, settings, clock, limits = base.store, base.settings, base.clock, base.limits
    access = Access(store.conversations)
    rate = SendRate(clock, limits, settings.send_rate)
    users_create = settings.conversations == "users"
    conversations = ConversationService(base.committer, store.conversations, access, limits, users_create=users_create)
    tokens = SignedBearerTokens(base.secret, host=_host_tokens(settings))
    sessions = SessionService(
        accounts=store.accounts,
        sessions=store.sessions,
        bearer_tokens=tokens,
        refresh_tokens=OpaqueRefreshTokens(base.secret),
        bus=base.bus,
        clock=clock,
    )
    accounts = AccountService(
        accounts=store.accounts,
        passwords=base.passwords,
        sessions=sessions,
        rate_limit=base.rate_limit,
        clock=clock,
        limits=limits,
        created=conversations.create_notes,
        registration=settings.registration,
    )
    return Services(
        foundation=base,
        access=access,
        conversations=conversations,
        sessions=sessions,
        identities=IdentityService(store.accounts, store.sessions, tokens, clock, conversations.create_notes),
        accounts=accounts,
        profiles=ProfileService(store.accounts, store.conversations, base.bus, limits, directory=settings.directory),
        messages=MessageService(base.committer, store.log, access, limits, rate, enqueuer=base.enqueuer),
        message_changes=MessageChangeService(base.committer, clock, limits, rate, base.tasks, enqueuer=base.enqueuer),
        message_people=MessagePeopleService(store.log, store.members, access, limits, enqueuer=base.enqueuer),
        member_settings=MemberSettingsService(store.members, store.conversations, base.bus, clock),
    )


def _limits(settings: Settings) -> Limits:
    """The limits of the contract, with what the operator decides; 0 stands for none."""
    return msgspec.structs.replace(
        LIMITS,
        sends_per_second=settings.send_rate,
        send_burst=ceil(settings.send_rate * SECONDS_AT_ONCE),
        edit_seconds=settings.edit_window,
        delete_seconds=settings.delete_window,
    )


def _host_tokens(settings: Settings) -> HostTokens | None:
    if not settings.jwt_secret:
        return None
    return HostTokens(
        SharedSecret(settings.jwt_secret),
        issuer=settings.jwt_issuer or None,
        audience=settings.jwt_audience or None,
        claims=settings.jwt_claims,
    )

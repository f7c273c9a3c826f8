"""The gateway over a server's parts, with sockets that are real down to the transport: what tests of delivery stand on.

Owns a transport that keeps what is written, a store whose answers can be held back, and a bus that loses, doubles and
swaps what it should bring. Everything between is put together by the composition root itself.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from madang.api.forwarded import TrustedProxies
from madang.api.origins import Origins
from madang.app.services import Foundation, Services
from madang.app.sockets import engine_server, open_gateway
from madang.config import Settings
from madang.contract.limits import LIMITS, Limits
from madang.contract.rest import SendBody, SentMessage
from madang.contract.shapes import Message
from madang.gateway.gateway import Gateway
from madang.memory.bus import MemoryBus
from madang.memory.presence import MemoryPresence
from madang.memory.ratelimit import MemoryRateLimit
from madang.ports.bus import BusMessage, Listener, LogAppended, Lost
from madang.ports.store import Store
from madang.services.sessions import SignIn
from madang.socketio import Server
from madang.socketio.frames import EventPacket, Frames, Sendable
from madang.socketio.handshake import Request
from madang.telemetry import Metrics
from tests.server_parts import ServerParts, StoreKind, server_parts

__all__ = ["GatewayParts", "LossyBus", "Phone", "Slow", "eventually", "gateway_parts"]

WAIT_SECONDS: Final = 5.0
_TEXT: Final = b"4"


class LossyBus(MemoryBus):
    """The bus of one node, as bad as a network: `fate` says what becomes of news of a log."""

    def __init__(self) -> None:
        super().__init__()
        self.fate: Callable[[LogAppended], Sequence[LogAppended]] = lambda news: [news]
        self.lost: list[LogAppended] = []
        self.deaf = False
        """Whether it says that other nodes are not heard."""
        self.tell_lost: Lost | None = None

    @property
    def heard(self) -> bool:
        return not self.deaf

    def listen(self, listener: Listener, lost: Lost | None = None) -> None:
        super().listen(listener, lost)
        self.tell_lost = lost

    def lose(self, news: LogAppended) -> Sequence[LogAppended]:
        """A fate: nothing arrives."""
        self.lost.append(news)
        return []

    def publish(self, channel: str, message: BusMessage) -> None:
        """Bring what fate leaves of it."""
        for piece in self.fate(message) if isinstance(message, LogAppended) else [message]:
            super().publish(channel, piece)


class Slow:
    """A part whose answers can be held back: the question is put at once, its answer is given when let go."""

    def __init__(self, part: object) -> None:
        self._part = part
        self._gates: dict[str, asyncio.Event] = {}
        self.asked: dict[str, int] = {}
        self.failures: dict[str, Exception] = {}
        self.after: dict[str, Callable[[], object]] = {}
        """Called when the store has answered and before the asker hears of it; awaited if it can be."""

    def hold(self, name: str) -> None:
        """Keep the answers of this method from now on, and count anew how often it is asked."""
        self._gates[name] = asyncio.Event()
        self.asked[name] = 0

    def let_go(self, name: str) -> None:
        """Give them."""
        self._gates.pop(name).set()

    def take_gate(self, name: str) -> asyncio.Event:
        """Keep only the answers held so far, which setting this gives."""
        return self._gates.pop(name)

    async def was_asked(self, name: str, times: int = 1) -> None:
        """Wait until a method was called so often."""
        async with asyncio.timeout(WAIT_SECONDS):
            while self.asked.get(name, 0) < times:  # noqa: ASYNC110  # a counter, not an event
                await asyncio.sleep(0.001)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def ask(*args: Any, **kwargs: Any) -> Any:
            if name in self.failures:
                raise self.failures[name]
            answer = await method(*args, **kwargs)
            gate = self._gates.get(name)
            self.asked[name] = self.asked.get(name, 0) + 1
            if name in self.after:
                done = self.after.pop(name)()
                if inspect.isawaitable(done):
                    await done
            if gate is not None:
                await gate.wait()
            return answer

        return ask


class _SlowStore:
    """A store whose reads can be held back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.log = Slow(store.log)
        self.conversations = Slow(store.conversations)
        self.accounts = Slow(store.accounts)
        self.sessions = Slow(store.sessions)
        self.sync = Slow(store.sync)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class _Wire:
    """A transport that takes everything at once and keeps it."""

    def __init__(self, phone: Phone) -> None:
        self.writable = True
        self.most_packets = None
        self.buffered = 0
        self._phone = phone

    def write_queue(self, queue: list[Sendable]) -> int:
        for sendable in queue:
            packets = sendable.packets if isinstance(sendable, Frames) else (sendable,)
            for packet in packets:
                if isinstance(packet, EventPacket):
                    self._phone.packets.append(packet)
                    self._phone.take(packet.text)
        return sum(sendable.size for sendable in queue)

    def close(self, code: int, reason: str) -> None:
        self._phone.closed = (code, reason)
        self._phone.came.set()


class Phone:
    """One connection of one person, and everything it got, in order."""

    def __init__(self, server: Server, token: str) -> None:
        self.events: list[tuple[str, list[Any]]] = []
        self.packets: list[EventPacket] = []
        self.came = asyncio.Event()
        self.closed: tuple[int, str] | None = None
        self.refused: dict[str, Any] | None = None
        self.connected = False
        self.disconnected = False
        self._acks: dict[int, Any] = {}
        self._last_id = 0
        self._token = token
        request = Request(method="GET", query={}, headers={}, address="203.0.113.1", secure=False)
        self._engine = server.engine_server.open_engine(cast("Any", _Wire(self)), request, "websocket")

    def take(self, text: bytes) -> None:
        """A Socket.IO packet was written."""
        kind, rest = text[:1], text[1:]
        if kind == b"0":
            self.connected = True
        elif kind == b"1":
            self.disconnected = True
        elif kind == b"2":
            name, *args = json.loads(rest)
            self.events.append((name, args))
        elif kind == b"3":
            place = rest.index(b"[")
            self._acks[int(rest[:place])] = json.loads(rest[place:])[0]
        elif kind == b"4":
            self.refused = json.loads(rest)
        self.came.set()

    def knock(self) -> None:
        """Ask to be let in, and do not wait."""
        self._engine.text_received(_TEXT + b"0" + json.dumps({"token": self._token}).encode())

    async def connect(self) -> Phone:
        """Be let in."""
        self.knock()
        await self.until(lambda: self.connected or self.refused is not None or self.closed is not None)
        assert self.connected, (self.refused, self.closed)
        return self

    async def start(self) -> Phone:
        """Be let in and be shown the list."""
        await self.connect()
        self.init = await self.ask("init", {})
        assert self.init["ok"], self.init
        return self

    def emit(self, name: str, *args: object, ack: bool = False) -> int:
        """Send an event; the number of its ack."""
        self._last_id += ack
        number = str(self._last_id) if ack else ""
        self._engine.text_received(_TEXT + f"2{number}{json.dumps([name, *args])}".encode())
        return self._last_id

    async def ask(self, name: str, *args: object) -> dict[str, Any]:
        """Send an event and wait for its ack."""
        number = self.emit(name, *args, ack=True)
        await self.until(lambda: number in self._acks)
        return cast("dict[str, Any]", self._acks[number])

    def ack(self, number: int) -> dict[str, Any] | None:
        """An ack, if it has come."""
        return self._acks.get(number)

    async def until(self, wanted: Callable[[], object]) -> None:
        """Wait until something has come."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not wanted():
                self.came.clear()
                await self.came.wait()

    async def got(self, name: str, wanted: Callable[[Any], object] = lambda _: True) -> Any:
        """Wait for an event, also one that came before; its first argument."""
        await self.until(lambda: any(wanted(first) for first in self.all(name)))
        return next(first for first in self.all(name) if wanted(first))

    def all(self, name: str) -> list[Any]:
        """The first argument of every event of this name so far."""
        return [args[0] for event, args in self.events if event == name]

    def versions(self, conversation_id: str) -> list[int]:
        """Versions of the messages of a conversation that came, in order."""
        return [m["version"] for m in self.all("message:new") if m["conversationId"] == conversation_id]

    def contents(self, conversation_id: str) -> list[str]:
        """What was said, as it came."""
        return [m["content"] for m in self.all("message:new") if m["conversationId"] == conversation_id]

    def about(self, conversation_id: str) -> list[tuple[str, int | None]]:
        """Every event about a conversation, with its version if it has one."""
        told = [(name, args[0]) for name, args in self.events if isinstance(args[0], dict)]
        return [
            (name, body.get("version"))
            for name, body in told
            if conversation_id in (body.get("conversationId"), body.get("id"))
        ]

    def hang_up(self) -> None:
        """The transport is gone."""
        self._engine.transport_closed(self._engine.transport, cast("Any", "transport close"))


@dataclass(kw_only=True)
class GatewayParts:
    """What a test may take hold of."""

    parts: ServerParts
    store: _SlowStore
    bus: LossyBus
    server: Server
    gateway: Gateway
    metrics: Metrics
    people: dict[str, SignIn] = field(default_factory=dict)

    async def person(self, name: str) -> str:
        """A new person; their id."""
        signed_in = await self.parts.services.sessions.open(
            await self.parts.services.accounts.create(name, "correct horse battery", name.title())
        )
        self.people[signed_in.account.user.id] = signed_in
        return signed_in.account.user.id

    def phone(self, user_id: str) -> Phone:
        """A connection that has not asked to be let in."""
        return Phone(self.server, self.people[user_id].access.text)

    async def started(self, user_id: str) -> Phone:
        """A connection that was shown its list."""
        return await self.phone(user_id).start()

    async def group(self, owner: str, *others: str) -> str:
        """A new group; its id. Nobody is heard by it."""
        group = await self.parts.group(owner, *others)
        self.bus.unsubscribe([f"conv:{group}"])
        return group

    async def send(self, sender: str, conversation_id: str, content: str, **fields: Any) -> Message:
        """A message, stored and published."""
        sent = await self.parts.messages.send(sender, conversation_id, SendBody(content=content, **fields))
        assert isinstance(sent, SentMessage)
        return sent.message

    async def add(self, actor: str, conversation_id: str, user_id: str) -> None:
        """`actor` adds somebody."""
        await self.parts.conversations.add_members(actor, conversation_id, [user_id])

    async def remove(self, actor: str, conversation_id: str, user_id: str) -> None:
        """`actor` removes somebody, or leaves."""
        await self.parts.conversations.remove_member(actor, conversation_id, user_id)

    async def settle(self, seconds: float = 0.02) -> None:
        """Give what is under way some time."""
        await asyncio.sleep(seconds)


@asynccontextmanager
async def gateway_parts(
    folder: Path, *, store_kind: StoreKind = "memory", limits: Limits = LIMITS
) -> AsyncIterator[GatewayParts]:
    """A gateway for as long as the context lasts; at the end nothing is followed and nothing has failed."""
    bus = LossyBus()
    async with server_parts(folder, store_kind=store_kind, bus=bus, limits=limits) as parts, AsyncExitStack() as stack:
        settings, origins = Settings(send_rate=0), Origins("", ())
        store = _SlowStore(parts.store)
        foundation = Foundation(
            settings=settings,
            secret="",
            limits=limits,
            clock=parts.clock,
            store=cast("Store", store),
            tasks=parts.tasks,
            bus=bus,
            log=parts.log,
            committer=parts.committer,
            queue=None,
            enqueuer=None,
            reading=parts.reading,
            passwords=parts.passwords,
            presence=MemoryPresence(),
            rate_limit=MemoryRateLimit(parts.clock),
        )
        services = Services(
            foundation=foundation,
            access=parts.access,
            conversations=parts.conversations,
            sessions=parts.services.sessions,
            identities=parts.services.identities,
            accounts=parts.services.accounts,
            profiles=parts.profiles,
            messages=parts.messages,
            message_changes=parts.services.message_changes,
            message_people=parts.services.message_people,
            member_settings=parts.services.member_settings,
        )
        server = engine_server(settings, limits, origins, TrustedProxies(()), lambda _: None, peers=None)
        metrics = Metrics()
        gateway = await open_gateway(server, services, origins, metrics, stack)
        world = GatewayParts(parts=parts, store=store, bus=bus, server=server, gateway=gateway, metrics=metrics)
        yield world
        for engine in list(server.engine_server.engines.values()):
            engine.close(cast("Any", "server shutting down"))
        await eventually(lambda: not len(parts.tasks))
        assert len(bus) == 0, "a subscription was not given back"
        assert parts.tasks.failures == 0


async def eventually(happened: Callable[[], object]) -> None:
    """Wait until something is so; a little even if it is so already, for what should not happen meanwhile."""
    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.sleep(0.02)
        while not happened():  # noqa: ASYNC110  # anything, not an event
            await asyncio.sleep(0.002)

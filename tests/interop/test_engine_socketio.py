"""Socket.IO on the wire: connecting, events, acks, attachments, leaving, and what closes the engine."""

import asyncio
from typing import Any

import pytest

from madang.socketio import ConnectionPostponed, ConnectionRefused, Server, ServerOptions, Socket
from tests.interop.raw_client import RawWebSocket, get, open_polling, post, soon
from tests.interop.serving import Recorded, recording, serving, serving_suites


async def suite_socket(port: int) -> RawWebSocket:
    """Join "/" of the suites' application."""
    socket = await RawWebSocket.connect_socketio(port)
    assert await socket.text() == '42["auth",{}]'
    return socket


@pytest.mark.parametrize(
    ("sent", "answer", "greeting"),
    [
        ("40", "40", '42["auth",{}]'),
        ('40{"token":"123"}', "40", '42["auth",{"token":"123"}]'),
        ("40/custom,", "40/custom,", '42/custom,["auth",{}]'),
        ("40/custom", "40/custom,", '42/custom,["auth",{}]'),
        ('40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'),
    ],
)
async def test_connect_is_answered_with_a_sid_alone(sent: str, answer: str, greeting: str) -> None:
    """With and without payload, on both namespaces; the sid is not the secret of the engine."""
    async with serving_suites() as port:
        socket = await RawWebSocket.connect(port)
        opened = await socket.text()
        socket.send(sent)
        connected = await socket.text()
        assert connected.startswith(answer + '{"sid":"')
        assert connected.count('"') == 4
        assert connected.split('"')[3] not in opened
        assert await socket.text() == greeting


async def test_an_unknown_namespace_is_refused_with_an_object() -> None:
    """The error is what the stock client reads ``err.message`` from, and one may try again."""
    async with serving_suites() as port:
        socket = await RawWebSocket.connect_engine(port)
        for _ in range(2):
            socket.send("40/random")
            assert await socket.text() == '44/random,{"message":"Invalid namespace"}'
        socket.send("40")
        assert (await socket.text()).startswith("40{")


async def test_leaving_the_namespace_leaves_the_engine_open() -> None:
    """After DISCONNECT the next frame is the ping."""
    async with serving_suites() as port:
        socket = await suite_socket(port)
        socket.send("41")
        assert await socket.text() == "2"


async def test_leaving_one_namespace_keeps_the_other() -> None:
    """Each namespace ends on its own."""
    async with serving_suites() as port:
        socket = await suite_socket(port)
        socket.send("40/custom")
        assert (await socket.text()).startswith("40/custom,")
        assert await socket.text() == '42/custom,["auth",{}]'
        socket.send("41/custom", '42["message","message to main namespace"]')
        assert await socket.text() == '42["message-back","message to main namespace"]'


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (['42["message",1,"2",{"3":[true]}]'], ['42["message-back",1,"2",{"3":[true]}]']),
        (['42456["message-with-ack",1,"2",{"3":[false]}]'], ['43456[1,"2",{"3":[false]}]']),
        (['420["message-with-ack"]'], ["430[]"]),
        (
            [
                '452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
                b"\x01\x02\x03",
                b"\x04\x05\x06",
            ],
            [
                '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
                b"\x01\x02\x03",
                b"\x04\x05\x06",
            ],
        ),
        (
            [
                '452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
                b"\x01",
                b"",
            ],
            ['462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"\x01", b""],
        ),
        (['450-["message",1]', '42["message",2]'], ['42["message-back",1]', '42["message-back",2]']),
        (['42["message","\\ud800",1e400]'], ['42["message-back","\\ud800",null]']),
        (['42["message","\\u0000 한 🌸"]'], ['42["message-back","\\u0000 한 🌸"]']),
    ],
)
async def test_events_and_acks_pass_both_ways(sent: list[str | bytes], answered: list[str | bytes]) -> None:
    """Plain, with ack, with attachments, labelled binary without any, and what only the JSON grammar allows."""
    async with serving_suites() as port:
        socket = await suite_socket(port)
        socket.send(*sent)
        for answer in answered:
            assert await (socket.text() if isinstance(answer, str) else socket.binary()) == answer


async def test_attachments_pass_by_polling() -> None:
    """The same packets in a body, with base64."""
    async with serving_suites() as port:
        target = await open_polling(port)
        packet = '451-["message",{"_placeholder":true,"num":0}]\x1ebAQID'
        assert (await post(port, target, "40\x1e" + packet)).body == "ok"
        body = (await get(port, target)).body.split("\x1e")
        assert body[1:] == ['42["auth",{}]', '451-["message-back",{"_placeholder":true,"num":0}]', "bAQID"]


@pytest.mark.parametrize(
    "sent",
    [
        ["4abc"], ["4"], ["47"], ["49"], ["42"], ["42{}"], ['42"x"'], ["42[]"], ["42[null]"], ["42[true]"], ["42[[]]"],
        ['42["connect"]'], ['42["disconnect"]'], ['42["disconnecting"]'], ['42["connect_error"]'], ['42["newListener"]'],
        ['42["removeListener"]'], ['42abc["message-with-ack",1]'], ['42["a"'], ['42["a"]x'], ["42[NaN]"], ['42["a",NaN]'],
        ["42" + "[" * 100_000], ['4212345678901234567890["a"]'], ["43[]"], ["431{}"], ["431"], ["40[]"], ['40"x"'], ["41{}"],
        ['44{"message":"x"}'], ["40"], ['42/custom,["message"]'], ["41/custom"], ["43/custom,1[]"],
        ['45["a"]'], ['45-["a"]'], ['45x-["a"]'], ['451["a"]'], ['45-1-["a"]'], ['451.5-["a"]'], ['4511-["a"]'],
        ['45100000-["a"]'], ['4599999999999999999999-["a"]'], [b"\x01"], ['451-["a",{"_placeholder":true,"num":0}]', "4x"],
        ['451-["a",{"_placeholder":true,"num":0}]', '42["a"]'], ['451-["a",{"_placeholder":true,"num":1}]', b""],
        ['451-["a",{"_placeholder":true,"num":-1}]', b""], ['451-["a",{"_placeholder":true,"num":true}]', b""],
        ['451-["a",{"_placeholder":true}]', b""], ['451-/custom,["a"]'], ['42["a"]', b"\x01"],
    ],
)  # fmt: skip
async def test_a_packet_that_is_wrong_closes_the_engine_at_once(sent: list[str | bytes]) -> None:
    """Every rule of the parser and of the state, each within 100 ms, far from any timeout."""
    async with recording() as record:
        record.server.of("/custom")
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.send(*sent)
        assert await socket.closed(within=0.1) == 1002
        assert await record.reason(within=0.1) in ("forced close", "forced server close")
        assert not record.server.engine_server.engines


@pytest.mark.parametrize("sent", ["4abc", '42["a"]', "41", "431[]", '451-["a"]', "40[]"])
async def test_a_wrong_first_packet_closes_the_engine_at_once(sent: str) -> None:
    """Before CONNECT nothing else is allowed, and a stranger's attachments are not even waited for."""
    async with recording() as record:
        socket = await RawWebSocket.connect_engine(record.port)
        socket.send(sent)
        assert await socket.closed(within=0.1) == 1002


async def test_ten_attachments_pass_and_come_in_order() -> None:
    """The limit itself is allowed."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        holders = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10))
        socket.send(
            f'4510-["files",[{holders}],{{"x":{{"y":{{"_placeholder":true,"num":3}}}}}}]',
            *(bytes([number]) for number in range(10)),
        )
        await asyncio.sleep(0.02)
        assert record.events == [("files", [[bytes([number]) for number in range(10)], {"x": {"y": b"\x03"}}])]


async def test_event_names_may_be_numbers() -> None:
    """As in JavaScript, they are their decimal text."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.send("42[1]", "42[1.5,2]")
        await asyncio.sleep(0.02)
        assert record.events == [("1", []), ("1.5", [2])]


# ----------------------------------------------------------------------------------------- ways of leaving


async def by_leaving(record: Recorded, socket: RawWebSocket) -> None:
    """DISCONNECT from the peer."""
    socket.send("41")


async def by_disconnect(record: Recorded, socket: RawWebSocket) -> None:
    """DISCONNECT from the server: the engine stays."""
    record.sockets[0].disconnect()
    assert await socket.text() == "41"
    socket.send("40")
    assert (await socket.text()).startswith("40{")


async def by_close_engine(record: Recorded, socket: RawWebSocket) -> None:
    """The engine closed by the server: no DISCONNECT, only the close of the transport."""
    record.sockets[0].close_engine(1012)
    assert await socket.closed() == 1012


async def by_shutdown(record: Recorded, socket: RawWebSocket) -> None:
    """The whole server closed."""
    await record.server.close()
    assert await socket.closed() == 1001


async def by_violation(record: Recorded, socket: RawWebSocket) -> None:
    """CONNECT twice."""
    socket.send("40")


async def by_nonsense(record: Recorded, socket: RawWebSocket) -> None:
    """No Socket.IO packet."""
    socket.send("4x")


async def by_engine_nonsense(record: Recorded, socket: RawWebSocket) -> None:
    """No Engine.IO packet."""
    socket.send("x")


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (by_leaving, "client namespace disconnect"),
        (by_disconnect, "server namespace disconnect"),
        (by_close_engine, "forced close"),
        (by_shutdown, "server shutting down"),
        (by_violation, "forced server close"),
        (by_nonsense, "forced close"),
        (by_engine_nonsense, "parse error"),
    ],
)
async def test_reasons_are_those_of_the_node_server(leave: Any, reason: str) -> None:
    """The application hears why, once, and afterwards the socket is an inert thing."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        gone = record.sockets[0]
        gone.join("room")
        await leave(record, socket)
        assert await record.reason() == reason
        assert len(record.reasons) == 1
        assert not gone.connected
        assert gone.rooms == frozenset()
        assert not record.server.of("/").members("room")
        gone.emit("late")
        gone.join("room")
        gone.disconnect()
        gone.close_engine()
        with pytest.raises(ConnectionResetError):
            await gone.call("late", timeout=1)
        assert not record.server.of("/").members("room")


async def test_a_closed_engine_by_polling_refuses_the_next_poll() -> None:
    """A poll that waits ends with a noop, the next one gets 400: clients that stay away after a close packet come back."""
    async with recording() as record:
        target = await open_polling(record.port)
        await post(record.port, target, "40")
        await get(record.port, target)
        poll = asyncio.ensure_future(get(record.port, target))
        await asyncio.sleep(0.02)
        record.sockets[0].emit("bye")
        record.sockets[0].close_engine()
        assert (await poll).body == '42["bye"]\x1e6'
        assert (await get(record.port, target)).status == 400


# --------------------------------------------------------------------------------------------- middlewares


async def test_middlewares_run_in_order_and_may_refuse() -> None:
    """Sync and async ones; a refusal carries message and data; what they set is there at "connection"."""
    server = Server(ServerOptions(origins="*"))
    steps: list[object] = []

    @server.use
    def first(socket: Socket, auth: dict[str, Any]) -> None:
        steps.append(("first", auth))
        if auth.get("bad") == 1:
            raise ConnectionRefused("no", {"error": "token_invalid"})

    @server.use
    async def second(socket: Socket, auth: dict[str, Any]) -> None:
        await asyncio.sleep(0.01)
        socket.data = "user"
        if auth.get("bad") == 2:
            raise ConnectionRefused("not you")

    server.on("connection", lambda socket: steps.append(socket.data))
    async with serving(server) as port:
        socket = await RawWebSocket.connect_engine(port)
        socket.send('40{"bad":1}')
        assert await socket.text() == '44{"message":"no","data":{"error":"token_invalid"}}'
        socket.send('40{"bad":2}')
        assert await socket.text() == '44{"message":"not you"}'
        socket.send("40")
        assert (await socket.text()).startswith("40{")
        assert steps == [("first", {"bad": 1}), ("first", {"bad": 2}), ("first", {}), "user"]
        assert len(server.sockets) == 1


async def test_a_middleware_that_fails_closes_the_engine() -> None:
    """A fault of ours must not keep people out for good, so there is no CONNECT_ERROR."""
    for fail_late in (False, True):
        server = Server(ServerOptions(origins="*"))

        async def late() -> None:
            raise KeyError("ours")

        def middleware(socket: Socket, auth: dict[str, Any], late: Any = late if fail_late else None) -> Any:
            if late is None:
                raise KeyError("ours")
            return late()

        server.use(middleware)
        async with serving(server) as port:
            socket = await RawWebSocket.connect_engine(port)
            socket.send("40")
            assert await socket.closed(within=0.2) == 1011


async def test_a_middleware_may_put_a_connection_off() -> None:
    """Trouble that passes closes the engine with 1013, so that a stock client comes back by itself."""
    for late in (False, True):
        server = Server(ServerOptions(origins="*"))

        async def wait() -> None:
            raise ConnectionPostponed("the store is away")

        def middleware(socket: Socket, auth: dict[str, Any], late: bool = late, wait: Any = wait) -> Any:
            if late:
                return wait()
            raise ConnectionPostponed("the store is away")

        server.use(middleware)
        async with serving(server) as port:
            socket = await RawWebSocket.connect_engine(port)
            socket.send("40")
            assert await socket.closed(within=0.2) == 1013


async def test_packets_before_the_answer_to_connect_close_the_engine() -> None:
    """While a middleware is at work the namespace is not joined; its task ends with the engine."""
    server = Server(ServerOptions(origins="*"))
    cancelled = asyncio.Event()

    @server.use
    async def wait(socket: Socket, auth: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(server) as port:
        socket = await RawWebSocket.connect_engine(port)
        socket.send("40", '42["early"]')
        assert await socket.closed(within=0.1) == 1002
        assert await soon(0.2, cancelled.wait())

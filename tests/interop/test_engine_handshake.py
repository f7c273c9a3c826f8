"""How a connection begins, on both transports: who is let in, who is refused, in which order, with which answer."""

import json

import pytest

from madang.socketio import same_origin
from tests.interop.raw_client import POLLING, WEBSOCKET, RawWebSocket, Response, get, open_polling, post, start
from tests.interop.serving import recording, serving_suites

OPEN_KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}


async def refused(port: int, target: str, headers: dict[str, str] | None = None) -> Response:
    """Ask for a WebSocket and expect a no."""
    answer = await RawWebSocket.upgrade(port, target, headers)
    assert isinstance(answer, Response), "a WebSocket was opened"
    return answer


async def test_polling_handshake_says_exactly_what_the_suites_expect() -> None:
    """The OPEN packet by polling has the five keys, milliseconds, and an upgrade to WebSocket."""
    async with serving_suites() as port:
        response = await get(port, POLLING)
        assert response.status == 200
        assert response.headers["content-type"] == "text/plain; charset=UTF-8"
        opened = json.loads(response.body[1:])
        assert response.body[0] == "0"
        assert opened.keys() == OPEN_KEYS
        assert len(opened.pop("sid")) == 20
        assert opened == {"upgrades": ["websocket"], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


async def test_websocket_handshake_says_exactly_what_the_suites_expect() -> None:
    """The OPEN packet by WebSocket has the same keys and no upgrades."""
    async with serving_suites() as port:
        socket = await RawWebSocket.connect(port)
        opened = json.loads((await socket.text())[1:])
        assert opened.keys() == OPEN_KEYS
        assert opened["upgrades"] == []


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("/socket.io/?EIO=4", 0, "Transport unknown"),
        ("/socket.io/?EIO=4&transport=abc", 0, "Transport unknown"),
        ("/socket.io/?EIO=abc&transport=abc&sid=x", 0, "Transport unknown"),
        ("/socket.io/?EIO=4&transport=polling&sid=unknown", 1, "Session ID unknown"),
        ("/socket.io/?EIO=4&transport=websocket", 3, "Bad request"),
        ("/socket.io/?transport=polling", 5, "Unsupported protocol version"),
        ("/socket.io/?EIO=3&transport=polling", 5, "Unsupported protocol version"),
        ("/socket.io/?EIO=abc&transport=polling", 5, "Unsupported protocol version"),
    ],
)
async def test_a_wrong_get_is_refused_by_the_first_rule_it_breaks(target: str, code: int, message: str) -> None:
    """Checks run in the order of the Node server, and the body names the rule."""
    async with serving_suites() as port:
        response = await get(port, target)
        assert (response.status, response.json()) == (400, {"code": code, "message": message})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_handshake_is_a_get(method: str) -> None:
    """Another method is refused with code 2, before the revision is looked at."""
    async with serving_suites() as port:
        response = await (await start(port, "/socket.io/?transport=polling", method=method)).response()
        assert (response.status, response.json()["code"]) == (400, 2)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/socket.io/?EIO=4", 0),
        ("/socket.io/?EIO=4&transport=abc", 0),
        ("/socket.io/?EIO=4&transport=polling", 3),
        ("/socket.io/?EIO=4&transport=websocket&sid=unknown", 1),
        ("/socket.io/?EIO=3&transport=websocket", 5),
        ("/socket.io/?transport=websocket", 5),
    ],
)
async def test_a_wrong_websocket_request_is_refused_before_the_upgrade(target: str, code: int) -> None:
    """The same rules hold at the other door, with the same bodies."""
    async with serving_suites() as port:
        response = await refused(port, target)
        assert (response.status, response.json()["code"]) == (400, code)


async def test_an_unknown_path_is_not_found_at_both_doors() -> None:
    """Nothing but the mount point answers."""
    async with recording() as record:
        assert (await get(record.port, "/elsewhere/?EIO=4&transport=polling")).status == 404
        assert (await refused(record.port, "/elsewhere/?EIO=4&transport=websocket")).status == 404


async def test_a_server_may_be_mounted_under_a_prefix() -> None:
    """Both doors follow the path of the options, with and without the last slash."""
    async with recording(path="/chat/socket.io/") as record:
        assert (await get(record.port, "/chat/socket.io/?EIO=4&transport=polling")).status == 200
        assert (await get(record.port, "/chat/socket.io?EIO=4&transport=polling")).status == 200
        socket = await RawWebSocket.connect(record.port, "/chat/socket.io/?EIO=4&transport=websocket")
        assert (await socket.text()).startswith("0{")
        assert (await get(record.port, POLLING)).status == 404


async def test_firefox_may_say_keep_alive_and_upgrade() -> None:
    """A Connection header of several tokens opens a WebSocket."""
    async with recording() as record:
        socket = await RawWebSocket.connect(record.port, WEBSOCKET, {"Connection": "keep-alive, Upgrade"})
        assert (await socket.text()).startswith("0{")


async def test_a_long_request_opens_a_websocket() -> None:
    """Cookies of many kilobytes are no obstacle, and they reach the application."""
    cookie = "session=" + "x" * 12_000
    async with recording() as record:
        socket = await RawWebSocket.connect(record.port, WEBSOCKET, {"Cookie": cookie, "X-Other": "dropped"})
        socket.send("40")
        await socket.text()
        await socket.text()
        handshake = record.sockets[0].handshake
        assert handshake.headers["cookie"] == cookie
        assert "x-other" not in handshake.headers
        assert handshake.address == "127.0.0.1"
        assert not handshake.secure


async def test_the_query_reaches_the_application_without_the_protocols_fields() -> None:
    """What a client adds to the address is in the handshake."""
    async with recording() as record:
        socket = await RawWebSocket.connect_engine(record.port, WEBSOCKET + "&room=%ED%95%9C&t=abc")
        socket.send('40{"token":"t"}')
        await socket.text()
        assert record.sockets[0].handshake.query == {"room": "한"}
        assert record.sockets[0].handshake.auth == {"token": "t"}


@pytest.mark.parametrize("version", ["12", ""])
async def test_a_websocket_of_another_version_is_refused(version: str) -> None:
    """What is not RFC 6455 gets a 400."""
    async with recording() as record:
        assert (await refused(record.port, WEBSOCKET, {"Sec-WebSocket-Version": version})).status == 400
        assert not record.server.engine_server.engines


# -------------------------------------------------------------------------------------------------- Origin


def allow_one(origin: str | None, host: str) -> bool:
    """Let in one page, and whatever is no browser."""
    return origin in (None, "https://chat.example")


async def test_an_origin_that_is_refused_gets_403_at_both_doors_and_no_session() -> None:
    """The policy is asked before anything is made, also for requests that are wrong otherwise."""
    async with recording(origins=allow_one) as record:
        evil = {"Origin": "https://evil.example"}
        for target in (POLLING, "/socket.io/?EIO=4&transport=abc", f"{POLLING}&sid=unknown"):
            response = await get(record.port, target, **evil)
            assert (response.status, response.json()) == (403, {"code": 4, "message": "Forbidden"})
            assert "access-control-allow-origin" not in response.headers
        assert (await post(record.port, POLLING, "", **evil)).status == 403
        assert (await refused(record.port, WEBSOCKET, evil)).status == 403
        assert (await (await start(record.port, POLLING, method="OPTIONS", headers=evil)).response()).status == 403
        assert not record.server.engine_server.engines


async def test_an_origin_that_is_allowed_comes_in_at_both_doors() -> None:
    """It is named in the CORS headers; a client without an Origin comes in too."""
    async with recording(origins=allow_one) as record:
        response = await get(record.port, POLLING, Origin="https://chat.example")
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == "https://chat.example"
        assert response.headers["access-control-allow-credentials"] == "true"
        assert response.headers["vary"] == "Origin"
        assert (await get(record.port, POLLING)).status == 200
        for headers in ({"Origin": "https://chat.example"}, {}):
            await RawWebSocket.connect(record.port, WEBSOCKET, headers)


async def test_by_default_only_pages_of_the_host_itself_come_in() -> None:
    """Without a policy the Origin must be the host that is asked, port included."""
    async with recording(origins=same_origin) as record:
        own = f"http://127.0.0.1:{record.port}"
        assert (await get(record.port, POLLING, Origin=own)).status == 200
        await RawWebSocket.connect(record.port, WEBSOCKET, {"Origin": own})
        for other in ("http://127.0.0.1:1", "https://evil.example", "null"):
            assert (await get(record.port, POLLING, Origin=other)).status == 403
            assert (await refused(record.port, WEBSOCKET, {"Origin": other})).status == 403


async def test_a_preflight_is_answered_for_pages_elsewhere() -> None:
    """OPTIONS tells what may be sent, and the answers to polls carry the same permission."""
    async with serving_suites() as port:
        headers = {"Origin": "https://any.example", "Access-Control-Request-Headers": "x-token"}
        response = await (await start(port, POLLING, method="OPTIONS", headers=headers)).response()
        assert response.status == 204
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-headers"] == "x-token"
        assert "POST" in response.headers["access-control-allow-methods"]
        assert (await get(port, POLLING)).headers["access-control-allow-origin"] == "*"


# ----------------------------------------------------------------------------------------------- admission


async def test_admission_answers_503_before_anything_else() -> None:
    """An address that must wait is told how long, in whole seconds, at both doors; open connections go on."""
    waits: list[float | None] = [None]
    asked: list[str] = []

    def admit(address: str) -> float | None:
        asked.append(address)
        return waits[0]

    async with recording(admit=admit, origins=allow_one) as record:
        target = await open_polling(record.port)
        waits[0] = 1.2
        for response in (
            await get(record.port, POLLING, Origin="https://evil.example"),
            await refused(record.port, WEBSOCKET, {"Origin": "https://evil.example"}),
        ):
            assert response.status == 503
            assert response.headers["retry-after"] == "2"
        assert (await post(record.port, target, "40")).status == 200
        assert asked == ["127.0.0.1"] * 3
        assert len(record.server.engine_server.engines) == 1


async def test_behind_a_proxy_the_address_is_found_by_the_options() -> None:
    """Admission and handshake see the client, not the proxy."""
    asked: list[str] = []

    def from_proxy(peer: str, headers: object) -> str:
        assert peer == "127.0.0.1"
        return str(headers["x-forwarded-for"]).split(",")[0]  # type: ignore[index]  # a mapping, as documented

    async with recording(admit=asked.append, client_address=from_proxy) as record:
        await get(record.port, POLLING, X_Forwarded_For="203.0.113.7, 10.0.0.1")
        await RawWebSocket.connect(record.port, WEBSOCKET, {"X-Forwarded-For": "203.0.113.8"})
        assert asked == ["203.0.113.7", "203.0.113.8"]


async def test_a_sid_carries_the_name_of_its_node() -> None:
    """The prefix is what a poll is routed by."""
    async with recording(node="n1.") as record:
        assert "sid=n1." in await open_polling(record.port)

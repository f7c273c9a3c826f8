"""Coming back or staying away: every way a connection ends, seen by the official JavaScript client."""

import asyncio
import signal
import time
from pathlib import Path

import httpx2

from madang.ids import new_id
from tests.interop.stock_client import StockClient
from tests.people import PASSWORD, Person
from tests.server_process import ServerProcess


async def test_a_planned_restart_is_announced_and_needs_nobody(tmp_path: Path, stock_client: StockClient) -> None:
    """`server:closing`, then the engine closes; the client comes back to the new process and everything is there."""
    async with ServerProcess(tmp_path) as server:
        mina = await Person.of_host(server, "mina")
        room = await mina.group()
        await stock_client.connect(server.url, transports=["websocket"], token=mina.token)
        await stock_client.ask("init", {})
        (sent,) = await stock_client.ask("message:send", {"id": new_id(), "conversationId": room, "content": "stay"})
        assert await server.stop(signal.SIGTERM) == 0
        closing = await stock_client.until("event", lambda happened: happened["event"] == "server:closing")
        assert closing["args"][0]["retryAfterMs"] > 0
        ended = await stock_client.until("disconnect")
        assert (ended["reason"], ended["active"]) == ("transport close", True)
        mark = len(stock_client.happened)
        await server.start()
        await stock_client.until("connect", after=mark)
        (init,) = await stock_client.ask("init", {})
        assert sent["message"]["id"] in [summary["lastMessage"]["id"] for summary in init["conversations"]]


async def test_polling_clients_come_back_from_a_restart_too(tmp_path: Path, stock_client: StockClient) -> None:
    """A poll that reaches a server which does not know the session gets 400, and the client starts anew."""
    async with ServerProcess(tmp_path) as server:
        mina = await Person.of_host(server, "mina")
        await stock_client.connect(server.url, transports=["polling"], token=mina.token)
        await server.stop(signal.SIGKILL)
        mark = len(stock_client.happened)
        await server.start()
        await stock_client.until("disconnect", lambda happened: happened["active"])
        await stock_client.until("connect", after=mark)


async def test_a_page_that_hung_comes_back(tmp_path: Path, stock_client: StockClient) -> None:
    """A client that answered no ping is cut by the heartbeat and reconnects when it wakes up."""
    async with ServerProcess(tmp_path, {"ping_interval": "0.4", "ping_timeout": "0.4"}) as server:
        mina = await Person.of_host(server, "mina")
        await stock_client.connect(server.url, transports=["websocket"], token=mina.token)
        stock_client.tell("stall", milliseconds=2000)
        await stock_client.until("awake")
        ended = await stock_client.until("disconnect")
        assert ended["active"]
        mark = len(stock_client.happened)
        await stock_client.until("connect", after=min(mark, 3))
        assert (await stock_client.ask("init", {}))[0]["ok"]


async def test_too_many_handshakes_wait_their_turn(tmp_path: Path, stock_client: StockClient) -> None:
    """Above the rate a handshake gets 503 with `Retry-After` before anything else, and the client tries again."""
    async with ServerProcess(tmp_path, {"connect_rate": "1"}) as server:
        mina = await Person.of_host(server, "mina")
        async with httpx2.AsyncClient(base_url=server.url) as http:
            answers = [await http.get("/socket.io/?EIO=4&transport=polling") for _ in range(15)]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert int(refused[0].headers["retry-after"]) >= 1
        await stock_client.connect(server.url, transports=["websocket"], token=mina.token)
        assert stock_client.count("connect_error") >= 1
        assert all(happened["active"] for happened in stock_client.happened if happened["what"] == "connect_error")


async def test_a_bad_token_stays_away_until_there_is_a_better_one(
    server: ServerProcess, stock_client: StockClient
) -> None:
    """`token_invalid` and `token_expired` are refusals: no reconnecting until `connect` is called with a new token."""
    mina = await Person.of_host(server, f"mina-{new_id()}")
    stock_client.tell("connect", url=server.url, path="/socket.io/", token="nonsense")
    refused = await stock_client.until("connect_error")
    assert refused["data"]["error"] == "token_invalid"
    assert refused["data"]["reason"] == refused["message"]
    assert not refused["active"]
    stock_client.tell("token", value=server.host_token("mina", seconds=-60))
    mark = len(stock_client.happened)
    stock_client.tell("reconnect")
    expired = await stock_client.until("connect_error", after=mark)
    assert expired["data"]["error"] == "token_expired"
    await asyncio.sleep(0.5)
    assert stock_client.count("reconnect_attempt") == 0
    stock_client.tell("token", value=mina.token)
    stock_client.tell("reconnect")
    await stock_client.until("connect")


async def test_a_refresh_token_or_none_does_not_connect(server: ServerProcess, stock_client: StockClient) -> None:
    """Only access tokens open a socket; nothing at all is as good as a forged one."""
    genuine = server.host_token("mina")
    for token in (server.host_token("mina", token_type="refresh"), genuine[:-8] + "AAAAAAAA"):
        async with StockClient() as client:
            client.tell("connect", url=server.url, path="/socket.io/", token=token)
            assert (await client.until("connect_error"))["data"]["error"] == "token_invalid"
    stock_client.tell("connect", url=server.url, path="/socket.io/")
    assert (await stock_client.until("connect_error"))["data"]["error"] == "token_invalid"


async def test_a_foreign_origin_is_refused_before_anything_else(
    server: ServerProcess, stock_client: StockClient
) -> None:
    """HTTP 403 on both transports, whatever the token."""
    mina = await Person.of_host(server, f"mina-{new_id()}")
    for transport in ("polling", "websocket"):
        async with StockClient() as client:
            client.tell(
                "connect",
                url=server.url,
                path="/socket.io/",
                transports=[transport],
                token=mina.token,
                headers={"Origin": "https://evil.example"},
            )
            await client.until("connect_error")
            assert client.count("connect") == 0
    async with httpx2.AsyncClient(base_url=server.url) as http:
        answer = await http.get("/socket.io/?EIO=4&transport=polling", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
    await stock_client.connect(server.url, token=mina.token, headers={"Origin": server.url})


async def test_signing_out_sends_the_sockets_of_that_session_away(
    server: ServerProcess, stock_client: StockClient
) -> None:
    """`session:revoked {reason: logout}` and DISCONNECT within a second; another session stays."""
    username = f"mina-{time.monotonic_ns()}"[:30]
    mina = await Person.sign_up(server, username)
    await stock_client.connect(server.url, transports=["websocket"], token=mina.token)
    async with httpx2.AsyncClient(base_url=server.url) as http:
        again = await http.post("/api/auth/login", json={"username": username, "password": PASSWORD, "cookies": False})
    other = Person(server, again.json()["accessToken"], mina.user)
    stays = await other.device()
    assert (await mina.http("POST", "/api/auth/logout")).status_code < 300
    revoked = await stock_client.until("event", lambda happened: happened["event"] == "session:revoked", seconds=1)
    assert revoked["args"] == [{"reason": "logout"}]
    ended = await stock_client.until("disconnect")
    assert (ended["reason"], ended["active"]) == ("io server disconnect", False)
    await asyncio.sleep(0.5)
    assert stock_client.count("reconnect_attempt") == 0
    stock_client.tell("reconnect")
    refused = await stock_client.until("connect_error")
    assert refused["data"]["error"] == "token_invalid"
    assert (await stays.ask("init", {}))["ok"]
    await other.close()


async def test_a_client_warned_in_time_stays(server: ServerProcess, stock_client: StockClient) -> None:
    """`auth:expiring`, then `auth:refresh` with a newer token of the same person; nobody else's token will do."""
    subject = f"mina-{new_id()}"
    token = server.host_token(subject, seconds=30)
    await stock_client.connect(server.url, transports=["websocket"], token=token)
    warned = await stock_client.until("event", lambda happened: happened["event"] == "auth:expiring")
    assert warned["args"][0]["expiresAt"].endswith("Z")
    (stolen,) = await stock_client.ask("auth:refresh", {"token": server.host_token("somebody else")})
    assert stolen["error"] == "token_invalid"
    (ack,) = await stock_client.ask("auth:refresh", {"token": server.host_token(subject, seconds=600)})
    assert ack["ok"]
    assert ack["expiresAt"] > warned["args"][0]["expiresAt"]


async def test_an_expired_token_that_is_not_refreshed_closes_the_engine(
    server: ServerProcess, stock_client: StockClient
) -> None:
    """25 s after the end the engine closes, the client comes back, and its CONNECT decides: `token_expired`."""
    token = server.host_token(f"mina-{new_id()}", seconds=4)
    await stock_client.connect(server.url, transports=["websocket"], token=token)
    ended = await stock_client.until("disconnect", seconds=36)
    assert (ended["reason"], ended["active"]) == ("transport close", True)
    refused = await stock_client.until("connect_error")
    assert refused["data"]["error"] == "token_expired"
    assert not refused["active"]

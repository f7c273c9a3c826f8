"""Long-polling when single requests fail: what the devices and the balancer of these tests make of it."""

import asyncio
from pathlib import Path

import httpx2

from tests.faults.proxy import Direction, Proxy, Route
from tests.faults.world import until, world
from tests.round_robin import RoundRobin
from tests.server_process import free_port

BACK_SECONDS = 8.0
"""In which a device is back; a poll that nobody ends takes up to 25."""


class Once:
    """Breaks one request of a line, then none.

    Args:
        post: its client sends a post, which is reset; else the answer to a poll ends a letter too early.
    """

    def __init__(self, line: Proxy, *, post: bool) -> None:
        self.broken = False
        self._post = post
        line.on_chunk = self._carry

    def _carry(self, route: Route, direction: Direction, data: bytes) -> bool:
        if self.broken:
            return True
        if self._post and direction == "up" and data.startswith(b"POST"):
            self.broken = True
            route.reset()
        elif not self._post and direction == "down" and b"\r\n\r\n42[" in data:
            self.broken = True
            route.ends["down"].write(data[:-1])
            route.finish("down")
        return not self.broken


async def test_a_device_comes_back_from_a_request_that_fails(tmp_path: Path) -> None:
    """From a post that is reset while its poll goes on, and from an answer that breaks off; nothing is lost by it."""
    async with world(tmp_path) as here:
        line = await here.line()
        device = await here.device("mina", "polling", line=line)
        other = await here.device("joon")
        room = await here.group(device, other)
        for number, post in enumerate((True, False), 1):
            fault = Once(line, post=post)
            sending = device.talk(room, str(number))
            await until(lambda number=number: device.connection == 1 + number, BACK_SECONDS)  # type: ignore[misc] # mypy cannot infer a lambda's default
            assert fault.broken
            await sending
        report = await here.rest(room)
    assert report.clean, str(report)
    assert report.acknowledged == 2


async def test_a_balancer_tries_each_server_before_it_gives_up() -> None:
    """However many requests come at once: one of two servers is down, and all are answered."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    ports = [free_port(), server.sockets[0].getsockname()[1]]
    async with server, RoundRobin(ports) as balancer, httpx2.AsyncClient() as http:
        answers = await asyncio.gather(*(http.get(balancer.url) for _ in range(30)))
    assert [each.status_code for each in answers] == [204] * 30
    assert balancer.turns == [1] * 30

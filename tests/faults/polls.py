"""Long-polling that ends when one of its requests fails, for the official Python client, which does not end it by itself.

Owns what is mended of that client's polling, and nothing else of it. When a post fails, because the node that a balancer chose for
it goes away in that moment, the client comes back only when the poll that it has at another node is answered: with the next
ping of a quiet server, 25 seconds later. When a poll fails while something is to be posted, it forgets that it failed and
goes on posting to an engine whose answers it never asks for. When an answer breaks off, it never comes back. Other clients end
the connection at once, each time.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import socketio

__all__ = ["mend_polls"]


def mend_polls(client: socketio.AsyncClient) -> None:
    """Have whichever request fails first make the other one fail."""
    engine: Any = client.eio
    request, polls, failed = engine._send_request, set[asyncio.Future[Any]](), ""

    async def whole(method: str, url: str, **fields: Any) -> Any:
        answer = await request(method, url, **fields)
        try:
            if isinstance(answer, aiohttp.ClientResponse):
                await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"the answer broke off: {error!r}"
        return answer

    async def send(method: str, url: str, **fields: Any) -> Any:
        nonlocal failed
        if "&sid=" not in url:
            failed = ""
        if failed:
            return failed
        asking = asyncio.ensure_future(whole(method, url, **fields))
        if method == "GET":
            polls.add(asking)
        try:
            await asyncio.wait([asking])
        finally:
            polls.discard(asking)
            asking.cancel()
        if asking.cancelled():
            return "a post has failed"
        answer = asking.result()
        if not isinstance(answer, aiohttp.ClientResponse) or not answer.ok:
            failed = f"another request has failed: {answer}"
            for poll in polls:
                poll.cancel()
        return answer

    engine._send_request = send

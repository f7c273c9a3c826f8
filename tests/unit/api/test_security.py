"""A route that does not say who may call it stops the start."""

from typing import Any

import pytest
from litestar import Litestar, get, websocket
from litestar.connection import WebSocket

from madang.api.security import Policy, check_policies


@get("/open", policy=Policy.PUBLIC)
async def open_route() -> None:
    """Says who may call it."""


@get("/forgotten")
async def forgotten_route() -> None:
    """Says nothing."""


@get("/misspelt", policy="everybody")
async def misspelt_route() -> None:
    """Says what does not exist."""


@websocket("/socket")
async def socket_route(socket: WebSocket[Any, Any, Any]) -> None:
    """Would pass by the guard of requests."""


def test_a_declared_route_passes() -> None:
    """The list of methods, which the framework answers by itself, needs no policy."""
    check_policies(Litestar([open_route], openapi_config=None).routes)


def test_any_other_stops_the_start() -> None:
    """Forgotten, misspelt, or not a plain request."""
    for handler in (forgotten_route, misspelt_route, socket_route):
        with pytest.raises(ValueError, match=r"/forgotten|/misspelt|/socket"):
            check_policies(Litestar([open_route, handler], openapi_config=None).routes)

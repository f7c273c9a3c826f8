"""One port for everything: which path goes where."""

from typing import Any

import pytest

from madang.api.mount import ASGIApp, Mount


def named(name: str) -> ASGIApp:
    """An application that answers with its name."""

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.encode()})

    return application


async def answered_by(prefix: str, path: str) -> str:
    """Which part answered."""
    mount = Mount(prefix, engine=named("engine"), api=named("api"), static=named("static"))
    said: list[bytes] = []

    async def send(message: Any) -> None:
        said.append(message.get("body", b""))

    await mount({"type": "http", "method": "GET", "path": path, "headers": []}, None, send)
    return b"".join(said).decode()


@pytest.mark.parametrize("prefix", ["", "/chat"])
@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/socket.io/", "engine"),
        ("/api/config", "api"),
        ("/api", "api"),
        ("/health/live", "api"),
        ("/metrics", "api"),
        ("/", "static"),
        ("/apiary", "static"),
        ("/assets/a.js", "static"),
        ("/conversations/1", "static"),
        ("/socket.io", "engine"),
        ("/socket.iota", "static"),
    ],
)
async def test_paths_under_the_prefix(prefix: str, path: str, part: str) -> None:
    """The split is the same under any prefix."""
    assert await answered_by(prefix, prefix + path) == part


@pytest.mark.parametrize("path", ["/", "/api/config", "/chatter", "/socket.io/"])
async def test_outside_the_prefix_is_nothing(path: str) -> None:
    """A wrong proxy line is told where Madang is."""
    assert await answered_by("/chat", path) == "Madang is at /chat/\n"


async def test_the_bare_prefix_is_the_page() -> None:
    """Without its slash it is still ours; the files redirect it."""
    assert await answered_by("/chat", "/chat") == "static"


@pytest.mark.parametrize("path", ["/health/ready", "/metrics"])
async def test_probes_need_no_prefix(path: str) -> None:
    """Whoever watches the process need not know its public address."""
    assert await answered_by("/chat", path) == "api"

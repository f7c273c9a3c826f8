"""The baseline: the smallest python-socketio server that does what the benchmark asks, as fast as it goes on uvicorn.

CONNECT's auth names a room; a message is sent to everybody in it and acknowledged. What costs time and is not needed is
off: compression, uvicorn's own pings, logs.
"""

from __future__ import annotations

import sys
from typing import Any

import socketio
import uvicorn

server = socketio.AsyncServer(async_mode="asgi", logger=False, engineio_logger=False)


async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, str]) -> None:
    """Put a peer into its room."""
    await server.enter_room(sid, auth["room"])


async def message(_sid: str, room: str, text: str) -> str:
    """Send a message to a room."""
    await server.emit("message", text, room=room)
    return "ok"


server.on("connect", connect)
server.on("message", message)

if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(server), port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off",
        ws_per_message_deflate=False, ws_ping_interval=None, ws_ping_timeout=None, access_log=False,
        log_level="warning", backlog=4096,
    )  # fmt: skip

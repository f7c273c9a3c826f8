"""`madang.socketio` alone: the same small server as the baseline, without anything of chat."""

from __future__ import annotations

import sys

import uvicorn

from madang.socketio import Server, Socket

server = Server()


@server.on("connection")
def connected(socket: Socket) -> None:
    """Put a peer into its room."""
    socket.join(socket.handshake.auth["room"])


@server.on("message")
def message(_: Socket, room: str, text: str) -> str:
    """Send a message to a room."""
    server.to(room).emit("message", text)
    return "ok"


if __name__ == "__main__":
    uvicorn.run(
        server, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="on", ws=server.websocket_protocol,
        access_log=False, log_level="warning", backlog=4096,
    )  # fmt: skip

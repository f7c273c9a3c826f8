"""The example in the package's docstring, run as a user would run it."""

import asyncio
import signal
import socket
import sys
import textwrap
from pathlib import Path

import madang.socketio
from tests.interop.raw_client import RawWebSocket

ROOT = Path(__file__).parents[2]


def example(port: int) -> str:
    """Cut the echo server out of the docstring, on a port of its own."""
    lines = str(madang.socketio.__doc__).split("\n\n    ", 1)[1].split("\n\nEverything", 1)[0]
    code = textwrap.dedent("    " + lines)
    assert len(code.splitlines()) <= 12
    assert "port=3000" in code
    return code.replace("port=3000", f"port={port}")


async def connect_when_ready(port: int) -> RawWebSocket:
    """Try until the process listens."""
    while True:
        try:
            return await RawWebSocket.connect_socketio(port)
        except OSError:
            await asyncio.sleep(0.05)


async def test_the_example_serves_and_ends_when_it_is_told_to() -> None:
    """An event comes back with its ack; SIGTERM closes the peer for coming back and ends the process cleanly."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", example(port), cwd=ROOT / "src", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            peer = await connect_when_ready(port)
        peer.send('421["message","hello"]')
        assert await peer.text() == '42["message","hello"]'
        assert await peer.text() == '431["received"]'
        process.send_signal(signal.SIGTERM)
        assert await peer.closed() == 1012
        peer.close()
        async with asyncio.timeout(5):
            assert await process.wait() in (0, -signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

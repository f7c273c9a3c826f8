"""Many clients in one thread over epoll: light enough to load a server from the other core.

Owns the sockets of the generator and the loop that serves them. Must never run without a bound: every loop here ends by
a deadline, with a sentence that says what was missing.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from bench.client import Client, Dialect, Stage
from bench.errors import BenchError
from bench.frames import FrameReader

CONNECT_SECONDS: Final = 60.0
AT_ONCE: Final = 100
"""Handshakes under way at a time."""
SPARE_FILES: Final = 256
"""Descriptors a process needs beside its sockets."""
_LINGER_NOT: Final = struct.pack("ii", 1, 0)
_POLL_SECONDS: Final = 0.05
_EPOLL_GRAIN: Final = 0.001


def allow_files(wanted: int) -> int:
    """Raise the limit of open files as far as needed and allowed, for this process and the servers it starts.

    Returns:
        How many sockets each may have.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = min(hard, max(soft, wanted + SPARE_FILES)) if hard != resource.RLIM_INFINITY else wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and target > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    return min(wanted, target - SPARE_FILES)


class Crowd:
    """The clients of one server. Leaving the context cuts them all.

    Args:
        address: host and port.
        dialect: what that server speaks.
        others: where the other nodes are, if it has several; clients go to them in turn, by their index.
    """

    def __init__(self, address: tuple[str, int], dialect: Dialect, *, others: Sequence[tuple[str, int]] = ()) -> None:
        self.addresses = [address, *others]
        self.dialect = dialect
        self.counting = FrameReader(dialect.delivered)
        self.reading_stamps = FrameReader(dialect.delivered, stamps=True)
        self.clients: list[Client] = []
        self.ended: list[Client] = []
        self.ready = 0
        self.delivered = 0
        self._by_fd: dict[int, Client] = {}
        self._epoll = select.epoll()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._epoll.close()

    def connect(self, count: int) -> float:
        """Add clients and wait until all of them are ready.

        Args:
            count: how many.

        Returns:
            Seconds from the first connection until the last was ready.

        Raises:
            BenchError: not all were ready in time, or one was refused.
        """
        begun = time.perf_counter()
        first, already = len(self.clients), self.ready
        made = 0
        while self.ready < already + count:
            while made < count and made - (self.ready - already) < AT_ONCE:
                self.begin(first + made)
                made += 1
            self.poll(_POLL_SECONDS)
            self.expect_nobody_lost()
            if time.perf_counter() - begun > CONNECT_SECONDS:
                raise BenchError(
                    f"only {self.ready - already} of {count} sockets were ready in {CONNECT_SECONDS:.0f} s"
                )
        return time.perf_counter() - begun

    def node_of(self, index: int) -> int:
        """Which node a client goes to, the first being 0."""
        return index % len(self.addresses)

    def begin(self, index: int) -> Client:
        """Begin to connect one more client, as the one with this index; it is ready later."""
        client = Client(self, index, self.dialect.room_of(index))
        self._add(client)
        return client

    def dismiss(self, client: Client) -> None:
        """End one connection."""
        self.clients.remove(client)
        self._forget(client)

    def poll(self, seconds: float) -> None:
        """Serve the sockets that are ready, once; wait for the first of them at most this long."""
        by_fd = self._by_fd
        for fd, events in self._epoll.poll(seconds):
            client = by_fd.get(fd)
            if client is None:
                continue
            if events & select.EPOLLOUT:
                client.writable()
            if events & ~select.EPOLLOUT:
                client.readable()

    def serve(self, seconds: float) -> None:
        """Serve the sockets for a while."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            # epoll rounds up to milliseconds: the last of them is spent looking, so that a pace is kept
            self.poll(min(left - _EPOLL_GRAIN, _POLL_SECONDS) if left > _EPOLL_GRAIN else 0)

    def serve_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Serve the sockets until something is so, at most for a while. Returns whether it was."""
        until = time.perf_counter() + seconds
        while not done():
            if time.perf_counter() > until:
                return False
            self.poll(_POLL_SECONDS)
        return True

    def expect_nobody_lost(self) -> None:
        """Raise `BenchError` if a connection ended that the generator did not end."""
        if self.ended:
            reasons = {client.why for client in self.ended}
            raise BenchError(f"{len(self.ended)} connections ended: {'; '.join(sorted(reasons)[:3])}")

    def cut(self) -> None:
        """End all connections at once, by reset, so that none of their ports is kept waiting."""
        for client in self.clients:
            if client.stage is not Stage.CLOSED:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
                client.sock.close()
        self.clients, self._by_fd, self.ready = [], {}, 0

    # ------------------------------------------------------------------------------------------ for clients

    def _add(self, client: Client) -> None:
        self.clients.append(client)
        self._by_fd[client.sock.fileno()] = client
        self._epoll.register(client.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def wants_to_write(self, client: Client, *, wants: bool) -> None:
        """Be told when a client's socket takes more, or no longer."""
        self._epoll.modify(client.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if wants else 0))

    def lost(self, client: Client) -> None:
        """Hear that a connection is over."""
        self._forget(client)
        self.ended.append(client)

    def _forget(self, client: Client) -> None:
        fd = client.sock.fileno()
        self._epoll.unregister(fd)
        del self._by_fd[fd]
        client.sock.close()


def pin(cores: set[int]) -> None:
    """Keep this process, and those it starts from now on, on some cores."""
    os.sched_setaffinity(0, cores)

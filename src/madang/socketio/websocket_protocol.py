"""The door for WebSockets: picows' protocol object inside uvicorn, on one port with HTTP.

Owns the upgrade request. uvicorn hands it over with the connection; it is read and judged here, and picows is fed a
minimal one instead. So Firefox's ``Connection: keep-alive, Upgrade``, which picows refuses, does not matter, long
headers neither grow picows' read buffer for life nor stay in memory, and a refusal costs no WebSocket at all.

Must never know what is said on the connection: after the handshake picows calls ``WebSocketTransport`` directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from picows import WSUpgradeRequest

from madang.socketio.handshake import Request, keep_headers, parse_query
from madang.socketio.peers import PASSED_ON, PassedRequest, Peers
from madang.socketio.picows_protocol import PicowsProtocol
from madang.socketio.verify import BAD_REQUEST, UNKNOWN_SID, Refusal, verify
from madang.socketio.websocket import WebSocketTransport

if TYPE_CHECKING:
    import asyncio

    from madang.socketio.engine_server import EngineServer

_REASONS = {400: b"Bad Request", 403: b"Forbidden", 404: b"Not Found", 503: b"Service Unavailable"}
_NOT_FOUND = Refusal(404, b'{"message":"Not found"}')


class _Listeners:
    """The factory picows asks for the listener; not bound to the protocol, so a refused one is no cycle."""

    __slots__ = ("listener",)

    def __init__(self) -> None:
        self.listener: WebSocketTransport | None = None

    def __call__(self, _: WSUpgradeRequest) -> WebSocketTransport | None:
        return self.listener


class WebSocketProtocol(PicowsProtocol):
    """One connection after the upgrade request; made by uvicorn."""

    __slots__ = ("_connections", "_listeners", "_servers", "_tcp")

    def __init__(self, servers: Mapping[str, EngineServer], connections: set[Any]) -> None:
        self._servers = servers
        self._connections = connections
        self._listeners: _Listeners | None = _Listeners()
        self._tcp: Any = None
        largest = max(server.options.max_payload for server in servers.values())
        super().__init__(self._listeners, max_frame_size=largest)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)
        self._tcp = transport
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take the upgrade request, which uvicorn has read and written anew: names in lower case, one per line."""
        head, *lines = data.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines)
        method, url, _ = head.split(b" ", 2)
        path, _, query_string = url.partition(b"?")
        server = self._find(path)
        if server is None:
            self._refuse(_NOT_FOUND)
            return
        request = self._read(server, method, query_string, headers)
        refusal = BAD_REQUEST if request is None else verify(server, request)
        peers = server.options.peers
        if request is not None and peers is not None:
            whole = PassedRequest(method=request.method, target=url, headers=list(headers.items()))
            if whole.header(PASSED_ON) and not peers.admits(whole):
                refusal = UNKNOWN_SID
            elif refusal is UNKNOWN_SID and self._given_to_its_owner(peers, request.query["sid"], whole):
                return
        if refusal is not None or request is None:
            self._refuse(refusal or BAD_REQUEST)
            return
        if self._listeners is not None:
            self._listeners.listener = WebSocketTransport(server, request)
        self.upgrade(headers.get(b"sec-websocket-version", b""), headers.get(b"sec-websocket-key", b""))

    def _given_to_its_owner(self, peers: Peers, sid: str, request: PassedRequest) -> bool:
        """Give the connection to the server that has its engine; False if there is none."""
        owner = peers.owner_of(sid)
        if owner is None:
            return False
        self._connections.discard(self)
        peers.connect(owner, request, self._tcp, self._connections, lambda: self._refuse(UNKNOWN_SID))
        return True

    def _find(self, path: bytes) -> EngineServer | None:
        name = path.decode("latin-1")
        return self._servers.get(name if name.endswith("/") else name + "/")

    def _read(
        self, server: EngineServer, method: bytes, query_string: bytes, headers: dict[bytes, bytes]
    ) -> Request | None:
        query = parse_query(query_string)
        if query is None:
            return None
        peer = self._tcp.get_extra_info("peername")
        kept = keep_headers(headers.items())
        return Request(
            method=method.decode("latin-1"),
            query=query,
            headers=kept,
            address=server.client_address(peer[0] if isinstance(peer, tuple) else "", kept),
            secure=self._tcp.get_extra_info("ssl_object") is not None,
            upgrade=True,
        )

    def _refuse(self, refusal: Refusal) -> None:
        if self._tcp is None:
            return  # gone while its owner was looked for
        lines = [
            b"HTTP/1.1 %d %b" % (refusal.status, _REASONS[refusal.status]),
            b"Connection: close",
            b"Content-Type: application/json",
            b"Content-Length: %d" % len(refusal.body),
        ]
        if refusal.retry_after is not None:
            lines.append(b"Retry-After: %d" % refusal.retry_after)
        self._tcp.write(b"\r\n".join([*lines, b"", refusal.body]))
        self._tcp.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connections.discard(self)
        self._listeners = self._tcp = None

    def shutdown(self) -> None:
        """Hear from uvicorn that the process ends."""
        listener = self._listeners.listener if self._listeners is not None else None
        if listener is not None:
            listener.shut_down()
        elif self._tcp is not None:
            self._tcp.close()


class _ProtocolFactory:
    """Callable as uvicorn calls a protocol class, with the servers it is for."""

    def __init__(self, servers: Mapping[str, EngineServer]) -> None:
        self._servers = servers

    def __call__(self, *, config: Any, server_state: Any, app_state: Any) -> WebSocketProtocol:
        return WebSocketProtocol(self._servers, server_state.connections)


def websocket_protocol(servers: Mapping[str, EngineServer]) -> Any:
    """Make what ``uvicorn.Config(ws=...)`` takes, for servers by their path (slash at both ends).

    Any other path is answered 404. uvicorn's own WebSocket settings (ping, size, deflate) have no effect.
    """
    return _ProtocolFactory(servers)

"""The protocols without I/O: Engine.IO 4, Socket.IO 5 and the frames of a WebSocket server.

Owns what bytes mean and which packet may follow which. Must never import asyncio, logging or anything that
reads a clock, a socket or a random source: bytes and the time go in, verdicts and bytes come out.
"""

"""Is it alive, may it get traffic, and how is it: for whoever runs the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from madang.api.security import Policy

__all__ = ["Exposition", "HealthController", "Readiness"]

Exposition = Callable[[], Awaitable[tuple[bytes, str]]]
"""The text of the metrics, and its content type."""

Readiness = Callable[[], Awaitable[None]]
"""Raises `MadangError` while the server should get no traffic."""


class HealthController(Controller):
    """Probes and metrics; the first two tell nothing but yes or no."""

    path = "/"
    tags: Sequence[str] | None = ("operations",)

    @get("/health/live", policy=Policy.PUBLIC)
    async def live(self) -> dict[str, bool]:
        """The process answers. Restart it when this fails."""
        return {"ok": True}

    @get("/health/ready", policy=Policy.PUBLIC)
    async def ready(self, readiness: NamedDependency[Readiness]) -> dict[str, bool]:
        """The store answers, other nodes are heard, and the server is not draining. Send no traffic while this fails."""
        await readiness()
        return {"ok": True}

    @get("/metrics", policy=Policy.OPERATOR)
    async def metrics(self, exposition: NamedDependency[Exposition]) -> Response[bytes]:
        """Metrics for Prometheus, of all workers that share the port; from this machine, or with the key of the API."""
        text, content_type = await exposition()
        return Response(text, media_type=content_type)

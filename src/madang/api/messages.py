"""Messages and read marks over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UnsetType

from madang.api.paging import Links, link_header
from madang.api.security import Policy
from madang.clock import from_iso
from madang.contract.client_events import ReadMarkAck
from madang.contract.rest import AcceptedMessage, ReadBody, SendBody, SentMessage
from madang.contract.shapes import Message
from madang.errors import invalid
from madang.ports.log import PageWindow
from madang.services.identity import Identity
from madang.services.messages import HistoryPage, MessageService
from madang.services.reading import ReadingService

__all__ = ["MessageController"]

MAX_SEQ: Final = 2**53
"""What JavaScript counts to without error; no store could look up more."""


class MessageController(Controller):
    """The log of one conversation."""

    path = "/conversations/{conversation_id:str}"
    tags: Sequence[str] | None = ("messages",)

    @get("/messages", policy=Policy.SIGNED_IN)
    async def page(
        self,
        *,
        conversation_id: FromPath[str],
        request: Request[Any, Any, Any],
        identity: NamedDependency[Identity],
        messages: NamedDependency[MessageService],
        limit: FromQuery[int] = 50,
        before: Annotated[
            int | None, QueryParameter(ge=0, le=MAX_SEQ, description="Only messages with a smaller seq.")
        ] = None,
        after: Annotated[
            int | None, QueryParameter(ge=0, le=MAX_SEQ, description="Only messages with a larger seq.")
        ] = None,
        around: Annotated[
            int | None, QueryParameter(ge=0, le=MAX_SEQ, description="This seq and what stands on both sides of it.")
        ] = None,
        at: Annotated[str | None, QueryParameter(description="An ISO 8601 time: what was written then.")] = None,
    ) -> Response[list[Message]]:
        """History, oldest first: the newest page without bounds, of which at most one may be given. `Link` leads to
        older (`prev`) and newer (`next`) messages where there are some.
        """
        window = PageWindow(
            limit=limit, before=before, after=after, around=around, at=None if at is None else _time(at)
        )
        page = await messages.page(identity.user_id, conversation_id, window)
        return Response(page.messages, headers=link_header(request.url.path, _links(limit, page)))

    @post("/messages", policy=Policy.SIGNED_IN)
    async def send(
        self,
        conversation_id: FromPath[str],
        data: JSONBody[SendBody],
        identity: NamedDependency[Identity],
        messages: NamedDependency[MessageService],
    ) -> Response[SentMessage | AcceptedMessage]:
        """Send a message (201), or, where messages are queued, have it accepted (202). Sending it again with the same
        `id` is always safe.
        """
        sent = await messages.send(identity.user_id, conversation_id, data)
        return Response(sent, status_code=202 if isinstance(sent, AcceptedMessage) else 201)

    @post("/read", policy=Policy.SIGNED_IN, status_code=200)
    async def read(
        self,
        conversation_id: FromPath[str],
        identity: NamedDependency[Identity],
        reading: NamedDependency[ReadingService],
        data: JSONBody[ReadBody | None] = None,
    ) -> ReadMarkAck:
        """Mark everything up to `seq` as read; without it, to the end."""
        seq = None if data is None or isinstance(data.seq, UnsetType) else data.seq
        verdict = await reading.mark(identity.user_id, conversation_id, seq)
        return ReadMarkAck(last_read_seq=verdict.last_read_seq, unread_count=verdict.unread_count)


def _time(text: str) -> int:
    try:
        return from_iso(text)
    except (ValueError, OverflowError):
        raise invalid("at", "must be an ISO 8601 time") from None


def _links(limit: int, page: HistoryPage) -> Links:
    """Where the neighbours of a page are."""
    links: dict[str, dict[str, str | int]] = {}
    if page.older:
        links["prev"] = {"limit": limit, "before": page.messages[0].seq}
    if page.newer:
        links["next"] = {"limit": limit, "after": page.messages[-1].seq}
    return links

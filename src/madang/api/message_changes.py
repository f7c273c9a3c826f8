"""Changes of single messages over HTTP, reactions, and who has read or reacted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from madang.api.paging import Links, link_header
from madang.api.security import Policy
from madang.contract.rest import ChangedMessage, EditBody
from madang.contract.shapes import User
from madang.services.identity import Identity
from madang.services.message_changes import MessageChangeService
from madang.services.message_people import MessagePeopleService

__all__ = ["MessageChangeController"]

_After = Annotated[str | None, QueryParameter(description="Id of the last user of the page before.")]


class MessageChangeController(Controller):
    """One message. Every change answers with the message as it is now; asking again changes nothing."""

    path = "/conversations/{conversation_id:str}/messages/{message_id:str}"
    tags: Sequence[str] | None = ("messages",)

    @patch(policy=Policy.SIGNED_IN)
    async def edit(
        self,
        conversation_id: FromPath[str],
        message_id: FromPath[str],
        data: JSONBody[EditBody],
        identity: NamedDependency[Identity],
        message_changes: NamedDependency[MessageChangeService],
    ) -> ChangedMessage:
        """Change the content of one's own message."""
        change = message_changes.edit(identity.user_id, conversation_id, message_id, data.content)
        return ChangedMessage(message=await message_changes.commit(change))

    @delete(policy=Policy.SIGNED_IN, status_code=200)
    async def remove(
        self,
        conversation_id: FromPath[str],
        message_id: FromPath[str],
        identity: NamedDependency[Identity],
        message_changes: NamedDependency[MessageChangeService],
    ) -> ChangedMessage:
        """Delete one's own message, or, as owner or admin of a group, anybody's. A tombstone stays."""
        change = message_changes.delete(identity.user_id, conversation_id, message_id)
        return ChangedMessage(message=await message_changes.commit(change))

    @put("/reactions/{emoji:str}", policy=Policy.SIGNED_IN)
    async def react(
        self,
        conversation_id: FromPath[str],
        message_id: FromPath[str],
        emoji: FromPath[str],
        identity: NamedDependency[Identity],
        message_changes: NamedDependency[MessageChangeService],
    ) -> ChangedMessage:
        """React with an emoji."""
        change = message_changes.react(identity.user_id, conversation_id, message_id, emoji, remove=False)
        return ChangedMessage(message=await message_changes.commit(change))

    @delete("/reactions/{emoji:str}", policy=Policy.SIGNED_IN, status_code=200)
    async def take_back(
        self,
        conversation_id: FromPath[str],
        message_id: FromPath[str],
        emoji: FromPath[str],
        identity: NamedDependency[Identity],
        message_changes: NamedDependency[MessageChangeService],
    ) -> ChangedMessage:
        """Take one's own reaction back."""
        change = message_changes.react(identity.user_id, conversation_id, message_id, emoji, remove=True)
        return ChangedMessage(message=await message_changes.commit(change))

    @get("/reactions/{emoji:str}", policy=Policy.SIGNED_IN)
    async def reactors(
        self,
        *,
        conversation_id: FromPath[str],
        message_id: FromPath[str],
        emoji: FromPath[str],
        request: Request[Any, Any, Any],
        identity: NamedDependency[Identity],
        message_people: NamedDependency[MessagePeopleService],
        limit: FromQuery[int] = 100,
        after: _After = None,
    ) -> Response[list[User]]:
        """Who reacted with an emoji, by user id; `Link` with `rel="next"` leads on."""
        people = await message_people.reactors(
            identity.user_id, conversation_id, message_id, emoji, limit=limit, after=after
        )
        return _page(request, people, limit)

    @get("/readers", policy=Policy.SIGNED_IN)
    async def readers(
        self,
        *,
        conversation_id: FromPath[str],
        message_id: FromPath[str],
        request: Request[Any, Any, Any],
        identity: NamedDependency[Identity],
        message_people: NamedDependency[MessagePeopleService],
        limit: FromQuery[int] = 100,
        after: _After = None,
    ) -> Response[list[User]]:
        """Who has read the message, without its sender, by user id; `Link` with `rel="next"` leads on."""
        people = await message_people.readers(identity.user_id, conversation_id, message_id, limit=limit, after=after)
        return _page(request, people, limit)


def _page(request: Request[Any, Any, Any], people: list[User], limit: int) -> Response[list[User]]:
    links: Links = {"next": {"limit": limit, "after": people[-1].id}} if people and len(people) == limit else {}
    return Response(people, headers=link_header(request.url.path, links))

"""Conversations and their members over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from madang.api.paging import Links, inbox_cursor, inbox_place, link_header
from madang.api.security import Policy
from madang.contract.rest import AddMembers, CreateConversation
from madang.contract.shapes import PublicMember, Summary
from madang.services.conversations import ConversationService
from madang.services.identity import Identity

__all__ = ["ConversationController"]


class ConversationController(Controller):
    """The list, and who is in what."""

    path = "/conversations"
    tags: Sequence[str] | None = ("conversations",)

    @get(policy=Policy.SIGNED_IN)
    async def inbox(
        self,
        request: Request[Any, Any, Any],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
        limit: FromQuery[int] = 50,
        cursor: Annotated[str | None, QueryParameter(description="From the `Link` of the page before.")] = None,
    ) -> Response[list[Summary]]:
        """One's conversations, newest first; `Link` with `rel="next"` leads to older ones."""
        before = None if cursor is None else inbox_place(cursor)
        page = await conversations.inbox(identity.user_id, limit, before)
        links: Links = {"next": {"limit": limit, "cursor": inbox_cursor(page.summaries[-1])}} if page.more else {}
        return Response(page.summaries, headers=link_header(request.url.path, links))

    @post(policy=Policy.SIGNED_IN)
    async def create(
        self,
        data: JSONBody[CreateConversation],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> Response[Summary]:
        """Make a conversation (201), or find the direct one that exists (200)."""
        summary, made = await conversations.create(identity.user_id, data)
        return Response(summary, status_code=201 if made else 200)

    @get("/{conversation_id:str}", policy=Policy.SIGNED_IN)
    async def one(
        self,
        conversation_id: FromPath[str],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> Summary:
        """One conversation of one's own."""
        return await conversations.get(identity.user_id, conversation_id)

    @get("/{conversation_id:str}/members", policy=Policy.SIGNED_IN)
    async def members(
        self,
        *,
        conversation_id: FromPath[str],
        request: Request[Any, Any, Any],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
        limit: FromQuery[int] = 100,
        after: Annotated[str | None, QueryParameter(description="Id of the last user of the page before.")] = None,
        text: Annotated[str, QueryParameter(name="query", description="Part of a name or username.")] = "",
    ) -> Response[list[PublicMember]]:
        """Members by user id; `Link` with `rel="next"` leads on."""
        people = await conversations.members(identity.user_id, conversation_id, limit=limit, after=after, query=text)
        more = len(people) == limit
        links: Links = {"next": {"limit": limit, "after": people[-1].user.id, "query": text}} if more else {}
        return Response(people, headers=link_header(request.url.path, links))

    @post("/{conversation_id:str}/members", policy=Policy.SIGNED_IN, status_code=200)
    async def add_members(
        self,
        conversation_id: FromPath[str],
        data: JSONBody[AddMembers],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> Summary:
        """Add people to a group; those who are in it already stay as they are."""
        return await conversations.add_members(identity.user_id, conversation_id, data.user_ids)

    @delete("/{conversation_id:str}/members/{user_id:str}", policy=Policy.SIGNED_IN)
    async def remove_member(
        self,
        conversation_id: FromPath[str],
        user_id: FromPath[str],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> None:
        """Remove somebody from a group; `me` leaves it."""
        person = identity.user_id if user_id == "me" else user_id
        await conversations.remove_member(identity.user_id, conversation_id, person)

"""Conversations over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from madang.api.paging import Links, inbox_cursor, inbox_place, link_header
from madang.api.security import Policy
from madang.contract.rest import CreateConversation, UpdateConversation
from madang.contract.shapes import Summary
from madang.services.conversations import ConversationService
from madang.services.identity import Identity

__all__ = ["ConversationController"]


class ConversationController(Controller):
    """The list, and each conversation as a whole."""

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
        """Make a conversation (201), or find the one of the pair, or with the key, that exists (200)."""
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

    @patch("/{conversation_id:str}", policy=Policy.SIGNED_IN)
    async def update(
        self,
        conversation_id: FromPath[str],
        data: JSONBody[UpdateConversation],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> Summary:
        """Change a group's name, picture or own fields, as owner or admin; what is left out stays."""
        return await conversations.update(identity.user_id, conversation_id, data)

    @delete("/{conversation_id:str}", policy=Policy.SIGNED_IN)
    async def end(
        self,
        conversation_id: FromPath[str],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> None:
        """End a group for everybody, as its owner."""
        await conversations.end(identity.user_id, conversation_id)

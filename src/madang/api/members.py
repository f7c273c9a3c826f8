"""Members of a conversation over HTTP: who they are, in which role, and one's own settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from madang.api.paging import Links, link_header
from madang.api.security import Policy
from madang.contract.rest import AddMembers, ChangeRole, MemberSettings
from madang.contract.shapes import PublicMember, Summary
from madang.services.conversations import ConversationService
from madang.services.identity import Identity
from madang.services.member_settings import MemberSettingsService

__all__ = ["MemberController"]


class MemberController(Controller):
    """Who is in a conversation."""

    path = "/conversations/{conversation_id:str}/members"
    tags: Sequence[str] | None = ("members",)

    @get(policy=Policy.SIGNED_IN)
    async def page(
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

    @post(policy=Policy.SIGNED_IN, status_code=200)
    async def add(
        self,
        conversation_id: FromPath[str],
        data: JSONBody[AddMembers],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> Summary:
        """Add people to a group; those who are in it already stay as they are."""
        return await conversations.add_members(identity.user_id, conversation_id, data.user_ids)

    @patch("/me", policy=Policy.SIGNED_IN)
    async def settings(
        self,
        conversation_id: FromPath[str],
        data: JSONBody[MemberSettings],
        identity: NamedDependency[Identity],
        member_settings: NamedDependency[MemberSettingsService],
    ) -> Summary:
        """Change one's own settings; what is left out stays."""
        return await member_settings.change(identity.user_id, conversation_id, data)

    @delete("/me", policy=Policy.SIGNED_IN)
    async def leave(
        self,
        conversation_id: FromPath[str],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> None:
        """Leave a group; its last owner passes the role on."""
        await conversations.remove_member(identity.user_id, conversation_id, identity.user_id)

    @patch("/{user_id:str}", policy=Policy.SIGNED_IN)
    async def change_role(
        self,
        conversation_id: FromPath[str],
        user_id: FromPath[str],
        data: JSONBody[ChangeRole],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> Summary:
        """Give somebody another role; `owner` passes one's own on, and makes oneself an admin."""
        return await conversations.change_role(identity.user_id, conversation_id, user_id, data.role)

    @delete("/{user_id:str}", policy=Policy.SIGNED_IN)
    async def remove(
        self,
        conversation_id: FromPath[str],
        user_id: FromPath[str],
        identity: NamedDependency[Identity],
        conversations: NamedDependency[ConversationService],
    ) -> None:
        """Remove somebody from a group."""
        await conversations.remove_member(identity.user_id, conversation_id, user_id)

"""The people of the matrices: whoever may knock at a door, each with what they hold.

Owns who they are, their tokens, and rooms in which each of them plays their part. The table of roles is closed: a matrix
names what becomes of every one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from madang.contract.rest import CreateConversation, SendBody, SentMessage
from madang.ids import new_id
from tests.server_parts import PASSWORD, ServerParts

__all__ = ["HEART", "LEADERS", "MEMBERS", "OUTSIDERS", "ROLES", "TURNED_AWAY", "Cast", "Place", "Role", "blank"]

Role = Literal["anonymous", "disabled", "expired", "stranger", "removed", "newcomer", "member", "admin", "owner"]
TURNED_AWAY: Final[tuple[Role, ...]] = ("anonymous", "disabled", "expired")
"""Those who get through no door."""
OUTSIDERS: Final[tuple[Role, ...]] = ("stranger", "removed")
"""Those who are somebody, but not here."""
MEMBERS: Final[tuple[Role, ...]] = ("newcomer", "member", "admin", "owner")
LEADERS: Final[tuple[Role, ...]] = ("admin", "owner")
ROLES: Final = (*TURNED_AWAY, *OUTSIDERS, *MEMBERS)
HEART: Final = "❤\ufe0f"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
YEAR_MS: Final = 365 * 86_400_000


def blank(text: str) -> str:
    """An answer without its ids: what is left must not tell what exists."""
    return _ID.sub("ID", text)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a call is aimed: a conversation, a message of somebody else in it, and a person in it."""

    conversation: str
    message: str
    person: str
    own: dict[Role, str] = field(default_factory=dict)
    """A message of each who ever was a member."""
    hidden: str = ""
    """A message from before the newcomer joined."""

    @classmethod
    def nowhere(cls) -> Place:
        """Ids of nothing at all."""
        return cls(conversation=new_id(), message=new_id(), person=new_id(), own=dict.fromkeys(ROLES, new_id()))


class Cast:
    """One person for each role, and two more: `author`, whose messages the others act upon, and `target`."""

    def __init__(self, parts: ServerParts) -> None:
        self.parts = parts
        self.ids: dict[str, str] = {}
        self.tokens: dict[str, str] = {"anonymous": ""}
        self.refresh_tokens: dict[str, str] = {}

    @classmethod
    async def gather(cls, parts: ServerParts) -> Cast:
        """Everybody signs up; one is locked out, and one has a token that ended long ago."""
        cast = cls(parts)
        for name in (*ROLES[1:], "author", "target"):
            await cast.sign_up(name)
        expired = await parts.services.sessions.open(await parts.services.accounts.named("expired"))
        old = parts.tokens.issue(expired.account.user.id, expired.session_id, parts.clock.now() - YEAR_MS)
        cast.tokens["expired"] = old.text
        await parts.store.accounts.set_disabled(cast.ids["disabled"], True)
        return cast

    async def sign_up(self, name: str) -> None:
        """A new person with tokens."""
        services = self.parts.services
        signed_in = await services.sessions.open(await services.accounts.create(name, PASSWORD, name.title()))
        self.ids[name] = signed_in.account.user.id
        self.tokens[name], self.refresh_tokens[name] = signed_in.access.text, signed_in.refresh_token

    async def room(self) -> Place:
        """A group in which everybody plays their part, with something said by each."""
        people, parts = self.ids, self.parts
        first = [people[name] for name in ("admin", "member", "removed", "expired", "author", "target")]
        room = await self._group(people["owner"], *first)
        await parts.conversations.change_role(people["owner"], room, people["admin"], "admin")
        hidden = await self._say(room, "author")
        gone = await self._say(room, "removed")
        await parts.conversations.remove_member(people["owner"], room, people["removed"])
        await parts.conversations.add_members(people["owner"], room, [people["newcomer"]])
        own: dict[Role, str] = {"removed": gone, "stranger": gone}
        for role in MEMBERS:
            own[role] = await self._say(room, role)
        return Place(
            conversation=room,
            message=await self._say(room, "author"),
            person=people["target"],
            own=own,
            hidden=hidden,
        )

    async def foreign(self) -> Place:
        """A group of people nobody else knows."""
        for name in ("foreigner", "neighbour"):
            await self.sign_up(name)
        room = await self._group(self.ids["foreigner"], self.ids["neighbour"])
        said = await self._say(room, "foreigner")
        return Place(conversation=room, message=said, person=self.ids["neighbour"], own=dict.fromkeys(ROLES, said))

    async def _group(self, owner: str, *others: str) -> str:
        body = CreateConversation(type="group", name="마당", member_ids=list(others))
        return (await self.parts.conversations.create(owner, body))[0].id

    async def _say(self, room: str, name: str) -> str:
        sent = await self.parts.messages.send(self.ids[name], room, SendBody(content=f"{name} was here"))
        assert isinstance(sent, SentMessage)
        return sent.message.id

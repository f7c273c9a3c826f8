"""Authenticate: where the token may come from, and how a refusal ends."""

from typing import Any, cast

import pytest

from madang.errors import ERRORS, ErrorCode, MadangError
from madang.gateway.authenticate import Authenticate, turned_away
from madang.services.identity import Identity, IdentityService
from madang.socketio import ConnectionPostponed, ConnectionRefused, Handshake, Socket

PAGE = "https://chat.example"


class _Identities:
    """Knows who everybody is, and remembers which token was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    async def authenticate(self, token: str) -> Identity:
        self.shown.append(token)
        return Identity(user_id="u", session_id="s", expires_at_ms=None, administrator=False)


class _Socket:
    """A peer with these headers."""

    def __init__(self, **headers: str) -> None:
        self.handshake = Handshake(
            address="203.0.113.1", headers=headers, query={"token": "never this"}, secure=True, auth={}
        )


async def _shown(auth: dict[str, Any], **headers: str) -> list[str]:
    identities = _Identities()
    door = Authenticate(cast("IdentityService", identities), is_own_page=lambda origin, _host: origin == PAGE)
    await door.identify(cast("Socket", _Socket(**headers)), auth)
    return identities.shown


async def test_the_payload_comes_before_the_cookie() -> None:
    """And the cookie counts on our own page, or where there is no Origin at all."""
    cookie = "other=1; madang_session=from-the-cookie"
    assert await _shown({"token": "from-auth"}, cookie=cookie, origin=PAGE) == ["from-auth"]
    assert await _shown({}, cookie=cookie, origin=PAGE) == ["from-the-cookie"]
    assert await _shown({}, cookie=cookie) == ["from-the-cookie"]


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ({}, {}),
        ({}, {"cookie": "madang_session=stolen", "origin": "https://evil.example"}),
        ({}, {"cookie": "madang_session="}),
        ({}, {"cookie": "=;;=\x01"}),
        ({"token": 5}, {"cookie": "madang_session=x", "origin": PAGE}),
        ({"token": ["x"]}, {}),
    ],
)
async def test_nothing_else_counts(auth: dict[str, Any], headers: dict[str, str]) -> None:
    """No token, another site's page, nonsense, and never the query string."""
    with pytest.raises(ConnectionRefused) as refused:
        await _shown(auth, **headers)
    assert refused.value.data["error"] == "token_invalid"


@pytest.mark.parametrize("code", ErrorCode)
def test_what_may_pass_postpones_and_the_rest_refuses(code: ErrorCode) -> None:
    """Stock clients stay away after a refusal, so only what needs another token is one."""
    ended = turned_away(MadangError(code, "why"))
    if ERRORS[code].retryable:
        assert isinstance(ended, ConnectionPostponed)
        assert ended.reason == "why"
    else:
        assert isinstance(ended, ConnectionRefused)
        assert (ended.message, ended.data) == ("why", {"error": code.value, "reason": "why"})

"""Tokens of a host application: who they make somebody, and whom they cannot."""

from typing import Any

import jwt
import pytest

from madang.errors import ErrorCode, MadangError
from madang.ids import derived_id, new_id
from madang.ports.tokens import HostClaims
from madang.security.host_tokens import HostTokens, SharedSecret
from madang.security.tokens import SignedBearerTokens

SECRET = "the secret that both sides have shared"
OWN = "a secret of at least thirty-two bytes"
ISSUER = "https://shop.example"
NOW = 1_800_000_000_000


def host(**options: Any) -> HostTokens:
    """The reader of one host application's tokens."""
    return HostTokens(SharedSecret(SECRET), **({"issuer": ISSUER, "audience": "chat"} | options))


def signed(secret: str = SECRET, **changes: Any) -> str:
    """A token of the host application but for the changes; None leaves a claim out."""
    claims = {"iss": ISSUER, "aud": "chat", "sub": "42", "exp": NOW // 1000 + 60, "iat": NOW // 1000} | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret, algorithm="HS256", sort_headers=True)


async def read(token: str, **options: Any) -> HostClaims:
    """What the server takes from a token."""
    claims = await SignedBearerTokens(OWN, host=host(**options)).read(token, NOW)
    assert isinstance(claims, HostClaims)
    return claims


async def test_a_user_keeps_one_id() -> None:
    """A subject that is no UUID gets the id derived from issuer and subject; a UUID is kept in its canonical form."""
    first = (await read(signed(sub="ab"))).profile
    assert first.id == derived_id(ISSUER, "ab")
    assert first.subject == "ab"
    own = new_id()
    assert (await read(signed(sub=own.upper()))).profile.id == own
    other = HostTokens(SharedSecret(SECRET), issuer="https://other.example", audience="chat")
    assert (await other.read(signed(sub="ab", iss="https://other.example"), NOW)).profile.id != first.id


async def test_names_and_pictures_are_taken_where_they_are_said_to_be() -> None:
    """`MADANG_JWT_CLAIMS` renames the claims; numbers name users too."""
    token = signed(sub=None, user_id=7, full_name="  김\u0000민수\n ", photo="https://cdn.example/a.png")
    claims = await read(token, claims={"sub": "user_id", "name": "full_name", "picture": "photo"})
    assert claims.profile.subject == "7"
    assert claims.profile.name == "김 민수"
    assert claims.profile.avatar_url == "https://cdn.example/a.png"
    assert claims.profile.issued_at == NOW // 1000
    assert claims.expires_at == NOW + 60_000


async def test_what_breaks_our_rules_is_repaired_or_left_out() -> None:
    """A person cannot change the host's claims, so a bad name or picture must not keep them out."""
    plain = (await read(signed(name="", picture="javascript:alert(1)"))).profile
    assert plain.name == "42"
    assert plain.avatar_url is None
    long = (await read(signed(name="😀" * 100, picture=["x"]))).profile
    assert long.name == "😀" * 50
    assert long.avatar_url is None
    assert (await read(signed(name="e\u0301", picture="https://[broken"))).profile.name == "é"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "shop"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"exp": None},
        {"token_type": "refresh"},
        {"token_type": 1},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\u0000b"},
        {"sub": True},
        {"sub": {"id": 1}},
        {"iat": NOW // 1000 + 120},
    ],
)
async def test_every_claim_must_hold(changes: dict[str, Any]) -> None:
    """A genuine signature of the host over a wrong claim opens nothing."""
    await read(signed())
    with pytest.raises(MadangError) as caught:
        await read(signed(**changes))
    assert caught.value.code == ErrorCode.TOKEN_INVALID


async def test_the_end_is_told_from_the_forgery() -> None:
    """An old genuine token has expired; one under another secret is invalid."""
    with pytest.raises(MadangError) as caught:
        await read(signed(exp=NOW // 1000 - 1))
    assert caught.value.code == ErrorCode.TOKEN_EXPIRED
    with pytest.raises(MadangError) as caught:
        await read(signed(secret=OWN, exp=NOW // 1000 - 1))
    assert caught.value.code == ErrorCode.TOKEN_INVALID


async def test_the_host_cannot_speak_as_this_server() -> None:
    """The host's secret under our issuer is a forgery, and its issuer must not be ours."""
    with pytest.raises(MadangError) as caught:
        await read(signed(iss="madang", aud="madang", sid=new_id(), token_type="access"))
    assert caught.value.code == ErrorCode.TOKEN_INVALID
    with pytest.raises(ValueError, match="must not be 'madang'"):
        SignedBearerTokens(OWN, host=host(issuer="madang"))


async def test_without_a_host_application_its_tokens_are_nothing() -> None:
    """A server that was told of no host application believes none."""
    with pytest.raises(MadangError) as caught:
        await SignedBearerTokens(OWN).read(signed(), NOW)
    assert caught.value.code == ErrorCode.TOKEN_INVALID


async def test_issuer_and_audience_are_asked_only_where_they_are_set() -> None:
    """With neither, the key alone vouches, and accounts remember one name for the host application."""
    claims = await host(issuer=None, audience=None).read(signed(iss="whoever", aud="whatever"), NOW)
    assert claims.profile.issuer == "host"
    for options in ({"issuer": None}, {"audience": None}):
        with pytest.raises(MadangError) as caught:
            await host(**options).read(signed(iss="whoever", aud="whatever"), NOW)
        assert caught.value.code == ErrorCode.TOKEN_INVALID


def test_half_a_setting_is_refused() -> None:
    """A real secret is needed, and only three claims can be renamed."""
    with pytest.raises(ValueError, match="mapped"):
        host(claims={"admin": "is_admin"})
    with pytest.raises(ValueError, match="32 bytes"):
        SharedSecret("x" * 31)

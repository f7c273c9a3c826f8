"""Identity: the store has the last word, and a host application's users come by themselves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from madang.errors import ErrorCode, MadangError
from madang.ids import derived_id
from madang.ports.accounts import Account, ExternalProfile
from madang.ports.tokens import Claims
from madang.security.host_tokens import HostTokens, SharedSecret
from madang.security.signed_claims import claimed_issuer
from madang.security.tokens import SignedBearerTokens
from madang.services.identity import IdentityService
from tests.server_parts import STORES, ServerParts, server_parts

HOST_SECRET = "the secret that both sides have shared"
ISSUER = "https://shop.example"


@pytest.fixture(params=STORES)
async def parts(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ServerParts]:
    """A server of a host application."""
    host = HostTokens(SharedSecret(HOST_SECRET), issuer=ISSUER, audience="chat")
    async with server_parts(tmp_path, store_kind=request.param, host=host) as parts:
        yield parts


def host_token(parts: ServerParts, *, seconds: int = 60, **claims: Any) -> str:
    """A token of the host application."""
    now = parts.clock.now() // 1_000
    times = {"iat": now, "exp": now + seconds}
    return jwt.encode({"iss": ISSUER, "aud": "chat", "sub": "42", **times, **claims}, HOST_SECRET, algorithm="HS256")


async def refused(parts: ServerParts, token: str) -> ErrorCode:
    """How a token is refused."""
    with pytest.raises(MadangError) as caught:
        await parts.services.identities.authenticate(token)
    return caught.value.code


async def test_a_token_of_somebody_else_s_session_is_nobody_s(parts: ServerParts) -> None:
    """User and session of a token must belong together, and both must exist."""
    ann, bob = await parts.sign_up("ann"), await parts.sign_up("bob")
    mixed = parts.tokens.issue(ann.account.user.id, bob.session_id, parts.clock.now())
    assert await refused(parts, mixed.text) == ErrorCode.TOKEN_INVALID


async def test_an_access_token_expires(parts: ServerParts) -> None:
    """Fifteen minutes later it has expired, which is another word than invalid: refreshing helps."""
    ann = await parts.sign_up("ann")
    identity = await parts.services.identities.authenticate(ann.access.text)
    assert identity.administrator
    assert identity.expires_at_ms == ann.access.expires_at
    parts.clock.added_ms += 15 * 60_000
    assert await refused(parts, ann.access.text) == ErrorCode.TOKEN_EXPIRED
    with pytest.raises(MadangError) as caught:
        await parts.services.identities.confirm(identity)
    assert caught.value.code == ErrorCode.TOKEN_EXPIRED


async def test_an_identity_is_confirmed_while_it_holds(parts: ServerParts) -> None:
    """A lost revocation is found at the next question: the session, then the account."""
    ann, bob = await parts.sign_up("ann"), await parts.sign_up("bob")
    identity = await parts.services.identities.authenticate(ann.access.text)
    await parts.services.identities.confirm(identity)
    await parts.store.sessions.revoke(ann.session_id, parts.clock.now())
    with pytest.raises(MadangError) as caught:
        await parts.services.identities.confirm(identity)
    assert caught.value.code == ErrorCode.TOKEN_INVALID
    other = await parts.services.identities.authenticate(bob.access.text)
    await parts.store.accounts.set_disabled(bob.account.user.id, True)
    with pytest.raises(MadangError) as caught:
        await parts.services.identities.confirm(other)
    assert caught.value.code == ErrorCode.USER_DISABLED
    assert await refused(parts, bob.access.text) == ErrorCode.USER_DISABLED


async def test_a_host_s_user_is_made_on_first_sight(parts: ServerParts) -> None:
    """The account has the derived id, the name of the token, its notes to self, and is nobody's administrator twice."""
    identity = await parts.services.identities.authenticate(host_token(parts, name="김민수"))
    assert identity.user_id == derived_id(ISSUER, "42")
    assert identity.session_id is None
    assert identity.expires_at_ms is not None
    account = await parts.store.accounts.by_id(identity.user_id)
    assert account is not None
    assert (account.user.name, account.issuer, account.password_hash) == ("김민수", ISSUER, None)
    assert len((await parts.services.conversations.inbox(identity.user_id, 10)).summaries) == 1
    assert (await parts.services.identities.authenticate(host_token(parts))).user_id == identity.user_id


async def test_ten_devices_at_once_make_one_account(parts: ServerParts) -> None:
    """The first sight is one, however many sockets bring it."""
    tokens = [host_token(parts, jti=str(number)) for number in range(10)]
    found = await asyncio.gather(*(parts.services.identities.authenticate(token) for token in tokens))
    assert len({identity.user_id for identity in found}) == 1
    assert len((await parts.services.conversations.inbox(found[0].user_id, 10)).summaries) == 1


async def test_name_and_picture_follow_the_newest_token(parts: ServerParts) -> None:
    """A newer `iat` renames; an older token that is still valid does not undo it."""
    now = parts.clock.now() // 1_000
    user_id = derived_id(ISSUER, "42")
    for issued, name, expected in ((now - 20, "One", "One"), (now - 10, "Two", "Two"), (now - 15, "Old", "Two")):
        await parts.services.identities.authenticate(host_token(parts, iat=issued, name=name))
        (user,) = await parts.store.accounts.users([user_id])
        assert user.name == expected
    await parts.services.identities.authenticate(host_token(parts, iat=now, picture="https://cdn.example/a.png"))
    (user,) = await parts.store.accounts.users([user_id])
    assert user.avatar_url == "https://cdn.example/a.png"


async def test_the_same_token_again_writes_nothing(parts: ServerParts) -> None:
    """Requests of a user who has been seen cost a look-up, not a transaction."""
    written: list[str] = []
    provision = parts.store.accounts.provision

    async def counted(profile: ExternalProfile, now: int) -> tuple[Account, bool]:
        written.append(profile.id)
        return await provision(profile, now)

    parts.store.accounts.provision = counted  # type: ignore[method-assign]  # counts, and does the real thing
    token = host_token(parts)
    for _ in range(3):
        await parts.services.identities.authenticate(token)
    assert len(written) == 1


async def test_a_host_cannot_take_over_a_local_account(parts: ServerParts) -> None:
    """A subject that is the id of somebody who signed up here is refused, whatever the host says."""
    ann = await parts.sign_up("ann")
    assert await refused(parts, host_token(parts, sub=ann.account.user.id)) == ErrorCode.TOKEN_INVALID
    (user,) = await parts.store.accounts.users([ann.account.user.id])
    assert user.name == "Ann"


async def test_another_issuer_never_becomes_a_known_user(tmp_path: Path) -> None:
    """After the operator has changed the issuer, the same UUID under the new one is somebody else: refused."""
    own = derived_id("https://a.example", "x")
    for issuer, welcome in (("https://a.example", True), ("https://b.example", False)):
        host = HostTokens(SharedSecret(HOST_SECRET), issuer=issuer, audience="chat")
        async with server_parts(tmp_path, host=host) as parts:
            token = host_token(parts, iss=issuer, sub=own)
            if welcome:
                assert (await parts.services.identities.authenticate(token)).user_id == own
            else:
                assert await refused(parts, token) == ErrorCode.TOKEN_INVALID


class TwoHosts(SignedBearerTokens):
    """A server that believes two host applications, which share their secret."""

    async def read(self, token: str, now: int) -> Claims:
        issuer = str(claimed_issuer(token))
        return await HostTokens(SharedSecret(HOST_SECRET), issuer=issuer, audience="chat").read(token, now)


async def test_what_is_remembered_of_one_host_does_not_open_for_another(parts: ServerParts) -> None:
    """A user just seen from one issuer is looked up without writing; the same id from another is still refused."""
    services = parts.store.accounts, parts.store.sessions
    identities = IdentityService(*services, TwoHosts("x" * 32), parts.clock, parts.conversations.create_notes)
    shared = "01a2054e-5f60-7291-ac5b-191c21d2d8d8"
    assert (await identities.authenticate(host_token(parts, sub=shared))).user_id == shared
    with pytest.raises(MadangError) as caught:
        await identities.authenticate(host_token(parts, sub=shared, iss="https://evil.example"))
    assert caught.value.code == ErrorCode.TOKEN_INVALID


async def test_a_disabled_host_user_stays_out(parts: ServerParts) -> None:
    """The host's word does not open what the operator has closed."""
    identity = await parts.services.identities.authenticate(host_token(parts))
    await parts.store.accounts.set_disabled(identity.user_id, True)
    assert await refused(parts, host_token(parts)) == ErrorCode.USER_DISABLED


async def test_too_many_at_once_are_told_to_come_back(tmp_path: Path) -> None:
    """The lane has an end; whoever stands behind it gets `try_again` and a time, and those inside their answer."""

    async def nothing(_: str) -> None:
        """No account is made here."""

    async with server_parts(tmp_path) as parts:
        ann = await parts.sign_up("ann")
        narrow = IdentityService(
            parts.store.accounts, parts.store.sessions, parts.tokens, parts.clock, nothing, at_once=1, waiting=2
        )
        answers = await asyncio.gather(
            *(narrow.authenticate(ann.access.text) for _ in range(5)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, MadangError)]
        assert [(each.code, each.retry_after_ms) for each in refused] == [(ErrorCode.TRY_AGAIN, 2_000)] * 2
        assert (await narrow.authenticate(ann.access.text)).user_id == ann.account.user.id

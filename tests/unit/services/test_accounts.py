"""Accounts: who gets in, who does not, and what an operator does to them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import argon2
import pytest

from madang.contract.rest import Credentials
from madang.errors import ErrorCode, MadangError
from madang.ports.bus import SessionsRevoked
from madang.ports.passwords import PasswordCheck
from madang.services.accounts import _subject
from tests.server_parts import ADDRESS, PASSWORD, STORES, ServerParts, registration, server_parts


@pytest.fixture(params=STORES)
async def parts(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ServerParts]:
    """A server where everybody may sign up."""
    async with server_parts(tmp_path, store_kind=request.param) as parts:
        yield parts


def credentials(username: str = "ann", password: str = PASSWORD) -> Credentials:
    """What somebody who signs in sends."""
    return Credentials(username=username, password=password)


def code_of(caught: pytest.ExceptionInfo[MadangError]) -> ErrorCode:
    """The code of a refusal."""
    return caught.value.code


async def test_the_first_account_is_the_administrator(parts: ServerParts) -> None:
    """Exactly the first account of an empty server, however many sign up at once."""
    accounts = parts.services.accounts
    assert await accounts.first_account()
    names = [f"user{number}" for number in range(5)]
    signed_in = await asyncio.gather(*(accounts.register(registration(name), ADDRESS) for name in names))
    assert sum(each.account.administrator for each in signed_in) == 1
    assert not await accounts.first_account()


async def test_signing_up_signs_in(parts: ServerParts) -> None:
    """The access token of a new account is its owner's, and notes to self are there from the first minute."""
    signed_in = await parts.services.accounts.register(registration("  Ann.Lee ", name=" 안나 "), ADDRESS)
    assert signed_in.account.user.username == "ann.lee"
    assert signed_in.account.user.name == "안나"
    identity = await parts.services.identities.authenticate(signed_in.access.text)
    assert identity.user_id == signed_in.account.user.id
    inbox = await parts.services.conversations.inbox(identity.user_id, 10)
    assert [(summary.type, summary.member_count) for summary in inbox.summaries] == [("direct", 1)]


@pytest.mark.parametrize(
    ("username", "password", "name", "code"),
    [
        ("", PASSWORD, "Ann", ErrorCode.INVALID),
        ("two words", PASSWORD, "Ann", ErrorCode.INVALID),
        ("안나", PASSWORD, "Ann", ErrorCode.INVALID),
        ("x" * 33, PASSWORD, "Ann", ErrorCode.INVALID),
        ("ann", "short", "Ann", ErrorCode.INVALID),
        ("ann", "password", "Ann", ErrorCode.INVALID),
        ("annannann", "annannann", "Ann", ErrorCode.INVALID),
        ("ann", "한" * 400, "Ann", ErrorCode.TOO_LARGE),
        ("ann", "\ud800" * 8, "Ann", ErrorCode.INVALID),
        ("ann", PASSWORD, " ", ErrorCode.INVALID),
        ("ann", PASSWORD, "a\u0000b", ErrorCode.INVALID),
        ("ann", PASSWORD, "x" * 101, ErrorCode.TOO_LARGE),
    ],
)
async def test_what_breaks_a_rule_makes_no_account(
    parts: ServerParts, username: str, password: str, name: str, code: ErrorCode
) -> None:
    """Names and passwords outside the rules are refused, naming the field, before anything is stored."""
    with pytest.raises(MadangError) as caught:
        await parts.services.accounts.register(registration(username, password, name), ADDRESS)
    assert code_of(caught) == code
    assert caught.value.details
    assert len(password) < 10 or password not in caught.value.reason
    assert await parts.services.accounts.first_account()


async def test_a_username_exists_once(parts: ServerParts) -> None:
    """Whatever the case, and when two ask in the same moment."""
    accounts = parts.services.accounts
    both = await asyncio.gather(
        *(accounts.register(registration(name), ADDRESS) for name in ("ann", "ANN")), return_exceptions=True
    )
    refused = [each for each in both if isinstance(each, MadangError)]
    assert [each.code for each in refused] == [ErrorCode.CONFLICT]
    with pytest.raises(MadangError) as caught:
        await accounts.register(registration("Ann"), ADDRESS)
    assert code_of(caught) == ErrorCode.CONFLICT
    assert caught.value.details == {"username": "is taken"}


@pytest.mark.parametrize("policy", ["invite", "closed"])
async def test_only_the_operator_makes_accounts_unless_registration_is_open(tmp_path: Path, policy: str) -> None:
    """`invite` and `closed` refuse who comes by the door; the operator's own way is always there."""
    async with server_parts(tmp_path, registration=policy) as parts:  # type: ignore[arg-type]  # the two words above
        with pytest.raises(MadangError) as caught:
            await parts.services.accounts.register(registration("ann"), ADDRESS)
        assert code_of(caught) == ErrorCode.FORBIDDEN
        assert (await parts.services.accounts.create("ann", PASSWORD, "Ann")).administrator
        await parts.services.accounts.sign_in(credentials(), ADDRESS)


async def test_wrong_pairs_are_answered_alike(parts: ServerParts) -> None:
    """A wrong password, an unknown name, an impossible name and an impossible password get the same refusal."""
    await parts.services.accounts.create("ann", PASSWORD, "Ann")
    refusals = set()
    for username, password in (
        ("ann", "wrong horse"),
        ("bob", PASSWORD),
        ("no such", "x"),
        ("ann", "\ud800"),
        ("ann", "x" * 2000),
    ):
        with pytest.raises(MadangError) as caught:
            await parts.services.accounts.sign_in(credentials(username, password), ADDRESS)
        refusals.add((caught.value.code, caught.value.reason))
    assert refusals == {(ErrorCode.UNAUTHENTICATED, "the username or the password is wrong")}


async def test_attempts_from_one_address_are_limited(parts: ServerParts) -> None:
    """Ten in a minute, signing up and in together; another address is free, and a minute later so is this one."""
    accounts = parts.services.accounts
    await accounts.register(registration("ann"), ADDRESS)
    for _ in range(9):
        await accounts.sign_in(credentials(), ADDRESS)
    for attempt in (accounts.sign_in(credentials(), ADDRESS), accounts.register(registration("bob"), ADDRESS)):
        with pytest.raises(MadangError) as caught:
            await attempt
        assert code_of(caught) == ErrorCode.RATE_LIMITED
        assert caught.value.retry_after_ms is not None
        assert 50_000 < caught.value.retry_after_ms <= 60_001
    await accounts.sign_in(credentials(), "198.51.100.7")
    parts.clock.added_ms += 60_001
    await accounts.sign_in(credentials(), ADDRESS)


def test_one_subscriber_is_one_address() -> None:
    """IPv6 counts by /64, because a subscriber has all of it; IPv4 dressed as IPv6 counts as IPv4."""
    assert _subject("2001:db8:1:2::1") == _subject("2001:db8:1:2:ffff::9") != _subject("2001:db8:1:3::1")
    assert _subject("::ffff:192.0.2.1") == "192.0.2.1"
    assert _subject("") == ""


async def test_a_disabled_account_stays_out(parts: ServerParts) -> None:
    """Its sessions end, its sockets are told, the right password says why and the wrong one does not."""
    signed_in = await parts.sign_up("ann")
    parts.heard.clear()
    await parts.services.accounts.set_disabled("Ann", disabled=True)
    assert parts.heard == [SessionsRevoked(user_id=signed_in.account.user.id, session_ids=None, reason="disabled")]
    for password, code in ((PASSWORD, ErrorCode.USER_DISABLED), ("wrong horse", ErrorCode.UNAUTHENTICATED)):
        with pytest.raises(MadangError) as caught:
            await parts.services.accounts.sign_in(credentials(password=password), ADDRESS)
        assert code_of(caught) == code
    with pytest.raises(MadangError):
        await parts.services.identities.authenticate(signed_in.access.text)
    with pytest.raises(MadangError):
        await parts.services.sessions.refresh(signed_in.refresh_token)
    await parts.services.accounts.set_disabled("ann", disabled=False)
    await parts.services.accounts.sign_in(credentials(), ADDRESS)


async def test_a_new_password_ends_every_session(parts: ServerParts) -> None:
    """Whoever knew the old one is out on every device."""
    signed_in = await parts.sign_up("ann")
    parts.heard.clear()
    await parts.services.accounts.set_password("ann", "another horse")
    assert parts.heard == [
        SessionsRevoked(user_id=signed_in.account.user.id, session_ids=None, reason="password_changed")
    ]
    with pytest.raises(MadangError) as caught:
        await parts.services.identities.authenticate(signed_in.access.text)
    assert code_of(caught) == ErrorCode.TOKEN_INVALID
    with pytest.raises(MadangError):
        await parts.services.accounts.sign_in(credentials(), ADDRESS)
    await parts.services.accounts.sign_in(credentials(password="another horse"), ADDRESS)
    for username, password, code in (("bob", "another horse", ErrorCode.NOT_FOUND), ("ann", "ann", ErrorCode.INVALID)):
        with pytest.raises(MadangError) as caught:
            await parts.services.accounts.set_password(username, password)
        assert code_of(caught) == code


async def test_a_password_changed_while_signing_in_wins(parts: ServerParts) -> None:
    """A sign-in that was checked against the old password leaves no session behind."""
    account = await parts.services.accounts.create("ann", PASSWORD, "Ann")
    verify = parts.passwords.verify

    async def slow(password: str, encoded: str | None) -> PasswordCheck:
        check = await verify(password, encoded)
        if check is not PasswordCheck.WRONG:
            await parts.services.accounts.set_password("ann", "another horse")
        return check

    parts.passwords.verify = slow  # type: ignore[method-assign]  # the moment between check and session
    with pytest.raises(MadangError) as caught:
        await parts.services.accounts.sign_in(credentials(), ADDRESS)
    assert code_of(caught) == ErrorCode.UNAUTHENTICATED
    assert await parts.store.sessions.revoke_all(account.user.id, parts.clock.now()) == []


async def test_an_old_hash_is_replaced_at_sign_in(parts: ServerParts) -> None:
    """Stronger parameters reach everybody who comes back, and the password stays."""
    account = await parts.services.accounts.create("ann", PASSWORD, "Ann")
    cheaper = argon2.PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(PASSWORD)
    await parts.store.accounts.set_password_hash(account.user.id, cheaper)
    await parts.services.accounts.sign_in(credentials(), ADDRESS)
    stored = await parts.store.accounts.by_id(account.user.id)
    assert stored is not None
    assert stored.password_hash not in (None, cheaper)
    await parts.services.accounts.sign_in(credentials(), ADDRESS)

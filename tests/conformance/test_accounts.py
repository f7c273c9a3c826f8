"""The port `Accounts`."""

import asyncio
import unicodedata

import pytest

from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.accounts import Account, ExternalProfile, NewAccount
from tests.conformance.chat import Chat, removal


def local(username: str, name: str = "Somebody") -> NewAccount:
    """A local account to be made."""
    return NewAccount(id=new_id(), username=username, name=name, password_hash="hash of a password")


def profile(subject: str = "42", name: str = "Host user", **fields: object) -> ExternalProfile:
    """What a host's token says."""
    known = {"id": new_id(), "issuer": "https://host", "avatar_url": None, "issued_at": 100}
    return ExternalProfile(**{**known, "subject": subject, "name": name, **fields})  # type: ignore[arg-type]  # mixed values


async def test_the_first_account_is_the_administrator(chat: Chat) -> None:
    """It and no other; `exists_any` turns true with it."""
    accounts = chat.store.accounts
    assert not await accounts.exists_any()
    first, second = await accounts.create(local("ann"), 1), await accounts.create(local("bob"), 2)
    assert await accounts.exists_any()
    assert (first.administrator, second.administrator) == (True, False)


async def test_two_first_accounts_at_once_make_one_administrator(chat: Chat) -> None:
    """The decision is part of the transaction."""
    made = await asyncio.gather(*(chat.store.accounts.create(local(f"user{n}"), 1) for n in range(6)))
    assert sum(account.administrator for account in made) == 1


async def test_an_account_is_found_as_it_was_made(chat: Chat) -> None:
    """By id and by username, with everything in it."""
    wanted = local("ann", "Ann 안")
    made = await chat.store.accounts.create(wanted, 1)
    assert made == await chat.store.accounts.by_id(wanted.id) == await chat.store.accounts.by_username("ann")
    assert (made.user.id, made.user.username, made.user.name) == (wanted.id, "ann", "Ann 안")
    assert (made.password_hash, made.disabled, made.issuer) == ("hash of a password", False, None)
    assert (made.user.avatar_url, made.user.bot, made.user.custom, made.user.deleted_at) == (None, False, {}, None)
    assert await chat.store.accounts.by_id(new_id()) is None
    assert await chat.store.accounts.by_username("Ann") is None


async def test_a_username_is_taken_once(chat: Chat) -> None:
    """The second gets `conflict` and makes nothing; also at the same moment."""
    await chat.store.accounts.create(local("ann"), 1)
    again = local("ann")
    with pytest.raises(MadangError) as refused:
        await chat.store.accounts.create(again, 2)
    assert refused.value.code is ErrorCode.CONFLICT
    assert await chat.store.accounts.by_id(again.id) is None
    results = await asyncio.gather(
        *(chat.store.accounts.create(local("bob"), 1) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, Account) for result in results) == 1


async def test_a_profile_changes_by_what_is_given(chat: Chat) -> None:
    """Name and custom each alone; an unknown person is `not_found`."""
    made = await chat.store.accounts.create(local("ann"), 1)
    custom: dict[str, object] = {"theme": "dark", "n": [1, None, {"가": True}]}
    assert (await chat.store.accounts.update(made.user.id, custom=custom)).custom == custom
    changed = await chat.store.accounts.update(made.user.id, name="Anne")
    assert (changed.name, changed.custom) == ("Anne", custom)
    assert await chat.store.accounts.users([made.user.id]) == [changed]
    assert await chat.store.accounts.update(made.user.id) == changed
    assert (await chat.store.accounts.update(made.user.id, custom={})).custom == {}
    with pytest.raises(MadangError) as refused:
        await chat.store.accounts.update(new_id(), name="Nobody")
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_passwords_and_disabling(chat: Chat) -> None:
    """Each changes its own field; unknown ids are ignored."""
    made = await chat.store.accounts.create(local("ann"), 1)
    await chat.store.accounts.set_password_hash(made.user.id, "another")
    await chat.store.accounts.set_disabled(made.user.id, True)
    await chat.store.accounts.set_disabled(new_id(), True)
    await chat.store.accounts.set_password_hash(new_id(), "nothing")
    account = await chat.store.accounts.by_id(made.user.id)
    assert account is not None
    assert (account.password_hash, account.disabled) == ("another", True)
    await chat.store.accounts.set_disabled(made.user.id, False)
    account = await chat.store.accounts.by_id(made.user.id)
    assert account is not None
    assert not account.disabled


async def test_users_gives_those_who_exist(chat: Chat) -> None:
    """Each once, unknown ids left out."""
    ann, bob = await chat.users(2)
    found = await chat.store.accounts.users([bob, new_id(), ann, bob])
    assert sorted(user.id for user in found) == sorted([ann, bob])
    assert await chat.store.accounts.users([]) == []


async def test_a_host_user_is_made_on_first_sight(chat: Chat) -> None:
    """With a username of the subject, no password, and the issuer remembered; never the administrator."""
    wanted = profile("Ann.B@host", "Ann", avatar_url="/a.png")
    account, made = await chat.store.accounts.provision(wanted, 1)
    assert made
    assert (account.user.id, account.user.username, account.user.name) == (wanted.id, "ann-b-host", "Ann")
    assert (account.user.avatar_url, account.issuer, account.password_hash) == ("/a.png", "https://host", None)
    assert not account.administrator
    assert await chat.store.accounts.provision(wanted, 2) == (account, False)


async def test_a_newer_token_brings_a_profile_up_to_date(chat: Chat) -> None:
    """An older one, or one of the same second, changes nothing."""
    person = new_id()
    await chat.store.accounts.provision(profile(id=person, name="One", issued_at=100), 1)
    for issued_at, name, expected in ((90, "Old", "One"), (100, "Same", "One"), (101, "Two", "Two")):
        account, made = await chat.store.accounts.provision(profile(id=person, name=name, issued_at=issued_at), 2)
        assert (account.user.name, made) == (expected, False)
    assert [user.name for user in await chat.store.accounts.search("tw", 5)] == ["Two"]


async def test_usernames_of_host_users_are_unique(chat: Chat) -> None:
    """Subjects that look alike, or have no letter of a username, still get one each, of the right length."""
    await chat.store.accounts.create(local("same"), 1)
    subjects = ["same", "Same", "SAME!", "김민수", "박서준", "x" * 80, "x" * 81]
    made = [(await chat.store.accounts.provision(profile(subject), 1))[0].user.username for subject in subjects]
    assert len({*made, "same"}) == len(subjects) + 1
    assert all(1 <= len(username) <= 32 for username in made)


async def test_an_account_never_changes_its_issuer(chat: Chat) -> None:
    """A token of another issuer, or for a local account, is `token_invalid` and changes nothing."""
    made = await chat.store.accounts.create(local("ann"), 1)
    host = profile(name="Host")
    await chat.store.accounts.provision(host, 1)
    for person in (made.user.id, host.id):
        with pytest.raises(MadangError) as refused:
            await chat.store.accounts.provision(profile(id=person, issuer="https://evil", issued_at=999), 2)
        assert refused.value.code is ErrorCode.TOKEN_INVALID
    account = await chat.store.accounts.by_id(host.id)
    assert account is not None
    assert (account.user.name, account.issuer) == ("Host", "https://host")


async def test_search_finds_by_part_of_name_or_username(chat: Chat) -> None:
    """Without regard to case or normal form; prefixes first, then by name; wildcards mean themselves."""
    create = chat.store.accounts.create
    people = [("minsu", "김민수"), ("emile", "Émile"), ("bob_x", "Bob 100%"), ("zmin", "Anna"), ("kim", "Minnie")]
    for username, name in people:
        await create(local(username, name), 1)

    async def found(query: str, limit: int = 10) -> list[str]:
        return [user.username for user in await chat.store.accounts.search(query, limit)]

    assert await found("MIN") == ["kim", "minsu", "zmin"]
    assert await found("min", 1) == ["kim"]
    assert await found(unicodedata.normalize("NFD", "ÉMI")) == ["emile"]
    assert await found(unicodedata.normalize("NFD", "민수")) == ["minsu"]
    assert await found("%") == ["bob_x"]
    assert await found("_") == ["bob_x"]
    assert await found("") == ["zmin", "bob_x", "kim", "emile", "minsu"]
    assert await found("nobody") == []


async def test_exact_search_is_by_username_alone(chat: Chat) -> None:
    """The whole of it, without regard to case."""
    await chat.store.accounts.create(local("ann", "bob"), 1)
    await chat.store.accounts.create(local("bob", "ann"), 1)
    found = await chat.store.accounts.search("ANN", 5, exact=True)
    assert [user.username for user in found] == ["ann"]
    assert await chat.store.accounts.search("an", 5, exact=True) == []
    assert await chat.store.accounts.search("", 5, exact=True) == []


async def test_the_disabled_are_not_found(chat: Chat) -> None:
    """By no kind of search."""
    made = await chat.store.accounts.create(local("ann"), 1)
    await chat.store.accounts.set_disabled(made.user.id, True)
    assert await chat.store.accounts.search("ann", 5) == []
    assert await chat.store.accounts.search("ann", 5, exact=True) == []


async def test_search_among_those_one_shares_a_conversation_with(chat: Chat) -> None:
    """Members now of a conversation one is a member of now; not oneself."""
    ann, bob, cem, dan = [await chat.user(name) for name in ("Ann", "Anton", "Anna", "Andy")]
    group = await chat.group(ann, bob, cem)
    await chat.group(dan)
    await chat.append(removal(group, cem, cem))

    async def found(user: str, *, exact: bool = False, query: str = "an") -> list[str]:
        return [u.name for u in await chat.store.accounts.search(query, 9, exact=exact, sharing_with=user)]

    assert await found(ann) == ["Anton"]
    assert await found(cem) == []
    assert await found(dan) == []
    assert await found(ann, exact=True, query="user2") == ["Anton"]
    assert await found(ann, exact=True, query="user3") == []


async def test_of_many_people_those_enabled_are_known(chat: Chat) -> None:
    """Not those locked out, until they are let back in, and not those who never were."""
    accounts = chat.store.accounts
    ann, bob = await chat.user(), await chat.user()
    await accounts.set_disabled(bob, True)
    assert await accounts.enabled([ann, bob, new_id()]) == {ann}
    await accounts.set_disabled(bob, False)
    assert await accounts.enabled([ann, bob]) == {ann, bob}

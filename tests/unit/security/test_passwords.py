"""Passwords: hashed off the loop, within bounds, the same for the same word."""

import asyncio
import time
from collections.abc import Iterator

import argon2
import pytest

from madang.errors import ErrorCode, MadangError
from madang.ports.passwords import PasswordCheck
from madang.security.passwords import MEMORY_KIB, TIME_COST, Argon2Passwords


@pytest.fixture
def passwords() -> Iterator[Argon2Passwords]:
    """Fast hashing: the parameters are not what is tested."""
    fast = Argon2Passwords(memory_kib=64, time_cost=1, threads=1, waiting=2)
    yield fast
    fast.close()


async def test_the_right_password_and_no_other(passwords: Argon2Passwords) -> None:
    """What was hashed is recognised; anything else, and a hash that is none, is wrong."""
    encoded = await passwords.hash("correct horse")
    assert "correct horse" not in encoded
    assert encoded != await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", encoded) is PasswordCheck.RIGHT
    assert await passwords.verify("correct hors", encoded) is PasswordCheck.WRONG
    assert await passwords.verify("correct horse", "not a hash") is PasswordCheck.WRONG


async def test_hangul_is_the_same_word_however_it_is_composed(passwords: Argon2Passwords) -> None:
    """A password set on one system opens the account on another that composes letters differently."""
    encoded = await passwords.hash("\u1112\u1161\u11ab\u1100\u1173\u11af")
    assert await passwords.verify("한글", encoded) is PasswordCheck.RIGHT


async def test_older_parameters_ask_for_a_new_hash(passwords: Argon2Passwords) -> None:
    """A hash made more cheaply still opens, and says that it should be replaced."""
    cheaper = argon2.PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash("correct horse")
    assert await passwords.verify("correct horse", cheaper) is PasswordCheck.OUTDATED
    assert await passwords.verify("wrong", cheaper) is PasswordCheck.WRONG


async def test_the_default_is_what_owasp_asks_for() -> None:
    """Argon2id with at least 19 MiB and two passes."""
    passwords = Argon2Passwords()
    encoded = await passwords.hash("correct horse")
    passwords.close()
    assert encoded.startswith("$argon2id$v=19$")
    assert (MEMORY_KIB, TIME_COST) == (19 * 1024, 2)
    assert f"m={MEMORY_KIB},t={TIME_COST},p=1" in encoded


async def test_nobody_takes_as_long_as_somebody() -> None:
    """Checking a password of no account costs what a real check costs, and is always wrong."""
    passwords = Argon2Passwords(memory_kib=8 * 1024, time_cost=2, threads=1)
    encoded = await passwords.hash("correct horse")
    real: list[float] = []
    nobody: list[float] = []
    for _ in range(9):
        for times, known in ((real, encoded), (nobody, None)):
            started = time.perf_counter()
            assert await passwords.verify("wrong horse", known) is PasswordCheck.WRONG
            times.append(time.perf_counter() - started)
    passwords.close()
    assert sorted(nobody)[4] == pytest.approx(sorted(real)[4], rel=0.5)


async def test_too_many_at_once_are_refused_at_once(passwords: Argon2Passwords) -> None:
    """One works, two wait, the fourth is told when to come back; when the three are done there is room again."""
    waiting = [asyncio.ensure_future(passwords.hash("correct horse")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(MadangError) as caught:
        await passwords.hash("correct horse")
    assert caught.value.code == ErrorCode.RATE_LIMITED
    assert caught.value.retry_after_ms is not None
    assert caught.value.retry_after_ms >= 100
    await asyncio.gather(*waiting)
    await asyncio.sleep(0)
    assert await passwords.hash("correct horse")


async def test_giving_up_does_not_give_the_place_away_early(passwords: Argon2Passwords) -> None:
    """A caller that goes leaves its work behind: a flood of cancelled requests cannot exceed the bound."""
    waiting = [asyncio.ensure_future(passwords.hash("correct horse")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with pytest.raises(MadangError):
        await passwords.hash("correct horse")
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert await passwords.hash("correct horse")


async def test_a_closed_pool_says_so(passwords: Argon2Passwords) -> None:
    """While the server stops, nobody is left waiting for an answer that never comes."""
    passwords.close()
    with pytest.raises(MadangError) as caught:
        await passwords.hash("correct horse")
    assert caught.value.code == ErrorCode.UNAVAILABLE

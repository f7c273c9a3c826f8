"""Havoc itself: what it does follows from its seed, and it is over when it says so."""

import asyncio
from itertools import islice

import pytest

from tests.faults import havoc
from tests.faults.figures import Figures
from tests.faults.havoc import LONGEST, Victim


async def nothing(_: float) -> None:
    """Somebody to whom nothing happens."""


def test_a_seed_is_a_plan() -> None:
    """The same one again for the same seed; every way in which something gets into trouble is in it, kills most of all."""
    victims = [Victim(str(number), dict.fromkeys(LONGEST, nothing)) for number in range(3)]
    one, again, other = (list(islice(havoc.plan(victims, seed), 500)) for seed in (1, 1, 2))
    assert one == again != other
    times = {way: sum(trouble.way == way for trouble in one) for way in LONGEST}
    assert min(times.values()) > 0
    assert times["killed"] > 500 / 2
    assert {trouble.victim for trouble in one} == {0, 1, 2}


async def test_one_thing_is_in_one_trouble_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several things may be in trouble, and when it is over none is."""
    monkeypatch.setattr(havoc, "QUIET_SECONDS", 0.001)
    now, most = list[str](), 0

    def victim(name: str) -> Victim:
        async def hit(_: float) -> None:
            nonlocal most
            assert name not in now
            now.append(name)
            most = max(most, len(now))
            await asyncio.sleep(0.01)
            now.remove(name)

        return Victim(name, {"killed": hit})

    done = await havoc.wreak([victim(name) for name in "abcd"], 1, 0.5)
    assert not now
    assert most == havoc.AT_ONCE
    assert done.keys() == {f"{name} killed" for name in "abcd"}


def test_a_figure_above_its_bound_fails() -> None:
    """The worst of each is kept, and told beside the bound."""
    figures = Figures()
    for value in (0.5, 2.0, 1.0):
        figures.hold("back", value, at_most=2.0)
    assert "back: 2 s, at most 2 (the worst of 3)" in str(figures)
    with pytest.raises(AssertionError, match=r"back: 2\.1 s, at most 2"):
        figures.hold("back", 2.1, at_most=2.0)

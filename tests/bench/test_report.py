"""Tables: ratios, promises, and what is not reported."""

import pytest

from bench.load import Outcome
from bench.processes import Usage
from bench.report import Row, Table, document
from bench.subjects import BASELINE, CHAT, ENGINE

CALM = Usage(wall=10, processor=5, others=0)


def outcome(server: Usage, generator: Usage) -> Outcome:
    """A run with these costs."""
    return Outcome(sent=1, deliveries=1, server=server, generator=generator, latencies=[1])


@pytest.mark.parametrize(("better", "ratio"), [("more", 4.0), ("less", 0.25), ("neither", None)])
def test_a_ratio_says_how_many_times_better(better: str, ratio: float | None) -> None:
    """More than one is better than the baseline, whichever direction is good."""
    row = Row("figure", better, values={BASELINE: 10, ENGINE: 40})  # type: ignore[arg-type]  # the three literals
    assert row.ratio(ENGINE) == ratio
    assert row.ratio(BASELINE) is None
    assert row.ratio(CHAT) is None


def test_a_missed_promise_is_told_unrounded() -> None:
    """9.999 times is not ten times, though it prints as ten."""
    table = Table("t", "how", subjects=(BASELINE, ENGINE))
    row = table.row("deliveries", "more", at_least=10)
    row.values = {BASELINE: 1_000, ENGINE: 9_999}
    assert table.broken() == [f"deliveries of {ENGINE}: 10.00 times better than {BASELINE}'s, promised are 10 times"]
    row.values[ENGINE] = 10_000
    assert not table.broken()


def test_ratios_of_pairs_stand_before_the_ratio_of_the_figures() -> None:
    """Where runs came in pairs, the promise is about the pairs, and each table has a baseline of its own."""
    table = Table("t", "how", subjects=(ENGINE, CHAT), baseline=ENGINE)
    row = table.row("acks", "more", at_least=8)
    row.values = {ENGINE: 100, CHAT: 1_000}
    assert not table.broken()
    row.ratios[CHAT] = 7.9
    assert table.broken() == [f"acks of {CHAT}: 7.90 times better than {ENGINE}'s, promised are 8 times"]
    assert "| acks | 100 | 1,000 (**7.9x**) |" in table.markdown()


def test_a_figure_that_is_missing_keeps_no_promise() -> None:
    """A run that was not reported must not pass."""
    table = Table("t", "how", subjects=(CHAT,))
    table.row("stall", "less", at_most=20)
    table.row("ratio", "more", at_least=10).values[CHAT] = 5
    assert [sentence.partition(":")[0] for sentence in table.broken()] == [f"stall of {CHAT}", f"ratio of {CHAT}"]


def test_a_promise_of_one_subject_binds_nobody_else() -> None:
    """What two nodes are promised to cost is not asked of one; but of the one it is asked, measured or not."""
    table = Table("t", "h")
    row = table.row("way", "less", at_most=50, only=CHAT)
    row.values = {BASELINE: 80.0}
    assert table.broken() == [f"way of {CHAT}: not measured, promised is at most 50"]
    row.values = {BASELINE: 80.0, CHAT: 49.0}
    assert table.broken() == []


def test_zero_is_a_figure() -> None:
    """Nobody cut as slow is what was promised, not what was forgotten."""
    table = Table("t", "how", subjects=(CHAT,))
    table.row("cut", "less", at_most=0).values[CHAT] = 0.0
    assert not table.broken()
    assert "| cut | 0 |" in table.markdown()


def test_a_saturated_generator_is_not_blamed_on_the_server() -> None:
    """When the generator was the limit nothing is reported, and the table says so."""
    table = Table("t", "how")
    busy = Usage(wall=10, processor=9.5, others=0)
    assert not table.accept(ENGINE, "window 1", outcome(server=CALM, generator=busy))
    assert "not reported, the generator used 95% of its core and the server 50%" in table.markdown()
    assert table.accept(ENGINE, "window 1", outcome(server=busy, generator=busy))


def test_other_work_on_the_machine_is_admitted() -> None:
    """Times taken on a crowded machine are marked."""
    table = Table("t", "how")
    waiting = Usage(wall=10, processor=5, others=3)
    assert table.accept(ENGINE, "window 1", outcome(server=CALM, generator=CALM))
    assert not table.notes
    assert table.accept(ENGINE, "window 1", outcome(server=waiting, generator=CALM))
    assert "other work used up to 30% of a core" in table.markdown()


def test_a_document_has_its_provenance_and_shows_gaps() -> None:
    """A figure without commit and machine is hearsay; one that was not measured is a dash."""
    table = Table("One room", "how")
    table.row("deliveries", "more", at_least=10).values = {BASELINE: 15_234, ENGINE: 1_234_567}
    text = document({"commit": "abc"}, [table])
    assert "- commit: abc\n" in text
    assert "| deliveries | 15,200 | 1,230,000 (**81x**) | – |" in text

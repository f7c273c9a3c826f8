"""The model of sizes: its arithmetic by hand, its costs against the result they are from, and the page that has its table."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import capacity
from bench.costs import COSTS, RESULT, read, values
from bench.errors import BenchError
from bench.sizing import CONNECTIONS, Habits, demand_of, followed, heard_elsewhere, limits, most, node_work, plan
from madang.contract.export import CHECKOUT

RESULTS = CHECKOUT / "bench" / "results"
ROUND = Habits(
    messages_per_day=86_400,
    peak_factor=1,
    group_size=11,
    online_share=0.5,
    marks_per_delivery=0.2,
    typing_per_message=1,
)
"""One message a second each, to five others who are there."""
FREE = dict.fromkeys(COSTS, 0.0)


def costing(**some: float) -> Mapping[str, float]:
    """Costs of which only some are not nothing."""
    assert some.keys() <= FREE.keys()
    return {**FREE, **some}


def test_every_cost_is_in_its_result() -> None:
    """A figure is what was measured, to the digits it is given in, and the result is kept."""
    measured = read(RESULTS / f"{RESULT}.json")
    assert (RESULTS / f"{RESULT}.md").is_file()
    assert measured.keys() == COSTS.keys()
    assert {name: float(f"{value:.3g}") for name, value in measured.items()} == values()


def test_demand_is_counted_by_hand() -> None:
    """Ten people, a message a second each: 60 deliveries, a mark of each fifth of them, told to six."""
    demand = demand_of(10, ROUND)
    assert demand.messages == pytest.approx(10)
    assert demand.deliveries == pytest.approx(60)
    assert demand.marks == pytest.approx(10)
    assert demand.notices == pytest.approx(10 * 6 + 10 * 5)
    assert demand.news == pytest.approx(30)


def test_processes_follow_sockets_or_work() -> None:
    """Whichever takes more decides; a core is not filled beyond what may be used of it."""
    idle = plan(25_000, Habits(sockets_per_process=10_000), costing())
    assert (idle.processes, idle.machines, idle.connections) == (3, 1, 3 * CONNECTIONS)
    busy = plan(
        1_000, ROUND, costing(deliver=1_000)
    )  # 6,000 deliveries a second and 11,000 notices, a millisecond each
    assert busy.processes == pytest.approx(17 / ROUND.busy, abs=1)


def test_a_machine_is_kept_to_spare() -> None:
    """Where there is more than one, one may end."""
    assert plan(160_000, Habits(sockets_per_process=10_000, machine_cores=8), costing()).machines == 3


def test_a_process_alone_needs_no_bus() -> None:
    """Nothing is published where there is nobody to hear it."""
    alone, two = (plan(users, Habits(), costing(publish_valkey=1, hear_valkey=1)) for users in (100, 20_000))
    assert (alone.publishes, alone.pushes, alone.valkey_work, alone.valkey_gib) == (0, 0, {}, 0)
    assert two.publishes > 0
    assert two.pushes > two.publishes


@pytest.mark.parametrize(("audience", "processes", "heard"), [(5, 1, 0), (1, 2, 0.5), (3, 10_000, 3), (1_000, 4, 3)])
def test_news_reach_who_has_somebody_to_hear_it(audience: float, processes: int, heard: float) -> None:
    """Nobody else on one process, half of the time the other of two, everybody's own process of very many, all of few."""
    assert heard_elsewhere(audience, processes) == pytest.approx(heard, rel=0.001)


@pytest.mark.parametrize(("processes", "places"), [(1, 10 + 40), (10**9, 10 + 200)])
def test_a_conversation_is_followed_once_by_each_process_it_is_on(processes: int, places: float) -> None:
    """Ten people with twenty conversations each, five of them in each: 40 conversations, on one process or on all of theirs."""
    habits = Habits(group_size=9, online_share=0.5, list_size=20)
    assert followed(10, habits, processes) == pytest.approx(places, rel=0.001)


def test_the_end_is_where_the_first_limit_is() -> None:
    """As many people as connections to PostgreSQL allow, if nothing else costs anything."""
    habits = Habits(sockets_per_process=100, database_connections=10 * CONNECTIONS)
    people, end = most(habits, costing(log_bytes=1e-9))
    assert people == pytest.approx(1_000, rel=0.01)
    assert end.name == "connections to PostgreSQL"


def test_deliveries_are_not_counted_twice() -> None:
    """A message was measured with its ten deliveries, which the model counts by themselves."""
    demand = demand_of(1_000, ROUND)
    work = node_work(1_000, demand, ROUND, costing(message_node=100, deliver=8), 1)
    assert work["messages"] == pytest.approx(demand.messages * 20 / 1e6)
    assert work["deliveries"] == pytest.approx((demand.deliveries + demand.notices) * 8 / 1e6)


def test_the_scarcest_comes_first() -> None:
    """What breaks is what is wanted more than there is."""
    habits = Habits(database_connections=26)
    first, second, *_ = limits(plan(30_000, habits, costing(log_bytes=1)), habits)
    assert first.share == pytest.approx(3 * CONNECTIONS / 26)
    assert first.share > 1 > second.share


def test_a_result_measured_anew_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures of `bench --save` take the place of those in the table, and options that of the assumptions."""
    cost = COSTS["heartbeat"]
    row = {"name": cost.row, cost.column: 12_345.0}
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"tables": [{"title": cost.table, "rows": [row]}]}))
    assert read(path) == {"heartbeat": 12_345.0}
    assert capacity.main(["--users", "5000", "--costs", str(path), "--ping-interval", "50"]) == 0
    shown = capsys.readouterr().out
    assert "| 5,000 connected |" in shown
    assert "12,000" in shown


@pytest.mark.parametrize("content", ["", "[]", '{"tables": []}', '{"tables": [{"title": "Other", "rows": []}]}'])
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, content: str) -> None:
    """Nothing is computed with costs that were not read."""
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(BenchError):
        read(path)
    assert capacity.main(["--costs", str(path)]) == 2


def test_the_page_is_up_to_date() -> None:
    """The table of docs/scaling.md is what the model says now. To write it: python -m bench.capacity --write."""
    text = (CHECKOUT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert text == capacity.page(text)

"""How long a message takes from one node to the people on another."""

import asyncio

import pytest

from bench.chat import ChatDialect
from bench.crowd import Crowd
from bench.load import Load, Outcome
from tests.people import Person
from tests.server_process import ServerProcess

pytestmark = pytest.mark.serial

GROUPS, MEMBERS = 10, 10
PER_SECOND = 500
SECONDS = 6.0
P99_MS = 50


def measure(here: ServerProcess, there: ServerProcess, dialect: ChatDialect) -> Outcome:
    """Of every group one is on the first node and speaks, all others are on the second."""
    others = [("127.0.0.1", there.port)] * (MEMBERS - 1)
    with Crowd(("127.0.0.1", here.port), dialect, others=others) as crowd:
        crowd.connect(GROUPS * MEMBERS)
        load = Load(crowd, crowd.clients[::MEMBERS], here.pid)
        load.open_loop(1.0, per_second=PER_SECOND)
        return load.open_loop(SECONDS, per_second=PER_SECOND)


async def test_another_node_is_fifty_milliseconds_away_at_most(nodes: list[ServerProcess]) -> None:
    """At 500 messages a second in groups of ten: p99 of all copies, nine of ten of them on the other node."""
    people = [await Person.of_host(nodes[0], f"crowd-{number}") for number in range(GROUPS * MEMBERS)]
    dialect = ChatDialect([person.token for person in people], MEMBERS)
    dialect.conversations = [
        await people[first].group(*people[first + 1 : first + MEMBERS]) for first in range(0, len(people), MEMBERS)
    ]
    outcome = await asyncio.to_thread(measure, nodes[0], nodes[1], dialect)
    print(f"p50 {outcome.percentile(50):.1f} ms, p99 {outcome.percentile(99):.1f} ms")  # noqa: T201  # shown when it fails
    assert outcome.deliveries == SECONDS * PER_SECOND * MEMBERS
    assert outcome.percentile(99) <= P99_MS

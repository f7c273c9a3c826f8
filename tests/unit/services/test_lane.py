"""The lane: one batch in flight, results in order, nothing lost."""

import asyncio

from madang.errors import ErrorCode, MadangError
from madang.services.lane import Lane
from madang.tasks import TaskSupervisor


class _Pipe:
    """A lane over a list, with a commit that waits until it is let go."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.committed: list[list[int]] = []
        self.settled: list[tuple[list[int], list[int] | MadangError]] = []
        self.events: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.tasks = TaskSupervisor()
        self.lane = Lane("test", take=self._take, commit=self._commit, settle=self._settle, tasks=self.tasks)

    def put(self, item: int) -> None:
        self.waiting.append(item)
        self.lane.wake()

    def _take(self) -> list[int]:
        batch, self.waiting = self.waiting, []
        return batch

    async def _commit(self, batch: list[int]) -> list[int]:
        self.events.append(f"commit {batch}")
        self.committed.append(batch)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [item * 10 for item in batch]

    async def _settle(self, batch: list[int], outcome: list[int] | MadangError) -> None:
        self.events.append(f"settle {batch}")
        self.settled.append((batch, outcome))


async def test_an_idle_lane_commits_at_once_and_alone() -> None:
    """A single item does not wait for company."""
    pipe = _Pipe()
    pipe.put(1)
    await pipe.lane.idle()
    assert pipe.settled == [([1], [10])]


async def test_what_arrives_meanwhile_is_the_next_batch() -> None:
    """While one commit is in flight everything else gathers into one."""
    pipe = _Pipe()
    pipe.gate.clear()
    pipe.put(1)
    await asyncio.sleep(0)
    for item in (2, 3, 4):
        pipe.put(item)
    await asyncio.sleep(0.01)
    assert pipe.committed == [[1]]
    pipe.gate.set()
    await pipe.lane.idle()
    assert pipe.committed == [[1], [2, 3, 4]]
    assert [batch for batch, _ in pipe.settled] == [[1], [2, 3, 4]]


async def test_the_next_commit_starts_before_results_are_handed_out() -> None:
    """Store and fan-out work at the same time instead of taking turns."""
    pipe = _Pipe()
    pipe.gate.clear()
    pipe.put(1)
    await asyncio.sleep(0)
    pipe.put(2)
    pipe.gate.set()
    await pipe.lane.idle()
    assert pipe.events == ["commit [1]", "commit [2]", "settle [1]", "settle [2]"]


async def test_a_failed_batch_is_answered_and_the_lane_lives_on() -> None:
    """An error spoils its batch only, and says that the outcome is unknown."""
    pipe = _Pipe()
    pipe.failure = RuntimeError("boom")
    pipe.put(1)
    await pipe.lane.idle()
    pipe.failure = None
    pipe.put(2)
    await pipe.lane.idle()
    (_, first), second = pipe.settled
    assert isinstance(first, MadangError)
    assert first.code is ErrorCode.TRY_AGAIN
    assert second == ([2], [20])
    assert pipe.tasks.failures == 0


async def test_an_error_of_the_table_reaches_the_caller_as_it_is() -> None:
    """What the store says in the table's words is not rewritten."""
    pipe = _Pipe()
    pipe.failure = MadangError(ErrorCode.UNAVAILABLE, "no store")
    pipe.put(1)
    await pipe.lane.idle()
    outcome = pipe.settled[0][1]
    assert isinstance(outcome, MadangError)
    assert outcome.code is ErrorCode.UNAVAILABLE


async def test_items_put_while_settling_are_committed_too() -> None:
    """Whoever answers by asking again is served."""
    pipe = _Pipe()
    settle = pipe._settle

    async def settle_and_ask(batch: list[int], outcome: list[int] | MadangError) -> None:
        await settle(batch, outcome)
        if batch == [1]:
            pipe.put(2)

    pipe.lane._settle = settle_and_ask
    pipe.put(1)
    await pipe.lane.idle()
    assert pipe.committed == [[1], [2]]


async def test_results_that_cannot_be_handed_out_do_not_end_the_lane() -> None:
    """The batch in flight is settled all the same, and the lane takes the next."""
    pipe = _Pipe()
    settle = pipe._settle
    failed: list[list[int]] = []

    async def settle_once_wrong(batch: list[int], outcome: list[int] | MadangError) -> None:
        if not failed:
            failed.append(batch)
            raise RuntimeError("a defect")
        await settle(batch, outcome)

    pipe.lane._settle = settle_once_wrong
    pipe.gate.clear()
    pipe.put(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    pipe.put(2)
    pipe.gate.set()
    await pipe.lane.idle()
    pipe.put(3)
    await pipe.lane.idle()
    assert failed == [[1]]
    assert pipe.settled == [([2], [20]), ([3], [30])]

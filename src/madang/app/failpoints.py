"""Failpoints: places between a message and the world where a test makes the server crash, fail or wait.

Owns their names and what `MADANG_FAILPOINTS` may ask of them. They stand around the ports: a server without the setting has
nothing of this on its way. Must never change what a port promises except as asked.

    before_commit    a batch is about to be given to the store
    during_commit    the store has been asked and has not answered
    after_commit     the batch is stored, and nobody has been answered
    before_publish   its senders have been answered, and nobody else has been told
    after_publish    everybody has been told

    crash       the process ends as by SIGKILL            crash:40    the fortieth time it gets there
    error       the port fails, its outcome unknown       error:3     every third time
    sleep:250   it takes so many milliseconds longer, each time
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final

from madang.config import SettingsError
from madang.errors import ErrorCode, MadangError
from madang.ports.bus import Bus, BusMessage, LogAppended
from madang.ports.log import ConversationLog, Entry, Verdict

__all__ = ["FailingBus", "FailingLog", "Failpoint", "Failpoints"]

SETTING: Final = "MADANG_FAILPOINTS"
AROUND_THE_LOG: Final = ("before_commit", "during_commit", "after_commit")
AROUND_THE_BUS: Final = ("before_publish", "after_publish")
ACTIONS: Final = ("crash", "error", "sleep")


class Failpoint:
    """What is to happen at one place."""

    def __init__(self, action: str, number: int) -> None:
        self.action = action
        self.number = number
        self._times = 0

    @property
    def seconds(self) -> float:
        """How long to wait."""
        return self.number / 1_000 if self.action == "sleep" else 0.0

    def reach(self) -> None:
        """Crash or fail, if it is time.

        Raises:
            MadangError: `unavailable`.
        """
        self._times += 1
        if self.action == "crash" and self._times == self.number:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action == "error" and self._times % self.number == 0:
            raise MadangError(ErrorCode.UNAVAILABLE, "a failpoint")


class Failpoints:
    """Those that are set.

    Raises:
        SettingsError: a place or an action that there is not.
    """

    def __init__(self, asked: Mapping[str, str]) -> None:
        self._set = {place: _parsed(place, action) for place, action in asked.items()}

    def around_log(self, log: ConversationLog) -> ConversationLog:
        """The log, with what is set around it."""
        return FailingLog(log, self._set) if self._set.keys() & set(AROUND_THE_LOG) else log

    def around_bus(self, bus: Bus) -> Bus:
        """The bus, with what is set around it."""
        return FailingBus(bus, self._set) if self._set.keys() & set(AROUND_THE_BUS) else bus


def _parsed(place: str, text: str) -> Failpoint:
    action, _, number = text.partition(":")
    if place not in AROUND_THE_LOG + AROUND_THE_BUS:
        raise SettingsError(SETTING, f"has no place {place!r}: {', '.join(AROUND_THE_LOG + AROUND_THE_BUS)}.")
    if action not in ACTIONS or (number and not (number.isdecimal() and int(number))):
        raise SettingsError(SETTING, f"accepts crash, error and sleep, each with :number, at {place}, not {text!r}.")
    if action == "sleep" and (place in AROUND_THE_BUS or not number):
        raise SettingsError(SETTING, "accepts sleep:milliseconds around a commit only: publishing never waits.")
    return Failpoint(action, int(number or 1))


class FailingLog:
    """A log whose `append` crashes, fails or takes its time; everything else is as it was."""

    def __init__(self, log: ConversationLog, failpoints: Mapping[str, Failpoint]) -> None:
        self._log = log
        self._failpoints = failpoints
        self.mark = log.mark
        self.heads = log.heads
        self.since = log.since
        self.message = log.message
        self.page = log.page

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        await self._reach("before_commit")
        asked = asyncio.ensure_future(self._log.append(entries, now, wait=wait))
        await asyncio.sleep(0)  # the store has it now
        try:
            await self._reach("during_commit")
        finally:
            verdicts = await asyncio.shield(asked)
        await self._reach("after_commit")
        return verdicts

    async def _reach(self, place: str) -> None:
        failpoint = self._failpoints.get(place)
        if failpoint is not None:
            await asyncio.sleep(failpoint.seconds)
            failpoint.reach()


class FailingBus:
    """A bus that crashes or fails when a log is told of; everything else is as it was."""

    def __init__(self, bus: Bus, failpoints: Mapping[str, Failpoint]) -> None:
        self._bus = bus
        self._failpoints = failpoints
        self.listen = bus.listen
        self.stats = bus.stats
        self.subscribe = bus.subscribe
        self.unsubscribe = bus.unsubscribe
        self.start = bus.start
        self.close = bus.close

    @property
    def heard(self) -> bool:
        return self._bus.heard

    def publish(self, channel: str, message: BusMessage) -> None:
        """See the port; a failure loses the message, as a bus does."""
        told = isinstance(message, LogAppended)
        try:
            if told:
                self._reach("before_publish")
            self._bus.publish(channel, message)
            if told:
                self._reach("after_publish")
        except MadangError:
            return

    def _reach(self, place: str) -> None:
        failpoint = self._failpoints.get(place)
        if failpoint is not None:
            failpoint.reach()

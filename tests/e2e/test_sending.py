"""What a message looks like on its way, in a real browser whose connection the test holds in its hands."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from playwright.async_api import BrowserContext, WebSocketRoute, expect

from tests.e2e.browsing import Browsing, direct, history
from tests.e2e.screen import Screen
from tests.people import Person

pytestmark = pytest.mark.browser

_SEND = re.compile(r'^42(\d+)\["message:send",')


class Wire:
    """The sockets of one browser: answers can be held back, sends can be refused in the server's name or lost."""

    def __init__(self) -> None:
        self.refuses: str | None = None
        self.holds = False
        self.sent: list[str] = []
        self._held: list[tuple[WebSocketRoute, str | bytes]] = []

    async def into(self, context: BrowserContext) -> Wire:
        """Stand between the pages of a browser and the server, from the next connection on."""
        await context.route_web_socket(re.compile(r".*/socket\.io/.*"), self._route)
        return self

    def release(self) -> None:
        """Let through what was held back."""
        self.holds = False
        for route, frame in self._held:
            route.send(frame)
        self._held.clear()

    def _route(self, route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def out(frame: str | bytes) -> None:
            send = _SEND.match(str(frame))
            if send:
                self.sent.append(str(json.loads(str(frame)[send.start(1) + len(send[1]) :])[1]["id"]))
            if send and self.refuses:
                route.send(f"43{send[1]}" + json.dumps([{"ok": False, "error": self.refuses, "reason": "a test"}]))
            else:
                server.send(frame)

        def back(frame: str | bytes) -> None:
            if self.holds:
                self._held.append((route, frame))
            else:
                route.send(frame)

        route.on_message(out)
        server.on_message(back)


async def _in_notes(browse: Browsing) -> tuple[Person, Screen, str, Wire]:
    """Mina in her notes to self, and the wire between."""
    context = await browse.context()
    mina = await browse.sign_up(context, "Mina")
    wire = await Wire().into(context)
    her = await browse.page_of(context)
    notes = await direct(mina, mina)
    await her.open(notes)
    return mina, her, notes, wire


async def test_a_message_is_shown_as_sending_until_the_server_has_it(browse: Browsing) -> None:
    """While the answer is under way the message says so; then the same row, with the same id, is the stored one."""
    mina, her, notes, wire = await _in_notes(browse)
    wire.holds = True
    await her.send("밥 먹기")
    await expect(her.message("밥 먹기")).to_have_attribute("data-state", "sending")
    await expect(her.message("밥 먹기").get_by_test_id("sending")).to_be_visible()
    row = await her.attribute("밥 먹기", "row")
    wire.release()
    await her.has("밥 먹기")
    assert await her.attribute("밥 먹기", "row") == row == (await history(mina, notes))[-1]["id"]


async def test_a_refused_message_says_why_and_can_be_sent_again_or_deleted(browse: Browsing) -> None:
    """A refusal stands at the message in words, holds back nothing written later, and "send again" keeps the id."""
    mina, her, notes, wire = await _in_notes(browse)
    wire.refuses = "forbidden"
    await her.send("하나", "둘")
    for text in ("하나", "둘"):
        await expect(her.message(text).get_by_test_id("failed")).to_contain_text(
            "Not sent You are not allowed to do that."
        )
    await expect(her.row(notes).get_by_test_id("conversation-preview")).to_have_text("Not sent 둘")
    wire.refuses = None
    await her.send("셋")
    await expect(her.message("셋")).to_have_attribute("data-state", "stored")
    row = await her.attribute("하나", "row")
    await her.message("하나").get_by_test_id("retry").click()
    await expect(her.message("하나")).to_have_attribute("data-state", "stored")
    await her.message("둘").get_by_test_id("discard").click()
    await her.has("셋", "하나")
    assert (await history(mina, notes))[-1]["id"] == row == wire.sent[0] == wire.sent[-1]


async def test_a_busy_server_is_asked_again_without_a_word(browse: Browsing) -> None:
    """`try_again` is no failure: the message stays "sending" and goes out by itself, once, with the same id."""
    mina, her, notes, wire = await _in_notes(browse)
    wire.refuses = "try_again"
    await her.send("다시")
    await expect(her.message("다시").get_by_test_id("sending")).to_be_visible()
    async with asyncio.timeout(10):
        while len(wire.sent) < 2:  # noqa: ASYNC110 - the page sends again when its pause is over
            await asyncio.sleep(0.02)
    await expect(her.page.get_by_test_id("failed")).to_have_count(0)
    wire.refuses = None
    await her.has("다시")
    assert {*wire.sent} == {(await history(mina, notes))[-1]["id"]}


async def test_a_lost_answer_does_not_make_a_second_message(browse: Browsing) -> None:
    """The server stored it but its answer never came: after the next connection there is one message, not two."""
    browse.loses_line = True
    mina, her, notes, wire = await _in_notes(browse)
    wire.holds = True
    await her.send("한 번만")
    await expect(her.message("한 번만")).to_have_attribute("data-state", "sending")
    await her.page.context.set_offline(offline=True)
    await expect(her.line).not_to_have_text("")
    wire.holds = False
    await her.page.context.set_offline(offline=False)
    await expect(her.message("한 번만")).to_have_attribute("data-state", "stored", timeout=30_000)
    await her.has("한 번만")
    contents = [message["content"] for message in await history(mina, notes) if message["senderId"]]
    assert contents == ["한 번만"]

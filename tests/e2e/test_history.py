"""A long history in a real browser: it pages upward, nothing is missing or twice, and what one looks at stays where it is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Route, expect

from tests.e2e.browsing import Browsing, direct
from tests.e2e.screen import Screen
from tests.people import Person

pytestmark = pytest.mark.browser

MESSAGES = 500


async def _long_conversation(mina: Person, joon: Person) -> str:
    """Mina and Joon have written `MESSAGES` messages of one to three lines."""
    chat = await direct(mina, joon)
    devices = [await person.device() for person in (mina, joon)]
    for number in range(MESSAGES):
        lines = "\n".join(f"{number} 번째" for _ in range(number % 3 + 1))
        assert (await devices[number // 5 % 2].send(chat, lines))["ok"]
    for device in devices:
        await device.close()
    return chat


class HeldPages:
    """Holds the answers to requests for older messages until the test lets them through."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()

    async def __call__(self, route: Route) -> None:
        """Take a request and wait."""
        await self.asked.put(route.continue_)


async def _page_up(screen: Screen, held: HeldPages) -> float:
    """Scroll up, let the next page in, and say by how many pixels what stood there before has moved."""
    await screen.scroll_to(120)
    answer = await asyncio.wait_for(held.asked.get(), 10)
    before = [row for row in await screen.places() if row["top"] > 0]
    oldest = min(row["seq"] for row in before)
    await answer()
    await screen.page.wait_for_function(
        "(seq) => Number(document.querySelector('[data-seq]').dataset.seq) < seq", arg=oldest
    )
    # The frame after: what is put right late counts as a jump too.
    await screen.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    after = {row["key"]: row["top"] for row in await screen.places()}
    kept: list[float] = [abs(after[row["key"]] - row["top"]) for row in before if row["key"] in after]
    assert kept, "nothing that was on the page is there any more"
    return max(kept)


async def test_five_hundred_messages_page_upward_without_jumping(browse: Browsing) -> None:
    """From the newest to the very first: each older page leaves every message in view where it was, none missing or twice."""
    mina, _ = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    chat = await _long_conversation(mina, joon)
    held = HeldPages()
    await his.page.route("**/messages?*before=*", held)
    await his.open(chat)
    seen: set[int] = set()
    start = his.page.get_by_test_id("history-start")
    while await start.count() == 0:
        assert await _page_up(his, held) <= 1
        places = await his.places()
        on_page = [row["seq"] for row in places]
        assert on_page == sorted(set(on_page))
        assert [row["top"] for row in places] == sorted(row["top"] for row in places)
        seen.update(on_page)
    assert seen >= set(range(min(seen), MESSAGES - 48)), "a hole in what was paged through"
    assert min(seen) == 1
    await his.page.get_by_test_id("jump-newest").click()
    await expect(his.message(f"{MESSAGES - 1} 번째\n{MESSAGES - 1} 번째")).to_be_in_viewport()


async def test_a_page_that_does_not_come_can_be_asked_for_again(browse: Browsing) -> None:
    """When older messages cannot be loaded the page says so in words with a button, and the button loads them."""
    mina, her = await browse.join("Mina")
    notes = await direct(mina, mina)
    device = await mina.device()
    for number in range(90):
        assert (await device.send(notes, f"메모 {number}"))["ok"]
    await device.close()
    broken = True

    async def fail(route: Route) -> None:
        if broken:
            await route.abort()
        else:
            await route.continue_()

    browse.loses_line = True
    await her.page.route("**/messages?*before=*", fail)
    await her.open(notes)
    await her.scroll_to(0)
    await expect(her.timeline.get_by_role("alert")).to_contain_text("Older messages could not be loaded.")
    broken = False
    await her.page.get_by_role("button", name="Load older messages").click()
    await her.scroll_to(0)
    await expect(her.page.get_by_test_id("history-start")).to_be_attached()
    await expect(her.message("메모 0")).to_have_count(1)

"""The number beside a message in real browsers: it falls when somebody really looks at the message, and not before."""

import pytest
from playwright.async_api import expect

from tests.e2e.browsing import Browsing, direct, post, set_hidden, unfocused
from tests.e2e.screen import Screen
from tests.people import Person

pytestmark = pytest.mark.browser

MARK_MS = 700
"""Longer than a page waits before it sends a read mark, and than the mark takes."""


async def _stays_unread(screen: Screen, text: str, people: int = 1) -> None:
    """The number beside a message is this, and still is when a read mark would have come."""
    await expect(screen.number(text)).to_have_attribute("data-count", str(people))
    await screen.page.wait_for_timeout(MARK_MS)
    await expect(screen.number(text)).to_have_attribute("data-count", str(people))


async def test_the_number_falls_when_the_other_opens_the_room(browse: Browsing) -> None:
    """It is 1 while the other has the list only, and gone as soon as they open the room, for both people."""
    mina, her = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    chat = await direct(mina, joon)
    await her.open(chat)
    await her.send("읽었어요?")
    await expect(his.unread(chat)).to_have_attribute("data-count", "1")
    await _stays_unread(her, "읽었어요?")
    await his.open(chat)
    await expect(her.number("읽었어요?")).to_have_count(0)
    await expect(his.number("읽었어요?")).to_have_count(0)
    await his.send("네")
    await expect(his.message("네")).to_have_attribute("data-state", "stored")
    await expect(his.number("네")).to_have_count(0)


async def test_in_a_group_the_number_counts_down_person_by_person(browse: Browsing) -> None:
    """Two others: the number is 2, then 1, then gone; and everybody in the room sees the same number."""
    mina, her = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    sora, third = await browse.join("Sora")
    group = await mina.group(joon, sora)
    await her.open(group)
    await her.send("모두 왔나요?")
    await _stays_unread(her, "모두 왔나요?", 2)
    await his.open(group)
    for screen in (her, his):
        await expect(screen.number("모두 왔나요?")).to_have_attribute("data-count", "1")
        await expect(screen.number("모두 왔나요?")).to_have_accessible_name("Not read by 1 person", timeout=100)
    await third.open(group)
    for screen in (her, his, third):
        await expect(screen.number("모두 왔나요?")).to_have_count(0)


async def test_a_room_without_the_focus_reads_nothing(browse: Browsing) -> None:
    """A visible room in a window that somebody else's work covers does not read; coming back to it does."""
    her, his, chat = await browse.pair()
    other = await unfocused(his.page)
    await her.send("바빠요?")
    await his.has("바빠요?")
    await _stays_unread(her, "바빠요?")
    await expect(his.unread(chat)).to_have_attribute("data-count", "1")
    await expect(his.page).to_have_title("(1) Madang")
    await other.close()
    await his.page.bring_to_front()
    await expect(her.number("바빠요?")).to_have_count(0)
    await expect(his.page.get_by_test_id("unread-divider")).to_be_visible()
    await expect(his.page).to_have_title("Madang")


async def test_a_hidden_room_reads_nothing(browse: Browsing) -> None:
    """A room in a hidden tab does not read what arrives; showing the tab again does."""
    her, his, _ = await browse.pair()
    await set_hidden(his.page, hidden=True)
    await her.send("보여요?")
    await his.has("보여요?")
    await _stays_unread(her, "보여요?")
    await set_hidden(his.page, hidden=False)
    await expect(her.number("보여요?")).to_have_count(0)


async def _fill(person: Person, conversation_id: str, end: int, begin: int = 0) -> None:
    for number in range(begin, end):
        await post(person, conversation_id, f"줄 {number}")


async def test_a_message_below_what_is_visible_is_not_read(browse: Browsing) -> None:
    """Who has scrolled up does not read what comes at the end; the button that says so brings them there, and then they do."""
    mina, her = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    chat = await direct(mina, joon)
    await _fill(joon, chat, 40)
    await her.open(chat)
    await his.open(chat)
    await expect(his.message("줄 39")).to_be_in_viewport()
    await his.scroll_to(300)
    await expect(his.page.get_by_test_id("jump-newest")).to_be_visible()
    place = next(row for row in await his.places() if row["top"] > 200)
    await her.send("맨 아래")
    await expect(his.page.get_by_test_id("jump-newest")).to_contain_text("1 new message")
    await expect(his.message("맨 아래")).not_to_be_in_viewport()
    await _stays_unread(her, "맨 아래")
    assert next(row for row in await his.places() if row["key"] == place["key"])["top"] == pytest.approx(place["top"])
    await his.page.get_by_test_id("jump-newest").click()
    await expect(his.message("맨 아래")).to_be_in_viewport()
    await expect(her.number("맨 아래")).to_have_count(0)


async def test_a_long_absence_opens_at_the_first_unread_message(browse: Browsing) -> None:
    """With a screenful unread the room opens at the line "unread from here"; what is below stays unread until it is seen."""
    mina, her = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    chat = await direct(mina, joon)
    await _fill(joon, chat, 20)
    await her.open(chat)
    await _fill(mina, chat, 60, begin=20)
    await his.open(chat)
    await expect(his.page.get_by_test_id("unread-divider")).to_be_in_viewport()
    await expect(his.message("줄 20")).to_be_in_viewport()
    await expect(his.message("줄 59")).not_to_be_in_viewport()
    await expect(her.number("줄 20")).to_have_count(0)
    await _stays_unread(her, "줄 59")
    await his.page.get_by_test_id("jump-newest").click()
    await expect(her.number("줄 59")).to_have_count(0)


async def test_more_unread_than_one_page_still_open_at_the_first(browse: Browsing) -> None:
    """With 130 unread, more than come at once, the room opens at the first of them and the newest stay unread."""
    mina, her = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    chat = await direct(mina, joon)
    await _fill(joon, chat, 5)
    await her.open(chat)
    device = await mina.device()
    for number in range(5, 135):
        assert (await device.send(chat, f"줄 {number}"))["ok"]
    await device.close()
    await expect(his.unread(chat)).to_have_attribute("data-count", "130")
    await his.open(chat)
    await expect(his.page.get_by_test_id("unread-divider")).to_be_in_viewport()
    await expect(his.message("줄 5")).to_be_in_viewport()
    await expect(her.number("줄 5")).to_have_count(0)
    await _stays_unread(her, "줄 134")
    await his.page.get_by_test_id("jump-newest").click()
    await expect(his.message("줄 134")).to_be_in_viewport()
    await expect(her.number("줄 134")).to_have_count(0)


async def test_after_a_very_long_absence_the_room_opens_at_its_end(browse: Browsing) -> None:
    """With more unread than anybody pages through, 260, the room opens at the newest message, as in other messengers."""
    mina, _ = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    chat = await direct(mina, joon)
    device = await mina.device()
    for number in range(260):
        assert (await device.send(chat, f"줄 {number}"))["ok"]
    await device.close()
    await his.open(chat)
    await expect(his.message("줄 259")).to_be_in_viewport()
    await expect(his.unread(chat)).to_have_count(0)

"""Losing the line and getting it back, in real browsers: quiet words, nothing lost, nothing twice, nothing typed in vain."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browsing import Browsing, direct, history, post
from tests.people import Person
from tests.server_process import ServerProcess

pytestmark = pytest.mark.browser

COMES_BACK_MS = 30_000
"""The longest a page waits between two tries."""

_NO_WEBSOCKET = """
window.WebSocket = class extends EventTarget {
    constructor() {
        super();
        setTimeout(() => { this.onerror?.(new Event('error')); this.onclose?.(new CloseEvent('close', { code: 1006 })); });
    }
    close() {}
};
"""


async def test_a_restart_is_a_quiet_line_and_nothing_is_missed(browser: Browser, tmp_path: Path) -> None:
    """Two open pages say that they try again, keep what is typed, and afterwards show what a third person sent, once."""
    async with ServerProcess(tmp_path) as server:
        browse = Browsing(browser, server)
        browse.loses_line = True
        (mina, her), (joon, his) = await browse.join("Mina"), await browse.join("Joon")
        sora = await Person.sign_up(server, "sora")
        group = await mina.group(joon, sora)
        for screen in (her, his):
            await screen.open(group)
        await her.send("먼저")
        await his.has("먼저")
        await her.write("쓰다 만 글")
        assert await server.stop() == 0
        for screen in (her, his):
            await expect(screen.line).to_have_text("The connection was lost. Trying again…")
        await server.start()
        for number in range(3):
            await post(sora, group, f"그사이 {number}")
        everything = ["먼저", *(f"그사이 {number}" for number in range(3))]
        for screen in (her, his):
            await expect(screen.message("그사이 2")).to_be_visible(timeout=COMES_BACK_MS)
            await screen.has(*everything)
            await expect(screen.line).to_have_text("")
        await expect(her.input).to_have_value("쓰다 만 글")
        await her.input.press("Enter")
        await his.has(*everything, "쓰다 만 글")
        await browse.close()
        assert browse.complaints == []


async def test_a_message_written_offline_is_sent_once_afterwards(browse: Browsing) -> None:
    """What is sent without a network waits as "sending" with its id for life, and is stored once, in order, on return."""
    browse.loses_line = True
    mina, her = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    chat = await direct(mina, joon)
    await her.enter(chat)
    await his.enter(chat)
    await expect(her.presence(chat)).to_be_visible()
    await her.page.context.set_offline(offline=True)
    await expect(her.line).to_have_text("You are offline. What you write is sent when you are back.")
    await expect(her.presence(chat)).to_have_count(0)
    await expect(her.page.get_by_test_id("room-status")).to_have_count(0)
    await her.send("터널 하나", "터널 둘")
    ids = [await her.attribute(text, "row") for text in ("터널 하나", "터널 둘")]
    await expect(her.page.get_by_test_id("sending")).to_have_count(2)
    await expect(her.message("터널 둘").get_by_text("Waiting to send")).to_be_in_viewport(ratio=0.99)
    await post(joon, chat, "어디예요?")
    await his.has("어디예요?")
    await her.page.context.set_offline(offline=False)
    await expect(her.page.get_by_test_id("sending")).to_have_count(0, timeout=COMES_BACK_MS)
    for screen in (her, his):
        await screen.has("어디예요?", "터널 하나", "터널 둘")
    stored = [message["id"] for message in await history(mina, chat) if message["senderId"] == mina.id]
    assert stored == ids == [await her.attribute(text, "row") for text in ("터널 하나", "터널 둘")]
    await expect(her.line).to_have_text("")
    await expect(her.presence(chat)).to_be_visible()


async def test_a_hundred_missed_messages_come_whole(browse: Browsing) -> None:
    """After an absence in which 100 messages came, the open room has every one of them in order, without a reload."""
    browse.loses_line = True
    mina, her = await browse.join("Mina")
    joon, _ = await browse.join("Joon")
    chat = await direct(mina, joon)
    await post(joon, chat, "글 0")
    await her.open(chat)
    await her.has("글 0")
    await her.page.context.set_offline(offline=True)
    device = await joon.device()
    for number in range(1, 101):
        assert (await device.send(chat, f"글 {number}"))["ok"]
    await device.close()
    await her.page.context.set_offline(offline=False)
    await expect(her.message("글 100")).to_be_attached(timeout=COMES_BACK_MS)
    await her.has(*(f"글 {number}" for number in range(101)))


async def test_a_page_opened_while_the_server_is_away_says_so(browser: Browser, tmp_path: Path) -> None:
    """A sign-in that cannot reach the server is told in words, keeps what was typed, and works when the server is back."""
    async with ServerProcess(tmp_path) as server:
        browse = Browsing(browser, server)
        browse.loses_line = True
        await Person.sign_up(server, "mina")
        screen = await browse.visitor()
        await screen.fill_in(Username="mina", Password="correct horse battery")
        await server.stop()
        await screen.submit()
        await expect(screen.page.get_by_role("alert")).to_have_text(
            "The server cannot be reached. Check your connection."
        )
        await server.start()
        await screen.submit()
        await screen.signed_in()
        await browse.close()
        assert browse.complaints == []


async def test_a_network_without_websockets_is_good_enough(browse: Browsing) -> None:
    """Where a proxy lets no WebSocket through, the page talks over HTTP alone, both ways."""
    context = await browse.context()
    await context.add_init_script(_NO_WEBSOCKET)
    mina = await browse.sign_up(context, "Mina")
    joon, his = await browse.join("Joon")
    her = await browse.page_of(context)
    chat = await direct(mina, joon)
    await her.enter(chat)
    await his.enter(chat)
    await her.send("들리나요?")
    await his.has("들리나요?")
    await his.send("네")
    await her.has("들리나요?", "네")
    await expect(her.number("들리나요?")).to_have_count(0)

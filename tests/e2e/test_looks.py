"""How the page adapts, in a real browser: Korean and English, light and dark, phone and desktop, under a path of its own."""

import re
import socket
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browsing import DESKTOP, PHONE, Browsing, direct, post, unique
from tests.e2e.screen import Screen
from tests.people import PASSWORD
from tests.server_process import ServerProcess

pytestmark = pytest.mark.browser

_BACKGROUND = """
() => {
    const paint = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    paint.fillStyle = getComputedStyle(document.querySelector('[data-testid=conversation-list]')).backgroundColor;
    paint.fillRect(0, 0, 1, 1);
    const [red, green, blue] = paint.getImageData(0, 0, 1, 1).data;
    return (red + green + blue) / 765;
}
"""


async def _brightness(page: Page) -> float:
    """Of the list's background, from 0 to 1, whatever notation its colour has."""
    return float(await page.evaluate(_BACKGROUND))


async def test_a_korean_browser_gets_korean(browse: Browsing) -> None:
    """The browser's language decides, on the door as inside; no sentence is left in the other one."""
    door = await browse.visitor(locale="ko-KR")
    await expect(door.page.get_by_role("heading", name="로그인")).to_be_visible()
    await expect(door.page.locator("html")).to_have_attribute("lang", "ko")
    await door.fill_in(아이디="nobody", 비밀번호="wrong password")
    await door.submit()
    await expect(door.page.get_by_role("alert")).to_have_text("아이디나 비밀번호가 맞지 않아요.")
    mina, her = await browse.join("미나", locale="ko-KR")
    joon, _ = await browse.join("준")
    group = await mina.group(joon, name="점심")
    await her.open(group)
    await expect(her.page.get_by_test_id("system-message").first).to_have_text("‘점심’을 만들었습니다.")
    await post(joon, group, "네")
    await expect(her.message("네")).to_be_visible()
    latin = await her.page.locator("body").evaluate("(body) => body.innerText.match(/[A-Za-z]{3,}/g)")
    assert set(latin) == {"Enter", "Shift"}, "keys have no other names"


async def test_the_language_can_be_changed_and_stays(browse: Browsing) -> None:
    """The account's menu switches to Korean at once, in the language of whoever needs it, and a reload keeps it."""
    _, screen = await browse.join("Mina")
    await expect(screen.rows).to_have_text(re.compile("Notes to self"))
    await screen.choose("account-menu", "한국어로 보기")
    await expect(screen.rows).to_have_text(re.compile("나와의 채팅"))
    await screen.page.reload()
    await expect(screen.rows).to_have_text(re.compile("나와의 채팅"))
    await expect(screen.page).to_have_title("마당")
    await screen.choose("account-menu", "Switch to English")
    await expect(screen.rows).to_have_text(re.compile("Notes to self"))


@pytest.mark.parametrize(("scheme", "other"), [("light", "Dark"), ("dark", "Light")])
async def test_light_and_dark_follow_the_system_until_chosen(
    browse: Browsing, scheme: Literal["light", "dark"], other: str
) -> None:
    """The system's wish decides first; the account's menu overrides it, also after a reload."""
    _, screen = await browse.join("Mina", scheme=scheme)
    dark = await _brightness(screen.page) < 0.5
    assert dark == (scheme == "dark")
    await screen.choose("account-menu", other)
    for _ in range(2):
        assert (await _brightness(screen.page) < 0.5) == (not dark)
        await screen.page.reload()
        await screen.signed_in()
    await screen.choose("account-menu", "System")
    assert (await _brightness(screen.page) < 0.5) == dark


async def _fits(page: Page) -> bool:
    """Nothing is wider than the window."""
    return bool(await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"))


async def test_a_phone_shows_the_list_and_the_room_one_after_the_other(browse: Browsing) -> None:
    """On 390 pixels a room takes the whole screen; its arrow and the browser's own way back both return to the list."""
    mina, her = await browse.join("Mina", size=PHONE, touch=True)
    joon, _ = await browse.join("Joon")
    chat = await direct(mina, joon)
    await post(joon, chat, "w" * 200)
    await expect(her.room).to_be_hidden()
    await her.row(chat).tap()
    await expect(her.list).to_be_hidden()
    await expect(her.message("w" * 200)).to_be_in_viewport(ratio=1)
    await expect(her.input).to_be_in_viewport(ratio=1)
    assert await _fits(her.page)
    await her.page.get_by_test_id("back").tap()
    await expect(her.list).to_be_visible()
    await expect(her.room).to_be_hidden()
    await her.row(chat).tap()
    await expect(her.list).to_be_hidden()
    await her.page.go_back()
    await expect(her.list).to_be_visible()
    assert await _fits(her.page)


@pytest.mark.parametrize("size", [PHONE, (320, 568), (700, 400)])
async def test_no_window_is_too_narrow(browse: Browsing, size: tuple[int, int]) -> None:
    """With long names and words nothing needs scrolling sideways, and the buttons that matter are inside the window."""
    long_name = "하늘같이넓고바다같이깊은" * 4
    door = await browse.visitor(size=size)
    await expect(door.door).to_be_visible()
    assert await _fits(door.page)
    mina, her = await browse.join(long_name, size=size)
    joon, _ = await browse.join(long_name)
    group = await mina.group(joon, name="끝없이이어지는이름" * 8)
    await post(joon, group, "https://example.org/" + "x" * 300)
    await expect(her.row(group)).to_be_visible()
    assert await _fits(her.page)
    for button in ("new-chat", "account-menu"):
        await expect(her.page.get_by_test_id(button)).to_be_in_viewport(ratio=0.99)
    await her.open(group)
    assert await _fits(her.page)
    for button in ("room-menu", "composer-send"):
        await expect(her.page.get_by_test_id(button)).to_be_in_viewport(ratio=0.99)


async def test_a_desktop_shows_both_side_by_side(browse: Browsing) -> None:
    """On 1280 pixels the list stays beside the room, the open row is marked, and no way back is needed."""
    mina, her = await browse.join("Mina", size=DESKTOP)
    notes = await direct(mina, mina)
    await expect(her.page.get_by_text("Choose a conversation")).to_be_visible()
    await her.open(notes)
    await expect(her.list).to_be_visible()
    await expect(her.row(notes)).to_have_attribute("aria-current", "page")
    await expect(her.page.get_by_test_id("back")).to_be_hidden()
    assert await _fits(her.page)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_everything_works_below_a_path(browser: Browser, tmp_path: Path) -> None:
    """Published at /chat: signing up, talking, reloading a room's address and signing out stay below it, cookies too."""
    port = _free_port()
    running = ServerProcess(tmp_path, {"public_url": f"http://127.0.0.1:{port}/chat"})
    running.port = port
    async with running as server:
        browse = Browsing(browser, server)
        assert server.url.endswith("/chat")
        context = await browse.context()
        page = await context.new_page()
        outside: list[str] = []
        page.on("request", lambda request: outside.append(request.url) if "/chat" not in request.url else None)
        her = Screen(page, server.url)
        await her.visit("/")
        await her.fill_in(Username="mina", Name="Mina", Password=PASSWORD)
        await her.submit()
        await her.signed_in()
        _, his = await browse.join("Joon")
        await her.start_chat("Joon")
        await her.send("길 아래에서")
        await expect(her.page).to_have_url(re.compile(rf"^{server.url}/c/[0-9a-f-]{{36}}$"))
        await his.list.get_by_text("Mina", exact=True).click()
        await his.has("길 아래에서")
        await her.page.reload()
        await her.has("길 아래에서")
        assert {str(cookie["path"]) for cookie in await context.cookies()} == {"/chat", "/chat/api/auth"}
        await her.sign_out()
        await expect(her.door).to_be_visible()
        assert outside == []
        await browse.close()
        assert browse.complaints == []


async def test_back_closes_a_dialog_and_not_the_page_below(browse: Browsing) -> None:
    """On a phone Back closes what lies over the page; however a dialog ends, the next Back leaves the room, once."""
    mina, her = await browse.join("Mina", size=PHONE, touch=True)
    joon, _ = await browse.join("Joon")
    group = await mina.group(joon, name="점심")
    dialog = her.page.get_by_role("dialog")
    await her.row(group).tap()
    await her.page.get_by_test_id("open-members").tap()
    await expect(dialog).to_be_visible()
    await her.page.go_back()
    await expect(dialog).to_have_count(0)
    await expect(her.title).to_have_text("점심")
    # One dialog in place of another, one over another, and one closed by its own button: no Back is left over.
    await her.page.get_by_test_id("open-members").tap()
    await her.page.get_by_test_id("add-members").tap()
    await expect(her.page.get_by_test_id("add-members-dialog")).to_be_visible()
    await her.page.go_back()
    await expect(dialog).to_have_count(0)
    await her.page.get_by_test_id("open-members").tap()
    await her.page.get_by_test_id("remove-member").tap()
    await expect(her.page.get_by_test_id("confirm-dialog")).to_be_visible()
    await her.page.go_back()
    await expect(her.page.get_by_test_id("confirm-dialog")).to_have_count(0)
    await expect(her.page.get_by_test_id("members-dialog")).to_be_visible()
    await dialog.get_by_role("button", name="Close").tap()
    await expect(dialog).to_have_count(0)
    await expect(her.title).to_have_text("점심")
    await her.page.wait_for_function("history.state?.layers === undefined")
    await her.page.go_back()
    await expect(her.list).to_be_visible()
    await expect(her.room).to_be_hidden()


async def test_back_from_a_room_that_a_dialog_led_to(browse: Browsing) -> None:
    """A chat begun in a dialog, one begun from the members, and leaving a group: Back never meets a dialog again."""
    mina, her = await browse.join("Mina", size=PHONE, touch=True)
    name = unique("Joon ")
    joon, _ = await browse.join(name)
    await her.start_chat(name)
    await her.page.go_back()
    await expect(her.list).to_be_visible()
    await expect(her.page).to_have_url(f"{her.url}/")
    group = await mina.group(joon, name="점심")
    await her.row(group).tap()
    await her.page.get_by_test_id("open-members").tap()
    await her.page.get_by_role("button", name=f"Write to {name}").tap()
    await expect(her.title).to_have_text(name)
    await her.page.go_back()
    await expect(her.title).to_have_text("점심")
    await her.choose("room-menu", "Leave the group")
    await her.page.get_by_test_id("confirm").tap()
    await expect(her.list).to_be_visible()
    await expect(her.page).to_have_url(f"{her.url}/")
    await expect(her.row(group)).to_have_count(0)


async def test_an_address_that_names_nothing_becomes_the_start(browse: Browsing) -> None:
    """An unknown address leads to the start page and says so in the address bar, before and after signing in."""
    door = await browse.visitor()
    await door.visit("/nowhere/at/all")
    await expect(door.door).to_be_visible()
    await expect(door.page).to_have_url(f"{door.url}/")
    _, her = await browse.join("Mina")
    await her.visit("/nowhere")
    await her.signed_in()
    await expect(her.page).to_have_url(f"{her.url}/")


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
async def test_the_counter_leaves_the_text_its_width(browse: Browsing, size: tuple[int, int]) -> None:
    """A text near its limit, or beyond it, is as wide as any other; the counter has its own line."""
    mina, her = await browse.join("Mina", size=size)
    await her.enter(await direct(mina, mina))
    width = await her.input.evaluate("(field) => field.clientWidth")
    for units in (9_900, 10_123):
        await her.write("가" * units)
        await expect(her.page.get_by_test_id("composer").get_by_role("status")).to_be_in_viewport(ratio=0.99)
        # A bar to scroll with takes the place it needs inside the field.
        assert await her.input.evaluate("(field) => field.offsetWidth") == width
        await expect(her.page.get_by_test_id("composer-send")).to_be_in_viewport(ratio=0.99)

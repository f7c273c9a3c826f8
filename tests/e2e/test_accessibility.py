"""What people need who use a keyboard or hear the page, checked by hand-written rules in a real browser."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.browsing import PHONE, Browsing, direct, post
from tests.e2e.screen import Screen

pytestmark = pytest.mark.browser

_NAMELESS = """
() => {
    const shown = (one) => one.checkVisibility() && !one.closest('[aria-hidden=true]');
    const text = (id) => document.getElementById(id)?.textContent ?? '';
    const name = (one) => [one.getAttribute('aria-label'), ...(one.getAttribute('aria-labelledby') ?? '').split(' ').map(text),
        ...[...(one.labels ?? [])].map((label) => label.innerText), /^(A|BUTTON)$/.test(one.tagName) ? one.innerText : '']
        .join('').trim();
    const rules = {
        'has no name': (one) => one.matches('a, button, input, textarea, select, dialog, nav, section[tabindex]') && !name(one),
        'is a picture without alt': (one) => one.matches('img:not([alt])'),
        'has an id that is not its own': (one) => one.id && document.querySelectorAll(`[id="${CSS.escape(one.id)}"]`).length > 1,
        'says more than is there': (one) => (one.getAttribute('aria-describedby') ?? '').split(' ').some((id) => id && !text(id)),
        'jumps the order of Tab': (one) => one.tabIndex > 0,
        'is a button inside a link or button': (one) => one.matches('a a, a button, button button, button a'),
        'is an icon that is read out': (one) => one.matches('svg') && !one.closest('[aria-hidden=true]'),
        'is no row of a list': (one) => one.matches('ul > :not(li), ol > :not(li)'),
        'stops zooming': (one) => one.matches('meta[name=viewport]') && /user-scalable=no|maximum-scale/.test(one.content),
    };
    return [...document.querySelectorAll('*')].filter((one) => one.matches('meta') || shown(one)).flatMap((one) =>
        Object.entries(rules).filter(([, broken]) => broken(one)).map(([rule]) => `${one.outerHTML.slice(0, 120)} ${rule}`));
}
"""

_FOCUSED = """
() => {
    const one = document.activeElement;
    const marks = (style) => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    const marked = [one, one.nextElementSibling, one.parentElement, one.closest('[data-testid=composer] > *')]
        .some((near) => near && marks(getComputedStyle(near)));
    const again = (window.tabbed ??= new Set()).has(one);
    window.tabbed.add(one);
    return { again, what: one === document.body ? null : one.outerHTML.slice(0, 160), marked };
}
"""


async def _complete(screen: Screen) -> None:
    """Every rule holds, and there is one main part with headings that begin at the first level."""
    assert await screen.page.evaluate(_NAMELESS) == []
    await expect(screen.page.get_by_role("main")).to_have_count(1)
    await expect(screen.page.get_by_role("heading", level=1)).to_have_count(1)
    assert await screen.page.title() != ""


async def test_everything_one_can_press_or_fill_has_a_name(browse: Browsing) -> None:
    """On the door, in the list, in a room and in every dialog: names, landmarks, unique ids, no nested buttons."""
    door = await browse.visitor()
    await expect(door.door).to_be_visible()
    await _complete(door)
    mina, her = await browse.join("Mina")
    joon, _ = await browse.join("Joon")
    group = await mina.group(joon, name="점심")
    await post(joon, group, "https://example.org")
    await _complete(her)
    await her.open(group)
    await her.write("가" * 9_900)
    await _complete(her)
    await expect(her.page.get_by_role("navigation", name="Conversations")).to_be_visible()
    await expect(her.page.get_by_role("region", name="Conversation with 점심")).to_be_visible()
    for opener, dialog in (("new-chat", "New chat"), ("open-members", "Members")):
        await her.page.get_by_test_id(opener).click()
        await expect(her.page.get_by_role("dialog", name=dialog)).to_be_visible()
        await _complete(her)
        await her.page.keyboard.press("Escape")
        await expect(her.page.get_by_role("dialog")).to_have_count(0)
        await expect(her.page.get_by_test_id(opener)).to_be_focused()


async def _tab_through(page: Page) -> list[dict[str, Any]]:
    """Press Tab until the focus has gone round; what had it, in order."""
    found: list[dict[str, Any]] = []
    while True:
        await page.keyboard.press("Tab")
        focused = await page.evaluate(_FOCUSED)
        if focused["again"]:
            return found
        if focused["what"] is not None:
            found.append(focused)


async def test_the_focus_is_always_visible(browse: Browsing) -> None:
    """Whatever Tab reaches, on the door and in a room, shows that it has the focus, and Tab reaches all there is."""
    door = await browse.visitor()
    await expect(door.door).to_be_visible()
    mina, her = await browse.join("Mina")
    joon, _ = await browse.join("Joon")
    group = await mina.group(joon, name="점심")
    await her.enter(group)
    await expect(her.input).to_be_focused()
    for screen in (door, her):
        reached = await _tab_through(screen.page)
        pressable = "a, button:enabled, input, textarea"
        assert len(reached) >= await screen.page.locator(pressable).filter(visible=True).count() > 3
        assert [one["what"] for one in reached if not one["marked"]] == []


async def test_a_chat_can_be_begun_and_held_without_a_mouse(browse: Browsing) -> None:
    """Keys alone: open the dialog, search, choose, begin, write, and leave the room by its menu."""
    _, her = await browse.join("Mina")
    names = ["Joon", "Sora"]
    for name in names:
        await browse.join(name)
    keyboard = her.page.keyboard
    await her.page.get_by_test_id("new-chat").focus()
    await keyboard.press("Enter")
    await expect(her.page.get_by_test_id("people-search")).to_be_focused()
    for name in names:
        await her.page.get_by_test_id("people-search").focus()
        await keyboard.press("Control+A")
        await keyboard.type(name)
        person = her.page.get_by_test_id("person").filter(has_text=name).last
        await expect(her.page.get_by_test_id("person").first).to_contain_text(name)
        await person.get_by_role("checkbox").focus()
        await keyboard.press("Space")
        await expect(person.get_by_role("checkbox")).to_be_checked()
    await her.page.get_by_test_id("group-name").focus()
    await keyboard.type("저녁")
    await keyboard.press("Enter")
    await expect(her.title).to_have_text("저녁")
    await expect(her.input).to_be_focused()
    await keyboard.type("hello")
    await keyboard.press("Enter")
    await her.has("hello")
    await her.page.get_by_test_id("room-menu").get_by_role("button").focus()
    await keyboard.press("Enter")
    await keyboard.press("End")
    await expect(her.page.get_by_role("menuitem", name="Leave the group")).to_be_focused()
    await keyboard.press("Enter")
    await her.page.get_by_test_id("confirm").focus()
    await keyboard.press("Enter")
    await expect(her.room).to_have_count(0)
    await expect(her.list.get_by_text("저녁", exact=True)).to_have_count(0)


async def test_what_arrives_is_announced(browse: Browsing) -> None:
    """A message that comes to the open room is spoken politely with its sender; one's own is not."""
    her, his, _ = await browse.pair()
    await his.send("들려요?")
    await expect(her.page.get_by_test_id("announcer")).to_have_text("Joon: 들려요?")
    await expect(her.page.get_by_test_id("announcer")).to_have_attribute("aria-live", "polite")
    await expect(his.message("들려요?")).to_have_attribute("data-state", "stored")
    await expect(his.page.get_by_test_id("announcer")).to_have_text("")


async def test_on_a_phone_the_focus_goes_with_the_screen(browse: Browsing) -> None:
    """Opening a room moves the focus to its title without raising the keyboard; going back gives it to the row."""
    mina, her = await browse.join("Mina", size=PHONE, touch=True)
    notes = await direct(mina, mina)
    await her.row(notes).tap()
    await expect(her.title).to_be_focused()
    await her.page.get_by_test_id("back").tap()
    await expect(her.row(notes)).to_be_focused()

"""Writing a message in a real browser: Hangul, lines, what is too long, what is nothing."""

import pytest
from playwright.async_api import expect

from tests.e2e.browsing import Browsing, direct, history

pytestmark = pytest.mark.browser

LIMIT = 10_000
ENTER = {"key": "Enter", "code": "Enter"}


async def test_enter_that_ends_a_syllable_does_not_send(browse: Browsing) -> None:
    """While Hangul is being composed Enter belongs to the input method; the whole text is sent once, by the next Enter."""
    mina, her = await browse.join("Mina")
    notes = await direct(mina, mina)
    await her.open(notes)
    await her.input.focus()
    keys = await her.page.context.new_cdp_session(her.page)
    await keys.send("Input.insertText", {"text": "안녕하세"})
    for composed in ("ㅇ", "요"):
        await keys.send("Input.imeSetComposition", {"text": composed, "selectionStart": 1, "selectionEnd": 1})
        # Most systems hide the key behind the code 229 while composing; some do not.
        for code in (229, 13):
            await keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": code, **ENTER})
            await keys.send("Input.dispatchKeyEvent", {"type": "keyUp", "windowsVirtualKeyCode": code, **ENTER})
        await expect(her.input).to_have_value(f"안녕하세{composed}")
        await expect(her.messages).to_have_count(0)
    await keys.send("Input.insertText", {"text": "요"})
    await her.input.press("Enter")
    await her.has("안녕하세요")
    await expect(her.input).to_have_value("")
    assert [message["content"] for message in (await history(mina, notes)) if message["senderId"]] == ["안녕하세요"]


async def test_shift_and_enter_begins_a_line(browse: Browsing) -> None:
    """Shift+Enter makes a line instead of sending; the message keeps its lines for everybody."""
    her, his, _ = await browse.pair()
    await her.input.press_sequentially("하나")
    await her.input.press("Shift+Enter")
    await her.input.press_sequentially("둘")
    await expect(her.messages).to_have_count(0)
    height = await her.input.evaluate("(field) => field.clientHeight")
    await her.input.press("Shift+Enter")
    await expect(her.input).to_have_js_property("value", "하나\n둘\n")
    assert await her.input.evaluate("(field) => field.clientHeight") > height
    await her.input.press("Enter")
    await expect(his.messages.get_by_test_id("message-text")).to_have_count(1)
    assert await his.messages.get_by_test_id("message-text").inner_text() == "하나\n둘"


async def test_a_text_too_long_is_refused_in_words_and_kept(browse: Browsing) -> None:
    """One character too many: the page says how many, Enter sends nothing, the text stays; one less goes through whole."""
    her, his, _ = await browse.pair()
    await her.write("가" * (LIMIT + 1))
    await expect(her.page.get_by_test_id("composer").get_by_role("status")).to_have_text("1 character too long")
    await expect(her.page.get_by_test_id("composer-send")).to_be_disabled()
    await expect(her.input).to_have_attribute("aria-invalid", "true")
    await her.input.press("Enter")
    assert len(await her.input.input_value()) == LIMIT + 1
    await expect(her.messages).to_have_count(0)
    await her.input.press("Backspace")
    await expect(her.page.get_by_test_id("composer").get_by_role("status")).to_have_text("0 characters left")
    await her.input.press("Enter")
    await his.has("가" * LIMIT)


async def test_nothing_is_not_sent(browse: Browsing) -> None:
    """Spaces and lines alone are no message, by Enter as by the button; the next real one is."""
    her, his, _ = await browse.pair()
    await her.send("", "   ", "\n \n")
    await expect(her.page.get_by_test_id("composer-send")).to_be_disabled()
    await her.write("  진짜  ")
    await her.page.get_by_test_id("composer-send").click()
    await his.has("진짜")
    await expect(her.input).to_be_focused()


async def test_what_is_being_written_stays_with_its_room(browse: Browsing) -> None:
    """Going to another room and back keeps the text of each, and the list shows which one waits."""
    mina, her = await browse.join("Mina")
    joon, _ = await browse.join("Joon")
    chat, notes = await direct(mina, joon), await direct(mina, mina)
    await her.open(chat)
    await her.write("준에게")
    await her.open(notes)
    await expect(her.input).to_have_value("")
    await expect(her.row(chat).get_by_test_id("conversation-preview")).to_have_text("Draft 준에게")
    await her.write("나에게")
    await her.open(chat)
    await expect(her.input).to_have_value("준에게")

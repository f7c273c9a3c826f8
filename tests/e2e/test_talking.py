"""Two and three people in real browsers: finding each other, talking, seeing who writes, who is here and what is new."""

import re

import pytest
from playwright.async_api import Route, expect

from tests.e2e.browsing import Browsing, direct, post, unique

pytestmark = pytest.mark.browser


async def test_two_people_find_each_other_and_talk(browse: Browsing) -> None:
    """One searches the other by name, opens a direct chat, and each sees what the other writes without doing anything."""
    name = unique("Joon ")
    _, her = await browse.join("Mina")
    _, his = await browse.join(name)
    await her.start_chat(name)
    await expect(her.title).to_have_text(name)
    await her.send("안녕하세요", "점심 먹었어요?")
    await his.list.get_by_text("Mina", exact=True).click()
    await his.has("안녕하세요", "점심 먹었어요?")
    await his.send("아직요")
    for screen in (her, his):
        await screen.has("안녕하세요", "점심 먹었어요?", "아직요")
    await expect(her.message("아직요")).to_have_attribute("data-own", "false")
    await expect(his.message("아직요")).to_have_attribute("data-own", "true")


async def test_three_people_in_a_group(browse: Browsing) -> None:
    """A named group of three: everybody sees every message, from whom it is, and how the group began."""
    names = [unique("Joon "), unique("Sora ")]
    _, her = await browse.join("Mina")
    others = [(await browse.join(name))[1] for name in names]
    await her.start_chat(*names, group="점심 모임")
    await her.send("어디서 먹을까요?")
    for screen in others:
        await screen.list.get_by_text("점심 모임", exact=True).click()
        await screen.has("어디서 먹을까요?")
        await expect(screen.messages.get_by_test_id("message-sender")).to_have_text(["Mina"])
        await expect(screen.page.get_by_test_id("system-message").first).to_contain_text("Mina started “점심 모임”")
    await others[0].send("분식집이요")
    await expect(others[1].messages.get_by_test_id("message-sender")).to_have_text(["Mina", names[0]])
    await her.has("어디서 먹을까요?", "분식집이요")
    await expect(her.page.get_by_test_id("room-status")).to_have_text("3 people")


async def test_many_messages_at_once_have_one_order(browse: Browsing) -> None:
    """Both write 20 messages as fast as they can: afterwards both pages show the same 40 in the same order, each once."""
    her, his, _ = await browse.pair()
    for number in range(20):
        await her.send(f"her {number}")
        await his.send(f"his {number}")
    for screen in (her, his):
        await expect(screen.messages).to_have_count(40)
        await expect(screen.page.locator('[data-state="stored"]')).to_have_count(40)
    seen = [await screen.messages.get_by_test_id("message-text").all_inner_texts() for screen in (her, his)]
    assert seen[0] == seen[1]
    for own in ("her", "his"):
        assert [text for text in seen[0] if text.startswith(own)] == [f"{own} {number}" for number in range(20)]


async def test_typing_is_shown_and_gone(browse: Browsing) -> None:
    """Who types is named while they do; deleting all of it, and sending it, both end it."""
    her, his, _ = await browse.pair()
    await his.input.press_sequentially("음")
    await expect(her.typing).to_contain_text("Joon is typing")
    await his.write("")
    await expect(her.typing).to_have_count(0, timeout=3_000)
    # The server passes on one start in two seconds: what is typed before that is told with the repetition.
    await his.input.press_sequentially("아니요")
    await expect(her.typing).to_be_visible()
    await his.input.press("Enter")
    await expect(her.typing).to_have_count(0, timeout=3_000)
    await her.has("아니요")


async def test_unread_messages_are_counted_in_the_list_and_in_the_title(browse: Browsing) -> None:
    """What comes to a room that is not open raises its badge and the page's title; opening it clears both."""
    mina, her = await browse.join("Mina")
    joon, _ = await browse.join("Joon")
    chat = await direct(mina, joon)
    await post(joon, chat, "하나")
    await expect(her.unread(chat)).to_have_attribute("data-count", "1")
    await post(joon, chat, "둘")
    await expect(her.unread(chat)).to_have_attribute("data-count", "2")
    await expect(her.row(chat).get_by_test_id("conversation-preview")).to_have_text("둘")
    await expect(her.page).to_have_title("(2) Madang")
    await expect(her.rows.first).to_have_attribute("data-conversation-id", chat)
    await her.open(chat)
    await expect(her.unread(chat)).to_have_count(0)
    await expect(her.page).to_have_title("Madang")


async def test_two_tabs_of_one_person_agree(browse: Browsing) -> None:
    """What one tab sends, reads or begins is so in the other as well, without a reload."""
    context = await browse.context()
    mina = await browse.sign_up(context, "Mina")
    first, second = await browse.page_of(context), await browse.page_of(context)
    joon, his = await browse.join("Joon")
    group = await mina.group(joon)
    await post(joon, group, "어디예요?")
    for tab in (first, second):
        await expect(tab.unread(group)).to_have_attribute("data-count", "1")
    await first.open(group)
    await expect(second.unread(group)).to_have_count(0)
    await expect(second.page).to_have_title("Madang")
    await second.open(group)
    await second.send("집이요")
    await first.has("어디예요?", "집이요")
    await expect(first.message("집이요")).to_have_attribute("data-own", "true")
    await expect(his.unread(group)).to_have_attribute("data-count", "1")


async def test_who_is_removed_is_told_and_sees_no_more(browse: Browsing) -> None:
    """The open room closes with a sentence and the way back, its draft is gone; the others read who removed whom."""
    mina, her = await browse.join("Mina")
    joon, his = await browse.join("Joon")
    group = await mina.group(joon, name="점심")
    await her.open(group)
    await his.open(group)
    await his.write("쓰다 만 글")
    await her.page.get_by_test_id("open-members").click()
    await expect(her.page.get_by_test_id("member").get_by_role("img", name="Online")).to_have_count(2)
    await her.page.get_by_test_id("remove-member").click()
    await her.page.get_by_test_id("confirm").click()
    await expect(his.page.get_by_test_id("room-missing")).to_contain_text("you are not in it any more")
    await his.page.wait_for_function("!Object.values(localStorage).includes('쓰다 만 글')")
    await expect(his.row(group)).to_have_count(0)
    await her.page.keyboard.press("Escape")
    await expect(her.page.get_by_test_id("system-message").last).to_have_text("You removed Joon.")
    await expect(her.page.get_by_test_id("room-status")).to_have_text("1 person")


async def test_presence_follows_the_other_person(browse: Browsing) -> None:
    """The dot is there while the other has a page, not after they closed it, and there again when they return."""
    mina, her = await browse.join("Mina")
    context = await browse.context()
    joon = await browse.sign_up(context, "Joon")
    chat = await direct(mina, joon)
    await post(joon, chat, "곧 갈게요")
    await expect(her.row(chat)).to_be_visible()
    await expect(her.presence(chat)).to_have_count(0)
    his = await browse.page_of(context)
    await expect(her.presence(chat)).to_be_visible()
    second = await browse.page_of(context)
    await his.page.close()
    await second.open(chat)
    await expect(her.presence(chat)).to_be_visible()
    await second.page.close()
    await expect(her.presence(chat)).to_have_count(0, timeout=15_000)
    await browse.page_of(context)
    await expect(her.presence(chat)).to_be_visible()


async def test_what_looks_like_a_program_stays_text(browse: Browsing) -> None:
    """Markup and scripts in a name, a group's name and a message are shown as written and never run."""
    evil = '<img src=x onerror="window.canary=1"><script>window.canary=1</script>'
    mina, her = await browse.join(evil)
    joon, his = await browse.join("Joon")
    chat = await mina.group(joon, name=evil)
    await her.open(chat)
    await his.open(chat)
    texts = [
        evil,
        "{{constructor.constructor('window.canary=1')()}}",
        "javascript:window.canary=1",
        "**굵게** $t(app.name)",
    ]
    await her.send(*texts)
    await his.has(*texts)
    await expect(his.title).to_have_text(evil)
    await expect(his.messages.get_by_test_id("message-sender")).to_have_text([evil])
    await expect(his.page.get_by_test_id("system-message").first).to_contain_text(evil)
    for screen in (her, his):
        assert await screen.page.evaluate("window.canary") is None
        assert await screen.timeline.locator("img, script, a").count() == 0


async def test_a_program_put_into_the_page_does_not_run(browse: Browsing) -> None:
    """Even if markup got in, the Content-Security-Policy stops it; and these tests would hear of it."""
    _, her = await browse.join("Mina")
    await her.page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.canary = 1';
        document.body.append(script);
    }""")
    assert await her.page.evaluate("window.canary") is None
    assert any("script-src" in complaint for complaint in browse.complaints)
    browse.complaints.clear()


async def test_links_open_elsewhere_and_know_nothing_of_the_page(browse: Browsing) -> None:
    """A web address in a message is a link that opens a tab without access to this one."""
    her, _, _ = await browse.pair()
    await her.send("여기요: https://example.org/a?b=1.")
    link = her.timeline.get_by_role("link")
    await expect(link).to_have_attribute("href", "https://example.org/a?b=1")
    await expect(link).to_have_attribute("rel", re.compile("noopener"))
    await her.page.context.route("https://example.org/**", _empty)
    async with her.page.context.expect_page() as opened:
        await link.click()
    assert await (await opened.value).evaluate("window.opener") is None


async def _empty(route: Route) -> None:
    await route.fulfill(body="", content_type="text/html")


async def test_notes_to_oneself_are_there_from_the_start(browse: Browsing) -> None:
    """Nobody is said to have begun them; with nobody else to talk to, the list says so and offers to start a chat."""
    _, her = await browse.join("Mina")
    await her.rows.first.click()
    await her.send("우유 사기")
    await her.has("우유 사기")
    await expect(her.page.get_by_test_id("system-message")).to_have_count(0)
    await expect(her.page.get_by_test_id("list-empty")).to_contain_text("Your chats with others will appear here.")
    await her.page.get_by_test_id("list-empty").get_by_role("button", name="Start a chat").click()
    await expect(her.page.get_by_test_id("new-chat-dialog")).to_be_visible()

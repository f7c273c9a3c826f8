"""The door in a real browser: the first account, signing up and in, refusals in words, staying signed in, signing out."""

import time
from pathlib import Path

import jwt
import pytest
from playwright.async_api import Browser, BrowserContext, expect

from madang.security.tokens import SignedBearerTokens
from tests.e2e.browsing import Browsing, unique
from tests.e2e.screen import Screen
from tests.people import PASSWORD
from tests.server_process import ServerProcess

pytestmark = pytest.mark.browser

SECRET = "signs the access tokens of the server of these tests"


async def test_the_first_account_is_told_that_it_is_the_administrator(browser: Browser, tmp_path: Path) -> None:
    """On an empty server the door says so and asks to sign up; the second visitor finds a door like any other."""
    async with ServerProcess(tmp_path) as server:
        browse = Browsing(browser, server)
        first = await browse.visitor()
        await expect(first.page.get_by_test_id("first-account")).to_contain_text("administrator of this server")
        await first.fill_in(Username="mina", Name="미나", Password=PASSWORD)
        await first.submit()
        await first.signed_in()
        await expect(first.rows.get_by_test_id("conversation-title")).to_have_text(["Notes to self"])
        second = await browse.visitor()
        await expect(second.door).to_be_visible()
        await expect(second.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(second.page.get_by_test_id("first-account")).to_have_count(0)
        await second.page.get_by_test_id("session-switch").click()
        await second.fill_in(Username="joon", Name="준", Password=PASSWORD)
        await second.submit()
        await second.signed_in()
        await browse.close()
        assert browse.complaints == []


async def test_a_wrong_password_and_an_unknown_name_get_the_same_words(browse: Browsing) -> None:
    """Signing in with a wrong pair says so in one sentence, keeps what was typed, and tells nobody which half was wrong."""
    person, _ = await browse.join("Mina")
    screen = await browse.visitor()
    for username in (str(person.user["username"]), unique("nobody")):
        await screen.fill_in(Username=username, Password="not the password")
        await screen.submit()
        await expect(screen.page.get_by_role("alert")).to_have_text(
            "That username and password do not belong together."
        )
        await expect(screen.page.get_by_label("Username")).to_have_value(username)
        await expect(screen.page.get_by_label("Password", exact=True)).to_be_focused()
    await screen.fill_in(Username=str(person.user["username"]).upper(), Password=PASSWORD)
    await screen.submit()
    await screen.signed_in()


async def test_a_taken_username_and_a_short_password_are_told_at_their_fields(browse: Browsing) -> None:
    """Each refusal of signing up stands at the field it is about, which has the focus; correcting it is enough."""
    person, _ = await browse.join("Mina")
    screen = await browse.visitor()
    await screen.page.get_by_test_id("session-switch").click()
    password = screen.page.get_by_label("Password", exact=True)
    await screen.fill_in(Username=str(person.user["username"]), Name="Other", Password="short")
    await screen.submit()
    await expect(password).to_have_accessible_description("A password has at least 8 characters.")
    await expect(password).to_be_focused()
    await screen.fill_in(Password=PASSWORD)
    await screen.submit()
    username = screen.page.get_by_label("Username")
    await expect(username).to_have_accessible_description("Somebody already has this username. Choose another.")
    await expect(username).to_be_focused()
    await screen.fill_in(Username=unique("other"))
    await screen.submit()
    await screen.signed_in()


async def test_too_many_attempts_are_refused_in_words(browse: Browsing) -> None:
    """After ten wrong passwords within a minute the page asks to wait, instead of calling the right one wrong."""
    person, _ = await browse.join("Mina")
    screen = await browse.visitor()
    await screen.fill_in(Username=str(person.user["username"]), Password="wrong")
    alert = screen.page.get_by_role("alert")
    for _ in range(10):
        await screen.submit()
        await expect(alert).to_contain_text("do not belong together")
        await screen.fill_in(Password="wrong again")
    await screen.fill_in(Password=PASSWORD)
    await screen.submit()
    await expect(alert).to_have_text("That was a little fast. Wait a moment and try again.")


async def test_a_reload_stays_signed_in_and_in_the_room(browse: Browsing) -> None:
    """After a reload the same room is open with its messages and with what was being written."""
    her, _, chat = await browse.pair()
    await her.send("하나")
    await her.has("하나")
    await her.write("아직 쓰는 중")
    await her.page.reload()
    await expect(her.room).to_have_attribute("data-conversation-id", chat)
    await her.has("하나")
    await expect(her.input).to_have_value("아직 쓰는 중")


async def test_signing_out_in_one_tab_ends_the_others(browse: Browsing) -> None:
    """Both tabs of a browser show the door, the other one says why, and going back or reloading is no way in."""
    context = await browse.context()
    await browse.sign_up(context, "Mina")
    first, second = await browse.page_of(context), await browse.page_of(context)
    await second.rows.first.click()
    await first.sign_out()
    await expect(first.door).to_be_visible()
    await expect(second.door).to_be_visible()
    await expect(second.page.get_by_text("You signed out.")).to_be_visible()
    await second.page.go_back()
    await expect(second.door).to_be_visible()
    await second.page.reload()
    await expect(second.door).to_be_visible()


async def test_signing_out_leaves_nothing_written_behind(browse: Browsing) -> None:
    """What was being written, in whichever tab, is gone for the next person at this machine, also in a shared room."""
    joon, _ = await browse.join("Joon")
    context = await browse.context()
    mina = await browse.sign_up(context, "Mina")
    group = await mina.group(joon)
    first, second = await browse.page_of(context), await browse.page_of(context)
    await second.open(group)
    await second.write("준에게는 비밀")
    await first.sign_out()
    await expect(first.door).to_be_visible()
    for tab in (second, first):
        await expect(tab.door).to_be_visible()
        await tab.fill_in(Username=str(joon.user["username"]), Password=PASSWORD)
        await tab.submit()
        await tab.open(group)
        await expect(tab.input).to_have_value("")
        await tab.page.reload()
        await expect(tab.input).to_have_value("")
        await tab.sign_out()


@pytest.fixture
async def signing(browser: Browser, tmp_path: Path) -> ServerProcess:
    """A server whose secret is known here, not yet started."""
    return ServerProcess(tmp_path, {"secret": SECRET})


async def _replace_token(context: BrowserContext, url: str, seconds: float) -> None:
    """Put an access token into the browser that is as good as its own but ends `seconds` from now."""
    cookie = next(one for one in await context.cookies(url) if one["name"] == "madang_session")
    claims = jwt.decode(cookie["value"], options={"verify_signature": False})
    made = int((time.time() + seconds - 15 * 60) * 1000)
    token = SignedBearerTokens(SECRET).issue(claims["sub"], claims["sid"], made)
    await context.add_cookies([{"name": "madang_session", "value": token.text, "url": url}])


async def _is_the_same(screen: Screen, text: str) -> None:
    """The page works both ways: what is sent is stored, and the door has not come up."""
    await screen.send(text)
    await expect(screen.message(text)).to_have_attribute("data-state", "stored")
    await expect(screen.door).to_have_count(0)


@pytest.mark.parametrize("what", ["expired", "gone", "forged"])
async def test_an_old_access_token_is_renewed_without_a_word(
    browser: Browser, signing: ServerProcess, what: str
) -> None:
    """With an access cookie that expired, that the browser dropped or that is no good, a reload renews it silently."""
    async with signing as server:
        browse = Browsing(browser, server)
        context = await browse.context()
        await browse.sign_up(context, "Mina")
        screen = await browse.page_of(context)
        await screen.rows.first.click()
        if what == "expired":
            await _replace_token(context, server.url, -60)
        elif what == "gone":
            await context.clear_cookies(name="madang_session")
        else:
            await context.add_cookies([{"name": "madang_session", "value": "e30.e30.e30", "url": server.url}])
        async with screen.page.expect_response("**/api/auth/refresh") as renewal:
            await screen.page.reload()
        assert (await renewal.value).status == 200
        await _is_the_same(screen, "아직 여기")
        await browse.close()
        assert browse.complaints == []


async def test_a_token_that_ends_while_the_page_is_open_is_renewed_on_the_same_connection(
    browser: Browser, signing: ServerProcess
) -> None:
    """The page renews in time when the server says that the token ends soon, and its connection stays."""
    async with signing as server:
        browse = Browsing(browser, server)
        context = await browse.context()
        await browse.sign_up(context, "Mina")
        await _replace_token(context, server.url, 3)
        page = await context.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        screen = Screen(page, server.url)
        async with page.expect_response("**/api/auth/refresh") as renewal:
            await screen.visit()
        assert (await renewal.value).status == 200
        await screen.rows.first.click()
        await page.wait_for_timeout(3_500)  # the old token has ended now
        await _is_the_same(screen, "그대로")
        assert len(sockets) == 1
        await browse.close()
        assert browse.complaints == []


async def test_two_tabs_renew_one_after_the_other(browser: Browser, signing: ServerProcess) -> None:
    """Two tabs whose token expired at the same moment both come back: one refresh token is not used twice as if stolen."""
    async with signing as server:
        browse = Browsing(browser, server)
        context = await browse.context()
        await browse.sign_up(context, "Mina")
        tabs = [await browse.page_of(context) for _ in range(2)]
        await _replace_token(context, server.url, -60)
        for tab in tabs:
            await tab.page.evaluate("setTimeout(() => location.reload(), 20)")
        for number, tab in enumerate(tabs):
            await tab.signed_in()
            await tab.rows.first.click()
            await _is_the_same(tab, f"탭 {number}")
        await browse.close()
        assert browse.complaints == []

"""Browsers in front of a running server: who opens the page, how their browser is set, and what it complained about.

Owns the launch of Chromium, the contexts (one per person or device) and the list of complaints: console errors, uncaught
exceptions and breaches of the Content-Security-Policy of every page it opened. Must never decide what a page should show.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.e2e.screen import Screen
from tests.people import PASSWORD, Person
from tests.server_process import ServerProcess

__all__ = ["DESKTOP", "PHONE", "Browsing", "launched", "unique"]

FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip  # root, no graphics card, no conversations of its own
DESKTOP: Final = (1280, 800)
PHONE: Final = (390, 844)
_CSP_WATCH: Final = """
addEventListener('securitypolicyviolation',
  (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
_ANSWERS: Final = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""Chromium's own note of a refusal, which the page tells in words: the tests read those."""
_LOST_LINE: Final = re.compile(r"WebSocket connection to 'ws:|Failed to load resource: net::ERR_")
_counter = itertools.count(1)


def unique(word: str) -> str:
    """A word nobody else of this run has, as a username."""
    return f"{word}{next(_counter)}"


def _chromium() -> Path:
    names = (os.environ.get("MADANG_TEST_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    assert found is not None, "scripts/browser.sh installs Chromium or says how"
    return Path(found)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """The system's Chromium, headless."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium(), headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Browsing:
    """Opens pages for the people of one test, and closes them.

    `complaints` fills while pages run. A test during which the server is away sets `loses_line`, as Chromium notes
    every connection that fails.
    """

    def __init__(self, browser: Browser, server: ServerProcess) -> None:
        self.browser = browser
        self.server = server
        self.complaints: list[str] = []
        self.loses_line = False
        self._contexts: list[BrowserContext] = []

    async def context(
        self,
        *,
        size: tuple[int, int] = DESKTOP,
        locale: str = "en-US",
        scheme: Literal["light", "dark"] = "light",
        touch: bool = False,
    ) -> BrowserContext:
        """A browser of its own: no cookie and no storage shared with others, and an address of its own.

        The server believes this machine's `X-Forwarded-For`, so its limit of sign-ins per address counts each apart.
        """
        number = next(_counter)
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=locale,
            color_scheme=scheme,
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce",
            extra_http_headers={"X-Forwarded-For": f"10.1.{number // 250}.{number % 250 + 1}"},
        )
        await context.add_init_script(_CSP_WATCH)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        self._contexts.append(context)
        return context

    async def visitor(self, **settings: Any) -> Screen:
        """Somebody not signed in, before the door."""
        context = await self.context(**settings)
        screen = Screen(await context.new_page(), self.server.url)
        await screen.visit()
        return screen

    async def sign_up(self, context: BrowserContext, name: str) -> Person:
        """A new account whose cookies are in this browser, without the form."""
        username = unique(re.sub(r"[^a-z]", "", name.lower())[:12] or "person")
        answer = await context.request.post(
            f"{self.server.url}/api/auth/register",
            data={"username": username, "password": PASSWORD, "name": name},
            headers={"X-Madang-CSRF": "1"},
        )
        assert answer.status == 201, await answer.text()
        signed_in = await answer.json()
        return Person(self.server, signed_in["accessToken"], signed_in["user"])

    async def join(self, name: str, **settings: Any) -> tuple[Person, Screen]:
        """A new person and their page, signed in, the list complete."""
        context = await self.context(**settings)
        person = await self.sign_up(context, name)
        return person, await self.page_of(context)

    async def page_of(self, context: BrowserContext, path: str = "/") -> Screen:
        """One more tab of a signed-in browser, when its list is there."""
        screen = Screen(await context.new_page(), self.server.url)
        await screen.visit(path)
        await screen.signed_in()
        return screen

    async def pair(self, first: str = "Mina", second: str = "Joon") -> tuple[Screen, Screen, str]:
        """Two new people with both pages in their direct chat; its id."""
        (mina, her), (joon, his) = await self.join(first), await self.join(second)
        chat = await direct(mina, joon)
        await her.enter(chat)
        await his.enter(chat)
        return her, his, chat

    async def close(self) -> None:
        """Close every browser."""
        for context in self._contexts:
            await context.close()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error" or _ANSWERS.match(message.text):
            return
        if not (self.loses_line and _LOST_LINE.match(message.text)):
            self.complaints.append(f"console: {message.text}")


async def direct(one: Person, other: Person) -> str:
    """The direct conversation of two people; its id."""
    answer = await one.http("POST", "/api/conversations", {"type": "direct", "memberIds": [other.id]})
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.json()["id"])


async def post(person: Person, conversation_id: str, content: str) -> str:
    """A message of somebody without a page; its id."""
    answer = await person.http("POST", f"/api/conversations/{conversation_id}/messages", {"content": content})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["message"]["id"])


async def history(person: Person, conversation_id: str) -> list[dict[str, Any]]:
    """The newest 200 messages as the server has them, oldest first."""
    answer = await person.http("GET", f"/api/conversations/{conversation_id}/messages?limit=200")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def unfocused(page: Page) -> Page:
    """Take the focus from a page, as another tab does; the tab that has it now.

    Playwright pretends that every page has the focus; here only the one in front has it.
    """
    line = await page.context.new_cdp_session(page)
    await line.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    other = await page.context.new_page()
    await page.wait_for_function("!document.hasFocus()")
    return other


async def set_hidden(page: Page, *, hidden: bool) -> None:
    """Make a page believe that it is hidden or shown again: headless Chromium shows every tab."""
    await page.evaluate(
        """(state) => {
            Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        "hidden" if hidden else "visible",
    )

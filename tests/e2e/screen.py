"""The page as its reader sees and uses it: what to press and where to look, by the names the page itself gives.

Owns the selectors. It must never wait for a time, only for a state, and never judge: what should be there is the tests'.
"""

from __future__ import annotations

import re
from typing import Any, Final

from playwright.async_api import Locator, Page, expect

__all__ = ["Screen"]

_PLACES: Final = """
(rows) => rows.map((row) => ({ key: row.dataset.row, seq: Number(row.dataset.seq), top: row.getBoundingClientRect().top }))
"""


class Screen:
    """One tab."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.door = page.get_by_test_id("session-form")
        self.list = page.get_by_test_id("conversation-list")
        self.room = page.get_by_test_id("room")
        self.title = page.get_by_test_id("room-title")
        self.timeline = page.get_by_test_id("timeline")
        self.messages = page.get_by_test_id("message")
        self.input = page.get_by_test_id("composer-input")
        self.typing = page.get_by_test_id("typing")
        self.line = page.get_by_test_id("connection-line")

    async def visit(self, path: str = "/") -> None:
        """Open the page at a path of its own."""
        await self.page.goto(self.url + path)

    async def signed_in(self) -> None:
        """Wait until the list has all its conversations; the notes to oneself are always among them."""
        await expect(self.rows.first).to_be_visible()

    # ------------------------------------------------------------------------------------------ the door

    async def fill_in(self, **fields: str) -> None:
        """Type into fields of the door, by their labels (`Username=`, `Name=`, `Password=`)."""
        for label, text in fields.items():
            await self.page.get_by_label(label, exact=True).fill(text)

    async def submit(self) -> None:
        """Press the door's button."""
        await self.page.get_by_test_id("session-submit").click()

    async def choose(self, menu: str, entry: str | re.Pattern[str]) -> None:
        """Open a menu by its test id and take one of its entries."""
        await self.page.get_by_test_id(menu).get_by_role("button").first.click()
        await self.page.get_by_role("menu").get_by_text(entry, exact=isinstance(entry, str)).click()

    async def sign_out(self) -> None:
        """Sign out by the account's menu."""
        await self.choose("account-menu", "Sign out")

    # ------------------------------------------------------------------------------------------ the list

    @property
    def rows(self) -> Locator:
        """The conversations listed."""
        return self.list.get_by_test_id("conversation")

    def row(self, conversation_id: str) -> Locator:
        """One conversation of the list."""
        return self.list.locator(f'[data-conversation-id="{conversation_id}"]')

    def unread(self, conversation_id: str) -> Locator:
        """The badge of a conversation."""
        return self.row(conversation_id).get_by_test_id("unread-badge")

    def presence(self, conversation_id: str) -> Locator:
        """The dot that says that the other person is here."""
        return self.row(conversation_id).get_by_test_id("presence-dot")

    async def start_chat(self, *names: str, group: str = "") -> None:
        """Search people by name, choose them, and begin a chat with them."""
        await self.page.get_by_test_id("new-chat").click()
        dialog = self.page.get_by_test_id("new-chat-dialog")
        for name in names:
            await dialog.get_by_test_id("people-search").fill(name)
            await dialog.get_by_test_id("person").filter(has_text=name).click()
        if group:
            await dialog.get_by_test_id("group-name").fill(group)
        await dialog.get_by_test_id("start-chat").click()
        await expect(self.room).to_be_visible()

    async def open(self, conversation_id: str) -> None:
        """Press a conversation of the list and wait for its room."""
        await self.row(conversation_id).click()
        await self._room(conversation_id)

    async def enter(self, conversation_id: str) -> None:
        """Go to a conversation by its address."""
        await self.visit(f"/c/{conversation_id}")
        await self._room(conversation_id)

    async def _room(self, conversation_id: str) -> None:
        await expect(self.room).to_have_attribute("data-conversation-id", conversation_id)
        await expect(self.page.get_by_test_id("history-loading").get_by_role("status")).to_have_count(0)

    # ------------------------------------------------------------------------------------------ the room

    async def write(self, text: str) -> None:
        """Type into the composer and leave it there."""
        await self.input.fill(text)

    async def send(self, *texts: str) -> None:
        """Write and send one message after another."""
        for text in texts:
            await self.write(text)
            await self.input.press("Enter")

    def message(self, text: str) -> Locator:
        """The message with exactly this text."""
        return self.messages.filter(has=self.page.get_by_test_id("message-text").get_by_text(text, exact=True))

    def number(self, text: str) -> Locator:
        """The number beside a message: how many have not read it."""
        return self.message(text).get_by_test_id("people-unread")

    async def has(self, *texts: str) -> None:
        """Wait until the room's messages are exactly these, in this order, all of them stored."""
        await expect(self.messages.get_by_test_id("message-text")).to_have_text(list(texts))
        await expect(self.page.locator('[data-testid="message"]:not([data-state="stored"])')).to_have_count(0)

    async def places(self) -> list[dict[str, Any]]:
        """Key, seq and top of every message on the page, in pixels of the window."""
        found: list[dict[str, Any]] = await self.page.locator("[data-seq]").evaluate_all(_PLACES)
        return found

    async def scroll_to(self, top: float) -> None:
        """Put the history at a distance from its upper end, as a reader's wheel does."""
        await self.timeline.evaluate("(box, top) => { box.scrollTop = top; }", top)

    async def attribute(self, text: str, name: str) -> str:
        """A `data-` attribute of a message."""
        value = await self.message(text).get_attribute(f"data-{name}")
        assert value is not None
        return value

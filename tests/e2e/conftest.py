"""One Chromium and one server per file, and for each test people with browsers of their own.

A test fails at its end if any page it opened had a console error, an uncaught exception or a breach of the
Content-Security-Policy.
"""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browsing import Browsing, launched
from tests.people import Person
from tests.server_process import ServerProcess

expect.set_options(timeout=10_000)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, shared by the tests of a file; what they do is apart by context."""
    async with launched() as running:
        yield running


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for the tests of a file; it has its administrator, so its door is like any other."""
    async with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        await Person.sign_up(running, "administrator")
        yield running


@pytest.fixture
async def browse(browser: Browser, server: ServerProcess) -> AsyncIterator[Browsing]:
    """People of one test."""
    browsing = Browsing(browser, server)
    yield browsing
    await browsing.close()
    assert browsing.complaints == []

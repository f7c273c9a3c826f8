"""What every test stands on: the event loop, nothing else.

Owns the one fixture anyio's pytest plugin asks for. Fixtures of one kind of test live in the conftest of its folder, or
in a module beside the tests that names what it makes.
"""

import sys

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """asyncio alone, on uvloop where it exists: the loop the server runs on."""
    return "asyncio", {"use_uvloop": sys.platform != "win32"}

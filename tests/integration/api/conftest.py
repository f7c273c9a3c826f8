"""A server with an HTTP door for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.api.api_client import Api, open_api


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A server as it is without any setting."""
    async with open_api(tmp_path) as api:
        yield api

"""Servers and clients of other makes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interop.stock_client import StockClient
from tests.server_process import ServerProcess


@pytest.fixture
async def stock_client() -> AsyncIterator[StockClient]:
    """The official JavaScript client, not connected yet."""
    async with StockClient() as client:
        yield client


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A running chat server."""
    folder: Path = tmp_path_factory.mktemp("server")
    async with ServerProcess(folder) as running:
        yield running

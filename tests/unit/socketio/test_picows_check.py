"""The self-test of picows: content with what is installed, loud about anything else."""

import pytest

from madang.socketio import picows_check
from madang.socketio.picows_check import check_picows
from madang.socketio.picows_protocol import PicowsProtocol


async def test_the_installed_picows_passes() -> None:
    """The pinned version does a handshake and gives a message."""
    check_picows()


async def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that might work: its constructor is not public."""
    monkeypatch.setattr(picows_check, "PICOWS_VERSION", "0.0.1")
    with pytest.raises(RuntimeError, match=r"0\.0\.1 is needed exactly"):
        check_picows()


async def test_a_picows_that_behaves_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that does not come is found before anybody connects."""
    monkeypatch.setattr(PicowsProtocol, "upgrade", lambda self, *_: self.feed(b"\r\n\r\n"))
    with pytest.raises(RuntimeError, match="does not work as expected"):
        check_picows()

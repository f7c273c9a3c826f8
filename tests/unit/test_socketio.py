"""The public face: its names, its docstring, and that it stands alone."""

import subprocess
import sys

import madang.socketio as package


def test_every_exported_name_is_there_once() -> None:
    """None twice, none that does not exist; their order is the linter's business."""
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


def test_nothing_else_of_madang_is_loaded() -> None:
    """The engine knows no chat."""
    code = "import sys, madang.socketio; print([name for name in sys.modules if name.startswith('madang.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "madang.socketio.wire" in loaded
    assert all(name.strip(" '[]\n").startswith("madang.socketio") for name in loaded.split(","))


def test_the_protocols_do_no_input_or_output() -> None:
    """``wire`` imports neither a loop nor a log nor a clock."""
    code = (
        "import sys; from madang.socketio.wire import socketio_session, engineio_session, websocket_frame; "
        "import madang.socketio.wire as wire, pathlib; "
        "print(''.join(path.read_text() for path in pathlib.Path(wire.__file__).parent.glob('*.py')))"
    )
    source = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for module in ("asyncio", "logging", "socket", "time", "random", "secrets"):
        assert f"\nimport {module}\n" not in source
        assert f"\nfrom {module} " not in source

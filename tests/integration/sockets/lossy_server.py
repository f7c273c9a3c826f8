"""`madang serve` with a bus that loses: what is published while a file named `lossy` is in its folder reaches nobody.

Run as a wrapper: `python lossy_server.py FOLDER python -m madang serve …`.
"""

import sys
from pathlib import Path

from madang.app import services
from madang.cli import main
from madang.memory.bus import MemoryBus
from madang.ports.bus import BusMessage, UserNotice

LOSSY = Path(sys.argv[1], "lossy")


class LossyBus(MemoryBus):
    """Loses what the log and memberships say; presence is not what it is about."""

    def publish(self, channel: str, message: BusMessage) -> None:
        if isinstance(message, UserNotice) or not LOSSY.exists():
            super().publish(channel, message)


vars(services)["MemoryBus"] = LossyBus  # where the one bus of a server is made
sys.argv = ["madang", *sys.argv[5:]]
main()

"""How much a run tries of what has no end: `MADANG_TEST_SCALE` times as much as on every change. `make faults` sets it."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["SCALE"]

SCALE: Final = int(os.environ.get("MADANG_TEST_SCALE", "1"))

"""Writes the contract out for other languages: `python -m madang.contract.export [--check]`.

Owns which file holds what, and the check that what is committed is what the contract says. Must never run in a server:
it works on a checkout.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from madang.contract.asyncapi import asyncapi
from madang.contract.typescript import typescript

__all__ = ["drifted", "exports", "main", "write"]

CHECKOUT: Final = Path(__file__).resolve().parents[3]


def exports() -> dict[str, str]:
    """Path below the checkout to the text that belongs there."""
    return {
        "packages/client/src/generated/contract.ts": typescript(),
        "docs/reference/asyncapi.json": json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n",
    }


def drifted(root: Path, texts: dict[str, str]) -> list[str]:
    """The paths whose file is missing or says something else."""
    return [path for path, text in texts.items() if not (root / path).is_file() or (root / path).read_text() != text]


def write(root: Path, texts: dict[str, str]) -> list[str]:
    """Bring every file up to date; returns the paths that changed."""
    changed = drifted(root, texts)
    for path in changed:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(texts[path])
    return changed


def main(arguments: list[str] | None = None, *, root: Path = CHECKOUT) -> int:
    """The command; 1 if `--check` finds drift."""
    parser = argparse.ArgumentParser(
        prog="python -m madang.contract.export", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is out of date")
    if parser.parse_args(arguments).check:
        stale = drifted(root, exports())
        for path in stale:
            sys.stderr.write(f"{path} is not what the contract says. Run: python -m madang.contract.export\n")
        return 1 if stale else 0
    for path in write(root, exports()):
        sys.stdout.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Madang: a chat server that installs with one command and grows without being rewritten.

Owns the version, nothing else: importing the package opens nothing and loads nothing. What is where, and which layer may
import which, is in `docs/architecture.md`.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"

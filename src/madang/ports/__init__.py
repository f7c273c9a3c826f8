"""What the services need from outside, as Protocols; the guarantees are in their docstrings.

Every port has an implementation in `memory` (or, for the store, `storage`) that one node runs on, and the conformance
suite of the port in `tests/conformance` holds for each implementation.
"""

"""Tests over real sockets: the protocol as its official suites ask for it, and other people's clients."""

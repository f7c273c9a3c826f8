"""What makes a figure impossible.

Owns the one exception of the benchmark. It is never caught to carry on: a figure that cannot be trusted is not shown.
"""


class BenchError(Exception):
    """A run whose figures would mean nothing: lost or doubled deliveries, refused messages, a server that died."""

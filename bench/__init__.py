"""Measures Madang against python-socketio, on one machine, in one run, with one load generator.

    python -m bench            every scenario, about three minutes; fails if a promised ratio is missed
    python -m bench --quick    seconds: small numbers, does it all run and count exactly

Reading order: ``frames`` (bytes), ``client`` and ``crowd`` (sockets), ``load`` (who sends when), ``processes`` (what a
server costs), ``subjects`` (what is measured), ``scenarios`` (how), ``report``. The method is in ``METHOD.md``.
"""

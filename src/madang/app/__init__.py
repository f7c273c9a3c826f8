"""The composition root: the only place that names implementations.

`services` opens what every command needs, `sockets` builds the engine and the gateway over it, `server` runs the whole,
`doctor` examines an installation. Owns which parts there are, the order in which they start and the reverse in which they
stop. Must never hold a rule of chat or of a protocol.
"""

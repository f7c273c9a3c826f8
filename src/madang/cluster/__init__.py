"""Implementations of the ports on Redis or Valkey: many nodes on one database are one chat."""

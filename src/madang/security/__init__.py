"""Passwords and tokens: the ports `passwords` and `tokens`, over argon2 and JWT. Stores nothing."""

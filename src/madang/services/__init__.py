"""The use cases of chat, over the rules of `domain` and the ports. Knows no sockets, no HTTP and no SQL."""

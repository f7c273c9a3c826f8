"""The rules of chat, pure: no input or output, no clock, no random numbers. Time and ids come in as arguments."""

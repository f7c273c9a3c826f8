"""The ports of one node, in process: no network, nothing to install. The stems are those of `cluster`."""

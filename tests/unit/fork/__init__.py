"""The fork, without a server."""

"""Sockets that stay open: connection, heartbeat, reconnection and bounded hand-over, apart from any venue."""

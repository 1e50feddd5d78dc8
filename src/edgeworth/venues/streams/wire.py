"""The seam to a WebSocket: three calls, and a connector that opens one; the default speaks over `websockets`."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

_LARGEST: Final = 16 << 20  # bytes of a frame; one whole subscription's books arrive in a single array
_OPEN_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 0.5


class Wire(Protocol):
    """One open socket; every call raises ConnectionError once it is closed."""

    async def send(self, text: str) -> None:
        """Send a text frame."""

    async def receive(self) -> str | bytes:
        """Return the next frame, waiting for it."""

    async def close(self) -> None:
        """Close the socket; closing twice is allowed."""


Connect = Callable[[str], Awaitable[Wire]]


class _Socket:
    def __init__(self, connection: "object") -> None:
        from websockets.asyncio.client import ClientConnection

        assert isinstance(connection, ClientConnection)
        self._connection = connection

    async def send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def receive(self) -> bytes:
        from websockets.exceptions import ConnectionClosed

        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def close(self) -> None:
        await self._connection.close()


async def connect_websocket(url: str) -> Wire:
    """Open a socket over the network; raises ConnectionError when that fails.

    Protocol-level pings are answered by the library; whether data still comes is judged by the caller, by its age.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import WebSocketException

    try:
        connection = await connect(
            url,
            max_size=_LARGEST,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,
            compression=None,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise ConnectionError(str(error) or f"no connection to {url}") from error
    return _Socket(connection)

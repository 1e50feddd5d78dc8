"""The trading process's end of the signer's socket: an `OrderSigner` that holds no key."""

import asyncio
import os
from pathlib import Path
from typing import Final

from edgeworth.core.clock import Clock
from edgeworth.core.error_codes import CODES
from edgeworth.core.errors import AccessError
from edgeworth.venues.polymarket.signer_server import peer_uid
from edgeworth.venues.polymarket.signer_wire import (
    Answer,
    Hello,
    Request,
    SignLogin,
    SignOrder,
    frame,
    read_answer,
    read_frame,
)
from edgeworth.venues.polymarket.typed_data import Exchange, OrderData

_PATIENCE_S: Final = 5.0
_SIGNATURE: Final = 65


class RemoteSigner:
    """Have another process sign; requests are answered one after the other."""

    structural = False

    def __init__(self, path: Path, clock: Clock) -> None:
        self.address = ""
        self._path, self._clock = path, clock
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> "RemoteSigner":
        """Connect and learn the key's address; raises AccessError signer-gone, also when another user answers."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path))
        except OSError as error:
            raise AccessError("signer-gone", "nothing answers at the signer's socket") from error
        if peer_uid(writer.get_extra_info("socket")) != os.getuid():
            writer.close()
            raise AccessError("signer-gone", "another user answers at the signer's socket")
        self._streams = reader, writer
        self.address = (await self._ask(Hello())).address
        return self

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def sign_order(self, order: OrderData, exchange: Exchange) -> bytes:
        """Return the signature of an order; raises AccessError signer-refused or signer-gone."""
        return _signature(await self._ask(SignOrder(order, exchange)))

    async def sign_login(self, timestamp: int, nonce: int) -> bytes:
        """Return the signature of a login."""
        return _signature(await self._ask(SignLogin(timestamp, nonce)))

    async def _ask(self, request: Request) -> Answer:
        async with self._turn:
            if self._streams is None:
                raise AccessError("signer-gone", "the signer process has gone")
            reader, writer = self._streams
            try:
                with self._clock.busy():
                    async with asyncio.timeout(_PATIENCE_S):
                        writer.write(frame(request))
                        await writer.drain()
                        raw = await read_frame(reader)
            except (TimeoutError, OSError) as error:
                await self.close()
                raise AccessError("signer-gone", "the signer process does not answer") from error
            except BaseException:  # also when cancelled: an answer that comes later would be taken for the next one
                await self.close()
                raise
            if not raw:
                await self.close()
                raise AccessError("signer-gone", "the signer process has gone")
        answer = read_answer(raw)
        if answer.code:
            known = answer.code if answer.code in CODES else "signer-refused"
            raise AccessError(known, f"the signer refuses: {answer.why[:200]}")
        return answer


def _signature(answer: Answer) -> bytes:
    try:
        raw = bytes.fromhex(answer.signature)
    except ValueError:
        raw = b""
    if len(raw) != _SIGNATURE:
        raise AccessError("signer-gone", "the signer process answers with something that is no signature")
    return raw

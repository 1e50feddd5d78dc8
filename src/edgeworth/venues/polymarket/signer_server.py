"""The signer process's own work: one socket, requests of this user alone, each through the gate and then signed."""

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from edgeworth.core.errors import AccessError, EdgeworthError
from edgeworth.venues.polymarket.signer_policy import Gate, Signed
from edgeworth.venues.polymarket.signer_wire import Answer, Hello, SignLogin, failure, frame, read_frame, read_request
from edgeworth.venues.polymarket.signing import OrderSigner

_DUMPABLE: Final = 4  # PR_SET_DUMPABLE
_LOCK_NOW: Final = 1  # MCL_CURRENT


class SignerServer:
    """Answer requests on a socket that only `uids` may use."""

    def __init__(self, signer: OrderSigner, gate: Gate, uids: frozenset[int]) -> None:
        self._signer, self._gate, self._uids = signer, gate, uids

    async def listen(self, path: Path) -> asyncio.Server:
        """Open the socket, readable and writable by its owner alone."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self.serve, path=str(path))
        finally:
            os.umask(before)
        path.chmod(0o600)
        return server

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it ends."""
        try:
            if peer_uid(writer.get_extra_info("socket")) in self._uids:
                await self._talk(reader, writer)
        except ConnectionError:
            return  # it went away in the middle
        finally:
            writer.close()

    async def answer(self, raw: bytes) -> Answer:
        """Return the answer to one frame; never raises for what stands in it."""
        try:
            request = read_request(raw)
            if isinstance(request, Hello):
                return Answer(address=self._signer.address)
            if isinstance(request, SignLogin):
                self._gate.login(request.timestamp, request.nonce)
                return Answer(signature=(await self._signer.sign_login(request.timestamp, request.nonce)).hex())
            self._gate.order(request.order, request.exchange)
            return Answer(signature=(await self._signer.sign_order(request.order, request.exchange)).hex())
        except EdgeworthError as error:
            return failure(error)
        except Exception:  # noqa: BLE001 - at the process's edge, and what a library says might quote the key
            return Answer(code="signing-failed", why="the request could not be signed")

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                raw = await read_frame(reader)
            except AccessError as error:
                writer.write(frame(failure(error)))
                await writer.drain()
                return
            if not raw:
                return
            writer.write(frame(await self.answer(raw)))
            await writer.drain()


class FileMemory:
    """What was signed within a day, in a file of its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[Signed]:
        """Return what is remembered; raises AccessError signer-refused for a file that cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Signed])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError, UnicodeError) as error:
            raise AccessError("signer-refused", f"{self._path} cannot be read", "look at it, then delete it") from error

    def save(self, signed: Sequence[Signed]) -> None:
        """Replace the file, whole or not at all."""
        fresh = self._path.with_name(f"{self._path.name}.tmp")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(list(signed)))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise AccessError("signer-refused", f"{self._path} cannot be written") from error


def peer_uid(connection: socket.socket) -> int:
    """Return the user at the other end of a local socket, -1 where the system does not say."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        user, group = ctypes.c_uint32(), ctypes.c_uint32()
        found = ctypes.CDLL(None).getpeereid(connection.fileno(), ctypes.byref(user), ctypes.byref(group))
        return int(user.value) if found == 0 else -1
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, size))
    return int(uid)


def harden() -> list[str]:
    """Keep the memory of this process from others as far as the system allows; returns what it did not allow."""
    import resource  # not on every system

    missed = []
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return ["not dumpable", "memory lock"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_DUMPABLE, 0, 0, 0, 0) != 0:
        missed.append("not dumpable")
    if libc.mlockall(_LOCK_NOW) != 0:
        missed.append("memory lock")
    return missed

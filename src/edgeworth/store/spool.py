"""A spool: records appended to a file and synced, until they are sealed into the lake.

A record is its length, its CRC-32 and its bytes; a file ends where a record does not fit its checksum, so a torn tail
is dropped and nothing before it. What `sync` returned for survives a kill and a power cut.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from edgeworth.store.durable import make_folder, sync_folder
from edgeworth.store.engines import storage_error

SUFFIX: Final = ".spool"
_HEAD: Final = struct.Struct("<II")
_LARGEST: Final = 16 << 20


class Spool:
    """Append records to one new file of a folder; raises AccessError where the folder or disk refuses."""

    def __init__(self, folder: Path, name: str) -> None:
        make_folder(folder)
        self.path = folder / f"{name}{SUFFIX}"
        self.size = 0
        self._waiting: list[bytes] = []
        try:
            self._file: IO[bytes] = self.path.open("xb", buffering=0)
            sync_folder(folder)
        except OSError as error:
            raise storage_error(error, self.path) from error

    def add(self, record: bytes) -> None:
        """Keep a record for the next `sync`."""
        self._waiting.append(_HEAD.pack(len(record), zlib.crc32(record)) + record)

    def sync(self) -> int:
        """Write and sync what was added; returns how many records that were. They stay waiting if it fails."""
        if not self._waiting:
            return 0
        data = b"".join(self._waiting)
        try:
            self._file.seek(self.size)
            self._write(data)
            os.fdatasync(self._file.fileno()) if hasattr(os, "fdatasync") else os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(error, self.path) from error
        count = len(self._waiting)
        self._waiting.clear()
        self.size += len(data)
        return count

    def close(self) -> None:
        """Close the file; what was not synced is lost."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def read_spool(path: Path) -> Iterator[bytes]:
    """Yield the whole records of a spool file, up to the first that is torn or damaged."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            if length > _LARGEST:
                return
            record = file.read(length)
            if len(record) < length or zlib.crc32(record) != checksum:
                return
            yield record


def spools(folder: Path) -> list[Path]:
    """Return the spool files of a folder, oldest name first."""
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []

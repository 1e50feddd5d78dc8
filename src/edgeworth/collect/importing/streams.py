"""Bytes of a file in bounded pieces, decompressed; how far we are; whether the file ended early."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from edgeworth.core.progress import Progress

CHUNK: Final = 1 << 20
HEAD: Final = 1 << 18
_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Meter:
    """Pass progress on in bytes of the file on disk, never beyond its size; remember an early end."""

    progress: Progress
    size: int
    done: int = 0
    truncated: bool = False

    def reach(self, position: int) -> None:
        """Say that the file is read up to `position`."""
        position = min(position, self.size)
        if position > self.done:
            self.progress.advance(position - self.done)
            self.done = position

    def finish(self) -> None:
        """Say that the file is done."""
        self.reach(self.size)


def head(path: Path) -> bytes:
    """Return the first bytes of a file, decompressed; what a damaged file still yields."""
    found = b""
    for chunk in chunks(path, None, limit=HEAD):
        found += chunk
        if len(found) >= HEAD:
            break
    return found[:HEAD]


def chunks(path: Path, meter: Meter | None, limit: int = CHUNK) -> Iterator[bytes]:
    """Yield a file's bytes, decompressed if it is gzip; a damaged tail ends the stream and marks the meter."""
    with path.open("rb") as raw:
        compressed = raw.read(2) == _GZIP
        raw.seek(0)
        if not compressed:
            yield from _plain(raw, raw, meter, limit)
            return
        with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
            yield from _guarded(unpacked, raw, meter, limit)


def member_chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter | None) -> Iterator[bytes]:
    """Yield the bytes of an archive's member."""
    with archive.open(info) as file:
        start = meter.done if meter else 0
        seen = 0
        while True:
            try:
                chunk = file.read(CHUNK)
            except (EOFError, zlib.error, zipfile.BadZipFile, OSError):
                if meter:
                    meter.truncated = True
                return
            if not chunk:
                return
            seen += len(chunk)
            if meter and info.file_size:
                meter.reach(start + info.compress_size * seen // info.file_size)
            yield chunk


def _plain(file: IO[bytes], raw: IO[bytes], meter: Meter | None, limit: int) -> Iterator[bytes]:
    while chunk := file.read(limit):
        if meter:
            meter.reach(raw.tell())
        yield chunk


def _guarded(file: gzip.GzipFile, raw: IO[bytes], meter: Meter | None, limit: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = file.read1(limit)
        except (EOFError, zlib.error, gzip.BadGzipFile, OSError):
            if meter:
                meter.truncated = True
            return
        if not chunk:
            return
        if meter:
            meter.reach(raw.tell())
        yield chunk

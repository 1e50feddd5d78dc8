"""Binance's monthly and daily candle files, each proven against its published SHA-256.

A month that was never listed, or not yet published, is refused as `not-listed`. Files can be revised: their checksum is
part of the answer, so that it can be stored and compared later. Until 2025 their times are milliseconds, then
microseconds; `klines` tells them apart.
"""

import hashlib
import io
import re
import zipfile
from datetime import date
from typing import Final

import msgspec

from edgeworth.core.errors import DataError
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import Record
from edgeworth.venues.binance.klines import iter_klines_zip
from edgeworth.venues.binance.rest import SOURCE, merged
from edgeworth.venues.http.client import HttpClient

_SYMBOL: Final = re.compile(r"[A-Z0-9]{3,24}")
_INTERVAL: Final = re.compile(r"\d{1,2}(?:s|mo|m|h|d|w)")
_CHECKSUM: Final = re.compile(r"([0-9a-f]{64})\s+\*?(\S+)")
_LARGEST: Final = 500_000_000
_TRIES: Final = 2  # a file revised between the two requests differs once


class BulkFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that matched its checksum: its name, the SHA-256, the size of the zip in bytes, and what it holds."""

    name: str
    sha256: str
    size: int
    records: list[Record]


class Bulk:
    """Read candle files; `symbol` is the pair (`BTCUSDT`), `interval` as in file names (a month is `1mo`)."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def month(self, symbol: str, interval: str, month: date) -> BulkFile:
        """Return the candles of a month; raises Rejected `not-listed`, DataError `checksum-mismatch`."""
        return await self._file("monthly", symbol, interval, f"{month:%Y-%m}")

    async def day(self, symbol: str, interval: str, day: date) -> BulkFile:
        """Return the candles of a day, published on the next one; raises as `month` does."""
        return await self._file("daily", symbol, interval, f"{day:%Y-%m-%d}")

    async def checksum(self, symbol: str, interval: str, period: str) -> str:
        """Return the published SHA-256 of a month (`2026-01`) or day (`2026-01-31`), to find revised files."""
        kind = "monthly" if period.count("-") == 1 else "daily"
        return await self._published(_path(kind, symbol, interval, period))

    async def _file(self, kind: str, symbol: str, interval: str, period: str) -> BulkFile:
        path = _path(kind, symbol, interval, period)
        name = path.rsplit("/", 1)[-1]
        found = ""
        for _ in range(_TRIES):
            stated = await self._published(path)
            data = await self._bytes(path)
            found = hashlib.sha256(data).hexdigest()
            if found == stated:
                return BulkFile(name=name, sha256=found, size=len(data), records=read_zip(data, name))
        raise DataError("checksum-mismatch", f"{name}: {found} instead of {stated}", name=name)

    async def _published(self, path: str) -> str:
        text = (await self._bytes(path + ".CHECKSUM")).decode("ascii", "replace")
        match = _CHECKSUM.search(text.lower())
        name = path.rsplit("/", 1)[-1]
        if match is None or match.group(2) != name.lower():
            raise Refused("venue-drift", f"{name}: its checksum file says {text[:80]!r}")
        return match.group(1)

    async def _bytes(self, path: str) -> bytes:
        try:
            return (await self._http.get("bulk", path, route="files", expect="bytes")).body
        except Refused as error:
            if error.code == "venue-not-found":
                raise Refused("not-listed", f"there is no {path.rsplit('/', 1)[-1]}") from error
            raise


def read_zip(data: bytes, name: str) -> list[Record]:
    """Return the candles of a zip in memory, in one block, and what was set aside; refuses one that would not fit."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        size = 0  # its reader says what is wrong with it
    if size > _LARGEST:
        raise Refused("venue-too-large", f"{name} would unpack to {size:,} bytes")
    return merged(list(iter_klines_zip(io.BytesIO(data), name=name, source=SOURCE)))


def _path(kind: str, symbol: str, interval: str, period: str) -> str:
    if not _SYMBOL.fullmatch(symbol) or not _INTERVAL.fullmatch(interval):
        raise Refused("not-listed", f"no pair and interval {symbol!r} {interval!r}")
    return f"/data/spot/{kind}/klines/{symbol}/{interval}/{symbol}-{interval}-{period}.zip"

"""The exchange's bulk files: zipped candles by month and by day, each with its checksum."""

import hashlib
import io
import re
import zipfile
from collections import OrderedDict

from edgeworth.core.instants import to_datetime
from edgeworth.core.units import DAY, HOUR, SECOND, Micros
from edgeworth.sandbox.protocol import Request, Response
from edgeworth.sandbox.server.binance import kline_rows
from edgeworth.sandbox.server.faults import Faults
from edgeworth.sandbox.server.spot_feed import INTERVALS, SpotFeed, day_bounds, month_bounds
from edgeworth.sandbox.server.symbols import SYMBOLS

_PATH = re.compile(
    r"/data/spot/(monthly|daily)/klines/([A-Z0-9]+)/(\w+)/\2-\3-(\d{4})-(\d{2})(?:-(\d{2}))?\.zip(\.CHECKSUM)?"
)
_MICROSECOND_ERA = 1_735_689_600 * SECOND  # 2025-01-01
_PUBLISHED_AFTER = {"daily": 9 * HOUR}
_KEPT = 64
_MISSING = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code></Error>'


class Bulk:
    """Answer the bulk file paths; a file appears some hours after its day, or on the first Monday after its month."""

    def __init__(self, feed: SpotFeed, faults: Faults) -> None:
        self._feed, self._faults = feed, faults
        self._files: OrderedDict[str, bytes] = OrderedDict()

    def handle(self, request: Request, now: int) -> Response:
        """Answer a request as of `now`: the zip, its checksum, or 404."""
        found = _PATH.fullmatch(request.path)
        body = self._file(request.path.removesuffix(".CHECKSUM"), found, now) if found else None
        if body is None or found is None:
            return Response(404, (("content-type", "application/xml"),), _MISSING)
        if found.group(7):
            digest = hashlib.sha256(body).hexdigest()
            if self._faults.active("bulk-checksum") is not None:
                digest = hashlib.sha256(body + b"revised").hexdigest()
            name = request.path.rsplit("/", 1)[-1].removesuffix(".CHECKSUM")
            return Response(200, (("content-type", "binary/octet-stream"),), f"{digest}  {name}\n".encode())
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return Response(200, (("content-type", "application/zip"), ("etag", etag)), body)

    def _file(self, path: str, found: "re.Match[str]", now: int) -> bytes | None:
        cadence, name, word, year, month, day = found.groups()[:6]
        interval = "1M" if word == "1mo" else word
        if name not in SYMBOLS or interval not in INTERVALS or word == "1M" or (day is None) != (cadence == "monthly"):
            return None
        try:
            bounds = month_bounds(int(year), int(month)) if day is None else day_bounds(int(year), int(month), int(day))
        except ValueError:
            return None
        if now < _published(cadence, bounds[1]):
            return None
        if path not in self._files:
            body = self._zip(path, (name, interval), bounds)
            if body is None:
                return None
            self._files[path] = body
            while len(self._files) > _KEPT:
                self._files.popitem(last=False)
        return self._files[path]

    def _zip(self, path: str, what: tuple[str, str], bounds: tuple[int, int]) -> bytes | None:
        symbol = SYMBOLS[what[0]]
        bars = self._feed.candles(symbol, what[1], *bounds, now=bounds[1] + 40 * DAY)
        if not len(bars.t):
            return None
        unit = 1 if bounds[0] >= _MICROSECOND_ERA else 1_000
        text = b"\n".join(kline_rows(bars, symbol, unit, json=False)) + b"\n"
        name = path.rsplit("/", 1)[-1].removesuffix(".zip") + ".csv"
        stamp = to_datetime(Micros(bounds[1]))
        entry = zipfile.ZipInfo(name, (stamp.year, stamp.month, stamp.day, 0, 0, 0))
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED, 6)
        return file.getvalue()


def _published(cadence: str, end: int) -> int:
    """Return when a file appears."""
    if cadence in _PUBLISHED_AFTER:
        return end + _PUBLISHED_AFTER[cadence]
    weekday = to_datetime(Micros(end)).weekday()
    return end + (7 - weekday) % 7 * DAY + 9 * HOUR

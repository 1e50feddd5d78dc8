"""A candle exchange behind a transport: monthly and daily zips with checksums, and klines, of deterministic paths."""

import hashlib
import io
import re
import zipfile
from datetime import UTC, date, datetime, timedelta

import httpx2
import numpy as np

from edgeworth.core import random
from edgeworth.core.units import DAY, HOUR, MINUTE

QUARTER = 15 * MINUTE
STEPS = {"15m": QUARTER, "1h": HOUR}
_FILE = re.compile(r"/bulk/data/spot/(monthly|daily)/klines/(\w+)/(\w+)/\w+-\w+-([\d-]+)\.zip(\.CHECKSUM)?$")


def instant(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000


class Exchange:
    """Pairs with the span they traded in; prices with two decimals, volumes with three."""

    def __init__(self, now: int, pairs: dict[str, tuple[int, int]], holes: tuple[int, ...] = ()) -> None:
        self.now, self.pairs, self.holes = now, pairs, holes
        self.noise = 0.0  # added to the exchange's own hours
        self.asked: list[str] = []
        self._rows = {pair: self._path(pair, *span) for pair, span in pairs.items()}

    def _path(self, pair: str, start: int, end: int) -> list[tuple[int, float, float, float, float, float]]:
        t = np.arange(-(-start // QUARTER) * QUARTER, end, QUARTER)
        draws = random.stream(1, "exchange", pair).normal(0.0, 0.01, (len(t), 3))
        close = np.round(100 * np.exp(np.cumsum(draws[:, 0])), 2)
        opened = np.concatenate(([100.0], close[:-1]))
        high = np.round(np.maximum(opened, close) * (1 + np.abs(draws[:, 1]) / 4) + 0.01, 2)
        low = np.round(np.minimum(opened, close) * (1 - np.abs(draws[:, 2]) / 4) - 0.01, 2)
        volume = np.round(np.abs(draws[:, 1]) * 1_000 + 0.001, 3)
        rows = zip(
            t.tolist(), opened.tolist(), high.tolist(), low.tolist(), close.tolist(), volume.tolist(), strict=True
        )
        return [row for row in rows if row[0] not in self.holes]

    def candles(self, pair: str, interval: str, start: int, end: int) -> list[tuple]:
        rows = [row for row in self._rows.get(pair, []) if start <= row[0] < end]
        if interval == "15m":
            return rows
        hours: dict[int, list[tuple]] = {}
        for row in rows:
            hours.setdefault(row[0] // HOUR * HOUR, []).append(row)
        return [
            (
                at,
                q[0][1],
                max(r[2] for r in q),
                min(r[3] for r in q),
                q[-1][4] + self.noise,
                round(sum(r[5] for r in q), 3),
            )
            for at, q in hours.items()
        ]

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        found = _FILE.search(request.url.path)
        if found:
            return self._file(*found.groups())
        query = request.url.params
        start, end = int(query["startTime"]) * 1_000, int(query["endTime"]) * 1_000 + 1
        rows = self.candles(query["symbol"], query["interval"], start, min(end, self.now))[: int(query["limit"])]
        step = STEPS[query["interval"]]
        return httpx2.Response(200, json=[[r[0] // 1_000, *map(str, r[1:]), (r[0] + step) // 1_000 - 1] for r in rows])

    def _file(self, kind: str, pair: str, interval: str, period: str, checksum: str | None) -> httpx2.Response:
        data = self.zip(kind, pair, interval, period)
        if data is None:
            return httpx2.Response(404, text="not found")
        if not checksum:
            return httpx2.Response(200, content=data)
        return httpx2.Response(200, text=f"{hashlib.sha256(data).hexdigest()}  {pair}-{interval}-{period}.zip\n")

    def zip(self, kind: str, pair: str, interval: str, period: str) -> bytes | None:
        first = date.fromisoformat(period if kind == "daily" else f"{period}-01")
        after = first + timedelta(days=1) if kind == "daily" else (first + timedelta(days=32)).replace(day=1)
        start, end = instant(*first.timetuple()[:3]), instant(*after.timetuple()[:3])
        published = end + (DAY if kind == "daily" else 5 * DAY)
        rows = self.candles(pair, interval, start, end)
        if not rows or published > self.now:
            return None
        unit = 1_000 if start < instant(2025, 1, 1) else 1  # milliseconds until 2025, then microseconds
        text = "".join(f"{r[0] // unit},{','.join(map(str, r[1:]))},0,0,0,0,0,0\n" for r in rows)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo(f"{pair}-{interval}-{period}.csv"), text)
        return buffer.getvalue()

"""Price history, both ways the venue serves it, with retention by grain and the settlement point.

A point is the last price by its instant; nothing after `now` is ever shown.
"""

import numpy as np

from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR, ONE_PRICE, SECOND
from edgeworth.sandbox.server.live import Ints, LiveWorld, Phase
from edgeworth.sandbox.server.paging import InvalidError, whole
from edgeworth.sandbox.server.protocol import Request, Response, json_response

WINDOW = 15 * DAY
_SPANS = {"1h": HOUR, "6h": 6 * HOUR, "12h": 12 * HOUR, "1d": DAY, "1w": 7 * DAY, "1m": 30 * DAY}
_CLOB_FIDELITY = {"1h": 1, "6h": 1, "1d": 5, "1w": 30, "1m": 180, "max": 720, "all": 720}
_RESOLVED_FIDELITY = 720
# grain in seconds -> how long it is kept; a longer grain is kept for ever
_RETENTION = {60: 7 * DAY, 300: 60 * DAY, 1_800: 90 * DAY}
_GRAINS = (60, 300, 1_800, 10_800, 43_200)
_BUCKETS = {"1h": 60, "6h": 300, "12h": 300, "1d": 300, "1w": 1_800, "1m": 10_800, "max": 10_800, "all": 10_800}
_FLOORS = {"max": 600, "all": 600, "1m": 600, "1w": 300}


def sampled(live: LiveWorld, market: int, leg: int, instants: Ints) -> list[float]:
    """Return the price of one leg at each instant, dollars."""
    arrays = live.world.arrays
    first, stop = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
    if first == stop:
        return [0.5] * len(instants)
    place = np.searchsorted(arrays.t[first:stop], instants, side="right") - 1
    prices: Ints = arrays.price_e4[first + np.maximum(place, 0)].astype(np.int64)
    own = prices if leg == 0 else ONE_PRICE - prices
    result: list[float] = (own / ONE_PRICE).tolist()
    return result


def _grid(begin: int, end: int, step: int) -> Ints:
    """Return the multiples of `step` in [begin, end], microseconds."""
    return np.arange(-(-begin // step) * step, end + 1, step, dtype=np.int64)


class History:
    """Answer both history routes from a live world."""

    def __init__(self, live: LiveWorld) -> None:
        self.live = live

    def clob(self, request: Request, now: int) -> Response:
        """Answer the order service's route: `{"history": [{"t", "p"}]}`."""
        found = self.live.names.find_token(request.first("market"))
        if not request.first("market"):
            return json_response({"error": "market is required"}, 400)
        interval = request.first("interval")
        try:
            fidelity = whole(request.first("fidelity"), "fidelity", _CLOB_FIDELITY.get(interval, 1))
            begin, end = self._clob_span(request, interval, now)
        except InvalidError as error:
            return json_response({"error": str(error)}, 400)
        if end - begin > WINDOW and fidelity < 60 and not interval:
            return json_response({"error": "invalid filters: 'startTs' and 'endTs' interval is too long"}, 400)
        if found is None or self.live.created_at[found[0]] > now:
            return json_response({"history": []})
        market, leg = found
        status = self.live.status(market, now)
        if status.phase is Phase.RESOLVED and fidelity < _RESOLVED_FIDELITY:
            return json_response({"history": []})
        begin = max(begin, int(self.live.created_at[market]))
        end = min(end, now, int(self.live.resolved_at[market]))
        instants = _grid(begin, end, max(fidelity, 1) * 60 * SECOND)
        prices = sampled(self.live, market, leg, instants)
        seconds = (instants // SECOND).tolist()
        return json_response({"history": [{"t": t, "p": p} for t, p in zip(seconds, prices, strict=True)]})

    def _clob_span(self, request: Request, interval: str, now: int) -> tuple[int, int]:
        begin, end = request.first("startTs"), request.first("endTs")
        if interval:
            if begin or end:
                raise InvalidError("invalid filters: 'interval' excludes 'startTs' and 'endTs'")
            if interval not in _CLOB_FIDELITY:
                raise InvalidError("invalid interval")
            return (now - _SPANS[interval] if interval in _SPANS else 0), now
        if not begin:
            raise InvalidError("invalid filters: 'interval' or 'startTs' is required")
        return whole(begin, "startTs", 0) * SECOND, whole(end, "endTs", now // SECOND) * SECOND

    def rows(self, request: Request, now: int) -> list[dict[str, object]]:
        """Return the rows of the data service's route; raises InvalidError."""
        token, interval = request.first("token_id"), request.first("interval")
        if not token:
            raise InvalidError("token_id is required", "token_id")
        chosen = [name for name in ("interval", "start", "as_of") if request.first(name)]
        if len(chosen) != 1:
            raise InvalidError(
                "exactly one of interval, start and as_of is required", chosen[-1] if chosen else "interval"
            )
        found = self.live.names.find_token(token)
        if request.first("as_of"):
            if request.first("bucket_seconds"):
                raise InvalidError("bucket_seconds is not allowed with as_of", "bucket_seconds")
            at = min(whole(request.first("as_of"), "as_of", 0) * SECOND, now)
            return [] if found is None else self._as_of(found, at)
        bucket = self._bucket(request, interval)
        begin, end = self._span(request, interval, now)
        if found is None or self.live.created_at[found[0]] > now:
            return []
        return self._series(found, begin, end, bucket, now)

    def _bucket(self, request: Request, interval: str) -> int:
        bucket = whole(request.first("bucket_seconds"), "bucket_seconds", _BUCKETS.get(interval, 1_800))
        if not max(60, _FLOORS.get(interval, 60)) <= bucket <= 86_400:
            raise InvalidError("bucket_seconds is out of range", "bucket_seconds")
        return bucket

    def _span(self, request: Request, interval: str, now: int) -> tuple[int, int]:
        """Return the asked span; its end is exclusive."""
        if interval:
            if interval not in _BUCKETS:
                raise InvalidError("interval is not valid", "interval")
            return (now - _SPANS[interval] if interval in _SPANS else 0), now + 1
        begin = whole(request.first("start"), "start", 0) * SECOND
        end = whole(request.first("end"), "end", min(begin + WINDOW, now + SECOND) // SECOND) * SECOND
        if end - begin > WINDOW:
            raise InvalidError("the window may not exceed 15 days", "end")
        return begin, end

    def _as_of(self, found: tuple[int, int], at: int) -> list[dict[str, object]]:
        if self.live.created_at[found[0]] > at:
            return []
        price = sampled(self.live, *found, np.array([at]))[0]
        return [{"timestamp": at // SECOND, "price": price, "resolution_seconds": 60}]

    def _series(self, found: tuple[int, int], begin: int, end: int, bucket: int, now: int) -> list[dict[str, object]]:
        market, leg = found
        live = self.live
        grain = max(size for size in _GRAINS if size <= bucket)
        oldest = now - _RETENTION[grain] if grain in _RETENTION else 0
        first = max(begin, oldest, int(live.created_at[market]))
        last = min(end - 1, now, int(live.resolved_at[market]) - 1)
        instants = _grid(first, last, bucket * SECOND)
        prices = sampled(live, market, leg, instants)
        rows: list[dict[str, object]] = [
            {"timestamp": t, "price": p, "resolution_seconds": bucket}
            for t, p in zip((instants // SECOND).tolist(), prices, strict=True)
        ]
        resolved = int(live.resolved_at[market])
        payout = int(live.world.final_e4[market])
        if max(begin, oldest) <= resolved < end and resolved <= now and payout != Payout.VOID:
            value = payout if leg == 0 else ONE_PRICE - payout
            rows.append({"timestamp": resolved // SECOND, "price": value / ONE_PRICE, "resolution_seconds": 0})
        return rows

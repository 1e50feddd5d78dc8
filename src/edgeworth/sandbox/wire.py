"""Write a world as the venues would have served it: Gamma events, price histories, exchange kline files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import to_datetime, to_iso
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.random import stream
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR, SECOND, Micros
from edgeworth.sandbox import identity
from edgeworth.sandbox.arrays import WorldData
from edgeworth.sandbox.fees import fee_row
from edgeworth.sandbox.rules import rule_text
from edgeworth.sandbox.spot import COIN_INDEX, COINS

_SETTLED = {
    int(Payout.YES): ("1", "0"),
    int(Payout.NO): ("0", "1"),
    int(Payout.HALF): ("0.5", "0.5"),
    int(Payout.VOID): ("0", "0"),
}
_POINT = b'{"t":0000000000,"p":0.0000},'
_T_AT, _P_AT = 5, 22
_MICROSECOND_ERA = 1_735_689_600 * SECOND  # 2025-01-01: monthly kline files switch from milli- to microseconds
_BLOCK = 4 * 1024 * 1024


def write_all(world: WorldData, folder: Path) -> list[Path]:
    """Write every file of a world and return those an importer should read, in order."""
    scenario, files = world.scenario, []
    for number in range(scenario.snapshot_dumps):
        share = (number + 1) / (scenario.snapshot_dumps + 1)
        as_of = round((scenario.start + share * (scenario.end - scenario.start)) / DAY) * DAY
        path = folder / f"gamma-open-{to_iso(Micros(as_of))[:10]}.ndjson"
        _write_events(world, path, as_of, only_open=True)
        files.append(path)
    events, history = folder / "gamma-events.ndjson", folder / "price-history.json"
    _write_events(world, events, scenario.end, only_open=False)
    _write_history(world, history)
    return [*files, events, history, *_write_candles(world, folder)]


def _write_events(world: WorldData, path: Path, as_of: int, *, only_open: bool) -> None:
    """Write events listed by `as_of`, one a line, with everything the venue would then have shown."""
    writer = _Gamma(world, as_of)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for event in writer.ids.order:
            row = writer.event(event, only_open)
            if row:
                file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _instant(value: int) -> str:
    return to_iso(Micros(value))


def _legacy(value: int) -> str:
    """Print an instant as PostgreSQL does: `2026-01-31 12:00:00+00`, whole seconds."""
    return f"{to_datetime(Micros(value)):%Y-%m-%d %H:%M:%S}+00"


def _list(*parts: str) -> str:
    return json.dumps(list(parts), ensure_ascii=False)


class _Gamma:
    """Shape events and markets as the venue's metadata service would have on one day."""

    def __init__(self, world: WorldData, as_of: int) -> None:
        self.world, self.as_of = world, as_of
        self.ids = identity.Numbering(world)
        self.conditions = identity.conditions(world)
        self.volume = np.exp(stream(world.seed, "volume").normal(9.5, 1.6, world.market_count))
        self.tags: dict[str, int] = {}

    def event(self, event: int, only_open: bool) -> dict[str, Any] | None:
        """Return the event with its markets, None when it was not listed yet (or, if asked, not open any more)."""
        members = list(self.ids.markets(event))
        created = int(self.world.arrays.created_at[members[0]])
        closed = all(self._resolved(market) for market in members)
        if created >= self.as_of or (only_open and closed):
            return None
        kind, text = self.world.event_kind[event], self.world.texts[event]
        number = self.ids.event_id(event)
        slug = self.ids.event_slug(event)
        markets = [self._market(event, market, place) for place, market in enumerate(members)]
        row: dict[str, Any] = {
            "id": number,
            "version": "v1",
            "ticker": slug,
            "slug": slug,
            "title": text.title,
            "startDate": _instant(created),
            "creationDate": _instant(created),
            "createdAt": _instant(created),
            "updatedAt": _instant(self._touched(members)),
            "active": True,
            "closed": closed,
            "archived": False,
            "restricted": True,
            "enableOrderBook": True,
            "negRisk": kind.neg_risk,
            "enableNegRisk": kind.neg_risk,
            "volume": round(float(self.volume[members].sum()), 2),
            "liquidity": 0 if closed else int(self.world.depth_usd[members].sum()),
            "tags": [self._tag(label) for label in dict.fromkeys((*kind.tags, *text.tags))],
            "markets": markets,
        }
        if kind.neg_risk:
            row["negRiskMarketID"] = identity.hexadecimal(self.world, "negrisk", event)
        if closed:
            row["closedTime"] = _instant(int(self.world.arrays.resolved_at[members].max()) // SECOND * SECOND)
        end = int(self.world.arrays.scheduled_end[members[0]])
        return row if end == UNKNOWN_TIME else {**row, "endDate": _instant(end)}

    def _touched(self, members: list[int]) -> int:
        """Return when the record last changed: at its settlement, else on the day of the dump."""
        resolved = int(self.world.arrays.resolved_at[members].max())
        return min(resolved, self.as_of) // SECOND * SECOND

    def _resolved(self, market: int) -> bool:
        return bool(self.world.arrays.resolved_at[market] < self.as_of)

    def _tag(self, label: str) -> dict[str, str]:
        number = self.tags.setdefault(label, 100 + len(self.tags))
        return {"id": str(number), "label": label, "slug": label.lower().replace(" ", "-")}

    def _market(self, event: int, market: int, place: int) -> dict[str, Any]:
        world, arrays = self.world, self.world.arrays
        text = world.texts[event].markets[place]
        number, created = self.ids.market_id(market), int(arrays.created_at[market])
        volume = round(float(self.volume[market]), 6)
        row: dict[str, Any] = {
            "id": number,
            "version": "v1",
            "question": text.question,
            "conditionId": self.conditions[market],
            "questionID": identity.hexadecimal(world, "question", market),
            "slug": self.ids.market_slug(market),
            "description": rule_text(world.event_kind[event], text, created, int(arrays.scheduled_end[market])),
            "outcomes": _list(*text.outcomes),
            "clobTokenIds": _list(*identity.tokens(world, market)),
            "active": True,
            "archived": False,
            "restricted": True,
            "startDate": _instant(created),
            "createdAt": _instant(created),
            "volume": f"{volume:.6f}",
            "volumeNum": volume,
            "orderPriceMinTickSize": world.scenario.tick_e4 / 10_000,
            "orderMinSize": 5,
            "negRisk": world.event_kind[event].neg_risk,
            "makerBaseFee": 1000,
            "takerBaseFee": 1000,
            "umaBond": "500",
            "umaReward": "5",
        }
        if text.label:
            row |= {"groupItemTitle": text.label, "groupItemThreshold": str(place)}
        if row["negRisk"]:
            row["negRiskMarketID"] = identity.hexadecimal(world, "negrisk", event)
        end = int(arrays.scheduled_end[market])
        if end != UNKNOWN_TIME:
            row |= {"endDate": _instant(end), "endDateIso": _instant(end)[:10]}
        return row | self._fees(event, created) | self._state(market)

    def _fees(self, event: int, created: int) -> dict[str, Any]:
        fee = fee_row(self.world.event_kind[event].category, created)
        if fee is None:
            return {"feesEnabled": False}
        name, rate, rebate = fee
        schedule = {"exponent": 1, "rate": rate / 1e6, "takerOnly": True, "rebateRate": rebate}
        return {"feesEnabled": True, "feeType": name, "feeSchedule": schedule}

    def _state(self, market: int) -> dict[str, Any]:
        """Return what changes over a market's life: prices, book and oracle state as of the dump."""
        if self._resolved(market):
            return self._closed(market)
        world, arrays = self.world, self.world.arrays
        first, stop = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
        last = first + int(np.searchsorted(arrays.t[first:stop], self.as_of))
        price = int(arrays.price_e4[last - 1]) if last > first else 5_000
        half = int(world.half_spread_e4[market])
        bid, ask = max(price - half, 0), min(price + half, 10_000)
        proposed = bool(arrays.proposed_at[market] < self.as_of)
        history = (["proposed", "disputed"] if world.disputed[market] else ["proposed"]) if proposed else []
        state = {
            "closed": False,
            "acceptingOrders": not proposed,
            "enableOrderBook": True,
            "outcomePrices": _list(f"{price / 1e4:.4f}", f"{1 - price / 1e4:.4f}"),
            "bestBid": bid / 1e4,
            "bestAsk": ask / 1e4,
            "spread": (ask - bid) / 1e4,
            "lastTradePrice": price / 1e4,
            "liquidity": f"{world.depth_usd[market]:.4f}",
            "liquidityNum": int(world.depth_usd[market]),
            "umaResolutionStatuses": _list(*history),
            "updatedAt": _instant(self.as_of // SECOND * SECOND),
        }
        return {**state, "umaResolutionStatus": history[-1]} if history else state

    def _closed(self, market: int) -> dict[str, Any]:
        resolved = int(self.world.arrays.resolved_at[market])
        prices = _SETTLED[int(self.world.final_e4[market])]
        fought = ["disputed", "proposed"] if self.world.disputed[market] else []
        return {
            "closed": True,
            "acceptingOrders": False,
            "enableOrderBook": False,
            "outcomePrices": _list(*prices),
            "bestBid": 0,
            "bestAsk": 1,
            "lastTradePrice": float(prices[0]),
            "liquidity": "0",
            "liquidityNum": 0,
            "closedTime": _legacy(resolved),
            "umaEndDate": _legacy(resolved),
            "umaResolutionStatus": "resolved",
            "umaResolutionStatuses": _list("proposed", *fought, "resolved"),
            "resolvedBy": "0x" + identity.hexadecimal(self.world, "resolver", 0)[-40:],
            "automaticallyResolved": True,
            "updatedAt": _instant(resolved // SECOND * SECOND),
        }


def encode_points(t: npt.NDArray[np.int64], price_e4: npt.NDArray[np.int32]) -> bytes:
    """Encode points as `{"t":seconds,"p":price},…` without the last comma; prices are strictly between 0 and 1."""
    seconds = t // SECOND
    text = np.tile(np.frombuffer(_POINT, dtype=np.uint8), (len(t), 1))
    for digit in range(10):
        text[:, _T_AT + digit] += (seconds // 10 ** (9 - digit) % 10).astype(np.uint8)
    for digit in range(4):
        text[:, _P_AT + digit] += (price_e4 // 10 ** (3 - digit) % 10).astype(np.uint8)
    return text.tobytes()[:-1]


def _history_parts(world: WorldData) -> Iterator[bytes]:
    arrays, ids = world.arrays, identity.Numbering(world)
    conditions = identity.conditions(world)
    comma = b""
    for event in ids.order:
        for market in ids.markets(event):
            points = slice(int(arrays.offsets[market]), int(arrays.offsets[market + 1]))
            if points.start == points.stop:
                continue
            head = f'{{"conditionId":"{conditions[market]}","id":"{ids.market_id(market)}","price_history":['
            yield comma + b"\n" + head.encode()
            yield encode_points(arrays.t[points], arrays.price_e4[points])
            yield b"]}"
            comma = b","


def _write_history(world: WorldData, path: Path) -> None:
    with path.open("wb", buffering=_BLOCK) as file:
        file.write(b'{"markets":[')
        file.writelines(_history_parts(world))
        file.write(b"\n]}\n")


def _write_candles(world: WorldData, folder: Path) -> list[Path]:
    """Write hourly klines up to the dump: twelve columns, no header, as the exchange's bulk files."""
    scenario, files = world.scenario, []
    if scenario.candle_files == "none":
        return []
    for symbol in scenario.symbols:
        coin = COIN_INDEX[symbol]
        times, values = world.spot.candles(coin, scenario.start, scenario.end // HOUR * HOUR)
        labels = ["" if scenario.candle_files == "symbol" else _instant(t)[:7] for t in times.tolist()]
        for label in dict.fromkeys(labels):
            rows = [row for row, own in enumerate(labels) if own == label]
            chosen = slice(rows[0], rows[-1] + 1)
            micros = bool(label) and times[rows[0]] >= _MICROSECOND_ERA
            path = folder / f"{symbol}USDT-1h{'-' + label if label else ''}.csv"
            lines = _klines(times[chosen], values[chosen], COINS[coin].decimals, 1 if micros else 1000)
            path.write_text("".join(lines), encoding="utf-8", newline="\n")
            files.append(path)
    return files


def _klines(times: npt.NDArray[np.int64], values: npt.NDArray[np.float64], decimals: int, unit: int) -> Iterator[str]:
    for t, (o, h, low, c, volume) in zip(times.tolist(), values.tolist(), strict=True):
        quote = volume * (o + c) / 2
        numbers = (f"{round(x, decimals):.8f}" for x in (o, h, low, c))
        close = (t + HOUR) // unit - 1
        yield (
            f"{t // unit},{','.join(numbers)},{volume:.8f},{close},{quote:.8f},{int(quote / 900)},"
            f"{0.51 * volume:.8f},{0.51 * quote:.8f},0\n"
        )

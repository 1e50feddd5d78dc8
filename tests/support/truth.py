"""Compare what was collected with what the sandbox's world was: every row, exactly."""

import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from edgeworth.collect.jobs.capture import depth_e6
from edgeworth.collect.jobs.spot import DEFAULT, symbol_of
from edgeworth.core.paths import Home
from edgeworth.core.units import MINUTE, SECOND
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.server.symbols import SYMBOLS

_STAMP = 999  # a book's stamp has whole milliseconds: it was so by the end of that one
_QUARTER = 15 * SECOND
_SPOT_AGE = 5 * MINUTE  # tickers are asked for before the books, which may take several tries
_LISTING_AGE = 20 * MINUTE  # and sizes with the listing before both, itself up to five minutes old


def rows(home: Home, query: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query as dictionaries."""
    connection = sqlite3.connect(home.market_db)
    connection.row_factory = sqlite3.Row
    try:
        for row in connection.execute(query):
            yield dict(row)
    finally:
        connection.close()


def snapshots(home: Home) -> Iterator[dict[str, Any]]:
    """Yield every snapshot with its Gamma id."""
    return rows(
        home,
        "SELECT s.*, a.value AS gamma FROM market_snapshots s JOIN market_aliases a ON a.market_no = s.market_no "
        "WHERE a.kind = 'gamma' ORDER BY s.slot, s.market_no",
    )


class Truth:
    """Judge rows by a sandbox whose clock has passed all of them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._live, self._floor, self._spot = sandbox.live, sandbox.exchange.floor, sandbox.spot
        self._price = lru_cache(4_096)(self._price_at)
        self._coin = lru_cache(4_096)(self._coin_of)

    def errors(self, row: dict[str, Any]) -> list[str]:
        """Return what is wrong with a snapshot, in words; empty when it is true."""
        market = self._live.names.find_market(row["gamma"])
        assert market is not None
        at, known = row["event_time"] + _STAMP, row["known_at"]
        book = self._floor.computed(market, at)
        if book is None:
            return [f"no book at {at}"]
        bid, ask = (book.bids[0] if book.bids else None), (book.asks[0] if book.asks else None)
        sides = [[(level.price_e4, level.shares_e6) for level in side] for side in (book.bids, book.asks)]
        expected = {
            "bid_e4": bid and bid.price_e4,
            "ask_e4": ask and ask.price_e4,
            "bid_size_e6": bid and bid.shares_e6,
            "ask_size_e6": ask and ask.shares_e6,
            "depth_e6": depth_e6(*sides),
            "book_age_us": known - row["event_time"],
        }
        wrong = [f"{name}: {row[name]}, was {value}" for name, value in expected.items() if row[name] != value]
        if not self._last_was(market, row["last_e4"], row["event_time"], known):
            wrong.append(f"last_e4: {row['last_e4']}")
        return wrong + self._sizes(market, row) + self._spots(market, row)

    def _last_was(self, market: int, last: int | None, begin: int, end: int) -> bool:
        """Tell whether this was the last trade's price at some instant between the stamp and the answer."""
        crowd = self._floor.crowd
        before = crowd.last_print(market, begin)
        seen = {None if before is None else before.yes_e4}
        seen |= {row.yes_e4 for row in crowd.prints(market, begin, end)}
        return last in seen

    def _sizes(self, market: int, row: dict[str, Any]) -> list[str]:
        if row["volume_e6"] is None:
            return []
        known = row["known_at"]
        low, high = self._live.volume_e6(market, known - _LISTING_AGE), self._live.volume_e6(market, known)
        return [] if low - 10_000 <= row["volume_e6"] <= high + 10_000 else [f"volume_e6: {row['volume_e6']}"]

    def _spots(self, market: int, row: dict[str, Any]) -> list[str]:
        if row["spot_e4"] is None:
            return []
        coin = self._coin(market)
        end = row["known_at"] // _QUARTER
        seen = {self._price(coin, quarter) for quarter in range(end - _SPOT_AGE // _QUARTER, end + 1)}
        return [] if row["spot_e4"] in seen else [f"spot_e4: {row['spot_e4']}, was {sorted(seen)[:3]}"]

    def _coin_of(self, market: int) -> str:
        text, event = self._live.text(market), self._live.event_text(self._live.event_of(market))
        name = symbol_of(text.question, event.title, self._live.kind(market).tags)
        return name if name in SYMBOLS else DEFAULT

    def _price_at(self, coin: str, quarter: int) -> int:
        symbol = SYMBOLS[coin]
        return self._spot.price(symbol, quarter * _QUARTER) * 10_000 // 10**symbol.decimals

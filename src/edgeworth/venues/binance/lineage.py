"""Which pairs an asset traded under at Binance, from when to when, and at what ratio a new coin replaced an old one.

A price keeps the pair it was traded in: nothing is spliced when it is stored. `segments` says which pairs make up an
asset's history; `continued` multiplies a successor's prices by its ratio, so that they count in units of the first
coin. The quote is always one and the same (USDT): dollars of different issuers are never mixed.

Dates are those of the exchange's announcements. Where `dated` is False the date is from the migration itself and not
confirmed by an announcement; a fetch then takes the published files as the truth and stops where they stop.
The list of symbols is a list of survivors of 2020 to 2026 as somebody chose them, coins that died later included:
results across it say nothing about coins that were never on it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from edgeworth.core.instants import from_datetime
from edgeworth.core.panel import Floats
from edgeworth.core.units import Micros

QUOTE: Final = "USDT"

DEFAULT_ASSETS: Final = (
    "BTC", "ETH", "SOL", "ADA", "DOT", "AVAX", "MATIC", "LINK", "UNI", "LTC", "BCH", "XLM", "ALGO", "ATOM", "FIL",
    "ICP", "VET", "THETA", "EOS", "TRX", "XTZ", "AAVE", "MKR", "COMP", "SNX", "YFI", "SUSHI", "CRV", "BAL", "REN",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segment:
    """One pair of an asset's history: traded in [start, end), None = unbounded.

    `ratio` is how many of this coin replaced one of the asset's first coin.
    """

    base: str
    start: Micros | None = None
    end: Micros | None = None
    ratio: int = 1

    @property
    def pair(self) -> str:
        """The symbol at the exchange."""
        return self.base + QUOTE


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a coin: its pair stopped at `stopped`; `successor` (if any) opened at `opened`."""

    asset: str
    stopped: Micros
    successor: str = ""
    opened: Micros | None = None
    ratio: int = 1
    dated: bool = True
    note: str = ""


def _utc(*parts: int) -> Micros:
    return from_datetime(datetime(*parts, tzinfo=UTC))  # type: ignore[misc, arg-type]


CHANGES: Final = (
    Change("MATIC", _utc(2024, 9, 10, 3), "POL", _utc(2024, 9, 13, 10), note="Polygon's token became POL, one for one"),
    Change("REN", _utc(2024, 12, 10, 3), note="delisted"),
    Change("BAL", _utc(2025, 4, 16, 3), note="delisted"),
    Change(
        "EOS", _utc(2025, 5, 26, 3), "A", _utc(2025, 5, 28, 8), dated=False, note="EOS became Vaulta (A), one for one"
    ),
    Change(
        "MKR", _utc(2025, 9, 15, 3), "SKY", _utc(2025, 9, 18, 8), 24_000, False, "Maker became Sky, 24,000 for 1"
    ),
)  # fmt: skip
_BY_ASSET: Final = {change.asset: change for change in CHANGES}
_ANCESTORS: Final = {change.successor: change.asset for change in CHANGES if change.successor}


def asset_of(symbol: str) -> str:
    """Return the asset whose history a pair or coin belongs to: POLUSDT, POL and MATIC are all MATIC.

    Raises ValueError for a pair quoted in anything but USDT.
    """
    name = symbol.strip().upper().replace("/", "").replace("-", "")
    if name.endswith(QUOTE) and name != QUOTE:
        name = name.removesuffix(QUOTE)
    elif name.endswith(("USDC", "BUSD", "FDUSD", "TUSD")) or (name.endswith("USD") and len(name) > 3):
        raise ValueError(f"{symbol}: only pairs quoted in {QUOTE} are fetched, quotes are never mixed")
    return _ANCESTORS.get(name, name)


def segments(asset: str) -> tuple[Segment, ...]:
    """Return the pairs of an asset in order of time, those that died included."""
    change = _BY_ASSET.get(asset)
    if change is None:
        return (Segment(asset),)
    first = Segment(asset, None, change.stopped)
    if not change.successor:
        return (first,)
    return (first, Segment(change.successor, change.opened, None, change.ratio))


def change_of(asset: str) -> Change | None:
    """Return what became of an asset's first coin, None when it still trades."""
    return _BY_ASSET.get(asset)


def continued(segment: Segment, prices: Floats) -> Floats:
    """Return a segment's prices in units of the asset's first coin, shape as given."""
    return np.asarray(prices * segment.ratio, dtype=np.float64)

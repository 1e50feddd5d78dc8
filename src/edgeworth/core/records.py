"""Typed records that parsers emit and the store accepts: what a source said, before it is matched to what we have.

Parsers are pure: bytes in, these out. `ids` holds every name a market is known by, as (kind, value) pairs; kinds are
`condition`, `gamma`, `slug`, `token` (outcome 0), `token1`, `key` (an import's own key, prefixed with its source).
Instants are UTC microseconds, prices 1e-4 dollars.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from edgeworth.core.types import FeeSchedule, Payout, ResolutionState

if TYPE_CHECKING:
    import numpy as np

Ids = tuple[tuple[str, str], ...]


class EventRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A group of markets; with `neg_risk` exactly one of them wins."""

    source: str
    venue: str
    native_id: str
    slug: str = ""
    title: str = ""
    neg_risk: bool = False
    tags: tuple[str, ...] = ()
    known_at: int | None = None


class MarketRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A market's static facts. `backdated` says that known_at was assumed, from a dump made later."""

    source: str
    venue: str
    ids: Ids
    question: str = ""
    outcomes: tuple[str, str] = ("Yes", "No")
    event_native_id: str = ""
    event_title: str = ""
    scheduled_end: int | None = None
    created_at: int | None = None
    known_at: int | None = None
    backdated: bool = False
    tick_e4: int = 100
    min_size_e6: int = 5_000_000
    fee: FeeSchedule = FeeSchedule()
    neg_risk: bool = False
    tags: tuple[str, ...] = ()
    publisher_category: str = ""
    description: str = ""


class ResolutionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One source's word on how a market ended. `resolved_at` may be missing, then the row cannot settle anything."""

    source: str
    ids: Ids
    payout: Payout
    state: ResolutionState = ResolutionState.FINAL
    resolved_at: int | None = None
    known_at: int | None = None
    proposed_at: int | None = None
    disputed: bool = False


class SnapshotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Quotes and sizes seen at one instant; hindsight for any earlier one. Dollars in 1e-6, None = not stated."""

    source: str
    ids: Ids
    event_time: int | None = None
    known_at: int | None = None
    bid_e4: int | None = None
    ask_e4: int | None = None
    last_e4: int | None = None
    volume_e6: int | None = None
    volume_24h_e6: int | None = None
    liquidity_e6: int | None = None


class PriceBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Price points of outcome 0 of one market: `t` int64 microseconds, `price_e4` int32, equal lengths, any order.

    `known_at` is None when it equals `t` plus the source's stated lag.
    """

    source: str
    ids: Ids
    t: "np.ndarray[Any, Any]"
    price_e4: "np.ndarray[Any, Any]"
    known_at: "np.ndarray[Any, Any] | None" = None


class CandleBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Candles of one symbol: `t` int64 open time in microseconds; open, high, low, close, volume float64."""

    source: str
    symbol: str
    interval: str
    t: "np.ndarray[Any, Any]"
    open: "np.ndarray[Any, Any]"
    high: "np.ndarray[Any, Any]"
    low: "np.ndarray[Any, Any]"
    close: "np.ndarray[Any, Any]"
    volume: "np.ndarray[Any, Any]"


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is set aside: `reason` is a kebab code, `raw` its payload as text, `where` file and position.

    `kind` is what it would have become (market, price, candle, …); `rows` how many input rows it stands for.
    """

    source: str
    kind: str
    reason: str
    raw: str
    where: str = ""
    rows: int = 1


Record = EventRecord | MarketRecord | ResolutionRecord | SnapshotRecord | PriceBlock | CandleBlock | Rejected

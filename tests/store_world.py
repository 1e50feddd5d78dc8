"""Invented markets and a small filled home, for tests that need a store."""

import asyncio
from collections.abc import Sequence

import numpy as np

from edgeworth.core.paths import Home
from edgeworth.core.records import EventRecord, Ids, MarketRecord, Record, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR
from edgeworth.store.counts import WriteCounts
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore

T0 = 1_750_000_000_000_000


def ids_of(i: int) -> Ids:
    return (("condition", f"0x{i:08x}abcd"), ("gamma", str(5000 + i)), ("slug", f"will-it-rain-in-town-{i}"))


def market(i: int, **changes: object) -> MarketRecord:
    facts: dict[str, object] = {
        "source": "alpha",
        "venue": "polymarket",
        "ids": ids_of(i),
        "question": f"Will it rain in Town {i}?",
        "created_at": T0 - DAY,
        "scheduled_end": T0 + 10 * DAY,
        "backdated": True,
    }
    return MarketRecord(**(facts | changes))  # type: ignore[arg-type]


def resolution(i: int, payout: Payout = Payout.YES, **changes: object) -> ResolutionRecord:
    facts: dict[str, object] = {"source": "alpha", "ids": ids_of(i), "payout": payout, "resolved_at": T0 + 9 * DAY}
    return ResolutionRecord(**(facts | changes))  # type: ignore[arg-type]


def write_all(home: Home, *batches: Sequence[Record]) -> list[WriteCounts]:
    async def work() -> list[WriteCounts]:
        async with await MarketStore.open(home) as store:
            return [await store.write(batch) for batch in batches]

    return asyncio.run(work())


def fill(place: Home) -> None:
    """Six markets in two events and two lone ones; 1-4 resolved; hourly prices in source alpha, two points in beta."""
    records: list[Record] = [EventRecord(source="alpha", venue="polymarket", native_id="e1", slug="rain", title="Rain")]
    for i in range(1, 7):
        event = "e1" if i <= 2 else "e2" if i <= 4 else ""
        records.append(market(i, event_native_id=event, event_title="Storm" if event == "e2" else ""))
    records += [resolution(i, Payout.YES if i % 2 else Payout.NO) for i in range(1, 5)]
    write_all(place, records)
    lake = Lake(place.lake)
    numbers = np.repeat(np.arange(1, 7), 48)
    t = T0 + np.tile(np.arange(48), 6) * HOUR
    prices = np.tile(np.linspace(4000, 9900, 48).astype(np.int32), 6)
    lake.append_prices("alpha", numbers, t, prices, key="a")
    lake.append_prices("beta", np.array([5, 5]), np.array([T0, T0 + HOUR]), np.array([100, 200], np.int32), key="b")

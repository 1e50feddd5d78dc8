"""Put invented panels into a real home, so that what reads a home can be tested on worlds whose truth is known."""

import asyncio
import dataclasses

import numpy as np
import polars as pl

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.records import EventRecord, MarketRecord, Record, ResolutionRecord
from edgeworth.core.types import FeeSchedule, Payout
from edgeworth.core.units import HOUR
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow


def store_panel(
    home: Home, panel: Panel, outcomes: Outcomes, *, prices: bool = True, rules: dict[str, str] | None = None
) -> dict[str, int]:
    """Write markets, resolutions and (unless told not to) prices of a panel; returns market_no by market_id.

    `rules` are descriptions by market_id.
    """
    rows = list(panel.markets.iter_rows(named=True))
    records: list[Record] = [
        EventRecord(source="invented", venue="polymarket", native_id=f"e{number}", title=title)
        for number, title in {row["event_no"]: row["event_title"] for row in rows if row["event_no"] > 0}.items()
    ]
    for index, row in enumerate(rows):
        ends = panel.end_value[panel.end_offsets[index] : panel.end_offsets[index + 1]]
        end = int(ends[-1]) if len(ends) and ends[-1] != UNKNOWN_TIME else None
        ids = (("condition", row["market_id"]), ("slug", row["slug"] or row["market_id"]))
        records.append(
            MarketRecord(
                source="invented", venue="polymarket", ids=ids, question=row["question"], scheduled_end=end,
                event_native_id=f"e{row['event_no']}" if row["event_no"] > 0 else "", event_title=row["event_title"],
                created_at=row["created_at"], backdated=True, tick_e4=row["tick_e4"], min_size_e6=row["min_size_e6"],
                fee=FeeSchedule(row["fee_rate_e6"], row["fee_exponent"]), neg_risk=row["neg_risk"],
                tags=tuple(row["tags"]), outcomes=(row["outcome0"], row["outcome1"]),
                description=(rules or {}).get(row["market_id"], ""),
            )
        )  # fmt: skip
        if outcomes.payout_e4[index] != -1:
            records.append(
                ResolutionRecord(
                    source="invented", ids=ids, payout=Payout(int(outcomes.payout_e4[index])),
                    resolved_at=int(outcomes.resolved_at[index]), known_at=int(outcomes.known_at[index]),
                )
            )  # fmt: skip

    async def work() -> dict[str, int]:
        async with await MarketStore.open(home) as store:
            await store.write(records)
            numbers = await store.resolve_ids([(("condition", row["market_id"]),) for row in rows])
            return {row["market_id"]: int(number or 0) for row, number in zip(rows, numbers, strict=True)}

    found = asyncio.run(work())
    if prices:
        number = np.array([found[row["market_id"]] for row in rows])[panel.market_of_point()]
        Lake(home.lake).append_prices("invented", number, panel.t, panel.price_e4.astype(np.int32), key="panel")
    return found


def write_snapshots(home: Home, rows: list[SnapshotRow]) -> None:
    """Store snapshots as the collector does."""

    async def work() -> None:
        async with await MarketStore.open(home) as store:
            await store.write_snapshots(rows)

    asyncio.run(work())


def still_open(data: tuple[Panel, Outcomes], count: int, now: int) -> tuple[Panel, Outcomes]:
    """Move the last `count` markets of a world so that half of their points lie before `now`, and none has resolved."""
    panel, outcomes = data
    first = panel.market_count - count
    size = np.diff(panel.offsets)
    t, end = panel.t.copy(), panel.end_value.copy()
    known, payout = outcomes.known_at.copy(), outcomes.payout_e4.copy()
    created = panel.markets["created_at"].to_numpy().copy()
    end_known = panel.end_known_at.copy()
    for index in range(first, panel.market_count):
        begin, stop = int(panel.offsets[index]), int(panel.offsets[index + 1])
        shift = now - HOUR - int(t[begin + int(size[index]) // 2])
        t[begin:stop] += shift
        end[panel.end_offsets[index] : panel.end_offsets[index + 1]] += shift
        end_known[panel.end_offsets[index] : panel.end_offsets[index + 1]] += shift
        created[index] += shift
        known[index], payout[index] = NEVER, -1
    event_known = np.where(known == NEVER, NEVER, outcomes.event_known_at)
    markets = panel.markets.with_columns(pl.Series("created_at", created))
    moved = dataclasses.replace(panel, markets=markets, t=t, end_value=end, end_known_at=end_known)
    return moved, Outcomes(payout, np.where(known == NEVER, NEVER, outcomes.resolved_at), known, event_known)

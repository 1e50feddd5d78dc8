"""Join snapshots with what was known about their markets at that instant; and, apart from it, how the markets ended."""

from typing import TYPE_CHECKING, Final

from edgeworth.core.panel import NEVER, UNKNOWN_TIME
from edgeworth.core.paths import Home
from edgeworth.core.types import ResolutionState
from edgeworth.store import versions
from edgeworth.store.frames import read_tables

if TYPE_CHECKING:
    import polars as pl

OPEN_LOW, OPEN_HIGH = 300, 9_700  # at or between them a price is still open
_VERSIONS: Final = (
    "version_no", "market_no", "source", "known_at", "backdated", "scheduled_end", "created_at", "fee_rate_e6",
    "fee_exponent",
)  # fmt: skip


def with_facts(home: Home, snapshots: "pl.DataFrame") -> "pl.DataFrame":
    """Return the rows with market_id, question, event_id and, as known at each, scheduled_end and the fee schedule.

    A market without an event is an event of its own. Sorted by (market_no, known_at).
    """
    import polars as pl

    markets = ("market_no", "market_id", "question", "event_no", "created_at")
    tables = read_tables(
        home, {"markets": markets, "market_versions": _VERSIONS, "events": ("event_no", "native_id", "venue")}
    )
    wanted = snapshots.select("market_no").unique()
    named = tables["markets"].join(wanted, on="market_no", how="semi")
    events = tables["events"].select("event_no", pl.concat_str("venue", pl.lit(":"), "native_id").alias("event_id"))
    named = named.join(events, on="event_no", how="left")
    named = named.with_columns(pl.coalesce("event_id", "market_id").alias("event_id"))
    said = tables["market_versions"].join(wanted, on="market_no", how="semi")
    first = snapshots.group_by("market_no").agg(pl.col("known_at").min().alias("first"))
    ends, fees = _changes(said, named.join(first, on="market_no"))
    rows = snapshots.sort("market_no", "known_at")
    for changes in (ends, fees):
        rows = rows.join_asof(
            changes, left_on="known_at", right_on="since", by="market_no", check_sortedness=False
        ).drop("since")
    rows = rows.join(named.drop("event_no", "created_at"), on="market_no", how="left", maintain_order="left")
    end = pl.col("scheduled_end")
    return rows.with_columns(pl.when(end != UNKNOWN_TIME).then(end).alias("scheduled_end"))


def outcomes(home: Home, as_of: int | None = None) -> "pl.DataFrame":
    """Return market_no, payout_e4, resolved_at, proposed_at of markets with a final resolution known by `as_of`.

    Of several sources the one known first counts. Hindsight: never join it to a row that decides anything.
    """
    import polars as pl

    columns = ("market_no", "source", "payout_e4", "state", "resolved_at", "known_at", "proposed_at")
    rows = read_tables(home, {"market_resolutions": columns})["market_resolutions"]
    known = pl.max_horizontal("known_at", "resolved_at")
    if as_of is not None:
        rows = rows.filter(known <= as_of)
    final = rows.filter(pl.col("state") == str(ResolutionState.FINAL))
    proposals = rows.group_by("market_no").agg(pl.col("proposed_at").min())
    best = final.sort(known, "source", nulls_last=True).unique("market_no", keep="first", maintain_order=True)
    return best.select("market_no", "payout_e4", "resolved_at").join(proposals, on="market_no", how="left")


def _changes(said: "pl.DataFrame", markets: "pl.DataFrame") -> "tuple[pl.DataFrame, pl.DataFrame]":
    """Return (market_no, since, scheduled_end) and (market_no, since, fee), ascending in `since` within a market."""
    import polars as pl

    fees = dict(said.select("version_no", pl.struct("fee_rate_e6", "fee_exponent")).iter_rows())
    created = dict(said.group_by("market_no").agg(pl.col("created_at").min()).iter_rows())
    grouped = versions.by_market(said)
    ends: list[tuple[int, int, int]] = []
    costs: list[tuple[int, int, int, int]] = []
    for number, listed, first in markets.select("market_no", "created_at", "first").iter_rows():
        mine = grouped.get(number, [])
        born = [value for value in (listed, created.get(number)) if value is not None]
        times = versions.effective_times(mine, min([*born, first]))
        ends += [(number, since, end) for since, end in versions.end_changes(mine, times)]
        for since, version in sorted(zip(times, mine, strict=True), key=lambda pair: (pair[0], -pair[1].version_no)):
            if since != NEVER:
                fee = fees[version.version_no]
                costs.append((number, since, fee["fee_rate_e6"], fee["fee_exponent"]))
    kinds = {"market_no": pl.Int32, "since": pl.Int64}
    end_frame = pl.DataFrame(ends, schema={**kinds, "scheduled_end": pl.Int64}, orient="row")
    fee_kinds = {**kinds, "fee_rate_e6": pl.Int32, "fee_exponent": pl.Int32}
    return end_frame, pl.DataFrame(costs, schema=fee_kinds, orient="row")

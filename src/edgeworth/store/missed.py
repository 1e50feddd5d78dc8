"""Which observations the collector missed, market by market, out of its ledger of slots and what is stored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeworth.core.paths import Home
from edgeworth.core.units import DAY
from edgeworth.store.collecting import WHOLE
from edgeworth.store.frames import read_tables
from edgeworth.store.lake_snapshots import Wanted, read_snapshots

if TYPE_CHECKING:
    import polars as pl

Missed = dict[int, dict[int, bool]]
_BEFORE = DAY  # how far back a slot is looked for that tells which markets were due


def missed_slots(home: Home, jobs: Sequence[str], span: tuple[int, int], filled_by: str) -> tuple[Missed, int]:
    """Return market_no -> slot -> whether `filled_by` has a snapshot there, and whole slots nobody can name markets of.

    `span` is (start, end), end excluded. A whole slot that was missed counts for the markets that were due in the
    job's last slot before it that was met at all; a slot another source observed after all is not missed.
    """
    import polars as pl

    slots = read_tables(home, {"collection_slots": ("job", "slot", "market_no", "state", "met")})["collection_slots"]
    slots = slots.filter(pl.col("job").is_in(list(jobs)) & (pl.col("slot") < span[1]))
    seen = read_snapshots(home, Wanted(span[0] - _BEFORE, span[1])).select("market_no", "slot", "source")
    broken = slots.filter(pl.col("state").is_in(["missed", "failed"]) & (pl.col("slot") >= span[0]))
    named = broken.filter(pl.col("market_no") != WHOLE)
    pairs = [named.select("market_no", "slot")]
    unnamed = 0
    for job, slot in broken.filter((pl.col("market_no") == WHOLE) & (pl.col("met") == 0)).select("job", "slot").rows():
        markets = _markets_before(slots.filter(pl.col("job") == job), seen.filter(pl.col("source") != filled_by), slot)
        unnamed += markets.is_empty() and slot not in named["slot"]
        pairs.append(markets.with_columns(pl.lit(slot, pl.Int64).alias("slot")))
    missed = pl.concat(pairs).unique()
    observed = seen.filter(pl.col("source") != filled_by)
    missed = missed.join(observed, on=["market_no", "slot"], how="anti")
    filled = seen.filter(pl.col("source") == filled_by).with_columns(pl.lit(True).alias("filled"))
    joined = missed.join(filled, on=["market_no", "slot"], how="left").sort("market_no", "slot")
    found: Missed = {}
    for number, slot, there in joined.select("market_no", "slot", pl.col("filled").fill_null(False)).iter_rows():
        found.setdefault(number, {})[slot] = there
    return found, unnamed


def _markets_before(slots: "pl.DataFrame", seen: "pl.DataFrame", slot: int) -> "pl.DataFrame":
    """Return the markets that were due in the last slot before `slot` that was met at all: observed or named missed."""
    import polars as pl

    met = slots.filter((pl.col("market_no") == WHOLE) & (pl.col("met") > 0) & (pl.col("slot") < slot))
    if met.is_empty():
        return seen.select("market_no").clear()
    there = pl.col("slot") == met["slot"].max()
    named = slots.filter(there & (pl.col("market_no") != WHOLE))
    return pl.concat([seen.filter(there).select("market_no"), named.select("market_no")]).unique()

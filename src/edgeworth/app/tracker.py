"""Wire the tracker's exports: snapshots with their indicators, and the labelled training table.

Labels are joined here, from the resolutions known by the cut, and never stored on a snapshot.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgeworth.app.homes import need_data
from edgeworth.core.config import Config
from edgeworth.core.types import Payout

if TYPE_CHECKING:
    import polars as pl

COLUMNS: Final = (
    "timestamp", "market_id", "question", "yes_price", "no_price", "implied_probability", "volume", "liquidity",
    "end_date", "time_to_expiry_hours", "btc_spot_price", "btc_24h_change_pct", "price_momentum_15m",
    "price_momentum_1h", "volume_spike", "price_volatility", "rsi_14", "market_edge", "resolved", "outcome",
    "profit_if_bought_yes", "profit_if_bought_no", "data_quality_score",
)  # fmt: skip
_OUTCOMES: Final = {int(Payout.YES): "YES", int(Payout.NO): "NO", int(Payout.HALF): "HALF", int(Payout.VOID): "VOID"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which snapshots to export: markets by number (None = all), `start` <= slot < `end`, known by `as_of`.

    `min_quality` leaves out poor ones; `unresolved` keeps rows without a label in the training table.
    """

    market_nos: list[int] | None = None
    start: int | None = None
    end: int | None = None
    as_of: int | None = None
    min_quality: float = 0.0
    unresolved: bool = False


def market_numbers(config: Config, names: tuple[str, ...]) -> list[int] | None:
    """Return the numbers of markets named by slug, id, URL or words; None when none is named."""
    from edgeworth.store.lookup import find_market

    need_data(config.home)
    return [find_market(config.home, name) for name in names] or None


def bounds(start: str | None, end: str | None, as_of: str | None) -> tuple[int | None, int | None, int | None]:
    """Parse the texts of `--from`, `--to` and `--as-of`; raises UsageError bad-date."""
    from edgeworth.core.clock import SystemClock
    from edgeworth.core.instants import parse_bound

    now = SystemClock().now()
    return (
        parse_bound(start, now) if start else None,
        parse_bound(end, now, end=True) if end else None,
        parse_bound(as_of, now, end=True) if as_of else None,
    )


def export(config: Config, choice: Choice, target: Path, kind: str | None, *, ml: bool, force: bool) -> int:
    """Write the training table (`ml`) or the snapshots to a file and return the number of rows."""
    from edgeworth.store.export import write_frame

    frame = training_table(config, choice) if ml else snapshots(config, choice)
    return write_frame(frame, target, kind, force=force)


def snapshots(config: Config, choice: Choice) -> "pl.DataFrame":
    """Return the snapshots with their indicators and outcomes: exactly COLUMNS, sorted by market and time.

    Profits are per share bought at the mid and held: payout - price - fee for YES, (1 - payout) - (1 - price) - fee
    for NO; a void market gives the price back.
    """
    import polars as pl

    rows = _labelled(config, choice)
    price, payout = pl.col("market_probability"), pl.col("payout_e4") / 10_000
    fee = pl.col("fee_rate_e6") / 1e6 * (price * (1 - price)).pow(pl.col("fee_exponent"))
    void = pl.col("payout_e4") == int(Payout.VOID)
    known = pl.col("payout_e4").is_not_null()
    yes = pl.when(void).then(-fee).when(known).then(payout - price - fee)
    no = pl.when(void).then(-fee).when(known).then((1 - payout) - (1 - price) - fee)
    return rows.with_columns(
        _instant("slot").alias("timestamp"),
        price.alias("yes_price"),
        (1 - price).round(5).alias("no_price"),
        price.alias("implied_probability"),
        (pl.col("volume_e6") / 1e6).round(6).alias("volume"),
        _instant("scheduled_end").alias("end_date"),
        known.cast(pl.Int8).alias("resolved"),
        pl.col("payout_e4").replace_strict(_OUTCOMES, default=None, return_dtype=pl.String).alias("outcome"),
        yes.round(8).alias("profit_if_bought_yes"),
        no.round(8).alias("profit_if_bought_no"),
    ).select(COLUMNS)


def training_table(config: Config, choice: Choice) -> "pl.DataFrame":
    """Return the training table: ids, the twelve features, quality, `label_yes`, `resolved`, `group`, `weight`.

    `group` is the event: splits must keep it whole. The k rows of a market weigh 1/k each. Rows at or after the first
    proposal of a resolution (else after the price left [0.03, 0.97] for good) are no training rows and left out, and
    so are markets that paid one half or were void.
    """
    import polars as pl

    from edgeworth.features.tracker import FEATURES

    rows = _decidable(_labelled(config, choice))
    binary = pl.col("payout_e4").is_in([int(Payout.YES), int(Payout.NO)])
    rows = rows.filter((binary | pl.col("payout_e4").is_null()) if choice.unresolved else binary.fill_null(False))
    return rows.select(
        _instant("slot").alias("timestamp"),
        "market_id",
        "market_no",
        "source",
        pl.col("event_id").alias("group"),
        (1 / pl.len().over("market_no")).alias("weight"),
        *FEATURES,
        "data_quality_score",
        (pl.col("payout_e4") == int(Payout.YES)).cast(pl.Int8).alias("label_yes"),
        pl.col("payout_e4").is_not_null().cast(pl.Int8).alias("resolved"),
    )


def _labelled(config: Config, choice: Choice) -> "pl.DataFrame":
    """Return snapshots with features, facts as known, and outcomes known by the cut; quality filters last."""
    import polars as pl

    from edgeworth.features.tracker import tracker_frame
    from edgeworth.store.lake_snapshots import Wanted, read_snapshots
    from edgeworth.store.snapshot_facts import outcomes, with_facts

    need_data(config.home)
    wanted = Wanted(None, choice.end, choice.market_nos, None, choice.as_of)
    rows = tracker_frame(with_facts(config.home, read_snapshots(config.home, wanted)))
    if choice.start is not None:  # only now: the first rows of the range look back beyond it
        rows = rows.filter(pl.col("slot") >= choice.start)
    rows = rows.with_columns(_quality(rows))
    if choice.min_quality > 0:
        rows = rows.filter(pl.col("data_quality_score") >= choice.min_quality)
    ends = outcomes(config.home, choice.as_of)
    joined = rows.join(ends, on="market_no", how="left", maintain_order="left")
    return joined.sort("market_no", "slot", "source", maintain_order=True)


def _quality(rows: "pl.DataFrame") -> "pl.Series":
    """Return the stored scores; imported snapshots have none and are judged by what they hold."""
    import polars as pl

    from edgeworth.features.quality import Quotes, quality

    names = ("bid_e4", "ask_e4", "depth_e6", "book_age_us", "volume_e6", "liquidity_e6")
    bid, ask, depth, age, *facts = (rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names)
    own = pl.Series(quality(Quotes(bid, ask, depth, age, tuple(facts))).score)
    stored = (rows["quality_e4"] / 10_000).round(4)
    return stored.zip_with(rows["quality_e4"].is_not_null(), own.round(4)).alias("data_quality_score")


def _decidable(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Leave out rows from the instant on at which the event was known."""
    import polars as pl

    from edgeworth.store.snapshot_facts import OPEN_HIGH, OPEN_LOW

    price = pl.col("market_probability") * 10_000
    open_still = (price >= OPEN_LOW) & (price <= OPEN_HIGH) & (pl.col("slot") <= pl.col("resolved_at"))
    last_open = pl.when(open_still).then("slot").max().over("market_no")
    before = pl.when(pl.col("proposed_at").is_not_null()).then(pl.col("slot") < pl.col("proposed_at"))
    known = before.otherwise(pl.col("slot") <= last_open.fill_null(-1))
    return rows.filter(pl.col("resolved_at").is_null() | known)


def _instant(name: str) -> "pl.Expr":
    import polars as pl

    return pl.col(name).cast(pl.Datetime("us", "UTC"))

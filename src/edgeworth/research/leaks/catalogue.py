"""The catalogue of leaks and biases: every code with what goes wrong, what guards against it, and its check."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from edgeworth.research.leaks import claims, prices, samples


class Entry(NamedTuple):
    """One code: `always` says whether every backtest looks for it."""

    pitfall: str
    guard: str
    check: Callable[..., Any]
    always: bool


CATALOGUE: Final[dict[str, Entry]] = {
    "leak-split-random": Entry(
        "time points of one event on both sides of a split", "splits are by event", samples.split_random, False
    ),
    "leak-rows-iid": Entry(
        "rows, snapshots or fills counted as independent", "errors are clustered by event", samples.rows_iid, True
    ),
    "leak-resolved-so-far": Entry(
        "the sample is what has resolved until today: early YES, late NO",
        "a market counts once its scheduled end has passed", samples.resolved_so_far, True,
    ),
    "leak-label-open": Entry(
        "an outcome not known yet when the model was trained",
        "training ends where a label was not known before the test", samples.label_open, False,
    ),
    "leak-post-event": Entry(
        "prices after the event and before settlement", "three clocks per market", prices.post_event, True
    ),
    "leak-hindsight-column": Entry(
        "final volume, closing time, winner as a feature", "columns have an era", claims.hindsight_column, True
    ),
    "leak-length": Entry(
        "entry at a share of the complete series", "horizons count back from the scheduled end", samples.length, True
    ),
    "leak-loser-price": Entry(
        "losers bought near 0: entry after the move", "the mean entry price of losers is compared with calibration",
        prices.loser_price, True,
    ),
    "leak-price-label": Entry(
        "outcomes inferred from the last price", "only resolutions are outcomes", prices.price_label, True
    ),
    "bias-exclusive": Entry(
        "exclusive outcomes of one event as separate bets", "events are the unit", samples.exclusive, True
    ),
    "bias-mirror": Entry(
        "YES and NO rows of one market both present", "one canonical side per market", samples.mirror, True
    ),
    "bias-survivor": Entry(
        "thin, voided, 50-50 or disputed markets vanish", "they are kept, settled, and the excluded share is stated",
        samples.survivor, True,
    ),
    "bias-taxonomy": Entry(
        "a category chosen by hindsight or by the classifier", "the taxonomy is frozen; report under two",
        claims.taxonomy, False,
    ),
    "bias-unfillable": Entry(
        "mid, last or touch taken as the fill", "fills pay the stated spread and the fee, one observation later",
        prices.unfillable, True,
    ),
    "leak-news-date": Entry(
        "news dated by its publisher", "only what was fetched by then is used", claims.news_date, False
    ),
    "leak-coarse-clock": Entry(
        "horizons shorter than the error of the clock", "they are excluded", prices.coarse_clock, False
    ),
    "bias-trials": Entry("the best of many reported as one", "every trial is counted", claims.trials, True),
    "bias-last-price": Entry(
        "parity violations on stale last prices", "executable quotes after fees, at size", prices.last_price, False
    ),
    "bias-double-count": Entry(
        "maker and taker legs of one match both counted", "one row per match", samples.double_count, False
    ),
}  # fmt: skip

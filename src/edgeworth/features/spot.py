"""Spot context: what bitcoin, ether and a market's own coin have done, from candles closed by the row's instant.

Per coin: log return over an hour, a day (the 24-hour change) and a week, annualised realised volatility over a day and
a week, and the age of the candle behind them. A return needs a candle that closed exactly so long before the newest
one; a gap makes it unknown. Beyond `max_age` everything but the age is unknown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import to_iso
from edgeworth.core.panel import Floats, Int64s, Panel
from edgeworth.core.units import DAY, HOUR, Micros
from edgeworth.features.fairvalue.path import History
from edgeworth.features.fairvalue.realised import realised_variance
from edgeworth.features.providers import digest
from edgeworth.features.question_assets import CRYPTO_NAMES
from edgeworth.features.taxonomy_text import normalise

if TYPE_CHECKING:
    import polars as pl

COINS: Final = ("BTC", "ETH")
OWN: Final = "own"
LAGS: Final = (("return_1h", HOUR), ("return_24h", DAY), ("return_7d", 7 * DAY))
WINDOWS: Final = (("volatility_1d", 1.0), ("volatility_7d", 7.0))
FIELDS: Final = (*(name for name, _ in LAGS), *(name for name, _ in WINDOWS), "age_hours")
MEANING: Final = {
    "return_1h": ("log", "Log return of the last hour."),
    "return_24h": ("log", "Log return of the last 24 hours: the 24-hour change."),
    "return_7d": ("log", "Log return of the last 7 days."),
    "volatility_1d": ("a year", "Realised volatility of the last day, annualised."),
    "volatility_7d": ("a year", "Realised volatility of the last 7 days, annualised."),
    "age_hours": ("h", "Age of the last closed candle."),
}
NAMES: Final = tuple(f"spot_{coin.lower()}_{name}" for coin in (*COINS, OWN) for name in FIELDS)
MAX_AGE: Final = 6 * HOUR
_LEAST_BARS: Final = 6  # squared returns in a window below which a realised variance is a guess
_VERSION: Final = 1
_COIN = re.compile(rf"\b({'|'.join(re.escape(name) for name in sorted(CRYPTO_NAMES, key=len, reverse=True))})\b")


@dataclass(frozen=True, slots=True)
class SpotColumns:
    """Spot columns of panel rows from candles by coin (`BTC`); a coin without candles has nulls."""

    histories: Mapping[str, History]
    max_age: int = MAX_AGE
    _tables: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key(self) -> str:
        """Return `spot`."""
        return "spot"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return NAMES

    @property
    def fingerprint(self) -> str:
        """Return what decides the columns' meaning."""
        return digest([*NAMES, str(_VERSION), str(self.max_age), ",".join(sorted(CRYPTO_NAMES))])

    def lacks(self, as_of: int) -> str:
        """Say when bitcoin's or ether's candles are missing or too old as of an instant."""
        for coin in COINS:
            history = self.histories.get(coin)
            place = -1 if history is None else int(np.searchsorted(history.known_at, as_of, side="right")) - 1
            if history is None or place < 0:
                return f"there are no {coin} candles by then"
            if as_of - int(history.known_at[place]) > self.max_age:
                return f"the newest {coin} candle closed at {to_iso(Micros(int(history.known_at[place])))}"
        return ""

    def __call__(self, panel: Panel, rows: Int64s) -> "pl.DataFrame":
        """Return the columns for ascending points of a panel, one row per point; unknown is null."""
        import polars as pl

        from edgeworth.features.columns import owners

        rows = np.asarray(rows, np.int64)
        t, market = panel.t[rows], owners(panel, rows)
        parts = [self.at(coin, t) for coin in COINS]
        own, coins = np.full((len(rows), len(FIELDS)), np.nan), np.array(own_coins(panel, np.unique(market)))
        coin_of = coins[np.searchsorted(np.unique(market), market)] if len(rows) else coins
        for coin in np.unique(coin_of[coin_of != ""]).tolist():
            mine = np.flatnonzero(coin_of == coin)
            own[mine] = self.at(coin, t[mine])
        values = np.hstack([*parts, own])
        return pl.DataFrame({name: pl.Series(values[:, i], nan_to_null=True) for i, name in enumerate(NAMES)})

    def at(self, coin: str, t: Int64s) -> Floats:
        """Return the fields of one coin as of instants t (n,), shape (n, len(FIELDS)); NaN where unknown."""
        out = np.full((len(t), len(FIELDS)), np.nan)
        history = self.histories.get(coin)
        if history is None or not len(history.t):
            return out
        if coin not in self._tables:
            self._tables[coin] = table(history)
        place = np.searchsorted(history.known_at, t, side="right") - 1
        seen = np.flatnonzero(place >= 0)
        age = t[seen] - history.known_at[place[seen]]
        out[seen, :-1] = np.where((age <= self.max_age)[:, None], self._tables[coin][place[seen]], np.nan)
        out[seen, -1] = age / HOUR
        return out


def table(history: History) -> Floats:
    """Return returns and volatilities at each candle's close, shape (n, len(FIELDS) - 1); NaN where unknown."""
    columns = [_log_return(history, lag) for _, lag in LAGS]
    days = [length for _, length in WINDOWS]
    variance = realised_variance(history.bars, days)
    few = np.array([length * DAY / history.step < _LEAST_BARS for length in days])
    return np.column_stack([*columns, np.sqrt(np.where(few, np.nan, variance))])


def _log_return(history: History, lag: int) -> Floats:
    if lag % history.step:
        return np.full(len(history.t), np.nan)
    before = np.searchsorted(history.t, history.t - lag)
    place = np.minimum(before, len(history.t) - 1)
    found: npt.NDArray[np.bool_] = history.t[place] == history.t - lag
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(found, np.log(history.close / history.close[place]), np.nan)


def own_coins(panel: Panel, market: npt.NDArray[np.integer]) -> list[str]:
    """Return the coin that each of some crypto markets asks about, empty for any other market."""
    from edgeworth.features.registry import View

    top = View(panel).static(["top_category"])["top_category"].gather(market).to_list()
    questions = panel.markets["question"].gather(market).to_list()
    return [coin_of(text) if kind == "crypto" else "" for kind, text in zip(top, questions, strict=True)]


@lru_cache(maxsize=65_536)
def coin_of(question: str) -> str:
    """Return the first coin that a question names, such as `SOL`; empty when it names none."""
    found = _COIN.search(normalise(question))
    return CRYPTO_NAMES[found[1]] if found else ""

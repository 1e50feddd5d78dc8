"""Fair values beside market prices: a home's candles and rules as of then, as columns and as a forecaster of its own.

Rules are those first seen (`market_versions`), candles those closed by each row's instant, and the volatility forecast
is refitted at the start of every month on what had been realised by then, pooled over coins. A market without
understood terms, or a row without candles, has nulls.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.contract import ContractKind, ContractTerms
from edgeworth.core.errors import DataError
from edgeworth.core.instants import to_iso
from edgeworth.core.panel import Panel
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND, Micros
from edgeworth.features.fairvalue.realised import later_variance, realised_variance
from edgeworth.features.fairvalue.terms import PARSER_VERSION, Listing, parse_terms
from edgeworth.features.fairvalue.value import FairValues, History, Options, fair_values
from edgeworth.models.examples import market_logit
from edgeworth.models.variance import HAR_DAYS, HarVariance
from edgeworth.research.candle_gate import sound

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.store.lake import Lake
    from edgeworth.store.manifest import Part

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MEANING: Final = {
    "fv_p": ("probability", "Fair value of YES, the mean over what the volatility may be."),
    "fv_low": ("probability", "Its value at the 10 % quantile of the volatility's uncertainty."),
    "fv_high": ("probability", "Its value at the 90 % quantile."),
    "fv_logit_gap": ("log-odds", "Fair value minus price, in log-odds."),
    "fv_distance": ("deviations", "Distance from spot to the level in units of sigma sqrt(time left)."),
    "fv_so_far": ("ratio", "The window's extreme so far over the level."),
    "fv_hours_left": ("h", "Hours to the rule's deadline."),
    "fv_sigma": ("a year", "Forecast volatility until the deadline, annualised."),
    "fv_spread": ("log", "Uncertainty of the logarithm of that forecast."),
}
COLUMNS: Final = tuple(MEANING)
HORIZONS: Final = (1.0, 3.0, 7.0, 30.0)  # days a variance forecast is fitted for; between them by ln T
_EVERY: Final = 6 * HOUR  # rows of the variance regression are this far apart
_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_ENOUGH: Final = 0.9  # of the longest series: then the finer one is taken
_OLDEST: Final = 6 * HOUR  # of the newest candle, beyond which nothing can be valued
_QUOTES: Final = ("USDT", "USDC", "USD")


@dataclass(slots=True)
class VolatilityForecasts:
    """Forecasts of ln sigma for any horizon from candles of several coins, as known at each instant.

    HAR regressions for HORIZONS, pooled over coins, refitted monthly on labels known by the first of the month; ln
    sigma and its spread are interpolated in ln T and held constant beyond the horizons that could be fitted by then.
    """

    histories: Mapping[str, History]
    _realised: dict[str, Floats] = field(default_factory=dict)
    _later: dict[tuple[str, float], Floats] = field(default_factory=dict)
    _models: dict[tuple[int, float], HarVariance | None] = field(default_factory=dict)

    def at(self, symbol: str, t: Ints, days: Floats) -> tuple[Floats, Floats]:
        """Return (sigma, spread of ln sigma) of a coin for horizons `days` (n,) as known at t (n,); NaN: unknown."""
        sigma, spread = np.full(len(t), np.nan), np.full(len(t), np.nan)
        history = self.histories.get(symbol)
        if history is None:
            return sigma, spread
        last = np.searchsorted(history.known_at, t, side="right") - 1
        realised = np.where((last >= 0)[:, None], self._behind(symbol)[np.maximum(last, 0)], np.nan)
        months = t.astype("datetime64[us]").astype("datetime64[M]")
        for month in np.unique(months):
            rows = np.flatnonzero(months == month)
            start = int(month.astype("datetime64[us]").astype(np.int64))
            found = self._interpolate(start, realised[rows], days[rows])
            if found is not None:
                sigma[rows], spread[rows] = found
        return sigma, spread

    def _interpolate(self, start: int, realised: Floats, days: Floats) -> tuple[Floats, Floats] | None:
        models = [model for horizon in HORIZONS if (model := self.model(start, horizon)) is not None]
        if not models:
            return None
        forecasts = [model.forecast(realised) for model in models]
        ln = np.stack([forecast.ln_sigma for forecast in forecasts])
        wide = np.stack([forecast.spread for forecast in forecasts])
        grid = np.log([model.horizon_days for model in models])
        place = np.clip(np.log(np.maximum(days, 1e-9)), grid[0], grid[-1])
        right = np.clip(np.searchsorted(grid, place), 1, max(len(grid) - 1, 1)) if len(grid) > 1 else None
        if right is None:
            return np.exp(ln[0]), wide[0]
        share = (place - grid[right - 1]) / (grid[right] - grid[right - 1])
        column = np.arange(len(days))
        value = (1 - share) * ln[right - 1, column] + share * ln[right, column]
        return np.exp(value), (1 - share) * wide[right - 1, column] + share * wide[right, column]

    def model(self, start: int, horizon: float) -> HarVariance | None:
        """Return the regression for a horizon fitted on labels known by `start`; None with too few of them."""
        key = (start, horizon)
        if key not in self._models:
            self._models[key] = self._fit(start, horizon)
        return self._models[key]

    def _fit(self, start: int, horizon: float) -> HarVariance | None:
        behind, later = [], []
        for symbol, history in self.histories.items():
            known = history.known_at
            stride = max(1, _EVERY // history.step)
            rows = np.flatnonzero(known + round(horizon * DAY) <= start)[::stride]
            behind.append(self._behind(symbol)[rows])
            later.append(self._ahead(symbol, horizon)[rows])
        try:
            return HarVariance.fit(np.concatenate(behind), np.concatenate(later), horizon)
        except DataError:
            return None  # too few rows by then

    def take_over(self, before: "VolatilityForecasts") -> None:
        """Keep the regressions of earlier candles where these only go on from them: they read labels known by then."""
        if before.histories.keys() == self.histories.keys() and all(
            _goes_on(before.histories[symbol], history) for symbol, history in self.histories.items()
        ):
            ends = [int(history.known_at[-1]) for history in before.histories.values() if len(history.t)]
            reached = min(ends, default=0)
            self._models |= {key: model for key, model in before._models.items() if key[0] <= reached}

    def _behind(self, symbol: str) -> Floats:
        if symbol not in self._realised:
            self._realised[symbol] = realised_variance(self.histories[symbol].bars, HAR_DAYS)
        return self._realised[symbol]

    def _ahead(self, symbol: str, horizon: float) -> Floats:
        key = (symbol, horizon)
        if key not in self._later:
            self._later[key] = later_variance(self.histories[symbol].bars, horizon)
        return self._later[key]


@dataclass(frozen=True, slots=True)
class FairValueColumns:
    """Fair-value columns of panel rows: `terms` by market number, volatility forecasts with the candles by symbol.

    `refused` says of which symbols the candles did not pass the noise gate, and why; their markets have no values.
    """

    terms: Mapping[int, ContractTerms]
    volatility: VolatilityForecasts
    options: Options = field(default_factory=Options)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return `fair-value`."""
        return "fair-value"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return COLUMNS

    def lacks(self, as_of: int) -> str:
        """Say when no rule is understood, or no candle of any coin is new enough, as of an instant."""
        if all(own.kind is ContractKind.NONE for own in self.terms.values()):
            return "no rule of a market is stored and understood"
        histories = self.volatility.histories.values()
        closed = [known[known <= as_of] for known in (history.known_at for history in histories) if len(known)]
        newest = max((int(known[-1]) for known in closed if len(known)), default=None)
        if newest is None:
            refused = "; ".join(f"{symbol}: {why}" for symbol, why in self.refused.items())
            return refused or "there are no candles by then"
        return "" if as_of - newest <= _OLDEST else f"the newest candle closed at {to_iso(Micros(newest))}"

    @property
    def fingerprint(self) -> str:
        """Return what decides the columns' meaning: names, parser, options; not the data."""
        words = [*COLUMNS, str(PARSER_VERSION), json.dumps(asdict(self.options), sort_keys=True), str(HORIZONS)]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]

    def at(self, market_no: int, t: Ints, *, slopes: bool = True) -> tuple[FairValues, Floats, Floats]:
        """Return the values of one market at instants t (n,) with the forecast (sigma, spread) they used."""
        terms = self.terms.get(market_no, ContractTerms(ContractKind.NONE, reason="no rule is stored"))
        end = int(terms.window_end or 0)
        days = np.maximum(end - t, 0) / DAY
        sigma, spread = self.volatility.at(terms.underlying, t, days)
        history = self.volatility.histories.get(terms.underlying)
        options = replace(self.options, slopes=slopes)
        return fair_values(terms, history, t, (sigma, spread), options), sigma, spread

    def __call__(self, panel: Panel, rows: Ints) -> "pl.DataFrame":
        """Return the columns for ascending points of a panel, one row per point; unknown is null."""
        import polars as pl

        rows = np.asarray(rows, dtype=np.int64)
        values = np.full((len(rows), len(COLUMNS)), np.nan)
        market = np.searchsorted(panel.offsets, rows, side="right") - 1
        numbers = panel.markets["market_no"].to_numpy()
        for index in np.unique(market):
            if int(numbers[index]) not in self.terms:
                continue
            own = np.flatnonzero(market == index)
            price = panel.price_e4[rows[own]] / 10_000.0
            values[own] = self._columns(int(numbers[index]), panel.t[rows[own]].astype(np.int64), price)
        return pl.DataFrame({name: pl.Series(values[:, i], nan_to_null=True) for i, name in enumerate(COLUMNS)})

    def _columns(self, market_no: int, t: Ints, price: Floats) -> Floats:
        found, sigma, spread = self.at(market_no, t, slopes=False)
        gap = market_logit(found.p) - market_logit(price)
        known = np.isfinite(found.p)
        hours = np.where(found.left >= 0, found.left / HOUR, np.nan)
        columns = (found.p, found.low, found.high, gap, found.distance, found.so_far, hours, sigma, spread)
        return np.where(known[:, None], np.column_stack(columns), np.nan)


def load_columns(
    home: Home, interval: str | None = None, options: Options | None = None, before: FairValueColumns | None = None
) -> FairValueColumns:
    """Return the columns of a home: its rules and candles; raises DataError store-empty when there is no data.

    Terms of `before` are taken over, and its regressions where its candles are the beginning of today's.
    """
    terms = load_terms(home, before.terms if before else None)
    wanted = {own.underlying for own in terms.values() if own.kind is not ContractKind.NONE}
    passed, refused = sound(load_histories(home, interval, wanted))
    volatility = VolatilityForecasts(passed)
    if before is not None:
        volatility.take_over(before.volatility)
    return FairValueColumns(terms, volatility, options or Options(), refused)


def load_terms(home: Home, known: Mapping[int, ContractTerms] | None = None) -> dict[int, ContractTerms]:
    """Return the terms of every market with a description, by number, from the version first seen; `known` ones stay.

    Markets whose rule is not understood are there too, with kind NONE and the reason.
    """
    from edgeworth.store.frames import read_tables

    names = ("market_no", "version_no", "question", "description", "scheduled_end", "created_at")
    frame = read_tables(home, {"market_versions": names})["market_versions"].sort("version_no")
    frame = frame.filter(frame["description"].is_not_null() & (frame["description"] != ""))
    first = frame.unique("market_no", keep="first", maintain_order=True)
    rows = first.select("market_no", "question", "description", "scheduled_end", "created_at").iter_rows()
    held = known or {}
    return {
        int(no): held[no] if no in held else parse_terms(title, rule, Listing(created, end))
        for no, title, rule, end, created in rows
    }


def load_histories(home: Home, interval: str | None = None, symbols: set[str] | None = None) -> dict[str, History]:
    """Return candles by symbol: of each the finest series that reaches nearly as far as the longest, of one source."""
    from edgeworth.store.lake import Lake

    lake = Lake(home.lake)
    parts: dict[str, dict[tuple[str, str], list[Part]]] = {}
    for part in lake.manifest("candles").parts:
        if _step(part.interval) and (interval is None or part.interval == interval):
            parts.setdefault(base_of(part.symbol), {}).setdefault((part.source, part.interval), []).append(part)
    result = {}
    for symbol, series in sorted(parts.items()):
        if symbols is None or symbol in symbols:
            source, chosen = _best(series)
            stored = sorted({part.symbol for part in series[source, chosen]})
            result[symbol] = _read(lake, stored[:1], chosen, source)
    return result


def base_of(symbol: str) -> str:
    """Return the coin of a stored symbol: `BTC` of `BTC` and `BTCUSDT`."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote)
    return symbol


def _goes_on(before: History, now: History) -> bool:
    """Tell whether `now` begins with the very candles of `before`."""
    size = len(before.t)
    columns = ("t", "open", "high", "low", "close")
    return before.step == now.step and all(
        np.array_equal(getattr(before, name), getattr(now, name)[:size]) for name in columns
    )


def _step(interval: str) -> int:
    number, unit = interval[:-1], interval[-1:]
    return int(number) * _UNITS[unit] if number.isdigit() and unit in _UNITS else 0


def _best(series: "Mapping[tuple[str, str], Sequence[Part]]") -> tuple[str, str]:
    reach = {key: sum(part.rows for part in parts) * _step(key[1]) for key, parts in series.items()}
    longest = max(reach.values())
    return min((key for key in series if reach[key] >= _ENOUGH * longest), key=lambda key: (_step(key[1]), key))


def _read(lake: "Lake", symbols: list[str], interval: str, source: str) -> History:
    frame = lake.scan_candles(symbols, interval, sources=[source]).collect().sort("t").unique("t", maintain_order=True)
    o, h, low, c = (frame[name].to_numpy() for name in ("open", "high", "low", "close"))
    return History(frame["t"].to_numpy(), o, h, low, c, _step(interval), venue_of(source))


def venue_of(source: str) -> str:
    """Return whose candles a source holds; files and feeds that name no other exchange are Binance's."""
    name = source.lower()
    if name.startswith("ccxt-"):
        return name.removeprefix("ccxt-")
    return next((venue for venue in ("coinbase", "kraken", "chainlink", "okx", "bybit") if venue in name), "binance")

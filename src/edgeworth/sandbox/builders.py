"""Draw events of one kind: their time line, latent probabilities and words, before anything is quoted or settled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import from_datetime, to_datetime
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, Micros
from edgeworth.sandbox import prices, wording
from edgeworth.sandbox.kinds import Kind
from edgeworth.sandbox.spot import COIN_INDEX, COINS, STEP, Spot

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Request:
    """Which events to draw: `days` (E,) midnights UTC of the scheduled ends, `first` the number of the first event of
    its kind, `step` the observation step in microseconds, `spot` the coins' paths.
    """

    kind: Kind
    seed: int
    first: int
    days: Ints
    step: int
    spot: Spot

    def rng(self, purpose: str) -> "Generator":
        """Return the stream of one purpose for this batch of events."""
        return stream(self.seed, self.kind.name, self.first, purpose)


@dataclass(frozen=True, slots=True)
class Batch:
    """Drawn events: `start` (E,) first grid instant, `scheduled_end` (E,), `event_at` (E, M) when the outcome of a
    market is known, `latent` (E, M, T) on the grid `start + j * step`, `yes` (E, M).
    """

    kind: Kind
    step: int
    start: Ints
    scheduled_end: Ints
    event_at: Ints
    latent: Array
    yes: npt.NDArray[np.bool_]
    texts: tuple[wording.EventText, ...]


def build(request: Request) -> Batch:
    """Draw the events of a request; biases do not enter, so worlds that differ only in them are twins."""
    kind = request.kind
    ends = _wall_ends(request)
    start = ends + round(kind.slack_hours * HOUR) - kind.span
    times = -(-kind.span // request.step)
    drawn, texts = _BUILDERS[kind.family](request, _Line(start, ends, times))
    limit = np.broadcast_to((start + kind.span)[:, None], drawn.yes.shape)
    early = np.isfinite(drawn.touch)
    lead = np.where(early, drawn.touch, 0.0).astype(np.int64)
    event_at: Ints = np.where(early, start[:, None] + lead, limit)
    scheduled = ends if kind.scheduled else np.full_like(ends, UNKNOWN_TIME)
    return Batch(kind, request.step, start, scheduled, event_at, drawn.latent, drawn.yes, tuple(texts))


@dataclass(frozen=True, slots=True)
class _Line:
    """Time lines: `start` and `ends` (E,) microseconds, `times` grid points before the outcome is known."""

    start: Ints
    ends: Ints
    times: int


_Drawn = tuple[prices.Paths, list[wording.EventText]]


def _wall_ends(request: Request) -> Ints:
    """Return the scheduled ends at the kind's wall hour in New York, microseconds."""
    hours = np.full(len(request.days), request.kind.hour)
    if request.kind.family == "updown":
        hours = request.rng("hour").integers(0, 24, len(request.days))
    ends = []
    for midnight, hour in zip(request.days.tolist(), hours.tolist(), strict=True):
        day = to_datetime(Micros(midnight))
        local = datetime(day.year, day.month, day.day, hour, tzinfo=wording.new_york(midnight).tzinfo)
        ends.append(int(from_datetime(local)))
    return np.array(ends, dtype=np.int64)


def _coins(request: Request) -> Ints:
    rows = np.array([COIN_INDEX[symbol] for symbol in request.kind.coins], dtype=np.int64)
    return rows[(request.first + np.arange(len(request.days))) % len(rows)]


def _grid(request: Request, line: _Line) -> Ints:
    return request.spot.index(line.start)[:, None] + (request.step // STEP) * np.arange(line.times)


def _increments(target: Array) -> Array:
    """Round positive numbers down to 1, 2, 2.5 or 5 line.times a power of ten."""
    power = np.floor(np.log10(target))
    lead = target / 10.0**power
    digit = np.select([lead >= 5, lead >= 2.5, lead >= 2], [5.0, 2.5, 2.0], 1.0)
    result: Array = digit * 10.0**power
    return result


def _spread(request: Request, line: _Line, coin: Ints) -> tuple[Array, Array]:
    """Return the opening price and one standard deviation until the end, dollars, shape (E,)."""
    spot, first, last = request.spot, request.spot.index(line.start), request.spot.index(line.ends)
    price = np.exp(spot.log_price[coin, first])
    deviation = np.sqrt(spot.variance[coin, last] - spot.variance[coin, first])
    return price, price * deviation


def _above(request: Request, line: _Line) -> _Drawn:
    coin = _coins(request)
    price, deviation = _spread(request, line, coin)
    size = _increments(0.6 * deviation)
    offsets = np.arange(request.kind.markets) - (request.kind.markets - 1) // 2
    strikes = np.round((np.round(price / size)[:, None] + offsets) * size[:, None], 6)
    paths = prices.above(request.spot, coin, _grid(request, line), request.spot.index(line.ends), strikes)
    names = [COINS[row].name for row in coin]
    rows = zip(names, strikes.tolist(), line.ends.tolist(), strict=True)
    return paths, [wording.above_text(name, row, end) for name, row, end in rows]


def _touch(request: Request, line: _Line) -> _Drawn:
    coin = _coins(request)
    price, deviation = _spread(request, line, coin)
    size = _increments(0.5 * deviation)
    down = request.kind.markets // 3
    rungs = np.array([*range(1, request.kind.markets - down + 1), *range(-1, -down - 1, -1)])
    base = np.where(rungs > 0, np.floor(price / size)[:, None], np.ceil(price / size)[:, None])
    strikes = np.round((base + rungs) * size[:, None], 6)
    up = rungs > 0
    grid = _grid(request, line)
    paths = prices.touch(request.spot, coin, grid, request.spot.index(line.ends), strikes, up)
    names = [COINS[row].name for row in coin]
    rows = zip(names, strikes.tolist(), line.ends.tolist(), strict=True)
    return paths, [wording.touch_text(name, row, up.tolist(), end) for name, row, end in rows]


def _updown(request: Request, line: _Line) -> _Drawn:
    coin = _coins(request)
    window = request.spot.index(line.ends - HOUR)
    grid = _grid(request, line)
    paths = prices.up_or_down(request.spot, coin, grid, window, request.spot.index(line.ends))
    rows = zip([COINS[row].name for row in coin], line.ends.tolist(), strict=True)
    return paths, [wording.updown_text(name, end - HOUR) for name, end in rows]


def _clock(times: int, bend: float) -> Array:
    """Return the share of information out at each grid point; `bend` above 1 means late."""
    result: Array = (np.arange(times) / times) ** bend
    return result


def _temperature(request: Request, line: _Line) -> _Drawn:
    rng, events = request.rng("weather"), len(line.ends)
    rows = [wording.CITIES[i] for i in rng.integers(len(wording.CITIES), size=events)]
    warm = np.array([1.0 if unit == "C" else 1.8 for _, unit, _, _ in rows])
    season = -np.cos(2 * np.pi * (line.ends / DAY % 365.25 - 15) / 365.25)
    usual = np.array([row[2] for row in rows]) + np.array([row[3] for row in rows]) * season
    expected = usual + rng.standard_normal(events) * 3 * warm
    forecast, left, final = prices.gaussian_forecast(rng, expected, 1.9 * warm, _clock(line.times, 1.3))
    width = np.where(warm > 1, 2, 1)
    inner = request.kind.markets - 2
    lows = np.round(expected + rng.uniform(-0.8, 0.8, events) * warm).astype(np.int64)
    lows = lows[:, None] + width[:, None] * (np.arange(inner + 1) - (inner + 1) // 2)
    paths = prices.buckets(forecast, left, final, lows - 0.5)
    texts = [
        wording.temperature_text(row[0], row[1], low.tolist(), int(wide), int(end))
        for row, low, wide, end in zip(rows, lows, width, line.ends, strict=True)
    ]
    return paths, texts


def _tweets(request: Request, line: _Line) -> _Drawn:
    rng, events = request.rng("posts"), len(line.ends)
    expected = rng.uniform(90, 380, events)
    clock = _clock(line.times, 1.0)
    forecast, left, final = prices.gaussian_forecast(rng, expected, 0.10 * expected + 12, clock)
    width, inner = 20, request.kind.markets - 2
    centre = np.round(expected / width + rng.uniform(-0.5, 0.5, events)).astype(np.int64)
    lows = np.maximum(
        width * (centre[:, None] + np.arange(inner + 1) - (inner + 1) // 2), width * np.arange(1, inner + 2)
    )
    paths = prices.buckets(forecast, left, final, lows - 0.5)
    rows = zip(lows, line.start.tolist(), line.ends.tolist(), strict=True)
    return paths, [wording.tweets_text(low.tolist(), width, begin, end) for low, begin, end in rows]


def _choice(request: Request, line: _Line) -> _Drawn:
    kind, rng, events = request.kind, request.rng("choice"), len(line.ends)
    if kind.markets == 1:
        first = rng.uniform(*kind.prior, events)
        prior = np.column_stack([first, 1 - first])
    else:
        prior = 0.97 * rng.dirichlet(np.full(kind.markets, 0.8), events) + 0.03 / kind.markets
    paths = prices.choices(rng, prior, _clock(line.times, 1.6), kind.information)
    only = slice(0, kind.markets)
    drawn = prices.Paths(paths.latent[:, only], paths.yes[:, only], paths.touch[:, only])
    return drawn, [_choice_text(kind, rng, int(end)) for end in line.ends]


def _choice_text(kind: Kind, rng: "Generator", end: int) -> wording.EventText:
    if kind.name == "election":
        return wording.election_text(rng, kind.markets, end)
    return wording.fed_text(end) if kind.name == "fed" else wording.game_text(rng, kind.name, end)


def _deadline(request: Request, line: _Line) -> _Drawn:
    rng, events = request.rng("deadline"), len(line.ends)
    chance = 0.04 + 0.7 * rng.beta(1.1, 1.6, events)
    paths = prices.deadline(rng, chance, line.times, request.step)
    scheduled = request.kind.scheduled
    texts = [wording.deadline_text(rng, int(e)) if scheduled else wording.open_ended_text(rng) for e in line.ends]
    return paths, texts


_BUILDERS: dict[str, Callable[[Request, _Line], _Drawn]] = {
    "above": _above,
    "touch": _touch,
    "updown": _updown,
    "temperature": _temperature,
    "tweets": _tweets,
    "choice": _choice,
    "deadline": _deadline,
}

"""Scenarios: what kind of world to simulate, how much of it, and which biases are planted in its prices."""

import difflib
import math
from dataclasses import dataclass, replace
from typing import Literal

from edgeworth.core.errors import UsageError
from edgeworth.core.instants import parse_instant, to_iso
from edgeworth.core.types import Side
from edgeworth.core.units import MINUTE, Micros

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Bias:
    """Make one leg of a category too cheap: buying `side` at the quoted price earns `points` cents per share.

    `low` and `high` bound the quoted YES price; outside them the distortion fades within twice its size. With `net`
    the points remain after the scenario's stated half spread and the market's own fee. `min_hours`/`max_hours` bound
    the time to the scheduled end.
    """

    name: str
    category: str
    side: Side
    points: float
    low: float
    high: float
    net: bool = True
    min_hours: float = 0.0
    max_hours: float = math.inf

    def sentence(self) -> str:
        """Say in one sentence what is wrong with the prices, and who profits."""
        costs = "after costs" if self.net else "before costs"
        window = "" if math.isinf(self.max_hours) else f", {self.min_hours:g} to {self.max_hours:g} h before the end"
        return (
            f"{self.name}: in {self.category}, at YES prices {self.low:.2f}-{self.high:.2f}{window}, "
            f"{self.side.name} is too cheap by {self.points:g} cents a share {costs}"
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """Describe a world; everything else follows from it and a seed.

    `events`: (kind, number of events) pairs, kinds as in `kinds.KINDS`. `start`, `end`: first listing and the day the
    catalogue was dumped; an `overrun` share of the time line lies beyond it, so those markets are still open. `points`:
    price points per market before the event, roughly. `half_spread`: the stated cost, dollars, that `net` biases
    survive. `half_share`, `void_share`: share of single-market events settled 50-50 or void; `dispute_share`: share of
    events whose proposal is disputed; `gap_share`: share of events with a hole in their observations. `tick_e4`: price
    step of the order books. `snapshot_dumps`: catalogues of open markets taken on the way. `candle_files`: one kline
    file per symbol (milliseconds), or one per month as the exchange publishes them. `coin_step`: microseconds between
    price points of crypto markets where they should follow the spot price more closely than `points` says, a multiple
    of five minutes, 0 for none. Derive your own worlds with `dataclasses.replace`.
    """

    name: str
    about: str
    events: Counts
    start: Micros
    end: Micros
    points: int = 100
    biases: tuple[Bias, ...] = ()
    half_spread: float = 0.01
    half_share: float = 0.02
    void_share: float = 0.015
    dispute_share: float = 0.015
    gap_share: float = 0.12
    overrun: float = 0.05
    tick_e4: int = 100
    snapshot_dumps: int = 1
    candle_files: Literal["symbol", "monthly", "none"] = "symbol"
    symbols: tuple[str, ...] = ("BTC", "ETH", "SOL", "XRP", "DOGE")
    coin_step: int = 0


_START, _END = parse_instant("2024-10-01"), parse_instant("2026-10-01")

_PLANTED = (
    Bias("btc-favourites-too-dear", "crypto/btc-price", Side.NO, 12.0, 0.70, 0.98),
    Bias("temperature-longshots-too-dear", "weather/temperature", Side.NO, 4.0, 0.12, 0.30),
    Bias("altcoin-favourites-too-cheap", "crypto/altcoins", Side.YES, 8.0, 0.70, 0.86),
)

_NEWCOMER: Counts = (
    ("btc-above", 190),
    ("alt-above", 100),
    ("eth-above", 20),
    ("btc-touch", 22),
    ("alt-touch", 22),
    ("btc-updown", 90),
    ("temperature", 45),
    ("tweets", 30),
    ("election", 12),
    ("fed", 14),
    ("nba", 35),
    ("nfl", 15),
    ("soccer", 20),
    ("deadline", 30),
    ("open-ended", 12),
)

_LARGE: Counts = (
    ("btc-above", 850),
    ("alt-above", 700),
    ("eth-above", 300),
    ("btc-touch", 200),
    ("alt-touch", 250),
    ("btc-updown", 400),
    ("temperature", 500),
    ("tweets", 250),
    ("election", 120),
    ("fed", 60),
    ("nba", 600),
    ("nfl", 250),
    ("soccer", 300),
    ("deadline", 434),
    ("open-ended", 100),
)

_newcomer = Scenario(
    "newcomer",
    "two years of about 2,200 markets in 660 events; three planted biases, everything else efficient",
    _NEWCOMER,
    _START,
    _END,
    biases=_PLANTED,
)

_tiny = replace(
    _newcomer,
    name="tiny",
    about="every kind of market, a handful of each, for tests",
    events=tuple((kind, 4 if kind == "btc-above" else 2) for kind, _ in _NEWCOMER),
    start=parse_instant("2025-11-01"),
    end=parse_instant("2026-06-01"),
    points=30,
    candle_files="monthly",
    symbols=("BTC", "SOL"),
)

_power = Scenario(
    "power",
    "1,000 independent games, one bias of 5 cents net of costs, entries between 0.2 and 0.8",
    (("game", 1000),),
    _START,
    _END,
    points=40,
    biases=(Bias("first-teams-too-dear", "sports/nba", Side.NO, 5.0, 0.15, 0.85),),
    half_share=0.0,
    void_share=0.0,
    dispute_share=0.0,
    gap_share=0.0,
    overrun=0.0,
    snapshot_dumps=0,
    candle_files="none",
)

_large = replace(
    _newcomer,
    name="large",
    about="17,324 markets with 12 million price points, for measuring speed; biases as in newcomer",
    events=_LARGE,
    points=595,
    snapshot_dumps=0,
)

_LIVE: Counts = (
    ("btc-above", 160),
    ("eth-above", 60),
    ("alt-above", 90),
    ("btc-touch", 30),
    ("alt-touch", 30),
    ("btc-updown", 300),
    ("temperature", 160),
    ("tweets", 70),
    ("election", 560),
    ("fed", 10),
    ("nba", 200),
    ("nfl", 50),
    ("soccer", 100),
    ("deadline", 900),
    ("open-ended", 120),
)

_LIVE_SMALL: Counts = (
    ("btc-above", 60),
    ("eth-above", 20),
    ("alt-above", 30),
    ("btc-touch", 8),
    ("alt-touch", 8),
    ("btc-updown", 120),
    ("temperature", 60),
    ("tweets", 20),
    ("election", 24),
    ("fed", 6),
    ("nba", 60),
    ("nfl", 15),
    ("soccer", 40),
    ("deadline", 50),
    ("open-ended", 10),
)

_live = Scenario(
    "live",
    "a venue to collect from: more than 2,000 markets open at any time, new ones and resolutions every day",
    _LIVE,
    parse_instant("2026-08-04"),
    parse_instant("2027-01-01"),
    points=600,
    biases=_PLANTED,
    gap_share=0.0,
    overrun=0.6,
    snapshot_dumps=0,
    candle_files="none",
    coin_step=5 * MINUTE,
)

_live_small = replace(
    _live,
    name="live-small",
    about="a small venue to collect from, about 150 markets open at any time, for tests",
    events=_LIVE_SMALL,
    points=300,
)

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        _newcomer,
        replace(_newcomer, name="null", about="the newcomer world without any bias: nothing to find", biases=()),
        _power,
        _large,
        _tiny,
        _live,
        _live_small,
    )
}


def find_scenario(scenario: Scenario | str) -> Scenario:
    """Return a scenario by name; raises UsageError `unknown-scenario` with the closest name."""
    if isinstance(scenario, Scenario):
        return scenario
    if scenario in SCENARIOS:
        return SCENARIOS[scenario]
    close = difflib.get_close_matches(scenario, SCENARIOS, n=1, cutoff=0.4)
    hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(SCENARIOS)}"
    raise UsageError("unknown-scenario", f"no simulated world is called '{scenario}'", hint, name=scenario)


def describe(scenario: Scenario | str) -> str:
    """Describe a world in plain text: its size, its rules and every planted bias."""
    world = find_scenario(scenario)
    counts = ", ".join(f"{number} {kind}" for kind, number in world.events)
    lines = [
        f"{world.name}: {world.about}",
        f"  time: {to_iso(world.start)[:10]} to {to_iso(world.end)[:10]}",
        f"  events: {counts}",
        "  prices: exact martingales; the price is the true probability wherever no bias is planted",
        "  crypto: one stochastic-volatility path per coin drives its ladders, touches, hourly windows and candles",
        "          (the market knows the volatility path, never the direction, so its prices are exact)",
        (
            f"  settlement: {world.dispute_share:.1%} of events disputed; single markets {world.half_share:.1%} 50-50, "
            f"{world.void_share:.1%} void"
        ),
    ]
    if not world.biases:
        lines.append("  planted: nothing; whoever finds an edge here is wrong")
    lines += [f"  planted: {bias.sentence()}" for bias in world.biases]
    return "\n".join(lines)

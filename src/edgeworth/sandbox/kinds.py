"""The kinds of events a world is made of, and how their time lines are laid out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND
from edgeworth.sandbox.scenario import Scenario

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

Ints = npt.NDArray[np.int64]
Family = Literal["above", "touch", "updown", "temperature", "tweets", "choice", "deadline"]

_NICE_MINUTES = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
_FINE = 200  # above so many points a step need not be a round one


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: `markets` per event, life of `hours` from listing to the scheduled end, `slack_hours` from
    there until the outcome is known. `hour` is the wall hour of the scheduled end in New York. `information` is the
    strength of the signal about the winner, `prior` the range of a single market's opening probability. `settles`: the
    oracle (proposal, challenge) or the venue itself within minutes. Not `scheduled`: no end is stated.
    """

    name: str
    category: str
    family: Family
    markets: int
    hours: int
    tags: tuple[str, ...]
    coins: tuple[str, ...] = ()
    neg_risk: bool = False
    slack_hours: float = 0.0
    hour: int = 12
    information: float = 6.0
    settles: Literal["oracle", "venue"] = "oracle"
    scheduled: bool = True
    prior: tuple[float, float] = (0.08, 0.92)

    @property
    def span(self) -> int:
        """Microseconds from listing to the latest moment the outcome is known."""
        return round((self.hours + self.slack_hours) * HOUR)


_KINDS = (
    Kind("btc-above", "crypto/btc-price", "above", 4, 72, ("Crypto", "Bitcoin", "Crypto Prices"), ("BTC",)),
    Kind("eth-above", "crypto/eth", "above", 4, 72, ("Crypto", "Ethereum", "Crypto Prices"), ("ETH",)),
    Kind("alt-above", "crypto/altcoins", "above", 3, 72, ("Crypto", "Crypto Prices"), ("SOL", "XRP", "DOGE")),
    Kind("btc-touch", "crypto/btc-price", "touch", 6, 720, ("Crypto", "Bitcoin"), ("BTC",), hour=0),
    Kind("alt-touch", "crypto/altcoins", "touch", 4, 720, ("Crypto",), ("SOL", "XRP"), hour=0),
    Kind("btc-updown", "crypto/btc-updown", "updown", 1, 25, ("Crypto", "Up or Down"), ("BTC",), settles="venue"),
    Kind("temperature", "weather/temperature", "temperature", 7, 72, ("Weather", "Daily Temperature"), neg_risk=True),
    Kind("tweets", "tech/musk", "tweets", 8, 168, ("Elon Musk", "Tweet Markets"), neg_risk=True),
    Kind(
        "election",
        "politics/election",
        "choice",
        5,
        90 * 24,
        ("Politics", "Elections"),
        neg_risk=True,
        slack_hours=14,
        hour=18,
        information=5.0,
    ),
    Kind(
        "fed",
        "government/fed",
        "choice",
        4,
        40 * 24,
        ("Economy", "Fed", "Fed Rates"),
        neg_risk=True,
        hour=14,
        information=7.0,
    ),
    Kind(
        "nba", "sports/nba", "choice", 1, 96, ("Sports", "NBA", "Basketball"), slack_hours=3, hour=19, information=1.5
    ),
    Kind("nfl", "sports/nfl", "choice", 1, 144, ("Sports", "NFL"), slack_hours=4, hour=13, information=1.5),
    Kind("soccer", "sports/soccer", "choice", 1, 120, ("Sports", "Soccer"), slack_hours=2, hour=15, information=1.5),
    Kind(
        "game",
        "sports/nba",
        "choice",
        1,
        96,
        ("Sports", "NBA", "Basketball"),
        slack_hours=3,
        hour=19,
        information=1.0,
        prior=(0.17, 0.69),
    ),
    Kind("deadline", "politics/deadline", "deadline", 1, 60 * 24, ("Politics", "World"), hour=0),
    Kind("open-ended", "politics/open", "deadline", 1, 120 * 24, ("Politics",), hour=0, scheduled=False),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}


def grid_step(kind: Kind, points: int) -> int:
    """Return the observation step in microseconds that gives about `points` points before the event."""
    wanted = kind.span / points / MINUTE
    if points > _FINE:
        unit = 5 if kind.coins else 1  # coins live on a five-minute grid
        return max(1, round(wanted / unit)) * unit * MINUTE
    return min(_NICE_MINUTES, key=lambda minutes: abs(np.log(minutes / wanted))) * MINUTE


def schedule(kind: Kind, scenario: Scenario, number: int, rng: "Generator") -> Ints:
    """Spread `number` scheduled ends evenly with jitter over the world's time, shape (number,), whole UTC days.

    Even spacing keeps events of one kind apart, so that they are as independent as their underlying allows. The first
    is listed after the world's start; an `overrun` share of the time line lies after the dump, as far as the events
    are listed before it.
    """
    first = scenario.start + kind.span + DAY
    beyond = min(round(scenario.overrun * (scenario.end - scenario.start)), kind.span - 26 * HOUR)
    last = scenario.end + (beyond if scenario.overrun > 0 else -7 * DAY)
    if last <= first:
        raise ValueError(f"the world is too short for '{kind.name}'")
    position = (np.arange(number) + 0.35 + 0.3 * rng.random(number)) / number
    days: Ints = ((first + position * (last - first)) // DAY).astype(np.int64)
    return days * DAY


def longest_span() -> int:
    """Return the longest life of any kind, microseconds."""
    return max(kind.span for kind in _KINDS)


def jitter_limit(step: int) -> int:
    """Return how many seconds an observation may be late, so that times stay ascending."""
    return int(min(40, step // SECOND // 10))

"""Invented questions in the venue's wording: templates over assets, cities, teams and made-up people and places."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edgeworth.core.instants import to_datetime
from edgeworth.core.units import Micros

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

YES_NO = ("Yes", "No")
_NEW_YORK = ZoneInfo("America/New_York")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

# city, unit, mean of the year, swing between winter and summer (both in the unit)
CITIES: tuple[tuple[str, str, float, float], ...] = (
    ("Oslo", "C", 10, 12),
    ("London", "C", 15, 7),
    ("Paris", "C", 16, 9),
    ("Seoul", "C", 17, 14),
    ("Toronto", "C", 13, 14),
    ("Buenos Aires", "C", 22, -7),
    ("Ankara", "C", 18, 13),
    ("New York City", "F", 62, 23),
    ("Chicago", "F", 59, 25),
    ("Miami", "F", 84, 7),
    ("Dallas", "F", 77, 19),
    ("Seattle", "F", 61, 14),
)
_FIRST = (
    "Alder",
    "Bryn",
    "Corin",
    "Dara",
    "Edda",
    "Farid",
    "Greta",
    "Hollis",
    "Ines",
    "Joris",
    "Kira",
    "Lorne",
    "Mirela",
    "Nils",
    "Oona",
    "Priya",
    "Quill",
    "Rosa",
)
_LAST = (
    "Venn",
    "Marlow",
    "Okafor",
    "Sandoval",
    "Tolland",
    "Brask",
    "Ferreira",
    "Haldane",
    "Ivarsson",
    "Kessler",
    "Lindqvist",
    "Moreau",
    "Novak",
)
_PLACES = (
    "Norland",
    "Westmark",
    "Castellan",
    "Ostrava-Minor",
    "Pellam",
    "Verdania",
    "Brenholm",
    "Kestria",
    "Lower Tarn",
)
_OFFICES = ("presidential election", "mayoral election", "gubernatorial election", "parliamentary election")
_PARTIES = ("Democratic", "Republican", "Green", "Liberal")
_NBA = (
    "Boston Celtics",
    "Miami Heat",
    "Denver Nuggets",
    "Dallas Mavericks",
    "Milwaukee Bucks",
    "Phoenix Suns",
    "Utah Jazz",
    "Chicago Bulls",
    "Orlando Magic",
    "Sacramento Kings",
    "Indiana Pacers",
    "Brooklyn Nets",
)
_NFL = (
    "Kansas City Chiefs",
    "Buffalo Bills",
    "Green Bay Packers",
    "Dallas Cowboys",
    "Detroit Lions",
    "Chicago Bears",
    "Baltimore Ravens",
    "Houston Texans",
    "Seattle Seahawks",
    "Miami Dolphins",
)
_SOCCER = (
    "Arsenal FC",
    "Chelsea FC",
    "Everton FC",
    "Fulham FC",
    "Brentford FC",
    "Aston Villa FC",
    "Liverpool FC",
    "Burnley FC",
    "Crystal Palace FC",
    "West Ham United FC",
)


@dataclass(frozen=True, slots=True)
class MarketText:
    """What a market says about itself; `label` is its name inside the event."""

    question: str
    label: str = ""
    outcomes: tuple[str, str] = YES_NO


@dataclass(frozen=True, slots=True)
class EventText:
    """What an event says about itself, with its markets in order."""

    title: str
    markets: tuple[MarketText, ...]
    tags: tuple[str, ...] = ()


def new_york(instant: int) -> datetime:
    """Return the wall time in New York."""
    return to_datetime(Micros(instant)).astimezone(_NEW_YORK)


def day_text(instant: int) -> str:
    """Return `March 3` for the New York date of an instant."""
    local = new_york(instant)
    return f"{_MONTHS[local.month - 1]} {local.day}"


def dollars(amount: float) -> str:
    """Return `$64,000` or `$1.25`."""
    if amount >= 100 or amount == int(amount):
        return f"${amount:,.0f}" if amount == int(amount) else f"${amount:,.2f}"
    digits = f"{amount:.4f}".rstrip("0")
    return f"${digits}{'0' * max(0, 2 - len(digits.partition('.')[2]))}"


def slugify(text: str) -> str:
    """Return lower-case words joined by dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("°", "")).strip("-")


def above_text(coin: str, strikes: Sequence[float], end: int) -> EventText:
    """Word "above K on a date"."""
    day = day_text(end)
    markets = [MarketText(f"Will the price of {coin} be above {dollars(k)} on {day}?", dollars(k)[1:]) for k in strikes]
    return EventText(f"{coin} above ___ on {day}?", tuple(markets), (coin,))


def touch_text(coin: str, strikes: Sequence[float], up: Sequence[bool], end: int) -> EventText:
    """Word "reach K by a date" and "dip to K by a date"; the deadline is the evening before `end`."""
    day = day_text(end - 3_600_000_000)
    words = [("reach", "↑") if rises else ("dip to", "↓") for rises in up]
    markets = [
        MarketText(f"Will {coin} {verb} {dollars(k)} by {day}?", f"{arrow} {dollars(k)[1:]}")
        for k, (verb, arrow) in zip(strikes, words, strict=True)
    ]
    return EventText(f"What price will {coin} hit by {day}?", tuple(markets), (coin,))


def updown_text(coin: str, window: int) -> EventText:
    """Word "Up or Down" for the hour that begins at `window`."""
    local = new_york(window)
    hour = f"{(local.hour - 1) % 12 + 1}{'AM' if local.hour < 12 else 'PM'}"
    title = f"{coin} Up or Down - {day_text(window)}, {hour} ET"
    return EventText(title, (MarketText(title, "", ("Up", "Down")),), (coin,))


def temperature_text(city: str, unit: str, lows: Sequence[int], width: int, end: int) -> EventText:
    """Word temperature buckets: below `lows[0]`, then [low, low + width), and the last one open above."""
    day = day_text(end)
    inner = [f"{low}°{unit}" if width == 1 else f"between {low}-{low + width - 1}°{unit}" for low in lows[:-1]]
    labels = [f"{lows[0] - 1}°{unit} or below", *inner, f"{lows[-1]}°{unit} or higher"]
    markets = [MarketText(f"Will the highest temperature in {city} be {label} on {day}?", label) for label in labels]
    return EventText(f"Highest temperature in {city} on {day}?", tuple(markets), (city,))


def tweets_text(lows: Sequence[int], width: int, start: int, end: int) -> EventText:
    """Word buckets of a week's number of posts."""
    dates = f"from {day_text(start)} to {day_text(end)}"
    labels = [f"less than {lows[0]}", *[f"{low}-{low + width - 1}" for low in lows[:-1]], f"{lows[-1]} or more"]
    markets = [MarketText(f"Will Elon Musk post {label} tweets {dates}?", label) for label in labels]
    return EventText(f"Elon Musk # tweets {day_text(start)} - {day_text(end)}?", tuple(markets))


def person(rng: "Generator") -> str:
    """Return a made-up name."""
    return f"{_FIRST[rng.integers(len(_FIRST))]} {_LAST[rng.integers(len(_LAST))]}"


def place(rng: "Generator") -> str:
    """Return a made-up country."""
    return _PLACES[rng.integers(len(_PLACES))]


def election_text(rng: "Generator", candidates: int, end: int) -> EventText:
    """Word an election or a nomination among made-up candidates."""
    year = new_york(end).year
    country = place(rng)
    if rng.random() < 0.3:
        race = f"{year} {country} {_PARTIES[rng.integers(len(_PARTIES))]} presidential nomination"
    else:
        race = f"{year} {country} {_OFFICES[rng.integers(len(_OFFICES))]}"
    names: list[str] = []
    while len(names) < candidates:
        name = person(rng)
        if name not in names:
            names.append(name)
    markets = [MarketText(f"Will {name} win the {race}?", name) for name in names]
    return EventText(f"{race} winner", tuple(markets), (country,))


def fed_text(end: int) -> EventText:
    """Word the four decisions of a central bank meeting."""
    month = _MONTHS[new_york(end).month - 1]
    markets = (
        MarketText(f"Will the Fed cut interest rates by 50+ bps after the {month} meeting?", "50+ bps decrease"),
        MarketText(f"Will the Fed cut interest rates by 25 bps after the {month} meeting?", "25 bps decrease"),
        MarketText(f"Will there be no change in Fed interest rates after the {month} meeting?", "No change"),
        MarketText(f"Will the Fed increase interest rates by 25+ bps after the {month} meeting?", "25+ bps increase"),
    )
    return EventText(f"Fed decision in {month}?", markets)


def game_text(rng: "Generator", kind: str, end: int) -> EventText:
    """Word a game between two teams of a league."""
    teams = {"nfl": _NFL, "soccer": _SOCCER}.get(kind, _NBA)
    first, second = (teams[i] for i in rng.choice(len(teams), size=2, replace=False))
    title = f"{first} vs. {second}"
    if kind == "soccer":
        market = MarketText(f"Will {first} win on {new_york(end):%Y-%m-%d}?", first)
        return EventText(title, (market,), ("Premier League",))
    return EventText(title, (MarketText(title, "", (first.split()[-1], second.split()[-1])),))


def deadline_text(rng: "Generator", end: int) -> EventText:
    """Word something that may happen at any time until a date."""
    local = new_york(end - 3_600_000_000)
    by = f"by {day_text(end - 3_600_000_000)}, {local.year}"
    a, b, who = place(rng), place(rng), person(rng)
    questions = (
        f"Will {who} resign as prime minister of {a} {by}?",
        f"Will the parliament of {a} pass the {who.split()[1]} budget {by}?",
        f"Will {a} and {b if b != a else 'Eastmere'} sign a ceasefire {by}?",
        f"Will {who} be charged with a crime {by}?",
    )
    question = questions[rng.integers(len(questions))]
    return EventText(question, (MarketText(question),), (a,))


def open_ended_text(rng: "Generator") -> EventText:
    """Word something without any stated date."""
    question = f"Will {person(rng)} announce a run for leader of {place(rng)}?"
    return EventText(question, (MarketText(question),))

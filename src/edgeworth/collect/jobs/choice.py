"""Which markets to track: named ones, and every open one that a query lets through, new ones included. Pure.

A query is words that must all hold: `category:crypto`, `tag:bitcoin`, `volume>100k`, `volume24h>5k`, `liquidity>1k`,
`ends<30d`, or any part of the question. Several queries add up.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edgeworth.collect.jobs.directory import Listed
from edgeworth.core.errors import UsageError
from edgeworth.core.instants import parse_duration
from edgeworth.core.units import Micros
from edgeworth.features.taxonomy import classify

Test = Callable[[Listed, Micros], bool]
_AMOUNT = re.compile(r"^(volume24h|volume|liquidity)(>=|>|<=|<)\$?([\d_.]+)([km]?)$")
_ENDS = re.compile(r"^ends(<|>)(\d+(?:\.\d+)?[smhdw])$")
_FIELDS = {"volume": "volume_e6", "volume24h": "volume_24h_e6", "liquidity": "liquidity_e6"}
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_HINT = "such as 'category:crypto volume>100k bitcoin'"


@dataclass(frozen=True, slots=True)
class Query:
    """One query as it was written, and the tests it stands for."""

    text: str
    tests: tuple[Test, ...]

    def matches(self, entry: Listed, now: Micros) -> bool:
        """Tell whether a market passes every test."""
        return all(test(entry, now) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Choice:
    """Markets by name and by query; at most `limit` of those by query, the most traded first."""

    names: tuple[str, ...] = ()
    queries: tuple[Query, ...] = ()
    limit: int = 100

    @property
    def empty(self) -> bool:
        """Whether nothing was chosen."""
        return not self.names and not self.queries

    def select(self, markets: Iterable[Listed], now: Micros) -> list[Listed]:
        """Return the open markets that a query lets through, the most traded of the last day first."""
        found = [m for m in markets if m.open and any(query.matches(m, now) for query in self.queries)]
        found.sort(key=lambda m: (-m.size("volume_24h_e6"), -m.size("volume_e6"), m.market_no))
        return found[: self.limit]


def parse_query(text: str) -> Query:
    """Return the query a text stands for; raises UsageError bad-query."""
    words = text.replace(",", " ").split()
    if not words:
        raise UsageError("bad-query", "the query for markets is empty", _HINT)
    return Query(text.strip(), tuple(_test(word.lower()) for word in words))


def parse_choice(names: Sequence[str], queries: Sequence[str], limit: int = 100) -> Choice:
    """Return the choice of names (commas allowed) and queries; raises UsageError bad-query."""
    parts = [part.strip() for name in names for part in name.split(",")]
    return Choice(tuple(dict.fromkeys(part for part in parts if part)), tuple(map(parse_query, queries)), limit)


def category_of(entry: Listed) -> str:
    """Return the taxonomy's label of a market, lower case."""
    record = entry.record
    return classify(record.question, record.event_title, record.tags).label.lower()


def _test(word: str) -> Test:
    amount, ends = _AMOUNT.match(word), _ENDS.match(word)
    if amount:
        return _by_amount(*amount.groups())
    if ends:
        sign, span = ends.group(1), parse_duration(ends.group(2))
        return lambda m, now: (
            m.record.scheduled_end is not None and ((m.record.scheduled_end - now < span) == (sign == "<"))
        )
    key, colon, value = word.partition(":")
    if colon and key == "category" and value:
        return lambda m, _now: category_of(m) == value or category_of(m).startswith(value.rstrip("/") + "/")
    if colon and key == "tag" and value:
        return lambda m, _now: any(value == tag.lower() for tag in m.record.tags)
    if colon or any(sign in word for sign in "<>="):
        raise UsageError("bad-query", f"'{word}' is not understood in a query for markets", _HINT)
    return lambda m, _now: word in m.record.question.lower()


def _by_amount(field: str, sign: str, number: str, unit: str) -> Test:
    try:
        bound = round(float(number.replace("_", "")) * _UNITS[unit] * 1e6)
    except ValueError as error:
        raise UsageError("bad-query", f"'{number}' is not an amount", _HINT) from error
    name = _FIELDS[field]
    if sign.startswith(">"):
        return lambda m, _now: m.size(name) >= bound if sign == ">=" else m.size(name) > bound
    return lambda m, _now: m.size(name) <= bound if sign == "<=" else m.size(name) < bound

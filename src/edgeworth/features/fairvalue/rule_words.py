"""The words of price rules: clean text, wall times with daylight saving, levels, and the sentences that are allowed.

Every sentence of a rule must match one of these patterns as a whole; nothing is skipped over. A pattern here is a
wording whose meaning has been argued, so extend the list only together with the golden file of wordings.
"""
# ruff: noqa: E501  (the sentences of a rule read best on one line)

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edgeworth.core.instants import from_datetime
from edgeworth.core.units import Micros
from edgeworth.features.question_dates import MONTHS
from edgeworth.features.taxonomy_text import normalise

ZONE: Final = "America/New_York"
_NEW_YORK: Final = ZoneInfo(ZONE)
_URL = re.compile(r"https?://[^\s)]*[^\s).,\"]")
_SPACES = re.compile(r"\s+")
_MONTH_DOT = re.compile(rf"\b({'|'.join(name for name in MONTHS if len(name) <= 4)})\. (?=\d)")
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_CLOCK = r"\d{1,2}:\d\d(?: ?[ap]m)?"
WALL: Final = (
    rf"(?:(?:{_MONTH}) \d{{1,2}},? 20\d\d,?(?: at)? {_CLOCK}|20\d\d/\d\d/\d\d {_CLOCK}"
    rf"|\d{{1,2}} (?:{_MONTH}) '\d\d,? {_CLOCK}|(?:{_MONTH}) \d{{1,2}} '\d\d,? {_CLOCK})"
)
_WALLS = (
    re.compile(rf"(?P<month>{_MONTH}) (?P<day>\d{{1,2}}),? (?P<year>20\d\d),?(?: at)? (?P<clock>{_CLOCK})"),
    re.compile(rf"(?P<year>20\d\d)/(?P<month>\d\d)/(?P<day>\d\d) (?P<clock>{_CLOCK})"),
    re.compile(rf"(?P<day>\d{{1,2}}) (?P<month>{_MONTH}) '(?P<year>\d\d),? (?P<clock>{_CLOCK})"),
    re.compile(rf"(?P<month>{_MONTH}) (?P<day>\d{{1,2}}) '(?P<year>\d\d),? (?P<clock>{_CLOCK})"),
)

_ET = r"(?:in (?:the )?et timezone|et|eastern time)"
_VENUE = r"(?P<venue>binance|coinbase)"
_PAIR = r"(?P<base>[a-z0-9]{2,10}?)(?:/|-)?(?P<quote>usdt|usdc|usd)"
_NAMED = rf"(?:[a-z ]{{2,20}} \({_PAIR}\)|{_PAIR.replace('base', 'base2').replace('quote', 'quote2')})"
_CANDLE = (
    rf"{_VENUE} (?:1|one)[- ]minute (?:candle for {_NAMED}"
    rf"|(?P<base3>[a-z0-9]{{2,10}}?)(?:/|-)?(?P<quote3>usdt|usdc|usd) candle)"
)
_SPAN = (
    rf"(?:titled with a date )?(?:between|from) (?P<start>{WALL}) (?:and|through|to|until) (?P<end>{WALL})"
    rf"(?: \(inclusive\))? {_ET}"
)
_TITLE_SPAN = (
    r"(?:during|in|within) the (?:month|week|day|date range) specified in the title,? (?:\(et\)|in the et timezone)"
)
_NUMBER = r"\$?\d[\d,]*(?:\.\d+)?"
_TITLE_PRICE = r"the price specified in the title"
_LEVEL = rf"(?P<level>{_NUMBER}|{_TITLE_PRICE})"
_MORE = rf"(?:(?:equal to or greater than|greater than or equal to|at or above|of at least) {_LEVEL}"
_UPPER = rf"{_MORE}|of {_LEVEL.replace('level', 'level2')} or (?:higher|more|above))"
_LESS = rf"(?:(?:equal to or (?:less|lower) than|(?:less|lower) than or equal to|at or below|of at most) {_LEVEL}"
_LOWER = rf"{_LESS}|of {_LEVEL.replace('level', 'level2')} or (?:lower|less|below))"
_YES = r'this market will (?:immediately )?resolve (?:immediately )?to "yes"(?: immediately)? if'
_ELSE = r'(?:, or to "no" otherwise| and to "no" otherwise)?'
_AT = (
    rf"(?:(?P<clock>{_CLOCK}) in the et timezone(?: \(noon\))? on the date specified in the title"
    rf"|(?:titled )?(?P<at>{WALL}) in the et timezone(?: \((?:referring to )?(?:noon|{_CLOCK} et)\))?)"
)
_BEYOND = (
    rf"(?:(?P<strict>higher|greater|above|lower|less|below) than {_LEVEL}"
    rf"|(?P<strict2>above|below) {_LEVEL.replace('level', 'level2')}"
    rf"|(?P<weak>greater|higher|less|lower) than or equal to {_LEVEL.replace('level', 'level3')}"
    rf"|equal to or (?P<weak2>greater|higher|less|lower) than {_LEVEL.replace('level', 'level4')}"
    rf"|of {_LEVEL.replace('level', 'level5')} or (?P<weak3>higher|more|above|lower|less|below))"
)
_HALVES = r"(?:50-50|50/50)"

# name of the rule -> its sentence; the first group of alternatives decides the kind of contract
RULES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("touch-up", re.compile(rf'{_YES} any {_CANDLE} (?:{_SPAN}|(?P<titled>{_TITLE_SPAN})) has a final "high" price {_UPPER}{_ELSE}')),
    ("touch-down", re.compile(rf'{_YES} any {_CANDLE} (?:{_SPAN}|(?P<titled>{_TITLE_SPAN})) has a final "low" price {_LOWER}{_ELSE}')),
    ("above", re.compile(rf'{_YES} the {_CANDLE} {_AT} has a final "close" price {_BEYOND}{_ELSE}')),
    ("between", re.compile(
        rf'{_YES} the {_CANDLE} {_AT} has a final "close" price (?:'
        rf"(?:greater than or equal to|of at least) (?P<low>{_NUMBER}) and (?:less|lower) than (?P<high>{_NUMBER})"
        rf"|(?P<titled>(?:within|in) the range specified in the title)){_ELSE}"
    )),
    ("hourly", re.compile(
        rf'this market will resolve to "up" if the "?close"? price is (?P<word>greater than or equal to|greater than) the'
        rf' "?open"? price for the {_PAIR} 1 hour candle that begins on the time and date specified in the title'
    )),
    ("daily", re.compile(
        rf'this market will resolve to "up" if the {_CANDLE} (?P<at>{WALL}) {_ET}(?: \(noon\))? has a final "close" price'
        rf' (?P<word>higher|greater) than the final "close" price (?:of|for) the (?P<before>{WALL}) {_ET}(?: \(noon\))? candle'
    )),
    ("window", re.compile(
        r'this market will resolve to "up" if the (?P<name>[a-z ]{2,20}) price at the end of the time range specified in the'
        r" title is (?P<word>greater than or equal to|greater than) the price at the beginning of that range"
    )),
    ("first", re.compile(
        rf'{_YES} any {_CANDLE} {_SPAN} has a final (?P<one>"high"|"low") price of (?P<level>{_NUMBER}) or'
        rf' (?P<word>higher|lower) before any such candle has a final (?P<two>"high"|"low") price of (?P<level2>{_NUMBER})'
        r" or (?P<word2>higher|lower)"
    )),
)  # fmt: skip

# sentences that add a fact to the rule, or repeat one: pairs, venues and windows in them must agree with the rule
NOTES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("otherwise", re.compile(r'otherwise,? (?:this market|it) will resolve to "(?P<other>no|down)"')),
    ("down", re.compile(r'this market will resolve to "down" if (?:the former is lower|it is lower|that price is lower)')),
    ("tie-half", re.compile(
        rf'if (?:the two (?:final )?"close" prices|both prices|they) are (?:exactly )?equal, this market will resolve {_HALVES}'
    )),
    ("bracket", re.compile(
        r"if the (?:final|reported) (?:\"close\" price|value|price) falls exactly between two brackets,? (?:then )?this market"
        r" will resolve to the (?P<side>higher|lower)(?: range)? bracket"
    )),
    ("twap", re.compile(
        r"the price at the end of the range is the time-weighted average of the stream over its last (?P<seconds>\d{1,3})"
        r" seconds"
    )),
    ("neither", re.compile(r'if neither happens(?: in that window)?, this market will resolve to "no"')),
    ("source", re.compile(
        rf"the resolution source for this market is (?:{_VENUE}|url)(?:,? url)?,? specifically the {_PAIR} "
        r'(?:"[a-z]+"(?: and "[a-z]+")? prices|pair|trading pair)(?: currently)?(?: available at)?(?: \(?url\)?)?'
        r'(?:,? with (?:the chart settings on )?"(?P<interval>\d{1,2}[mhd])"(?: and "[a-z]+"| for one-minute candles)?'
        r" selected on the top bar)?"
    )),
    ("source", re.compile(
        rf"the resolution source for this market is information from {_VENUE}, specifically the {_PAIR} pair(?: \(url\))?"
    )),
    ("stream", re.compile(
        rf"the resolution source for this market is information from chainlink, specifically the {_PAIR} data stream"
        r"(?: available at url)?"
    )),
    ("about", re.compile(
        rf"please note(?: that|,)(?: the outcome of)? this market (?:is about|depends solely on) the price(?: data)?"
        rf" (?:according to|from) (?:the )?(?:{_VENUE}|chainlink data stream) {_PAIR}(?: trading pair)?"
        r"(?:,? not(?: the price)?(?: according to)?(?: any)? others? (?:sources|exchanges)(?:,? or (?:spot markets|trading"
        r" pairs))?|; information from other sources or spot markets have no bearing on this market's resolution)?"
    )),
    ("no-other", re.compile(
        r"prices from other exchanges, different trading pairs, or spot markets will not be considered for the resolution of"
        r" this market"
    )),
    ("precision", re.compile(r"price precision is determined by the number of decimal places in the source")),
    ("chart", re.compile(
        r'to see the "[a-z]+" prices, mouse over particular candles and look at the value after "[a-z]+:? ?" at the top of'
        r" the chart"
    )),
    ("api", re.compile(
        r"the api url url with relevant startdate and enddate parameters may be used in the event that the chart is"
        r" unavailable"
    )),
    ("letters", re.compile(
        r'the close (?:"c"|« c ») and open (?:"o"|« o ») displayed at the top of the graph for the relevant "1h" candle will'
        r" be used once the data for that candle is finalized"
    )),
    ("last-candle", re.compile(
        rf'the final relevant candle for this market will be the 1 minute {_PAIR} candle titled "(?P<end>{WALL})" in the et'
        r" timezone"
    )),
    ("simulated", re.compile(r"this is a simulated market")),
)  # fmt: skip


def sentences(description: str) -> Iterator[str]:
    """Yield the sentences of a rule: lower case, plain quotes, links as `url`, no final point."""
    text = _URL.sub("url", normalise(description))
    text = _SPACES.sub(" ", _MONTH_DOT.sub(r"\1 ", text)).replace('."', '".').strip()
    for part in re.split(r"(?<=[.!?])\s+", text):
        cleaned = part.strip().rstrip(".").strip()
        if cleaned:
            yield cleaned


def wall_time(text: str) -> datetime | None:
    """Return a wall time such as `november 24, 2025, 14:00` as a naive datetime; None for one no calendar has."""
    for pattern in _WALLS:
        match = pattern.fullmatch(text)
        if match:
            month = MONTHS.get(match["month"]) or int(match["month"])
            year = int(match["year"]) + (2000 if len(match["year"]) == 2 else 0)
            return _at(year, month, int(match["day"]), match["clock"])
    return None


def clock_time(text: str) -> tuple[int, int] | None:
    """Return hour and minute of `14:00`, `2:00 pm`; None for a time no clock shows."""
    match = re.fullmatch(r"(\d{1,2}):(\d\d)(?: ?([ap])m)?", text)
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    if match[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[3] == "p" else 0)
    return (hour, minute) if hour < 24 and minute < 60 else None


def _at(year: int, month: int, day: int, clock: str) -> datetime | None:
    time = clock_time(clock)
    if time is None:
        return None
    try:
        return datetime(year, month, day, *time)  # noqa: DTZ001  (a wall time: its zone is put on where it is placed)
    except ValueError:
        return None


def new_york(wall: datetime) -> Micros | None:
    """Return the instant of a New York wall time; None for one that the change of clocks skips or repeats."""
    first, second = (wall.replace(tzinfo=_NEW_YORK, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        return None
    return from_datetime(first)


def next_day(wall: datetime, days: int = 1) -> datetime:
    """Return the same wall time some days later."""
    return wall + timedelta(days=days)

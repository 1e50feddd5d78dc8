"""Patterns of price questions: touch, terminal, range, up or down, first of two, all-time high, ladder."""

import re
from collections.abc import Callable
from typing import Final

from edgeworth.features.question_assets import ASSET, is_generic, parse_asset
from edgeworth.features.question_dates import (
    CLOCK,
    DATE,
    WINDOW,
    ZONE,
    Window,
    at_clock,
    fill_year,
    parse_clock,
    parse_date,
    parse_window,
)
from edgeworth.features.question_numbers import AMOUNT, amount, amount_pair
from edgeworth.features.question_types import Direction, Kind, Moment, Question

_A = rf"(?P<asset>{ASSET})"
_P = rf"(?P<level>{AMOUNT})"
_W = rf"(?P<window>{WINDOW})"
_PRICE_OF = r"(?:the )?(?:price of )?"
_UP_WORDS: Final = {
    "above": ">", "over": ">", "greater than": ">", "more than": ">", "higher than": ">", "at least": ">=",
    "at or above": ">=", ">": ">", ">=": ">=", "≥": ">=",
}  # fmt: skip
_DOWN_WORDS: Final = {
    "below": "<", "under": "<", "less than": "<", "lower than": "<", "at most": "<=", "at or below": "<=", "<": "<",
    "<=": "<=", "≤": "<=",
}  # fmt: skip
_WORDS = "|".join(re.escape(word) for word in sorted((*_UP_WORDS, *_DOWN_WORDS), key=len, reverse=True))
_TOUCH = re.compile(
    rf"^will {_PRICE_OF}{_A} (?P<verb>reach|hit|touch|dip to|dip below|drop to|fall to|drop below|fall below)"
    rf"(?: \((?P<side>high|low)\))? {_P}(?: \((?P<after>high|low)\))? {_W}$"
)
_TERMINAL = re.compile(
    rf"^(?:will )?{_PRICE_OF}{_A} (?:(?:(?P<measure>be|close|settle|trade|be worth|finish|end)(?: at)?) )?"
    rf"(?P<word>{_WORDS}) ?{_P} {_W}(?:,? at (?P<clock>{CLOCK})(?: (?P<zone>{ZONE}))?)?$"
)
_RANGE = re.compile(
    rf"^(?:will )?{_PRICE_OF}{_A} (?:(?P<measure>be|close|settle|trade|finish) )?(?:between|at|in) (?P<low>{AMOUNT})"
    rf"(?: and | ?- ?| to )(?P<high>{AMOUNT}) {_W}(?:,? at (?P<clock>{CLOCK})(?: (?P<zone>{ZONE}))?)?$"
)
_FINAL_DAY = re.compile(
    rf"^will {_A} close (?:at (?P<low>{AMOUNT})-(?P<high>{AMOUNT})|(?P<word>{_WORDS}) ?{_P})"
    rf" on the final day of trading of the week of (?P<a>{DATE}) - (?P<b>{DATE})$"
)
_UP_DOWN = re.compile(
    rf"^{_A} (?P<opens>opens )?(?:up or down|higher or lower)(?: ?-| on)? (?P<date>{DATE})"
    rf"(?:, (?P<from>{CLOCK})(?: ?- ?(?P<to>{CLOCK}))? (?P<zone>{ZONE}))?$"
)
_MONTH_CANDLE = re.compile(rf"^will {_A} close (?P<month>[a-z]+(?: 20\d\d)?) (?P<side>higher|lower) than it opened$")
_FIRST_OF = re.compile(
    rf"^will {_A} (?:hit|reach|touch) (?P<one>{AMOUNT}) (?P<word>or|before) (?P<two>{AMOUNT})(?: first)?(?: {_W})?$"
)
_HIGH = re.compile(rf"^(?:will )?{_A} (?:hit an? |reach an? |sets? an? |makes? an? )?(?:new )?all[- ]time high {_W}$")
_LADDER = re.compile(
    rf"^(?:what (?:price )?will (?:the price of )?{_A} (?:hit|reach|be) (?P<window>{WINDOW})"
    rf"|{_PRICE_OF}(?P<asset2>{ASSET}) (?:price|above ___|above \.\.\.) (?P<window2>{WINDOW}))$"
)
_DOWN_VERBS = frozenset({"dip to", "dip below", "drop to", "fall to", "drop below", "fall below"})


def parse_price(text: str, year: int | None) -> Question | None:
    """Parse one normalised text without its question mark, or return None."""
    for pattern, build in _PATTERNS:
        match = pattern.match(text)
        if match:
            found = build(match, year)
            if found is not None:
                return found
    return None


def _asset_of(match: re.Match[str], *levels: str | None) -> tuple[str, str] | None:
    """The asset; a name known only by a bracket (`Someone (D)`) counts as one only beside an amount in dollars."""
    asset = parse_asset(match["asset"])
    if asset is None or not levels or not is_generic(asset[0]):
        return asset
    return asset if all(level is None or "$" in level for level in levels) else None


def _window(match: re.Match[str], year: int | None) -> Window | None:
    window = parse_window(match["window"])
    return fill_year(window, year) if window else None


def _timed(match: re.Match[str], window: Window) -> Window | None:
    if not match["clock"]:
        return window
    clock, end = parse_clock(match["clock"]), window[1]
    if clock is None or end is None:
        return None
    return None, at_clock(end, clock, match["zone"] or ""), window[2]


def _touch(match: re.Match[str], year: int | None) -> Question | None:
    asset, window, level = _asset_of(match, match["level"]), _window(match, year), amount(match["level"])
    side = match["side"] or match["after"]
    down = match["verb"] in _DOWN_VERBS
    if asset is None or window is None or not level or (down and side == "high"):
        return None
    down = down or side == "low"
    strict = match["verb"].endswith("below")
    return Question(
        Kind.TOUCH, "touch", *asset, direction=Direction.DOWN if down else Direction.UP,
        comparator=("<" if strict else "<=") if down else ">=", thresholds=(level,), unit="$",
        start=window[0], end=window[1], period=window[2], measure="low" if down else "high",
    )  # fmt: skip


def _terminal(match: re.Match[str], year: int | None) -> Question | None:
    asset, window, level = _asset_of(match, match["level"]), _window(match, year), amount(match["level"])
    window = _timed(match, window) if window else None
    if asset is None or window is None or not level or not _fixed_end(match, window):
        return None
    return _beyond("terminal", asset, match["word"], level, window, _measure(match["measure"]))


def _beyond(pattern: str, asset: tuple[str, str], word: str, level: float, window: Window, measure: str) -> Question:
    up = word in _UP_WORDS
    return Question(
        Kind.TERMINAL, pattern, *asset, direction=Direction.UP if up else Direction.DOWN,
        comparator=_UP_WORDS[word] if up else _DOWN_WORDS[word], thresholds=(level,),
        low=level if up else None, high=None if up else level, unit="$", end=window[1], period=window[2],
        measure=measure,
    )  # fmt: skip


def _inside(pattern: str, asset: tuple[str, str], pair: tuple[float, float], window: Window, measure: str) -> Question:
    return Question(
        Kind.RANGE, pattern, *asset, thresholds=pair, low=pair[0], high=pair[1], unit="$", end=window[1],
        period=window[2], measure=measure,
    )  # fmt: skip


def _range(match: re.Match[str], year: int | None) -> Question | None:
    asset, window = _asset_of(match, match["low"]), _window(match, year)
    pair = amount_pair(match["low"], match["high"])
    window = _timed(match, window) if window else None
    if asset is None or window is None or pair is None or not _fixed_end(match, window):
        return None
    return _inside("range", asset, pair, window, _measure(match["measure"]))


def _fixed_end(match: re.Match[str], window: Window) -> bool:
    """Tell whether the window names one point in time: a day, an end, a settlement of a month, a close of a year."""
    if window[2] in {"day", "end"}:
        return True
    return (window[2], match["measure"]) in {("month", "settle"), ("year", "settle"), ("year", "close")}


def _measure(word: str | None) -> str:
    return word if word in {"close", "settle"} else "price"


def _final_day(match: re.Match[str], year: int | None) -> Question | None:
    asset, end = _asset_of(match, match["low"] or match["level"]), parse_date(match["b"])
    if asset is None or end is None:
        return None
    window = (None, end.with_year(year), "week")
    if match["low"]:
        pair = amount_pair(match["low"], match["high"])
        return None if pair is None else _inside("final-day", asset, pair, window, "close")
    level = amount(match["level"])
    return _beyond("final-day", asset, match["word"], level, window, "close") if level else None


def _up_down(match: re.Match[str], year: int | None) -> Question | None:
    asset, day = _asset_of(match), parse_date(match["date"])
    if asset is None or day is None:
        return None
    day = day.with_year(year)
    window = _clock_window(match, day) if match["from"] else (None, day, "day")
    if window is None:
        return None
    return Question(
        Kind.UP_OR_DOWN, "up-or-down", *asset, direction=Direction.UP, start=window[0], end=window[1], period=window[2],
        measure="open" if match["opens"] else "close",
    )  # fmt: skip


def _clock_window(match: re.Match[str], day: Moment) -> Window | None:
    """The window of a clock range; one clock alone names the hour that begins then."""
    start = parse_clock(match["from"])
    end = parse_clock(match["to"]) if match["to"] else start and (start[0] + 1, start[1])
    if start is None or end is None:
        return None
    if end <= start:
        end = (end[0] + 24, end[1])
    zone = match["zone"]
    return at_clock(day, start, zone), at_clock(day, end, zone), "window" if match["to"] else "hour"


def _month_candle(match: re.Match[str], year: int | None) -> Question | None:
    asset, window = _asset_of(match), parse_window(f"in {match['month']}")
    if asset is None or window is None or window[2] != "month":
        return None
    start, end, period = fill_year(window, year)
    direction = Direction.UP if match["side"] == "higher" else Direction.DOWN
    return Question(
        Kind.UP_OR_DOWN,
        "month-candle",
        *asset,
        direction=direction,
        start=start,
        end=end,
        period=period,
        measure="close",
    )


def _first_of(match: re.Match[str], year: int | None) -> Question | None:
    asset, one, two = _asset_of(match, match["one"]), amount(match["one"]), amount(match["two"])
    window = _window(match, year) if match["window"] else (None, None, "")
    if asset is None or not one or not two or one == two or window is None:
        return None
    direction = Direction.UP if one > two else Direction.DOWN
    return Question(
        Kind.FIRST_OF, "first-of", *asset, direction=direction, thresholds=(min(one, two), max(one, two)), unit="$",
        start=window[0], end=window[1], period=window[2],
    )  # fmt: skip


def _high(match: re.Match[str], year: int | None) -> Question | None:
    asset, window = _asset_of(match), _window(match, year)
    if asset is None or window is None:
        return None
    return Question(
        Kind.ALL_TIME_HIGH, "all-time-high", *asset, direction=Direction.UP, start=window[0], end=window[1],
        period=window[2], measure="high",
    )  # fmt: skip


def _ladder(match: re.Match[str], year: int | None) -> Question | None:
    asset = parse_asset(match["asset"] or match["asset2"])
    window = parse_window(match["window"] or match["window2"])
    if asset is None or window is None:
        return None
    start, end, period = fill_year(window, year)
    return Question(Kind.LADDER, "ladder", *asset, unit="$", start=start, end=end, period=period)


Builder = Callable[[re.Match[str], int | None], Question | None]
_PATTERNS: Final[tuple[tuple[re.Pattern[str], Builder], ...]] = (
    (_UP_DOWN, _up_down), (_TERMINAL, _terminal), (_RANGE, _range), (_TOUCH, _touch), (_FINAL_DAY, _final_day),
    (_FIRST_OF, _first_of), (_HIGH, _high), (_LADDER, _ladder), (_MONTH_CANDLE, _month_candle),
)  # fmt: skip

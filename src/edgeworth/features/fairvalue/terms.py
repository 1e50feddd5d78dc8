"""Read a rule: the description as first seen becomes terms, or a refusal with its reason; never a guess.

Every sentence must be one of `rule_words`; exactly one is the rule, the others repeat or complete it. The title fills
in only what the description hands over to it in so many words ("the price specified in the title"), and must agree
with everything else. A market whose rule holds one clause more than we know has no terms.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from edgeworth.core.contract import ContractKind, ContractTerms, Tie
from edgeworth.core.instants import to_datetime
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND, Micros
from edgeworth.features.fairvalue import rule_words as words
from edgeworth.features.question_assets import parse_asset
from edgeworth.features.question_numbers import amount
from edgeworth.features.questions import Direction, Kind, Moment, Question, parse_question

PARSER_VERSION: Final = 1
_LEVEL_TOLERANCE: Final = 5e-4  # "above $1,700" is ruled by "a close of 1700.01 or higher"
_SAME_DAY: Final = 36 * HOUR
_LONGEST: Final = 1_200 * DAY
_LONGEST_RULE: Final = 4_000
_WINDOWS: Final = {5 * MINUTE: "5m", 15 * MINUTE: "15m", 4 * HOUR: "4h", HOUR: "1h"}
_KINDS: Final = {
    ContractKind.TOUCH_UP: Kind.TOUCH, ContractKind.TOUCH_DOWN: Kind.TOUCH, ContractKind.ABOVE_ON_DAY: Kind.TERMINAL,
    ContractKind.BETWEEN_ON_DAY: Kind.RANGE, ContractKind.HOURLY_UPDOWN: Kind.UP_OR_DOWN,
    ContractKind.DAILY_UPDOWN: Kind.UP_OR_DOWN, ContractKind.WINDOW_UPDOWN: Kind.UP_OR_DOWN,
    ContractKind.FIRST_OF_TWO: Kind.FIRST_OF,
}  # fmt: skip
_STRICT: Final = {"higher": ">", "greater": ">", "above": ">", "lower": "<", "less": "<", "below": "<"}
_WEAK: Final = {**{word: f"{sign}=" for word, sign in _STRICT.items()}, "more": ">="}


class _RefusedError(Exception):
    """A rule that is not understood, with the reason; never leaves this module."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is known of a market besides its words: `created_at` when it was listed, `scheduled_end` as first stated."""

    created_at: int | None = None
    scheduled_end: int | None = None


@dataclass(slots=True)
class _Rule:
    """The sentences of one rule: the name and groups of the ruling one, and those of its notes."""

    name: str = ""
    groups: dict[str, str] = field(default_factory=dict)
    notes: dict[str, dict[str, str]] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)

    def of(self, *names: str) -> str:
        """Return the first of these groups that matched."""
        return next((self.groups[name] for name in names if name in self.groups), "")


def parse_terms(question: str, description: str, listing: Listing | None = None) -> ContractTerms:
    """Return the terms of a market from its title and its description as first seen.

    `listing` dates a title without a year. Kind NONE with a `reason` where any sentence, level, window or time of day
    is not understood, where the title and the rule disagree, and for wall times that a change of clocks skips or
    repeats.
    """
    known = listing or Listing()
    try:
        rule = _sentences(description)
        asked = _question(question, _dated_listing(rule, known))
        terms = _BUILDERS[rule.name](rule, asked, known)
        terms = replace(terms, parser_version=PARSER_VERSION, evidence=tuple(rule.evidence))
        _check_facts(terms, rule)
        _check_title(terms, asked)
        _check_listing(terms, known)
    except _RefusedError as refused:
        return ContractTerms(ContractKind.NONE, parser_version=PARSER_VERSION, reason=str(refused))
    return terms


def _sentences(description: str) -> _Rule:
    if not description.strip():
        raise _RefusedError("there is no description")
    if len(description) > _LONGEST_RULE:
        raise _RefusedError("the description is too long for a price rule")
    rule = _Rule()
    for sentence in words.sentences(description):
        rule.evidence.append(sentence)
        ruling = [(name, match) for name, pattern in words.RULES if (match := pattern.fullmatch(sentence))]
        if ruling:
            if rule.name:
                raise _RefusedError("the description holds more than one rule")
            rule.name, match = ruling[0]
            rule.groups = {name: value for name, value in match.groupdict().items() if value is not None}
            continue
        notes = [(name, match) for name, pattern in words.NOTES if (match := pattern.fullmatch(sentence))]
        if not notes:
            halves = " (a 50-50 clause)" if "50-50" in sentence or "50/50" in sentence else ""
            raise _RefusedError(f"sentence not understood{halves}: {sentence[:120]}")
        name, match = notes[0]
        rule.notes[name] = {key: value for key, value in match.groupdict().items() if value is not None}
        _check_note(rule.notes[name], rule)
    if not rule.name:
        raise _RefusedError("no sentence states when the market pays")
    return rule


def _check_note(groups: dict[str, str], rule: _Rule) -> None:
    """Keep what notes say of pair and venue; two that differ are a contradiction."""
    for key in ("base", "quote", "venue"):
        if key in groups and rule.notes.setdefault("facts", {}).setdefault(key, groups[key]) != groups[key]:
            raise _RefusedError(f"the notes name two different {key}s: {groups[key]}")


def _dated_listing(rule: _Rule, known: Listing) -> Listing:
    """Return the listing that dates the title: the end the rule states in full goes before the market's own."""
    stated = rule.of("end", "at")
    return Listing(known.created_at, _instant(_wall(stated))) if stated else known


def _question(text: str, known: Listing) -> Question:
    anchor = known.scheduled_end if known.scheduled_end is not None else known.created_at
    asked = parse_question(text, "", None if anchor is None else to_datetime(Micros(anchor)).year)
    if asked is None:
        raise _RefusedError("the title is not understood")
    return _dated(asked, known, parse_question(text))


def _dated(asked: Question, known: Listing, bare: Question | None) -> Question:
    """Give moments without a year the one that lies nearest to the scheduled end, or first after the listing."""
    if bare is None or bare.end is None or bare.end.year is not None:
        return asked
    if known.scheduled_end is not None:
        reference, least, most = known.scheduled_end, -40 * DAY, 40 * DAY
    elif known.created_at is not None:
        reference, least, most = known.created_at, -2 * DAY, 320 * DAY
    else:
        raise _RefusedError("the title has no year, and nothing says which")
    here = to_datetime(Micros(reference)).year
    for year in (here, here + 1, here - 1):
        moment = bare.end.with_year(year).instant(words.ZONE)
        if moment is not None and least <= moment - reference <= most:
            turns = bare.start is not None and (bare.start.month, bare.start.day or 1) > (bare.end.month, 31)
            start = None if bare.start is None else bare.start.with_year(year - 1 if turns else year)
            return replace(bare, start=start, end=bare.end.with_year(year))
    raise _RefusedError("the title's date lies far from when the market was listed and ends")


# one builder per rule


def _placed(terms: ContractTerms, rule: _Rule) -> ContractTerms:
    """Add whose price counts: the rule's pair and venue, else those of its notes."""
    base, quote = rule.of("base", "base2", "base3"), rule.of("quote", "quote2", "quote3")
    facts = rule.notes.get("facts", {})
    base, quote = base or facts.get("base", ""), quote or facts.get("quote", "")
    venue = rule.of("venue") or facts.get("venue", "")
    if not base or not venue:
        raise _RefusedError("the rule names no pair, or no venue whose price counts")
    pair = f"{base}/{quote}".upper()
    return replace(terms, underlying=base.upper(), pair=pair, venue_of_record=venue, zone=words.ZONE)


def _level(text: str, asked: Question) -> float:
    if text.startswith("the price"):
        if len(asked.thresholds) != 1:
            raise _RefusedError("the rule takes its price from a title that states none")
        return asked.thresholds[0]
    value = amount(text)
    if not value:
        raise _RefusedError(f"'{text}' is no price")
    return value


def _wall(text: str) -> datetime:
    found = words.wall_time(text)
    if found is None:
        raise _RefusedError(f"'{text}' is no time on any calendar")
    return found


def _instant(wall: datetime) -> Micros:
    found = words.new_york(wall)
    if found is None:
        raise _RefusedError(f"{wall:%Y-%m-%d %H:%M} is skipped or repeated by the change of clocks in New York")
    return found


def _span(rule: _Rule, asked: Question) -> tuple[Micros, Micros]:
    """Return the opening of the first one-minute candle and the close of the last."""
    if "start" in rule.groups:
        start, end = _instant(_wall(rule.of("start"))), Micros(_instant(_wall(rule.of("end"))) + MINUTE)
    else:
        if asked.start is None or asked.end is None:
            raise _RefusedError("the rule takes its window from a title that states none")
        start, end = _moment(asked.start), _moment(asked.end)
    if not 0 < end - start <= _LONGEST:
        raise _RefusedError("the window ends before it starts, or lasts for years")
    return start, end


def _moment(moment: Moment) -> Micros:
    found = moment.instant(words.ZONE)
    if found is None:
        raise _RefusedError("the title's date has no year")
    return found


def _touch(rule: _Rule, asked: Question, known: Listing) -> ContractTerms:
    del known
    up = rule.name == "touch-up"
    start, end = _span(rule, asked)
    terms = ContractTerms(
        ContractKind.TOUCH_UP if up else ContractKind.TOUCH_DOWN, field="high" if up else "low",
        interval="1m", levels=(_level(rule.of("level", "level2"), asked),), comparator=">=" if up else "<=",
        window_start=start, window_end=end, tie="yes",
        payouts=(("touched", int(Payout.YES)), ("not touched", int(Payout.NO))),
    )  # fmt: skip
    return _placed(terms, rule)


def _close_at(rule: _Rule, asked: Question) -> Micros:
    """Return the close of the one-minute candle a rule names."""
    if "at" in rule.groups:
        return Micros(_instant(_wall(rule.of("at"))) + MINUTE)
    clock = words.clock_time(rule.of("clock"))
    if clock is None or asked.end is None or asked.end.day is None or asked.end.year is None:
        raise _RefusedError("the rule takes its day from a title that states none")
    try:
        wall = datetime(asked.end.year, asked.end.month, asked.end.day, *clock)  # noqa: DTZ001  (New York wall time)
    except ValueError:
        raise _RefusedError("the title names a day that no calendar has") from None
    return Micros(_instant(wall) + MINUTE)


def _above(rule: _Rule, asked: Question, known: Listing) -> ContractTerms:
    del known
    strict, weak = rule.of("strict", "strict2"), rule.of("weak", "weak2", "weak3")
    comparator = _STRICT[strict] if strict else _WEAK[weak]
    level = _level(rule.of("level", "level2", "level3", "level4", "level5"), asked)
    tie: Tie = "yes" if comparator.endswith("=") else "no"
    terms = ContractTerms(
        ContractKind.ABOVE_ON_DAY, field="close", interval="1m", levels=(level,), comparator=comparator,
        window_end=_close_at(rule, asked), tie=tie,
        payouts=(("beyond", int(Payout.YES)), ("not beyond", int(Payout.NO))),
    )  # fmt: skip
    return _placed(terms, rule)


def _between(rule: _Rule, asked: Question, known: Listing) -> ContractTerms:
    del known
    if "titled" in rule.groups:
        side = rule.notes.get("bracket", {}).get("side")
        if side is None:
            raise _RefusedError("the rule does not say to which bracket an edge belongs")
        if asked.kind is not Kind.RANGE or len(asked.thresholds) != 2:
            raise _RefusedError("the rule takes its range from a title that states none")
        levels, edges = asked.thresholds, "[)" if side == "higher" else "(]"
    else:
        levels, edges = (_level(rule.of("low"), asked), _level(rule.of("high"), asked)), "[)"
    if not levels[0] < levels[1]:
        raise _RefusedError("the range is empty")
    terms = ContractTerms(
        ContractKind.BETWEEN_ON_DAY, field="close", interval="1m", levels=levels, comparator=edges,
        window_end=_close_at(rule, asked), payouts=(("inside", int(Payout.YES)), ("outside", int(Payout.NO))),
    )  # fmt: skip
    return _placed(terms, rule)


def _tie(word: str, rule: _Rule) -> Tie:
    if "otherwise" not in rule.notes and "down" not in rule.notes:
        raise _RefusedError("the rule does not say when the market resolves to Down")
    if word == "greater than or equal to":
        if "tie-half" in rule.notes:
            raise _RefusedError("the rule settles an equal price in two ways")
        return "yes"
    return "half" if "tie-half" in rule.notes else "no"


def _payouts(tie: Tie) -> tuple[tuple[str, int], ...]:
    equal = {"yes": Payout.YES, "no": Payout.NO, "half": Payout.HALF}[tie]
    return (("up", int(Payout.YES)), ("equal", int(equal)), ("down", int(Payout.NO)))


def _titled_window(asked: Question) -> tuple[Micros, Micros]:
    """Return the window of a title with a time of day, on a day on which New York's clocks are unambiguous."""
    if asked.start is None or asked.end is None or asked.start.hour is None or asked.end.hour is None:
        raise _RefusedError("the rule takes its time from a title that states none")
    if asked.start.zone != "ET" or asked.end.zone != "ET":
        raise _RefusedError("the title's times are not in the ET timezone")
    ends = []
    for moment in (asked.start, asked.end):
        if moment.year is None or moment.day is None or moment.hour is None:
            raise _RefusedError("the title's date has no year")
        day = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  (New York wall time)
        ends.append(_instant(day + timedelta(hours=moment.hour, minutes=moment.minute)))
    return ends[0], ends[1]


def _hourly(rule: _Rule, asked: Question, known: Listing) -> ContractTerms:
    del known
    start, end = _titled_window(asked)
    if end - start != HOUR:
        raise _RefusedError("the title does not name one hour")
    tie = _tie(rule.of("word"), rule)
    terms = ContractTerms(
        ContractKind.HOURLY_UPDOWN, field="close", interval="1h", comparator=">=" if tie == "yes" else ">",
        window_start=start, window_end=end, tie=tie, payouts=_payouts(tie),
    )  # fmt: skip
    return _placed(terms, rule)


def _daily(rule: _Rule, asked: Question, known: Listing) -> ContractTerms:
    del asked, known
    before, at = _wall(rule.of("before")), _wall(rule.of("at"))
    if words.next_day(before) != at:
        raise _RefusedError("the two candles are not a day apart")
    if "tie-half" not in rule.notes:
        raise _RefusedError("the rule does not say what an equal price pays")
    tie = _tie(rule.of("word"), rule)
    terms = ContractTerms(
        ContractKind.DAILY_UPDOWN, field="close", interval="1m", comparator=">",
        window_start=Micros(_instant(before) + MINUTE), window_end=Micros(_instant(at) + MINUTE), tie=tie,
        payouts=_payouts(tie),
    )  # fmt: skip
    return _placed(terms, rule)


def _window(rule: _Rule, asked: Question, known: Listing) -> ContractTerms:
    del known
    start, end = _titled_window(asked)
    stream, named = rule.notes.get("stream"), parse_asset(rule.of("name"))
    if stream is None:
        raise _RefusedError("the rule does not name the stream whose price counts")
    if end - start not in _WINDOWS or named is None or named[0] != stream["base"].upper():
        raise _RefusedError("the window has an unknown length, or another coin than its stream")
    seconds = int(rule.notes.get("twap", {}).get("seconds", 0))
    if seconds * SECOND >= end - start:
        raise _RefusedError("the average is as long as the window")
    tie = _tie(rule.of("word"), rule)
    return ContractTerms(
        ContractKind.WINDOW_UPDOWN, underlying=named[0], pair=f"{stream['base']}/{stream['quote']}".upper(),
        venue_of_record="chainlink", field="twap" if seconds else "oracle", interval=_WINDOWS[end - start],
        comparator=">=" if tie == "yes" else ">", window_start=start, window_end=end, zone=words.ZONE, tie=tie,
        payouts=_payouts(tie), average_us=seconds * SECOND,
    )  # fmt: skip


def _first(rule: _Rule, asked: Question, known: Listing) -> ContractTerms:
    del known
    start, end = _span(rule, asked)
    sides = [(rule.of("one"), rule.of("word")), (rule.of("two"), rule.of("word2"))]
    if sorted(sides) != [('"high"', "higher"), ('"low"', "lower")]:
        raise _RefusedError("the two levels are not one above and one below")
    if "neither" not in rule.notes and "otherwise" not in rule.notes:
        raise _RefusedError("the rule does not say what happens when neither level is reached")
    one, two = _level(rule.of("level"), asked), _level(rule.of("level2"), asked)
    up = sides[0][1] == "higher"
    if (one > two) is not up:
        raise _RefusedError("the upper level lies below the lower one")
    terms = ContractTerms(
        ContractKind.FIRST_OF_TWO, field="high" if up else "low", interval="1m",
        levels=(min(one, two), max(one, two)), comparator=">" if up else "<", window_start=start, window_end=end,
        payouts=(("first", int(Payout.YES)), ("other first", int(Payout.NO)), ("neither", int(Payout.NO))),
    )  # fmt: skip
    return _placed(terms, rule)


_BUILDERS: Final[dict[str, Callable[[_Rule, Question, Listing], ContractTerms]]] = {
    "touch-up": _touch, "touch-down": _touch, "above": _above, "between": _between, "hourly": _hourly, "daily": _daily,
    "window": _window, "first": _first,
}  # fmt: skip
_NOTES_OF: Final = {
    "tie-half": {"daily"}, "down": {"daily", "hourly", "window"}, "bracket": {"between"}, "twap": {"window"},
    "neither": {"first"}, "stream": {"window"}, "letters": {"hourly"}, "last-candle": {"touch-up", "touch-down"},
}  # fmt: skip


# checks


def _check_facts(terms: ContractTerms, rule: _Rule) -> None:
    """Refuse a rule whose notes contradict it, or belong to another kind of rule."""
    facts = rule.notes.get("facts", {})
    stated = (facts.get("base", ""), facts.get("quote", ""))
    base, _, quote = terms.pair.lower().partition("/")
    if any(said and said != own for said, own in zip(stated, (base, quote), strict=True)):
        raise _RefusedError("the notes name another pair than the rule")
    if facts.get("venue", terms.venue_of_record) != terms.venue_of_record:
        raise _RefusedError("the notes name another venue than the rule")
    for name, kinds in _NOTES_OF.items():
        if name in rule.notes and rule.name not in kinds:
            raise _RefusedError(f"a note of another kind of rule: {name}")
    interval = rule.notes.get("source", {}).get("interval")
    if interval not in {None, terms.interval}:
        raise _RefusedError("the notes name candles of another length than the rule")
    last = rule.notes.get("last-candle", {}).get("end")
    if last is not None and _instant(_wall(last)) + MINUTE != terms.window_end:
        raise _RefusedError("the last candle named is not the window's last")
    other = rule.notes.get("otherwise", {}).get("other")
    if other is not None and (other == "down") is not terms.is_up_or_down:
        raise _RefusedError("the outcome otherwise is not the other leg")


def _check_title(terms: ContractTerms, asked: Question) -> None:
    if asked.kind is not _KINDS[terms.kind]:
        raise _RefusedError(f"the title asks for {asked.kind}, the rule states {terms.kind}")
    if asked.asset != terms.underlying:
        raise _RefusedError(f"the title is about {asked.asset}, the rule about {terms.underlying}")
    if len(asked.thresholds) != len(terms.levels) or any(
        abs(one / two - 1) > _LEVEL_TOLERANCE for one, two in zip(asked.thresholds, terms.levels, strict=False)
    ):
        raise _RefusedError("the title and the rule state different prices")
    down = terms.comparator.startswith("<")
    if (
        asked.direction is not Direction.NONE
        and len(terms.levels) > 0
        and (asked.direction is Direction.DOWN) is not down
    ):
        raise _RefusedError("the title and the rule look in opposite directions")
    if asked.end is not None and terms.window_end is not None:
        end = asked.end.instant(words.ZONE)
        if end is not None and abs(end - terms.window_end) > _SAME_DAY:
            raise _RefusedError("the title and the rule state different dates")


def _check_listing(terms: ContractTerms, known: Listing) -> None:
    if known.scheduled_end is None or terms.window_end is None:
        return
    if abs(known.scheduled_end - terms.window_end) > _SAME_DAY:
        raise _RefusedError("the rule's deadline is not the market's scheduled end")

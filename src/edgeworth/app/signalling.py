"""Wire the scan for signals: words of the command line in, batches out."""

import asyncio
import hashlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgeworth.app.homes import need_data
from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.config import Config
from edgeworth.core.errors import EdgeworthError, UsageError
from edgeworth.core.instants import parse_bound, parse_duration
from edgeworth.core.units import MINUTE, SECOND

if TYPE_CHECKING:
    from edgeworth.research.batch_signals.scan import Scanner
    from edgeworth.research.batch_signals.types import Batch
    from edgeworth.research.batch_signals.watch import Report
    from edgeworth.strategies.base import Strategy

AGGRESSIVE = MINUTE
Show = Callable[["Batch"], None]
Fail = Callable[[EdgeworthError], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: rules by name, file or `all`, filters, and how to go about it; texts as typed.

    `size` None looks at all open markets in one pass and remembers nothing of it. `model` names a saved one, None means
    the champion where there is one; `no_model` leaves forecasts out.
    """

    rules: tuple[str, ...] = ("all",)
    size: int | None = 100
    interval: str | None = None
    aggressive: bool = False
    min_edge: float | None = None
    as_of: str | None = None
    source: str | None = None
    markets: tuple[str, ...] = ()
    category: str = ""
    max_age: str | None = None
    fresh: bool = False
    params: tuple[str, ...] = field(default=())
    model: str | None = None
    no_model: bool = False


def scanner(config: Config, request: Request, clock: Clock | None = None) -> "Scanner":
    """Return the scanner of a request; raises UsageError for names, dates, durations, DataError for the home."""
    from edgeworth.app.columns import Shelf
    from edgeworth.research.batch_signals.forecaster import find_voice
    from edgeworth.research.batch_signals.journal import Journal
    from edgeworth.research.batch_signals.lookout import Lookout, Scope
    from edgeworth.research.batch_signals.scan import Plan, Scanner
    from edgeworth.store.lookup import find_market

    clock = clock or SystemClock()
    settings = config.settings.signals
    rules = _rules(request)
    as_of = int(parse_bound(request.as_of, clock.now(), end=True)) if request.as_of else None
    need_data(config.home)
    scope = Scope(
        source=request.source,
        markets=frozenset(find_market(config.home, text) for text in request.markets),
        category=request.category.strip().lower(),
        max_age=_duration(request.max_age, SECOND) if request.max_age else None,
    )
    plan = Plan(
        min_edge=settings.min_edge if request.min_edge is None else request.min_edge,
        size=request.size,
        interval=_interval(request),
        daily_calls=settings.daily_calls,
        as_of=as_of,
    )
    if request.model and request.no_model:
        raise UsageError("bad-option", "--model and --no-model exclude each other")
    columns, now = Shelf(config.home, request.source).columns, as_of or int(clock.now())
    voice = None if request.no_model else find_voice(config.home, request.model, config.settings, columns, now)
    speaker = voice.speaker if voice else None
    journal = Journal(config.home, _scope_name(rules, scope, plan, speaker.name if speaker else ""))
    if request.fresh:
        journal.forget()
    lookout = Lookout(config.home, rules, config.settings, scope, [speaker] if speaker else [])
    return Scanner(config.home, lookout, config.settings, plan, journal, clock, voice)


def batches(scanner: "Scanner", most: int) -> "Iterator[Batch]":
    """Yield batches one after the other, without waiting, until nothing is left or `most` were made (at least one)."""
    for number in range(max(most, 1)):
        batch = scanner.next_batch()
        if number and not batch.dedupe_summary.input_items:
            return
        yield batch
        if not batch.next_batch_plan.remaining or batch.stop_reason in {"halted", "stale_data", "budget_used"}:
            return


def watch(scanner: "Scanner", show: Show, fail: Fail, most: int) -> "Report":
    """Scan at the scanner's pace until `most` looks were made (0 = none) or the process is told to stop.

    The first SIGINT or SIGTERM ends the loop after the batch under way; a second one ends the process.
    """
    return asyncio.run(_watch(scanner, show, fail, most))


async def _watch(scanner: "Scanner", show: Show, fail: Fail, most: int) -> "Report":
    from edgeworth.research.batch_signals.watch import watch as loop

    stop = asyncio.Event()
    running = asyncio.get_running_loop()

    def end(number: int) -> None:
        stop.set()
        running.remove_signal_handler(number)  # the second one takes its usual course

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            running.add_signal_handler(number, end, number)
    return await loop(scanner.next_batch, scanner.clock, show, stop, most=most, fail=fail)


def halt(config: Config, reason: str) -> None:
    """Stop all signals of the home until `resume`."""
    from edgeworth.research.batch_signals import journal

    journal.halt(config.home, reason, SystemClock().now())


def resume(config: Config) -> bool:
    """Allow signals again; returns whether they were halted."""
    from edgeworth.research.batch_signals import journal

    return journal.resume(config.home)


def score_rows(config: Config) -> list[dict[str, Any]]:
    """Return how the stored signals of each rule have fared."""
    from edgeworth.research.batch_signals.scoring import scores

    need_data(config.home)
    return [score.to_dict() for score in scores(config.home, SystemClock().now())]


def schema() -> dict[str, Any]:
    """Return the JSON schema of a batch as it ships with the package."""
    from importlib.resources import files

    text = files("edgeworth.research.batch_signals").joinpath("batch.schema.json").read_text("utf-8")
    whole: dict[str, Any] = json.loads(text)
    return whole


def _rules(request: Request) -> "list[Strategy]":
    from edgeworth.app.backtesting import choose

    names = tuple(name.strip() for text in request.rules for name in text.split(",") if name.strip())
    return choose(names or ("all",), request.params)


def _interval(request: Request) -> int:
    if request.aggressive and request.interval:
        raise UsageError("bad-option", "--aggressive is an interval of one minute: give one of the two")
    if request.aggressive:
        return AGGRESSIVE
    return _duration(request.interval, 10 * SECOND) if request.interval else 5 * MINUTE


def _duration(text: str, least: int) -> int:
    value = parse_duration(text)
    if value < least:
        raise UsageError("bad-duration", f"'{text}' is too short", f"at least {least // SECOND}s")
    return value


def _scope_name(rules: "list[Strategy]", scope: Any, plan: Any, model: str) -> str:
    """Return the folder of what is remembered together: the same rules, filters, instant and model."""
    from edgeworth.strategies.base import identity

    words = [
        [identity(rule) for rule in rules], scope.source, sorted(scope.markets), scope.category, plan.as_of,
        plan.size is None, plan.min_edge, *([model] if model else []),
    ]  # fmt: skip
    return hashlib.blake2b(json.dumps(words, sort_keys=True).encode(), digest_size=6).hexdigest()

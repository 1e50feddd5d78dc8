"""Wire the tear sheet of a trading period: a home's journal and recordings, the numbers, the pages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from edgeworth.app.trade_desk import newest
from edgeworth.app.trading import Mode, open_journal
from edgeworth.app.trading_replay import read_base, voices_of
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import Config, Settings
from edgeworth.core.errors import DataError, UsageError
from edgeworth.engine.types import EngineConfig
from edgeworth.trading.agreement import Told, agreement
from edgeworth.trading.agreement_reasons import REASON_DOCS, Agreement, Compared, Reason
from edgeworth.trading.record import Line, read_lines
from edgeworth.trading.rethought import Rethought, rethink
from edgeworth.trading.sizing import Rules
from edgeworth.trading.tearsheet import Period, sheet
from edgeworth.trading.ticks import MarketBook
from edgeworth.trading.watched import Directory, Watched

Row = dict[str, Any]
_FEWEST: Final = 10  # independent events from which on an interval says something


@dataclass(frozen=True, slots=True)
class Request:
    """What to report on: a mode (None: that of the newest run), one run by name, its beginning or `last` ("" = all)."""

    mode: Mode | None = None
    run: str = ""
    output: Path | None = None


def write_trading_report(config: Config, request: Request) -> tuple[dict[str, Path], Row]:
    """Write the tear sheet as HTML, Markdown and JSON; returns the files by kind and the numbers.

    Raises DataError no-trading where nothing was traded, bad-ticks for a recording, UsageError unknown-run, AccessError
    output-unwritable.
    """
    from edgeworth.research.trading_page import write_trading

    mode, journal = newest(config, request.mode)
    folders = _folders(config, journal, request.run)
    content = tear_sheet(config, mode, journal, folders)
    name = folders[0].name if request.run else f"trading-{journal}"
    return write_trading(content, request.output or config.home.root / "reports" / name), content


def tear_sheet(config: Config, mode: Mode, journal: str, folders: Sequence[Path]) -> Row:
    """Return all numbers of a period; raises as `write_trading_report`."""
    abouts = {folder.name: _about(folder) for folder in folders}
    period = _period(config, mode, journal, folders, abouts)
    content = sheet(period)
    confidence = config.settings.proof.confidence
    for row in content["strategies"]:
        row["roi"], row["roi_low"], row["roi_high"] = _roi(row.pop("by_event"), confidence, row["strategy"])
    content["confidence"] = confidence
    content["events_for_interval"] = _FEWEST
    content["agreement"] = _agreement(config, period, folders, abouts)
    return content


def _folders(config: Config, journal: str, run: str) -> list[Path]:
    """Return the folders of a journal's runs in order of time, of one run if it is named."""
    root = config.home.root / "trading"
    found = [path.parent for path in sorted(root.glob("*/run.json")) if _about(path.parent).get("journal") == journal]
    found = [folder for folder in found if (folder / "ticks.ndjson").exists()]
    if not found:
        hint = "edgeworth trade run --paper"
        raise DataError("no-trading", f"nothing has been traded in {config.home.root}", hint)
    if not run:
        return found
    chosen = found[-1:] if run == "last" else [folder for folder in found if folder.name.startswith(run)]
    if len(chosen) != 1:
        what = "no run" if not chosen else f"{len(chosen)} runs"
        raise UsageError("unknown-run", f"{what} of {journal} begin with '{run}'", "edgeworth report trading")
    return chosen


def _about(folder: Path) -> Row:
    try:
        found = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError("bad-ticks", f"{folder}: {error}") from error
    return found if isinstance(found, dict) else {}


def _period(config: Config, mode: Mode, journal: str, folders: Sequence[Path], abouts: dict[str, Row]) -> Period:
    watched: dict[int, Watched] = {}
    runs: list[tuple[str, tuple[Line, ...]]] = []
    for folder in folders:
        for one in _watched(abouts[folder.name]):
            watched[one.market_no] = one
        lines = tuple(_slim(line) for line in read_lines(folder))
        if lines:
            runs.append((folder.name, lines))
    if not runs:
        raise DataError("no-trading", f"no run of {journal} has made a tick yet", "edgeworth trade run --paper")
    opened = open_journal(config, journal, SystemClock())
    try:
        entries = tuple(opened.entries(0))
    finally:
        opened.close()
    return Period(mode, journal, tuple(runs), Directory(watched.values()), entries)


def _slim(line: Line) -> Line:
    """Return a line without the depths of books on which nothing was wanted: a long period has millions of them."""
    wanted = {intent.instrument.market_no for intent in line.wanted}
    books = tuple(
        book if book.market_no in wanted or len(book.bids) + len(book.asks) <= 2
        else MarketBook(
            book.market_no, book.known_at, book.event_time, book.tick_e4, book.bids[:1], book.asks[:1]
        )
        for book in line.tick.books
    )  # fmt: skip
    return msgspec.structs.replace(line, tick=msgspec.structs.replace(line.tick, books=books))


def _watched(about: Row) -> list[Watched]:
    return [msgspec.convert(one, Watched) for one in about["watched"]]


def _roi(events: Sequence[Sequence[float]], confidence: float, name: str) -> tuple[float | None, ...]:
    """Return profit by dollar paid with its interval over resampled events, where there are enough of them."""
    from edgeworth.research.bootstrap import ratio_interval, resample

    sums = np.array(events, float).reshape(-1, 2)
    paid = float(sums[:, 1].sum())
    value = float(sums[:, 0].sum()) / paid if paid else None
    if len(sums) < _FEWEST or value is None:
        return value, None, None
    low, high = ratio_interval(resample(sums, 2_000, 0, "trading", name), 0, 1, confidence)
    return value, low, high


# -- agreement


def _agreement(config: Config, period: Period, folders: Sequence[Path], abouts: dict[str, Row]) -> Row:
    """Compare with the backtest: opinions in one batch, orders by a walk with recorded quotes, and with stated ones."""
    thought, notes = _rethought(config, period, folders)
    told = Told(period.account, period.denials, period.payouts)
    found: dict[str, list[Agreement]] = {"recorded": [], "stated": []}
    for settings, lines in _stretches(period, abouts):
        engine = EngineConfig.of_settings(settings.costs, settings.risk)
        for quotes in ("recorded", "stated"):
            made = agreement(period.directory, lines, told, (Rules.of(settings), engine), quotes)
            found[quotes].append(made)
    return {
        "thought_again": thought.opinions,
        "thought_differ": thought.differ,
        "thought_named": list(thought.named),
        "notes": notes,
        **{quotes: _rows(period, made) for quotes, made in found.items()},
        "words": {reason.value: text for reason, text in REASON_DOCS.items()},
    }


def _rethought(config: Config, period: Period, folders: Sequence[Path]) -> tuple[Rethought, list[str]]:
    opinions = differ = 0
    named: list[str] = []
    notes: list[str] = []
    lines = dict(period.runs)
    for folder in folders:
        if folder.name not in lines:
            continue
        base, about = read_base(folder)
        try:
            voices = voices_of(config.home, folder, about, Settings.model_validate(about["settings"]))
        except (DataError, UsageError) as error:  # a rule or a model that is gone cannot speak again
            notes.append(f"run {folder.name}: opinions were not thought again: {error.message}")
            continue
        one = rethink(base, lines[folder.name], [each.market_no for each in _watched(about)], voices)
        opinions, differ = opinions + one.opinions, differ + one.differ
        named += one.named
    return Rethought(opinions=opinions, differ=differ, named=tuple(named[:20])), notes


def _stretches(period: Period, abouts: dict[str, Row]) -> list[tuple[Settings, list[Line]]]:
    """Return the ticks of runs that follow one another with the same settings, which one walk covers."""
    found: list[tuple[Row, list[Line]]] = []
    for name, lines in period.runs:
        settings = abouts[name]["settings"]
        if not found or found[-1][0] != settings:
            found.append((settings, []))
        last = found[-1][1][-1].tick.t if found[-1][1] else -1
        found[-1][1].extend(line for line in lines if line.tick.t > last)
    return [(Settings.model_validate(settings), lines) for settings, lines in found if lines]


def _rows(period: Period, made: Sequence[Agreement]) -> Row:
    orders = [one for each in made for one in each.orders]
    reasons: dict[str, int] = {}
    for each in made:
        for name, count in each.reasons().items():
            reasons[name] = reasons.get(name, 0) + count
    return {
        "opinions": sum(each.opinions for each in made),
        "orders": len(orders),
        "same_order": sum(one.same_order for one in orders),
        "agree": sum(one.agrees for one in orders),
        "explained": sum(not one.agrees and Reason.UNEXPLAINED not in one.reasons for one in orders),
        "unexplained": sum(Reason.UNEXPLAINED in one.reasons for one in orders),
        "reasons": dict(sorted(reasons.items())),
        "rows": [_row(period, one) for one in orders],
    }


def _row(period: Period, one: Compared) -> Row:
    return {
        "at": one.t, "market": one.market_no, "question": period.question(one.market_no),
        "side": "YES" if one.side > 0 else "NO", "strategy": one.strategy, "intent": one.intent_id,
        "exit": one.exits, "agrees": one.agrees, "reasons": [reason.value for reason in one.reasons],
        "details": list(one.details),
        "backtest": {"code": one.walk_code, "ask": one.walk_ask_e4 / 1e4, "stake": one.walk_stake_e6 / 1e6,
                     "shares": one.walk_shares_e6 / 1e6, "price": _price(one.walk_price_e4)},
        "bot": {"code": one.bot_code, "ask": one.bot_ask_e4 / 1e4, "stake": one.bot_stake_e6 / 1e6,
                "shares": one.bot_shares_e6 / 1e6, "price": _price(one.bot_price_e4)},
    }  # fmt: skip


def _price(price_e4: int) -> float | None:
    """Return dollars; there is no price where nothing was bought."""
    return price_e4 / 1e4 if price_e4 else None

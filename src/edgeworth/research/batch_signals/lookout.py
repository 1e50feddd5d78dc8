"""Look at a home as of an instant: which markets are open, what they cost, how old that is, what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.config import Settings
from edgeworth.core.errors import DataError
from edgeworth.core.panel import UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.definitions import KERNELS, Kind, closure
from edgeworth.features.registry import View, keep_categories
from edgeworth.forecasting.firing import fire_all
from edgeworth.forecasting.speaking import RuleSpeaker, Said, Speaker, listen
from edgeworth.research.batch_signals import panels
from edgeworth.research.batch_signals.past import learn_rules
from edgeworth.research.batch_signals.tail import Latest, Tail
from edgeworth.research.collecting import DECIDED_HIGH, DECIDED_LOW
from edgeworth.strategies.base import Strategy

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.store.recent import Recent
    from edgeworth.store.versions import Ends

_HISTORY_LASTS: Final = HOUR  # how long what was learned is kept before the store is asked again
_LOOK_BACK: Final = 3 * DAY  # snapshots read at least, so that a market's usual spacing is seen
_DEEPEST: Final = 30 * DAY
_DOLLAR: Final = 10_000
_CHECKED: Final = 300  # rows on which the rules are checked
_LONGEST_SPACING: Final = 2 * DAY  # a market observed more rarely than that is stale whatever its habit


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: `markets` (numbers, empty = all), `category` (a label or the group before its slash).

    `source` of prices as in a backtest; `max_age` in microseconds, None = twice the market's usual spacing.
    """

    source: str | None = None
    markets: frozenset[int] = frozenset()
    category: str = ""
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """The open markets with a fresh price, R rows ascending in the panel; all arrays (R,).

    `row` newest point, `market` panel index, `age` microseconds, `end` scheduled end as known (UNKNOWN_TIME = none),
    `bid_e4`, `ask_e4` of YES and `depth_e6` from the snapshot the price came from (-1 = none). `states` counts what
    is not on the board. `calls` and `limited` say how busy the collector is.
    """

    as_of: int
    panel: Panel
    row: Int64s
    market: Int64s
    age: Int64s
    end: Int64s
    category: tuple[str, ...]
    bid_e4: Int64s
    ask_e4: Int64s
    depth_e6: Int64s
    said: tuple[Said, ...]
    speakers: tuple[RuleSpeaker, ...]
    states: dict[str, int] = field(default_factory=dict)
    newest: int = UNKNOWN_TIME
    calls: int = 0
    limited: int = 0

    def __len__(self) -> int:
        return len(self.row)


@dataclass(slots=True)
class _History:
    data: tuple[Panel, Outcomes] | None
    speakers: list[RuleSpeaker]
    loaded_at: int


@dataclass(frozen=True, slots=True)
class _Base:
    """A panel with older snapshots behind recorded prices, and what it was made of."""

    recorded: tuple[Panel | None, Int64s, Int64s]
    points: panels.Points
    facts: "tuple[pl.DataFrame, Ends]"
    panel: Panel

    def is_of(
        self, recorded: tuple[Panel | None, Int64s, Int64s], points: panels.Points, facts: "tuple[pl.DataFrame, Ends]"
    ) -> bool:
        """Tell whether it was made of these."""
        same = self.points is points and self.facts is facts and self.recorded[0] is recorded[0]
        return same and all(np.array_equal(a, b) for a, b in zip(self.recorded[1:], recorded[1:], strict=True))


@dataclass(frozen=True, slots=True)
class _Merged:
    """Markets that may be open, the numbers of those closed, counts of what was left out, and the newest price's t."""

    panel: Panel
    closed: Int64s
    states: dict[str, int]
    newest: int


class Lookout:
    """Make boards of one home; what is slow (history, learned rates) is kept between looks."""

    def __init__(
        self, home: Home, rules: Sequence[Strategy], settings: Settings, scope: Scope | None = None,
        others: Sequence[Speaker] = (),
    ) -> None:  # fmt: skip
        """Listen to `rules`, which learn from the home's own past, and to `others`, which bring their beliefs along."""
        self._home, self._rules, self._settings = home, tuple(rules), settings
        self._scope, self._others = scope or Scope(), tuple(others)
        self._history: _History | None = None
        self._facts: tuple[pl.DataFrame, Ends] | None = None
        self._tail = Tail(home)
        self._base: _Base | None = None
        self._checked = False

    def look(self, as_of: int) -> Board:
        """Return what could be known of the open markets at `as_of`; raises DataError store-empty | no-prices."""
        history = self._learned(as_of)
        recent, latest = self._tail.read(as_of - self._depth(), as_of)
        if history.data is None and not len(latest.numbers):
            raise DataError("no-prices", f"no price in {self._home.root} was known by then")
        merged = self._merge(history, recent, latest, as_of)
        board = self._board(merged, latest, as_of)
        for name, count in merged.states.items():
            board.states[name] = board.states.get(name, 0) + count
        if len(board) and not self._checked:
            fire_all(board.panel, self._rules, board.row[:_CHECKED])  # a rule that looks beyond its row is refused here
            self._checked = True
        speakers: list[Speaker] = [*history.speakers, *self._others]
        said = tuple(listen(board.panel, board.row, speakers, as_of, _asks(board))) if len(board) else ()
        return replace(board, said=said, speakers=tuple(history.speakers), calls=recent.calls, limited=recent.limited)

    def _learned(self, as_of: int) -> _History:
        """Return the history, read anew when it is older than an hour or lies beyond `as_of`."""
        kept = self._history
        if kept is not None and 0 <= as_of - kept.loaded_at < _HISTORY_LASTS:
            return kept
        data = self._recorded() or self._collected(as_of)
        if kept is not None and data is not None and _taught_nothing(kept, data, as_of):
            kept.loaded_at = as_of
            return kept
        self._facts = None  # scheduled ends may have moved since
        if data is not None:
            keep_categories(data[0], self._home.cache)
        speakers = learn_rules(self._rules, data, self._settings, as_of)
        # where one rule fired in the past, all of them were checked on its rows
        self._checked = self._checked or any(one.past is not None and len(one.past.at) for one in speakers)
        self._history = _History(data, speakers, as_of)
        return self._history

    def _recorded(self) -> tuple[Panel, Outcomes] | None:
        """Return the recorded history, None when the lake holds none."""
        from edgeworth.store.asof import load_panel

        try:
            return load_panel(self._home, source=self._scope.source)
        except DataError as error:
            if error.code not in {"store-empty", "no-prices"} or not self._home.has_market_db:
                raise
        return None

    def _collected(self, as_of: int) -> tuple[Panel, Outcomes] | None:
        """Return the history that lies in snapshots alone: a collector's first weeks, before they are sealed."""
        from edgeworth.store.recent import past_outcomes, read_recent

        points = panels.read_points(read_recent(self._home, UNKNOWN_TIME // 2, as_of).snapshots)
        if not len(points.market_no):
            return None
        panel = panels.append_points(None, points, self._facts_of((points,)))
        return panel, past_outcomes(self._home, panel)

    def _depth(self) -> int:
        """Return how far back snapshots are needed: as far as any feature of the rules looks."""
        reach = [_LOOK_BACK]
        names = [name for rule in self._rules for name in rule.needs]
        names += [name for other in self._others for name in other.needs]
        for found in closure(names):
            whole = found.kind in KERNELS and found.kind is not Kind.CROSS_SECTION and found.lookback is None
            reach.append(_DEEPEST if whole else found.lookback or 0)
        return min(max(reach), _DEEPEST)

    def _merge(self, history: _History, recent: "Recent", latest: Latest, as_of: int) -> "_Merged":
        """Gather the markets that may be open, with the newest snapshots behind their prices."""
        base, closed, priced = None, recent.resolved, latest.numbers
        ended, newest = 0, latest.newest
        chosen, row = np.empty(0, np.int64), np.empty(0, np.int64)
        if history.data is not None:
            panel, outcomes = history.data
            number = panel.markets["market_no"].to_numpy().astype(np.int64)
            closed = np.union1d(closed, number[outcomes.known_at <= as_of])
            row, end = panels.newest_rows(panel, as_of), panels.known_ends(panel, as_of)
            fresh, alive = np.isin(number, latest.numbers), (row >= 0) & ~np.isin(number, closed)
            over = alive & (end != UNKNOWN_TIME) & (end <= as_of) & ~fresh
            ended = int(over.sum())
            priced = np.union1d(priced, number[row >= 0])
            newest = max(newest, int(panel.t[row[row >= 0]].max(initial=UNKNOWN_TIME)))
            event = panel.markets["event_no"].to_numpy()
            chosen = np.flatnonzero(np.isin(event, event[alive & ~over]) | fresh)
            base, row = panel, row[chosen]
        proposed = np.setdiff1d(recent.proposed, closed)
        unpriced = recent.markets - len(np.union1d(closed, priced))
        states = {
            "ended": ended, "decided": int(np.isin(proposed, priced).sum()), "quarantined": latest.crossed,
            "without_price": max(unpriced, 0),
        }  # fmt: skip
        closed = np.union1d(closed, proposed)
        return _Merged(self._joined((base, chosen, row), latest), closed, states, newest)

    def _joined(self, recorded: tuple[Panel | None, Int64s, Int64s], latest: Latest) -> Panel:
        """Return the chosen markets of the recorded panel up to their rows, with snapshots behind them.

        What comes out without the newest snapshots is kept: from look to look it is nearly always the same.
        """
        panel, chosen, row = recorded
        if panel is not None and not len(latest.numbers):
            return panels.take_markets(panel, chosen, row)
        facts, kept = self._facts_of((latest.old, latest.new)), self._base
        if kept is None or not kept.is_of(recorded, latest.old, facts):
            base = None if panel is None else panels.take_markets(panel, chosen, row)
            self._base = kept = _Base(recorded, latest.old, facts, panels.append_points(base, latest.old, facts))
        return panels.append_points(kept.panel, latest.new, facts)

    def _facts_of(self, parts: Sequence[panels.Points]) -> "tuple[pl.DataFrame, Ends]":
        """Return what the store says of the markets with snapshots, read again only for new ones."""
        from edgeworth.store.recent import market_facts

        known = self._facts
        wanted = [points.markets() for points in parts]
        held = np.empty(0, np.int64) if known is None else known[0]["market_no"].to_numpy()
        if known is None or not all(bool(np.isin(number, held).all()) for number, _ in wanted):
            numbers = np.concatenate([number for number, _ in wanted])
            times = np.concatenate([points.t[first] for points, (_, first) in zip(parts, wanted, strict=True)])
            number, first = np.unique(numbers, return_index=True)  # the first part is the older one
            self._facts = known = market_facts(self._home, number, times[first])
        return known

    def _board(self, merged: "_Merged", latest: Latest, as_of: int) -> Board:
        panel, closed = merged.panel, merged.closed
        number = panel.markets["market_no"].to_numpy().astype(np.int64)
        row, end = panels.newest_rows(panel, as_of), panels.known_ends(panel, as_of)
        market = self._wanted(panel, np.flatnonzero((row >= 0) & ~np.isin(number, closed)))
        row, end = row[market], end[market]
        price, age = panel.price_e4[row], as_of - panel.t[row]
        over = (end != UNKNOWN_TIME) & (end <= as_of)
        decided = ~over & ((price < DECIDED_LOW) | (price > DECIDED_HIGH))
        usual = np.minimum(panels.spacing(panel, row, market), _LONGEST_SPACING)
        limit = 2 * usual if self._scope.max_age is None else np.full(len(row), self._scope.max_age)
        stale = ~over & ~decided & (age > limit)
        recounted = over & np.isin(number[market], latest.numbers)  # the others have been counted as they were left out
        states = {"ended": int(recounted.sum()), "decided": int(decided.sum()), "stale": int(stale.sum())}
        keep = ~(over | decided | stale)
        market, row, age, end = market[keep], row[keep], age[keep], end[keep]
        category = tuple(View(panel).static(["category"])["category"].cast(str).gather(market).to_list())
        bid, ask, depth = _quotes(latest.quotes, number[market], panel.t[row])
        return Board(as_of, panel, row, market, age, end, category, bid, ask, depth, (), (), states, merged.newest)

    def _wanted(self, panel: Panel, market: Int64s) -> Int64s:
        """Keep the markets that the scope asks for."""
        scope = self._scope
        if scope.markets:
            chosen = np.array(sorted(scope.markets), np.int64)
            market = market[np.isin(panel.markets["market_no"].to_numpy()[market], chosen)]
        if scope.category:
            labels = View(panel).static(["category"])["category"].cast(str).to_list()
            fits = [
                labels[index] == scope.category or labels[index].split("/")[0] == scope.category for index in market
            ]
            market = market[np.array(fits, bool)]
        return market


def _asks(board: Board) -> tuple[Int64s, Int64s]:
    """Return what YES and NO cost at the quotes that were seen, 0 where none was."""
    yes = np.where((board.ask_e4 > 0) & (board.ask_e4 < _DOLLAR), board.ask_e4, 0)
    no = np.where((board.bid_e4 > 0) & (board.bid_e4 < _DOLLAR), _DOLLAR - board.bid_e4, 0)
    return yes, no


def _taught_nothing(kept: _History, data: tuple[Panel, Outcomes], as_of: int) -> bool:
    """Tell whether the same data are there as before, and no outcome has become known since."""
    if kept.data is None or kept.loaded_at > as_of or kept.data[0].fingerprint != data[0].fingerprint:
        return False
    before, now = kept.data[1].known_at, data[1].known_at
    return bool((before == now).all()) and not bool(((now > kept.loaded_at) & (now <= as_of)).any())


def _quotes(quotes: panels.Quotes, number: Int64s, t: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Return bid, ask and depth where the snapshot is the very observation the price came from."""
    if not len(quotes.market_no):
        none = np.full(len(number), panels.NO_QUOTE, np.int64)
        return none, none, none
    place = np.minimum(np.searchsorted(quotes.market_no, number), len(quotes.market_no) - 1)
    found: npt.NDArray[np.bool_] = (quotes.market_no[place] == number) & (quotes.t[place] == t)
    bid, ask, depth = (
        np.where(found, column[place], panels.NO_QUOTE) for column in (quotes.bid_e4, quotes.ask_e4, quotes.depth_e6)
    )
    return bid, ask, depth

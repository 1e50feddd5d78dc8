"""A recorded hour walked by the backtest engine: the mids that were seen as its tape, the opinions that were said.

The quotes are those of the recorded books (a mid that was seen with two spreads keeps the first one), or those that the
backtest's settings state. Beside the result stands the account at every order, rebuilt from the result's own tables, so
that an order can be explained by what the walk knew when it made it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np

from edgeworth.core.panel import NEVER, Int64s, Outcomes, Panel
from edgeworth.engine import layout as at
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.gate import GateCode
from edgeworth.engine.layout import FillKind, Inputs
from edgeworth.engine.result import EngineResult, make_result
from edgeworth.engine.types import LOT_E6, EngineConfig, EngineMarkets, EngineOpinions, Tape, build_tape
from edgeworth.engine.walk import make_inputs, make_limits, new_state, walk
from edgeworth.trading.decider import Opinion
from edgeworth.trading.record import Line
from edgeworth.trading.watched import Directory

Quotes = Literal["recorded", "stated"]
PLACED: Final = frozenset({GateCode.ALLOWED, GateCode.PRICE_LIMIT, GateCode.NO_NEXT_PRICE})  # an order was made


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """The walk's account when it looked at an opinion, dollars in 1e-6; `event` and `category` are exposures there."""

    equity_e6: int
    peak_e6: int
    free_e6: int
    total_e6: int
    event_e6: int
    category_e6: int


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """What the walk made of one opinion: its code, the ask it saw, and if it made an order, what came of it.

    `next_ask_e4` is the ask at the market's next observation, 0 without one; `shares_e6` and `price_e4` of the fill.
    """

    code: GateCode
    ask_e4: int
    next_ask_e4: int
    account: Books
    budget_e6: int = 0
    price_e4: int = 0
    shares_e6: int = 0
    entered_at: int = 0


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A position that the walk left before its market's end: decided at `t`, for a reason."""

    market_no: int
    side: int
    t: int
    reason: str


@dataclass(frozen=True, slots=True)
class Hour:
    """Recorded ticks as the engine reads them.

    `opinions` are those that walk, at most one a market and tick; `payouts`: (known at, payout of YES) by market.
    """

    directory: Directory
    lines: Sequence[Line]
    opinions: Sequence[Opinion]
    payouts: Mapping[int, tuple[int, int]]

    @property
    def numbers(self) -> list[int]:
        """Return the market numbers in the order in which the engine counts them."""
        return list(self.directory.by_no)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A finished walk: what it read, what it left, and the tape position of every opinion."""

    tape: Tape
    view: Inputs
    result: EngineResult
    config: EngineConfig
    position: Int64s
    slot: Int64s  # by panel index

    def quote(self, row: int, market: int, side: int, position: int) -> int:
        """Return ask or bid of a leg at a tape position."""
        price = int(self.view.word[position]) & at.PRICE_MASK
        table = int(self.view.terms[self.slot[market], at.TABLE])
        return int(self.view.quotes[row, table + (price if side > 0 else 10_000 - price)])

    def next_position(self, market: int, position: int) -> int:
        """Return the tape position of a market's next observation, -1 without one."""
        own = self.tape.position[self.tape.offsets[market] : self.tape.offsets[market + 1]]
        step = int(np.searchsorted(own, position, side="right"))
        return int(own[step]) if step < len(own) else -1


def walk_hour(hour: Hour, config: EngineConfig, quotes: Quotes) -> tuple[dict[str, Walked], list[Left]]:
    """Walk the recorded ticks; returns what became of each opinion by its name, and the exits."""
    place = {number: k for k, number in enumerate(hour.numbers)}
    said = sorted(hour.opinions, key=lambda one: (place[one.market_no], one.t))
    done = _walk(hour, said, config, quotes)
    trades = _trades_by_opinion(done.result)
    accounts = _accounts(done, hour)
    found = {}
    for k, one in enumerate(said):
        market, position = place[one.market_no], int(done.position[k])
        later = done.next_position(market, position)
        trade = trades.get(k)
        found[one.name] = Walked(
            code=GateCode(int(done.result.codes[k])),
            ask_e4=done.quote(at.ASK_ROW, market, one.side, position),
            next_ask_e4=done.quote(at.ASK_ROW, market, one.side, later) if later >= 0 else 0,
            account=accounts[position],
            budget_e6=trade["budget_e6"] if trade else 0,
            price_e4=trade["price_e4"] if trade else 0,
            shares_e6=trade["lots"] * LOT_E6 if trade else 0,
            entered_at=trade["t_open"] if trade else 0,
        )
    return found, _exits(done, hour)


def _walk(hour: Hour, said: Sequence[Opinion], config: EngineConfig, quotes: Quotes) -> _Walk:
    numbers = hour.numbers
    place = {number: k for k, number in enumerate(numbers)}
    panel, row_of = _panel(hour.lines, place)
    tape = build_tape(panel, _outcomes(hour.payouts, numbers))
    opinions = EngineOpinions.on_tape(
        tape,
        np.array([row_of[place[one.market_no], one.t] for one in said], np.int64),
        np.array([one.side for one in said], np.int8),
        np.array([one.p for one in said], np.float64),
        np.array([one.se for one in said], np.float64),
    )
    markets = _markets(hour.directory, quotes)
    view = make_inputs(tape, markets, opinions, config)
    slot = np.empty(len(numbers), np.int64)
    slot[tape.slot_market] = np.arange(len(numbers))
    if quotes == "recorded":
        view = _with_quotes(view, hour.lines, place, slot)
    state = new_state(view, markets, config, len(said) + 4 * len(numbers) + 64)
    walk(view, make_limits(config), state)
    if state.account[at.STATUS] != 0:
        raise RuntimeError("the walk over the recorded ticks did not end")
    result = make_result(state, config, tape.slot_market)
    return _Walk(tape, view, result, config, opinions.position.astype(np.int64), slot)


def _panel(lines: Sequence[Line], place: Mapping[int, int]) -> tuple[Panel, dict[tuple[int, int], int]]:
    """Return the mids of two-sided books as a panel, and the row of each (panel index, instant)."""
    import polars as pl

    seen: list[dict[int, int]] = [{} for _ in place]
    for line in lines:
        for book in line.tick.books:
            k, mid = place.get(book.market_no), book.mid_e4
            if k is not None and mid is not None:
                seen[k].setdefault(line.tick.t, mid)
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in seen]))).astype(np.int64)
    rows = {(k, t): int(offsets[k]) + j for k, one in enumerate(seen) for j, t in enumerate(one)}
    none = np.empty(0, np.int64)
    panel = Panel(
        markets=pl.DataFrame(),
        offsets=offsets,
        t=np.array([t for one in seen for t in one], np.int64),
        price_e4=np.array([mid for one in seen for mid in one.values()], np.int32),
        end_offsets=np.zeros(len(seen) + 1, np.int64),
        end_known_at=none,
        end_value=none,
        source="recording",
        fingerprint="",
    )
    return panel, rows


def _outcomes(payouts: Mapping[int, tuple[int, int]], numbers: Sequence[int]) -> Outcomes:
    known = np.array([payouts[number][0] if number in payouts else NEVER for number in numbers], np.int64)
    paid = np.array([payouts[number][1] if number in payouts else -1 for number in numbers], np.int32)
    return Outcomes(payout_e4=paid, resolved_at=known, known_at=known, event_known_at=known)


def _markets(directory: Directory, quotes: Quotes) -> EngineMarkets:
    """Return the terms of the watched markets; with recorded quotes each of them gets a table of its own."""
    watched = list(directory)
    event_no, event = np.unique([one.event_no for one in watched], return_inverse=True)
    names, category = np.unique([one.category for one in watched], return_inverse=True)
    ticks = range(1, len(watched) + 1) if quotes == "recorded" else [max(one.tick_e4, 1) for one in watched]
    return EngineMarkets(
        event=event.astype(np.int32),
        category=category.astype(np.int32),
        exclusive=np.array([one.exclusive for one in watched], bool),
        tick_e4=np.array(ticks, np.int64),
        min_lots=np.array([max(-(-one.min_size_e6 // LOT_E6), 1) for one in watched], np.int64),
        fees=FeeTable.constant(
            np.array([one.fee_rate_e6 for one in watched], np.int64),
            np.array([one.fee_exponent_e6 // 1_000_000 for one in watched], np.int64),
        ),
        event_no=event_no.astype(np.int64),
        categories=tuple(str(name) for name in names),
    )


def _with_quotes(view: Inputs, lines: Sequence[Line], place: Mapping[int, int], slot: Int64s) -> Inputs:
    """Return the inputs with the best prices of the recorded books at the mids at which they were seen."""
    quotes, bids, terms = view.quotes.copy(), view.bids.copy(), view.terms.copy()
    known: set[tuple[int, int]] = set()
    for line in lines:
        for book in line.tick.books:
            k, mid = place.get(book.market_no), book.mid_e4
            if k is None or mid is None:
                continue
            table = int(terms[slot[k], at.TABLE])
            for leg, (bid, ask) in (
                (mid, (book.bids[0][0], book.asks[0][0])),
                (10_000 - mid, (10_000 - book.asks[0][0], 10_000 - book.bids[0][0])),
            ):
                if (table, leg) not in known:
                    known.add((table, leg))
                    quotes[at.ASK_ROW, table + leg], quotes[at.BID_ROW, table + leg] = ask, bid
                    bids[2 * table + leg] = bids[2 * table + at.PRICES + 10_000 - leg] = bid
    terms[:, at.PLAIN] = 0  # such bids need not rise with the mid
    for array in (quotes, bids, terms):
        array.flags.writeable = False
    return view._replace(quotes=quotes, bids=bids, terms=terms, facts=terms.reshape(-1))


def _trades_by_opinion(result: EngineResult) -> dict[int, dict[str, int]]:
    rows = result.trades
    return {
        int(number): {name: int(column[k]) for name, column in rows.items()} for k, number in enumerate(rows["opinion"])
    }


def _accounts(done: _Walk, hour: Hour) -> dict[int, Books]:
    """Rebuild the walk's account at the tape position of every opinion, from its orders, its fills and the quotes."""
    result, wanted = done.result, set(done.position.tolist())
    markets = _markets(hour.directory, "stated")
    fills = _fills_by_position(done)
    held: dict[int, list[int]] = {}  # panel index -> side, lots, cost, bid at which it is marked
    waits: dict[int, tuple[int, int]] = {}  # panel index -> budget, position at which it ends
    placed = _placed(done)
    cash = peak = done.config.bankroll_e6
    value = 0
    found: dict[int, Books] = {}
    owner = done.tape.market
    for position in range(len(done.tape)):
        market = int(owner[position])
        for fill in fills.get(position, ()):
            cash += int(result.fills["cash_e6"][fill])
            value += _book(held, result, fill)
        if market in waits and waits[market][1] == position:
            del waits[market]
        one = held.get(market)
        if one is not None:
            bid = done.quote(at.BID_ROW, market, one[0], position)
            value += one[1] * (bid - one[3])
            one[3] = bid
        peak = max(peak, cash + value)
        if position in wanted:
            found[position] = _books(held, waits, (cash, value, peak), markets, market)
        if position in placed:
            waits[market] = placed[position]
    return found


def _fills_by_position(done: _Walk) -> dict[int, list[int]]:
    """Return fills by the tape position before whose mark they count; payouts come before prices of the instant."""
    found: dict[int, list[int]] = {}
    times, places, kinds = (done.result.fills[name] for name in ("t", "position", "kind"))
    for k, kind in enumerate(kinds.tolist()):
        end = kind in {FillKind.RESOLUTION, FillKind.VOID}
        position = int(np.searchsorted(done.tape.t, times[k], side="left")) if end else int(places[k])
        found.setdefault(position, []).append(k)
    return found


def _book(held: dict[int, list[int]], result: EngineResult, fill: int) -> int:
    """Take a fill in; returns by how much it changes the value of what is held, before it is marked."""
    row = {name: int(column[fill]) for name, column in result.fills.items()}
    if row["kind"] == FillKind.ENTRY:
        held[row["market"]] = [row["side"], row["lots"], row["lots"] * row["price_e4"], 0]
        return 0
    gone = held.pop(row["market"], None)
    return -gone[1] * gone[3] if gone is not None else 0


def _placed(done: _Walk) -> dict[int, tuple[int, int]]:
    """Return (budget, position at which it ends) of every order that the walk made and filled, by tape position."""
    found = {}
    for number, trade in _trades_by_opinion(done.result).items():
        position = int(done.position[number])
        found[position] = (trade["budget_e6"], done.next_position(trade["market"], position))
    return found


def _books(
    held: Mapping[int, Sequence[int]], waits: Mapping[int, tuple[int, int]], money: tuple[int, int, int],
    markets: EngineMarkets, market: int,
) -> Books:  # fmt: skip
    cash, value, peak = money
    stakes = [(k, one[2]) for k, one in held.items()] + [(k, wait[0]) for k, wait in waits.items()]
    event, category = markets.event, markets.category
    return Books(
        equity_e6=cash + value,
        peak_e6=peak,
        free_e6=cash - sum(wait[0] for wait in waits.values()),
        total_e6=sum(stake for _, stake in stakes),
        event_e6=sum(stake for k, stake in stakes if event[k] == event[market]),
        category_e6=sum(stake for k, stake in stakes if category[k] == category[market]),
    )


def _exits(done: _Walk, hour: Hour) -> list[Left]:
    """Return the exits that a rule caused; they were decided at the market's observation before the fill."""
    found, numbers, rows = [], hour.numbers, done.result.fills
    for k, kind in enumerate(rows["kind"].tolist()):
        if kind in {FillKind.ENTRY, FillKind.RESOLUTION, FillKind.VOID, FillKind.OPEN}:
            continue
        market = int(rows["market"][k])
        own = done.tape.position[done.tape.offsets[market] : done.tape.offsets[market + 1]]
        before = int(own[int(np.searchsorted(own, int(rows["position"][k]), side="left")) - 1])
        left = Left(
            market_no=numbers[market], side=int(rows["side"][k]), t=int(done.tape.t[before]), reason=FillKind(kind).text
        )
        found.append(left)
    return found

"""The numbers of a trading period: money over time, profit by strategy and market, orders, halts, coverage.

Everything follows from the journal's entries and the runs' recordings; money in dollars, JSON-ready. A position is
worth its best bid in the newest book seen by then, one without a bid its cost, a market that has paid out its payout.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from edgeworth.core.chain import Entry
from edgeworth.core.units import MINUTE
from edgeworth.trading import events as ev
from edgeworth.trading.account import Account
from edgeworth.trading.funnel import STEP_WORDS, funnels
from edgeworth.trading.looks import Looks
from edgeworth.trading.order import Order
from edgeworth.trading.proving import books_of, standing_of
from edgeworth.trading.record import Line
from edgeworth.trading.twin import PARTS, Executed, Parts, total, twin, worth
from edgeworth.trading.watched import Directory

Row = dict[str, Any]
_SETTLING: Final = 15 * MINUTE  # after the last tick: what was sent then still fills, settles or expires
_DOLLARS: Final = 1e6


@dataclass(frozen=True)
class Period:
    """Runs of one journal: their ticks in order, the markets they watched, and all of the journal's entries."""

    mode: str
    journal: str
    runs: tuple[tuple[str, tuple[Line, ...]], ...]
    directory: Directory
    entries: tuple[Entry, ...]

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Return the ticks of all runs in order."""
        return tuple(sorted((line for _, lines in self.runs for line in lines), key=lambda line: line.tick.t))

    @property
    def start(self) -> int:
        """Return the instant of the first tick."""
        return self.lines[0].tick.t

    @property
    def end(self) -> int:
        """Return the instant of the last tick."""
        return self.lines[-1].tick.t

    @cached_property
    def looks(self) -> Looks:
        """Return what the ticks saw."""
        return Looks(self.lines)

    @cached_property
    def events(self) -> tuple[ev.Event, ...]:
        """Return the journal's events up to the period's end, and of what was sent by then until it settled."""
        names, found = {name for name, _ in self.runs}, []
        for entry in self.entries:
            event = ev.decode(entry.body)
            another = isinstance(event, ev.Decided) and event.run not in names
            if entry.at > self.end + _SETTLING or (another and entry.at > self.end):
                break
            found.append(event)
        return tuple(found)

    @cached_property
    def account(self) -> Account:
        """Return the account as it was when the period's orders had settled."""
        found = Account()
        for event in self.events:
            found.apply(event)
        return found

    @cached_property
    def payouts(self) -> dict[int, tuple[int, int]]:
        """Return (when, payout of YES in 1e-4) of the markets whose shares were redeemed."""
        found: dict[int, tuple[int, int]] = {}
        for event in self.events:
            leg = self.directory.leg(event.token) if isinstance(event, ev.Redeemed) else None
            if leg is not None and isinstance(event, ev.Redeemed):
                paid = int(event.payout_e4)
                found.setdefault(leg[0], (int(event.at), paid if leg[1] else 10_000 - paid))
        return found

    @cached_property
    def denials(self) -> dict[str, str]:
        """Return the last code by intent that risk denied."""
        return {event.intent.intent_id: event.code for event in self.events if isinstance(event, ev.Denied)}

    @cached_property
    def orders(self) -> tuple[Order, ...]:
        """Return the orders that were decided in the period."""
        return tuple(
            order for order in self.account.orders.values() if self.start <= order.intent.created_at <= self.end
        )

    def mark(self, token: str, at: int) -> int | None:
        """Return what a share of a token is worth at an instant, 1e-4 dollars; None where it counts at cost."""
        leg = self.directory.leg(token)
        if leg is None:
            return None
        paid = self.payouts.get(leg[0])
        if paid is not None and paid[0] <= at:
            return paid[1] if leg[1] else 10_000 - paid[1]
        return self.looks.bid(leg[0], at, yes=leg[1])

    def question(self, market_no: int) -> str:
        """Return a market's question, its number where it is not known."""
        known = self.directory.by_no.get(market_no)
        return known.question if known is not None else f"#{market_no}"


def sheet(period: Period) -> Row:
    """Return all numbers of a period that come from trading alone."""
    executed = twin(period.orders, period.looks, lambda token: period.mark(token, period.end))
    curve = _curve(period)
    money = _money(period, curve, executed)
    return {
        "mode": period.mode,
        "journal": period.journal,
        "from": period.start,
        "to": period.end,
        "runs": [{"run": name, "from": lines[0].tick.t, "to": lines[-1].tick.t, "ticks": len(lines)}
                 for name, lines in period.runs if lines],
        "money": money,
        "equity": curve,
        "strategies": _by_strategy(period, executed),
        "markets": _by_market(period, executed),
        "twin": {"parts": _parts(total(executed)), "guessed": sum(one.guessed for one in executed)},
        "funnel": _funnel(period),
        "orders": _orders(period, executed),
        "halts": _halts(period),
        "coverage": _coverage(period),
    }  # fmt: skip


def _parts(parts: Parts) -> Row:
    return {**{name: getattr(parts, name) / _DOLLARS for name in PARTS}, "profit": parts.profit_e6 / _DOLLARS}


# -- money


def _curve(period: Period) -> Row:
    """Return equity as every tick found it, and after the last one: the journal folded, positions at what was seen."""
    account, step, events = Account(), 0, period.events
    rows: list[tuple[int, int, int]] = []
    for t in [*dict.fromkeys(line.tick.t for line in period.lines), period.end + _SETTLING]:
        while step < len(events) and events[step].at <= t and not _decides(events[step], t):
            account.apply(events[step])
            step += 1
        at = min(t, period.end)
        # what the last orders came to belongs to the last tick
        rows.append((at, _equity(period, account, at), int(account.ledger["deposits"])))
    first, basis = rows[0][1], rows[0][2]
    shown = {at: (equity, came) for at, equity, came in rows}
    return {
        "start": first / _DOLLARS,
        "t": list(shown),
        "equity": [equity / _DOLLARS for equity, _ in shown.values()],
        "profit": [(equity - first - (came - basis)) / _DOLLARS for equity, came in shown.values()],
    }


def _decides(event: ev.Event, t: int) -> bool:
    """Tell whether an event ends what was known when the tick at `t` was decided."""
    return isinstance(event, ev.Decided) and event.tick == t


def _equity(period: Period, account: Account, at: int) -> int:
    held = account.ledger["cash"] + account.ledger["reserved"] + account.ledger["suspense"]
    for token, position in account.ledger.positions.items():
        mark = period.mark(token, at) if position.shares_e6 else None
        held += position.cost_e6 if mark is None else worth(mark, position.shares_e6)
    return int(held)


def _money(period: Period, curve: Row, executed: Sequence[Executed]) -> Row:
    ledger = period.account.ledger
    equity = np.array(curve["profit"])
    fall = np.maximum.accumulate(equity) - equity
    profit = curve["profit"][-1]
    orders = total(executed).profit_e6 / _DOLLARS
    return {
        "start": curve["start"],
        "end": curve["equity"][-1],
        "profit": profit,
        "of_orders": orders,
        # positions from before the period, shares that came outside orders, redemptions rounded in parts
        "of_others": round(profit - orders, 6),
        "max_drawdown": float(fall.max(initial=0.0)),
        "cash": ledger["cash"] / _DOLLARS,
        "reserved": ledger["reserved"] / _DOLLARS,
        "positions_at_cost": ledger["positions"] / _DOLLARS,
        "suspense": ledger["suspense"] / _DOLLARS,
        "realised": ledger["realised"] / _DOLLARS,
        "fees": ledger["fees"] / _DOLLARS,
        "rewards": ledger["rewards"] / _DOLLARS,
        "deposits": ledger["deposits"] / _DOLLARS,
    }


def _grouped(executed: Iterable[Executed], key: Any) -> dict[Any, list[Executed]]:
    found: dict[Any, list[Executed]] = {}
    for one in executed:
        found.setdefault(key(one), []).append(one)
    return found


def _by_strategy(period: Period, executed: Sequence[Executed]) -> list[Row]:
    """Return one row for every strategy that spoke or traded, with its evidence and profit by event."""
    filled = _grouped(executed, lambda one: one.strategy)
    books = books_of(period.account)
    spoke = Counter(one.strategy for line in period.lines for one in line.opinions)
    rows = []
    for name in sorted({*spoke, *filled}):
        orders = [order for order in period.orders if order.intent.strategy == name]
        own = filled.get(name, [])
        book, standing = books.get(name), standing_of(period.account, name)
        events = _events(period, own)
        rows.append(
            {
                "strategy": name,
                "opinions": spoke[name],
                "orders": len(orders),
                "filled": len(own),
                "markets": len({one.market_no for one in own}),
                "events": len(events),
                "paid": sum(one.paid_e6 for one in own if one.is_buy) / _DOLLARS,
                **_parts(total(own)),
                "by_event": events,
                "e_value": None if book is None else book.e,
                "e_events": 0 if book is None else book.events,
                "e_open": 0 if book is None else len(book.bets),
                "decay": None if book is None else book.decay,
                "stage": standing.stage.text,
                "stage_since": standing.since,
                "stage_reason": standing.reason,
            }
        )
    return rows


def _events(period: Period, executed: Sequence[Executed]) -> list[list[float]]:
    """Return [profit, paid] of each event that was traded."""
    groups = _grouped(executed, lambda one: period.directory.group(one.market_no).event_no)
    return [
        [total(own).profit_e6 / _DOLLARS, sum(one.paid_e6 for one in own if one.is_buy) / _DOLLARS]
        for _, own in sorted(groups.items())
    ]


def _by_market(period: Period, executed: Sequence[Executed]) -> list[Row]:
    groups = _grouped(executed, lambda one: (one.market_no, one.is_yes))
    rows = []
    for (number, is_yes), own in groups.items():
        bought = [one for one in own if one.is_buy]
        shares = sum(one.shares_e6 if one.is_buy else -one.shares_e6 for one in own)
        rows.append(
            {
                "market": number, "question": period.question(number), "side": "YES" if is_yes else "NO",
                "category": period.directory.group(number).category, "orders": len(own), "shares": shares / _DOLLARS,
                "paid": sum(one.paid_e6 for one in bought) / _DOLLARS,
                "mark": None if own[-1].mark_e4 is None else own[-1].mark_e4 / 10_000,
                "paid_out": number in period.payouts, **_parts(total(own)),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["profit"], row["market"]))


# -- what was done


def _funnel(period: Period) -> list[Row]:
    found = funnels(period.lines, period.account, period.denials)
    return [
        {
            "strategy": one.strategy,
            "exits": one.exits,
            "steps": [
                {"name": step.name, "words": STEP_WORDS[step.name], "count": step.count, "lost": step.lost}
                for step in one.steps
            ],
        }
        for one in found
    ]


def _orders(period: Period, executed: Sequence[Executed]) -> list[Row]:
    split = {one.intent_id: one for one in executed}
    rows = []
    for order in sorted(period.orders, key=lambda order: order.created_at):
        intent, own = order.intent, split.get(order.intent.intent_id)
        fills = [fill for fill in order.fills.values() if not fill.void]
        rows.append(
            {
                "at": intent.created_at, "order": order.order_id, "intent": intent.intent_id,
                "strategy": intent.strategy, "market": intent.instrument.market_no,
                "question": period.question(intent.instrument.market_no),
                "side": "YES" if intent.instrument.is_yes else "NO", "buys": intent.is_buy,
                "limit": intent.price_e4 / 10_000, "shares": intent.shares_e6 / _DOLLARS,
                "filled": order.filled_e6 / _DOLLARS, "state": str(order.state), "code": order.code,
                "attempts": order.attempts, **(_parts(own.parts) if own else dict.fromkeys((*PARTS, "profit"))),
                "fills": [
                    {"at": fill.event_time, "trade": fill.trade_id, "price": fill.price_e4 / 10_000,
                     "shares": fill.shares_e6 / _DOLLARS, "fee_paid": fill.fee_e6 / _DOLLARS,
                     "settlement": str(fill.settlement), "maker": fill.is_maker}
                    for fill in sorted(fills, key=lambda fill: (fill.event_time, fill.trade_id))
                ],
            }
        )  # fmt: skip
    return rows


def _halts(period: Period) -> list[Row]:
    """Return the halts that stood at any time of the period, breakers' among them."""
    found: dict[str, Row] = {}
    for event in period.events:
        if isinstance(event, ev.Halted):
            halt = event.halt
            found.setdefault(
                halt.halt_id,
                {"cause": str(halt.cause), "state": str(halt.state), "scope": halt.scope, "since": int(halt.at),
                 "until": None, "reason": halt.reason, "resume": str(halt.resume), "lifted_by": ""},
            )  # fmt: skip
        elif isinstance(event, ev.Lifted) and event.lift.halt_id in found:
            found[event.lift.halt_id] |= {"until": int(event.lift.at), "lifted_by": event.lift.who}
    return [
        row for row in found.values()
        if row["since"] <= period.end + _SETTLING and (row["until"] is None or row["until"] >= period.start)
    ]  # fmt: skip


# -- coverage


def _coverage(period: Period) -> Row:
    """Return how often the bot looked and what it did not see; the time between ticks is the median one."""
    times = np.array([line.tick.t for line in period.lines], np.int64)
    gaps = np.diff(times)
    every = int(np.median(gaps)) if len(gaps) else 0
    asked = 1 + round((int(times[-1]) - int(times[0])) / every) if every else len(times)
    seen, one_sided, oldest = _sights(period)
    markets, ticks = len(period.directory), len(times)
    closed = sum(word == "closed" for line in period.lines for _, word in line.tick.status)
    return {
        "every": every / 1e6,
        "ticks_asked": max(asked, ticks),
        "ticks_made": ticks,
        "longest_gap": int(gaps.max(initial=0)) / 1e6,
        "markets": markets,
        "books_asked": markets * ticks - closed,
        "books_seen": sum(seen.values()),
        "books_missing": max(markets * ticks - closed - sum(seen.values()), 0),
        "one_sided": one_sided,
        "oldest_book": oldest / 1e6,
        "worst": _worst(period, seen, ticks),
        "not_open": _words(word for line in period.lines for _, word in line.tick.status),
    }


def _sights(period: Period) -> tuple[dict[int, int], int, int]:
    """Return (books by market, books without two sides, age of the oldest one)."""
    seen: dict[int, int] = {}
    one_sided = oldest = 0
    for line in period.lines:
        for book in line.tick.books:
            seen[book.market_no] = seen.get(book.market_no, 0) + 1
            one_sided += book.mid_e4 is None
            oldest = max(oldest, line.tick.t - book.known_at)
    return seen, one_sided, oldest


def _worst(period: Period, seen: Mapping[int, int], ticks: int, most: int = 5) -> list[Row]:
    missing = sorted((seen.get(one.market_no, 0) - ticks, one.market_no) for one in period.directory)
    return [
        {"market": number, "question": period.question(number), "missing": -short}
        for short, number in missing[:most] if short < 0
    ]  # fmt: skip


def _words(words: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return dict(sorted(found.items()))

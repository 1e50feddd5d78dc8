"""What we own and what it is worth: read from the account, changed by nothing here.

Positions are valued at what they would fetch now (`Marks`, 1e-4 dollars per share of that token); one without a mark
counts at its cost. An order that is open or in doubt counts with everything it may still cost. Money in 1e-6 dollars,
shares in 1e-6.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from edgeworth.core.orders import Instrument
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6, cost
from edgeworth.trading.account import Account
from edgeworth.trading.accounting import LotKey, net
from edgeworth.trading.order import Fill, Order
from edgeworth.trading.reconcile import Payouts, no_payout

OUTSIDE: Final = "(outside)"  # the strategy of trades that are not ours

Marks = Callable[[str], PriceE4 | None]


class PlaceOf(msgspec.Struct, frozen=True, kw_only=True):
    """Where a market belongs; "" where nobody knows."""

    event: str = ""
    category: str = ""


Places = Callable[[int], PlaceOf]


def nowhere(_market_no: int) -> PlaceOf:
    """Know no event and no category."""
    return PlaceOf()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One token's position.

    `sellable_e6` of the shares are confirmed and not on offer; `pending_e6` are bought or sold but not settled (net).
    `average_e4` is the cost per share, `unrealised_e6` value less cost, `realised_e6` before fees. `claimable_e6` is
    what a redemption would pay, None while the market has not paid out.
    """

    token: str
    instrument: Instrument | None
    shares_e6: SharesE6
    sellable_e6: SharesE6
    pending_e6: int
    cost_e6: UsdE6
    average_e4: int | None
    mark_e4: PriceE4 | None
    value_e6: UsdE6
    unrealised_e6: int
    realised_e6: int
    claimable_e6: UsdE6 | None = None


class Exposures(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars at stake: cost of positions plus everything open or doubtful orders may still cost, in full."""

    total_e6: int
    by_market: dict[int, int]
    by_event: dict[str, int]
    by_category: dict[str, int]
    by_strategy: dict[str, int]


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """The account at one instant; `equity_e6` = cash + reserved + value of positions, `profit_e6` after fees."""

    at: Micros
    cash_e6: UsdE6
    spendable_e6: UsdE6
    reserved_e6: UsdE6
    suspense_e6: UsdE6
    equity_e6: int
    realised_e6: int
    unrealised_e6: int
    fees_e6: UsdE6
    rewards_e6: UsdE6
    deposits_e6: UsdE6
    profit_e6: int
    positions: tuple[Held, ...]
    exposures: Exposures
    unclaimed_e6: int


def portfolio(
    account: Account, at: Micros, marks: Marks, places: Places = nowhere, payouts: Payouts = no_payout
) -> Portfolio:
    """Return what the account holds and what it is worth; costs time in the number of fills."""
    ledger = account.ledger
    positions = tuple(_positions(account, marks, payouts))
    value = sum(held.value_e6 for held in positions)
    unrealised = sum(held.unrealised_e6 for held in positions)
    realised, fees, rewards = ledger["realised"], ledger["fees"], ledger["rewards"]
    return Portfolio(
        at=at,
        cash_e6=ledger["cash"],
        spendable_e6=account.spendable_e6(),
        reserved_e6=ledger["reserved"],
        suspense_e6=ledger["suspense"],
        equity_e6=ledger["cash"] + ledger["reserved"] + value,
        realised_e6=realised,
        unrealised_e6=unrealised,
        fees_e6=fees,
        rewards_e6=rewards,
        deposits_e6=ledger["deposits"],
        profit_e6=realised + unrealised + rewards - fees,
        positions=positions,
        exposures=exposures(account, places),
        unclaimed_e6=sum(held.claimable_e6 or 0 for held in positions),
    )


def instruments(account: Account) -> dict[str, Instrument]:
    """Return what orders said about tokens; the latest word counts."""
    return {order.intent.instrument.token: order.intent.instrument for order in account.orders.values()}


def _positions(account: Account, marks: Marks, payouts: Payouts) -> Iterator[Held]:
    known = instruments(account)
    pending: dict[str, int] = {}
    for fill in account.unsettled.values():
        pending[fill.token] = pending.get(fill.token, 0) + (fill.shares_e6 if fill.is_buy else -fill.shares_e6)
    for token, position in sorted(account.ledger.positions.items()):
        if not position.shares_e6 and not position.realised_e6:
            continue
        shares, paid = SharesE6(position.shares_e6), UsdE6(position.cost_e6)
        payout = payouts(token)
        mark = payout if payout is not None else marks(token)
        value = paid if mark is None else cost(mark, shares, "down")
        yield Held(
            token=token,
            instrument=known.get(token),
            shares_e6=shares,
            sellable_e6=SharesE6(account.sellable_e6(token)),
            pending_e6=pending.get(token, 0),
            cost_e6=paid,
            average_e4=paid * 10_000 // shares if shares > 0 else None,
            mark_e4=mark,
            value_e6=value,
            unrealised_e6=value - paid,
            realised_e6=position.realised_e6,
            claimable_e6=cost(payout, shares, "down") if payout is not None and shares > 0 else None,
        )


def exposures(account: Account, places: Places = nowhere) -> Exposures:
    """Return what is at stake, by market, event, category and strategy."""
    by_market: dict[int, int] = {}
    by_strategy: dict[str, int] = {}
    known = instruments(account)
    for token, position in account.ledger.positions.items():
        if position.cost_e6 > 0:
            market = known[token].market_no if token in known else 0
            by_market[market] = by_market.get(market, 0) + position.cost_e6
    for strategy, money in strategy_costs(account).items():
        by_strategy[strategy] = by_strategy.get(strategy, 0) + money
    for order in account.open.values():
        market, strategy = order.intent.instrument.market_no, order.intent.strategy
        by_market[market] = by_market.get(market, 0) + order.reserved_e6
        by_strategy[strategy] = by_strategy.get(strategy, 0) + order.reserved_e6
    return Exposures(
        total_e6=sum(by_market.values()),
        by_market=by_market,
        by_event=_grouped(by_market, lambda market: places(market).event),
        by_category=_grouped(by_market, lambda market: places(market).category),
        by_strategy=by_strategy,
    )


def _grouped(by_market: dict[int, int], name: Callable[[int], str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for market, money in by_market.items():
        found[name(market)] = found.get(name(market), 0) + money
    return found


def strategy_costs(account: Account) -> dict[str, int]:
    """Return the cost of what each strategy's own trades left it with, as if each kept its own position.

    Two strategies on opposite sides of one token both have exposure, though the account may have none.
    """
    lots: dict[tuple[str, str], list[tuple[LotKey, int, int]]] = {}
    for strategy, fill in _by_strategy(account):
        sign = 1 if fill.is_buy else -1
        lot = ((fill.event_time, fill.name), sign * fill.shares_e6, fill.paid_e6)
        lots.setdefault((strategy, fill.token), []).append(lot)
    found: dict[str, int] = {}
    for (strategy, token), own in lots.items():
        shares = paid = 0
        for _, count, money in sorted(own):
            shares, paid, _ = net(shares, paid, count, money)
        held = account.ledger.positions[token]
        if held.shares_e6 > 0 and paid > 0:  # what was redeemed or merged is no longer at stake
            found[strategy] = found.get(strategy, 0) + min(paid, held.cost_e6)
    return found


def _by_strategy(account: Account) -> Iterator[tuple[str, Fill]]:
    for order in account.orders.values():
        for fill in order.fills.values():
            if not fill.void:
                yield order.intent.strategy, fill
    for fill in account.alien.values():
        if not fill.void:
            yield OUTSIDE, fill


def unclaimed(account: Account, payouts: Payouts) -> dict[str, UsdE6]:
    """Return what tokens whose market has paid out would bring, by token; losing ones are left out."""
    found = {}
    for token, position in sorted(account.ledger.positions.items()):
        payout = payouts(token)
        if payout and position.shares_e6 > 0:
            found[token] = cost(payout, SharesE6(position.shares_e6), "down")
    return found


def history(account: Account, orders: Iterable[Order] | None = None) -> list[tuple[Micros, str, Fill]]:
    """Return every fill as (when, intent id, fill), oldest first; void ones included."""
    found = [
        (fill.event_time, order.intent.intent_id, fill)
        for order in (account.orders.values() if orders is None else orders)
        for fill in order.fills.values()
    ]
    return sorted(found, key=lambda row: (row[0], row[2].name))

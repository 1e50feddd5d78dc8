"""Trades from the match to the chain: MATCHED, then MINED after 2 s and CONFIRMED after 5 s, or RETRYING, or FAILED.

Money moves when a trade is mined. Until then both parties' sides are set aside, so a trade that fails moves nothing.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from edgeworth.core.units import ONE_PRICE, SECOND, divide
from edgeworth.sandbox.exchange.bank import Bank, Leg
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.state import Fill, MakerPart, Order, Trade, TradeState
from edgeworth.sandbox.exchange.timers import Timers

_PLAIN: Final = ((2, TradeState.MINED), (5, TradeState.CONFIRMED))
_RETRY: Final = ((2, TradeState.RETRYING), (4, TradeState.MINED), (7, TradeState.CONFIRMED))
_FAIL: Final = ((2, TradeState.RETRYING), (5, TradeState.FAILED))

Listener = Callable[[Trade], None]


def split_cash(taker: Order, fill: Fill) -> tuple[int, int]:
    """Return the dollars of taker and maker for one fill, 1e-6; rounding is against the taker.

    On one token what the buyer pays is what the seller gets; on two tokens both buy (or sell) a pair for one dollar.
    """
    price = fill.yes_e4 if taker.leg == 0 else ONE_PRICE - fill.yes_e4
    own = divide(fill.shares_e6 * price, ONE_PRICE, "up" if taker.buy else "down")
    return own, (own if fill.maker.leg == taker.leg else fill.shares_e6 - own)


class Tape:
    """Every trade a client had a part in, oldest first, and their settlement."""

    def __init__(self, bank: Bank, timers: Timers, faults: FaultsPort, seed: str) -> None:
        self._bank, self._timers, self._faults, self._seed = bank, timers, faults, seed
        self.trades: dict[str, Trade] = {}
        self.of_wallet: dict[str, list[Trade]] = {}
        self._of_market: dict[int, list[Trade]] = {}
        self.listeners: list[Listener] = []

    def transaction(self, taker: Order, at: int) -> str:
        """Return the transaction hash that all trades of one match share."""
        return "0x" + hashlib.sha256(f"{self._seed}/{taker.id}/{at}/{len(self.trades)}".encode()).hexdigest()

    def record(self, taker: Order, fills: list[Fill], fee_e6: int, at: int, transaction: str, bucket: int) -> Trade:
        """Write down one match at one price, set both sides aside, and plan the steps of its settlement."""
        shares = [split_cash(taker, fill) for fill in fills]
        makers = tuple(
            MakerPart(
                fill.maker.id,
                fill.maker.wallet,
                fill.maker.owner,
                fill.maker.leg,
                fill.maker.buy,
                fill.maker.price_e4,
                fill.shares_e6,
                cash,
            )
            for fill, (_, cash) in zip(fills, shares, strict=True)
        )
        yes = fills[0].yes_e4
        trade = Trade(
            id=self._trade_id(),
            transaction=transaction,
            market=taker.market,
            taker_order=taker.id,
            wallet=taker.wallet,
            owner=taker.owner,
            leg=taker.leg,
            buy=taker.buy,
            price_e4=yes if taker.leg == 0 else ONE_PRICE - yes,
            shares_e6=sum(fill.shares_e6 for fill in fills),
            cash_e6=sum(own for own, _ in shares),
            fee_e6=fee_e6,
            makers=makers,
            at=at,
            bucket=bucket,
            updated=at,
            history=[(at, TradeState.MATCHED)],
        )
        self.trades[trade.id] = trade
        self._of_market.setdefault(trade.market, []).append(trade)
        for wallet in dict.fromkeys((trade.wallet, *(part.wallet for part in makers))):
            self.of_wallet.setdefault(wallet, []).append(trade)
        for leg in _legs(trade):
            self._bank.wallet(leg.wallet).expect(leg.token, leg.buy, _outgoing(leg))
        for delay, state in self._steps():
            self._timers.plan(at + delay * SECOND, partial(self._step, trade, state))
        return trade

    def announce(self, trade: Trade) -> None:
        """Tell the parties what a trade looks like now."""
        for listener in self.listeners:
            listener(trade)

    def between(self, market: int, since: int, until: int) -> Iterator[Trade]:
        """Iterate over a market's trades matched in (since, until]."""
        return (trade for trade in self._of_market.get(market, ()) if since < trade.at <= until)

    def _steps(self) -> tuple[tuple[int, TradeState], ...]:
        if self._faults.active("trade-failed") is not None:
            return _FAIL
        return _RETRY if self._faults.active("trade-retrying") is not None else _PLAIN

    def _step(self, trade: Trade, state: TradeState, at: int) -> None:
        trade.state, trade.updated = state, at
        trade.history.append((at, state))
        if state in {TradeState.MINED, TradeState.FAILED}:
            legs = _legs(trade)
            for leg in legs:
                self._bank.wallet(leg.wallet).expect(leg.token, leg.buy, -_outgoing(leg))
            if state is TradeState.MINED:
                self._bank.settle(legs, at)
        self.announce(trade)

    def _trade_id(self) -> str:
        digest = hashlib.sha256(f"{self._seed}/trade/{len(self.trades)}".encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def _legs(trade: Trade) -> list[Leg]:
    """Return the sides of a trade, the taker's first."""
    taker = Leg(trade.wallet, (trade.market, trade.leg), trade.buy, trade.shares_e6, trade.cash_e6, trade.fee_e6)
    makers = [Leg(m.wallet, (trade.market, m.leg), m.buy, m.shares_e6, m.cash_e6) for m in trade.makers]
    return [taker, *makers]


def _outgoing(leg: Leg) -> int:
    """Return what leaves the wallet: dollars and the fee when it buys, shares when it sells."""
    return leg.cash_e6 + leg.fee_e6 if leg.buy else leg.shares_e6

"""What the rest of the venue may look up at the exchange: public trades and the positions of wallets."""

import msgspec

from edgeworth.core.units import Micros
from edgeworth.sandbox.exchange.bank import Bank
from edgeworth.sandbox.exchange.crowd import Print
from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.rows import CROWD_ADDRESS
from edgeworth.sandbox.exchange.state import BACKGROUND, Trade, TradeState
from edgeworth.sandbox.exchange.tape import Tape
from edgeworth.sandbox.protocol import PublicPrint


class Position(msgspec.Struct, frozen=True):
    """What a wallet has, or had, in one token; amounts in 1e-6 shares and dollars."""

    wallet: str
    market: int
    leg: int
    shares_e6: int
    cost_e6: int
    bought_e6: int
    realised_e6: int
    fees_e6: int
    first_at: int
    last_at: int
    redeemed_e6: int | None


class Records:
    """Public trades, the crowd's and clients', and positions."""

    def __init__(self, floor: Floor, tape: Tape, bank: Bank) -> None:
        self._floor, self._tape, self._bank = floor, tape, bank

    def trades(self, market: int, since: int, until: int, *, makers: bool) -> list[PublicPrint]:
        """Return the trades of a market in (since, until], oldest first.

        With `makers` every client trade also shows its makers' sides. A trade that failed on chain is not public.
        """
        rows = self._crowd_prints(market, since, until)
        for trade in self._tape.between(market, since, until):
            if trade.state is not TradeState.FAILED:
                rows += _public(trade, makers=makers)
        return sorted(rows, key=lambda row: row.at)

    def _crowd_prints(self, market: int, since: int, until: int) -> list[PublicPrint]:
        rows = []
        for row in self._floor.crowd.prints(market, since, until):
            hit = self._floor.replaced.get((market, row.key), ())
            left = row.shares_e6 - sum(trade.shares_e6 for trade in hit)
            if left > 0:
                rows.append(self._crowd_print(market, row, left))
        return rows

    def _crowd_print(self, market: int, row: Print, shares_e6: int) -> PublicPrint:
        return PublicPrint(
            market=market,
            leg=row.leg,
            side="BUY" if row.buy else "SELL",
            price_e4=row.price_e4,
            shares_e6=shares_e6,
            at=Micros(row.at),
            wallet=self._floor.crowd.wallet(market, row.key),
            transaction=self._floor.crowd.transaction(market, row.key),
        )

    def positions(self, wallet: str) -> list[Position]:
        """Return what a wallet has or had, in order of its first trades."""
        found = self._bank.wallets.get(wallet.lower())
        rows = [] if found is None or wallet == BACKGROUND else list(found.held.items())
        return [
            Position(
                wallet.lower(),
                market,
                leg,
                row.shares_e6,
                row.cost_e6,
                row.bought_e6,
                row.realised_e6,
                row.fees_e6,
                row.first_at,
                row.last_at,
                row.redeemed_e6,
            )
            for (market, leg), row in rows
        ]


def _public(trade: Trade, *, makers: bool) -> list[PublicPrint]:
    at, word = Micros(trade.at), "BUY" if trade.buy else "SELL"
    wallet = trade.wallet or CROWD_ADDRESS
    taker = PublicPrint(
        trade.market, trade.leg, word, trade.price_e4, trade.shares_e6, at, wallet, trade.transaction, True
    )
    if not makers:
        return [taker]
    parts = [
        PublicPrint(
            trade.market,
            part.leg,
            "BUY" if part.buy else "SELL",
            part.price_e4,
            part.shares_e6,
            at,
            part.wallet or CROWD_ADDRESS,
            trade.transaction,
            False,
        )
        for part in trade.makers
    ]
    return [taker, *parts]

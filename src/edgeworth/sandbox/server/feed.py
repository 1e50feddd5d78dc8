"""Public trades, newest first, of chosen markets or of all of them."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from edgeworth.core.units import HOUR, MINUTE, ONE_PRICE
from edgeworth.sandbox.protocol import PublicPrint
from edgeworth.sandbox.server.live import LiveWorld

_BARE_WINDOW, _BARE_REACH = 15 * MINUTE, 6 * HOUR
_CROWD_REACH = 2 * HOUR
_KEPT = 120
_MAKER_SHIFT = 7  # the maker's wallet is that of another trade


class Tape(Protocol):
    """Where public trades come from."""

    def trades(self, market: int, since: int, until: int, *, makers: bool = False) -> Sequence[PublicPrint]:
        """Return the trades of a market in (since, until], oldest first."""


class Feed:
    """Walk back in time through the trades of a world."""

    def __init__(self, live: LiveWorld, tape: Tape, wallets: Sequence[str]) -> None:
        self.live, self.tape = live, tape
        self._wallets = wallets
        self._windows: dict[int, list[PublicPrint]] = {}

    def of_markets(self, markets: Sequence[int], now: int, *, makers: bool = False) -> Iterator[PublicPrint]:
        """Iterate over the trades of some markets, newest first, back to their listing."""
        if not markets:
            return
        oldest = min(int(self.live.created_at[market]) for market in markets)
        until, width = now, HOUR
        while until > oldest:
            since = max(until - width, oldest - 1)
            rows = [row for market in markets for row in self._trades(market, since, until, makers=makers)]
            yield from _newest_first(rows)
            until, width = since, 2 * width

    def of_all(self, now: int, *, makers: bool = False) -> Iterator[PublicPrint]:
        """Iterate over the trades of all markets, newest first, six hours back."""
        return (row for row in self._recent(now, now - _BARE_REACH) if makers or row.taker)

    def of_wallet(self, wallet: str, now: int, markets: Sequence[int] | None) -> Iterator[PublicPrint]:
        """Iterate over one wallet's trades, newest first: all those in `markets`, else two hours back in all."""
        recent = markets is None
        rows = self._recent(now, now - _CROWD_REACH) if recent else self.of_markets(markets or (), now, makers=True)
        return (row for row in rows if row.wallet == wallet)

    def _recent(self, now: int, oldest: int) -> Iterator[PublicPrint]:
        until = now
        while until > oldest:
            since = (until - 1) // _BARE_WINDOW * _BARE_WINDOW
            whole = until == since + _BARE_WINDOW
            rows = self._windows.get(since) if whole else None
            if rows is None:
                rows = self._all_between(since, until)
                if whole:
                    if len(self._windows) >= _KEPT:
                        self._windows.pop(min(self._windows))
                    self._windows[since] = rows
            yield from rows
            until = since

    def _all_between(self, since: int, until: int) -> list[PublicPrint]:
        live = self.live
        markets = ((live.created_at < until) & (live.proposed_at > since)).nonzero()[0].tolist()
        return _newest_first([row for m in markets for row in self._trades(m, since, until, makers=True)])

    def _trades(self, market: int, since: int, until: int, *, makers: bool) -> list[PublicPrint]:
        """Return trades; where the other side is one of the crowd, it gets a face."""
        rows = list(self.tape.trades(market, since, until, makers=makers))
        if not makers:
            return rows
        known = {row.transaction for row in rows if not row.taker}
        return rows + [self._counterparty(row) for row in rows if row.taker and row.transaction not in known]

    def _counterparty(self, row: PublicPrint) -> PublicPrint:
        wallet = self._wallets[(int(row.transaction[2:10], 16) + _MAKER_SHIFT) % len(self._wallets)]
        side = "SELL" if row.side == "BUY" else "BUY"
        return msgspec.structs.replace(row, side=side, wallet=wallet, taker=False)


def _newest_first(rows: list[PublicPrint]) -> list[PublicPrint]:
    return sorted(rows, key=lambda row: (-row.at, row.market, row.transaction, row.wallet))


def cash_e6(row: PublicPrint) -> int:
    """Return the dollars of a trade, millionths."""
    return row.shares_e6 * row.price_e4 // ONE_PRICE

"""Who holds what of the crowd: a few addresses per outcome, growing with the market's volume."""

import hashlib
from functools import cached_property

import msgspec
import numpy as np

from edgeworth.core.types import Payout
from edgeworth.core.units import ONE_PRICE
from edgeworth.sandbox.server.live import LiveWorld, Phase

_HOLDERS = 6
_CIRCULATION = 4  # one dollar in so many that were traded is still held
_WALLETS = 600


class Holding(msgspec.Struct, frozen=True):
    """Shares of one leg in one wallet, millionths, with the average price paid in 1e-4 dollars."""

    wallet: str
    market: int
    leg: int
    shares_e6: int
    average_e4: int


class _Share(msgspec.Struct, frozen=True):
    """A holder's part of what circulates of a market: `weight` of `total`."""

    wallet: str
    leg: int
    weight: int
    total: int
    average_e4: int

    def holding(self, market: int, volume_e6: int) -> Holding:
        """Return the holding at a volume."""
        shares = volume_e6 * self.weight // self.total * ONE_PRICE // max(self.average_e4, 100)
        return Holding(self.wallet, market, self.leg, shares, self.average_e4)


class Holdings:
    """Answer who holds a market and what a wallet holds, as of an instant."""

    def __init__(self, live: LiveWorld) -> None:
        self.live = live
        self._head = f"{live.world.scenario.name}/{live.world.seed}"
        self._addresses: dict[int, str] = {}
        self._holders: dict[int, list[_Share]] = {}

    def address(self, number: int) -> str:
        """Return the address of a numbered wallet; low numbers trade most."""
        if number not in self._addresses:
            digest = hashlib.sha256(f"{self._head}/wallet/{number}".encode()).hexdigest()
            self._addresses[number] = "0x" + digest[:40]
        return self._addresses[number]

    def _shares(self, market: int) -> list[_Share]:
        """Return a market's holders, no wallet twice; every one of them bought at the opening price."""
        found = self._holders.get(market)
        if found is None:
            digest = hashlib.sha512(f"{self._head}/holders/{market}".encode()).digest()
            rows: dict[int, tuple[int, int]] = {}
            for place in range(2 * _HOLDERS):
                draw = int.from_bytes(digest[4 * place : 4 * place + 4])
                rows.setdefault(int(_WALLETS * ((draw >> 8) / 2**24) ** 2.5), (place % 2, 1 + (draw & 255)))
            total = sum(weight for _, weight in rows.values()) * _CIRCULATION
            first = self.live.fair_e4(market, int(self.live.created_at[market]))
            found = self._holders[market] = [
                _Share(self.address(number), leg, weight, total, first if leg == 0 else ONE_PRICE - first)
                for number, (leg, weight) in rows.items()
            ]
        return found

    def of_market(self, market: int, now: int) -> list[Holding]:
        """Return a market's holdings, largest first; nobody holds what is not listed yet."""
        volume = self.live.volume_e6(market, now)
        found = [share.holding(market, volume) for share in self._shares(market)]
        return sorted((row for row in found if row.shares_e6 > 0), key=lambda row: (-row.shares_e6, row.wallet))

    def of_wallet(self, wallet: str, now: int) -> list[Holding]:
        """Return what a wallet of the crowd holds, oldest market first."""
        markets = [market for market in self._markets_of.get(wallet.lower(), ()) if self.live.created_at[market] <= now]
        volumes = self.live.volumes_e6(now, np.array(markets, dtype=np.int64)).tolist()
        found = [
            share.holding(market, volume)
            for market, volume in zip(markets, volumes, strict=True)
            for share in self._shares(market)
            if share.wallet == wallet.lower()
        ]
        return [row for row in found if row.shares_e6 > 0]

    def price_e4(self, holding: Holding, now: int) -> int:
        """Return what one share of a holding is worth: its price, its payout once final."""
        live = self.live
        if live.phase(holding.market, now) is Phase.RESOLVED:
            payout = int(live.world.final_e4[holding.market])
            if payout == Payout.VOID:
                return holding.average_e4
        else:
            payout = live.fair_e4(holding.market, now)
        return payout if holding.leg == 0 else ONE_PRICE - payout

    @cached_property
    def _markets_of(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for market in self.live.by_id.tolist():
            for share in self._shares(market):
                found.setdefault(share.wallet, []).append(market)
        return found

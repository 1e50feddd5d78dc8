"""The simulated crowd: market makers who quote around the world's price and traders who hit those quotes.

What they do while no client interferes is a pure function of (seed, market, minute), so a market that nobody looks at
costs nothing, and two questions about the same instant get the same answer. Best bid and ask are the world's own quote;
sizes change every minute; trades add up to the world's volume.
"""

import hashlib
from bisect import bisect_right
from typing import Final, NamedTuple

import numpy as np

from edgeworth.core.units import MINUTE, ONE_PRICE, ONE_USD, SECOND
from edgeworth.sandbox.exchange.book import Level
from edgeworth.sandbox.exchange.ports import LivePort

LEVELS: Final = 6
WALLETS: Final = 600
_LOT: Final = 10_000  # sizes are multiples of a hundredth of a share
_SMALLEST: Final = 5 * ONE_USD
_MASK: Final = (1 << 64) - 1
_MOST_PRINTS: Final = 6
_SIZE, _GAP, _WHEN, _HOW, _SHARE, _WHO = range(6)
_BEAT: Final = 5 * SECOND  # markets renew their quotes at twelve instants of a minute, not all at once
_PATIENCE: Final = (1, 2, 3, 5, 8, 13)  # minutes a level's size stays, best level first
_REMEMBERED: Final = 20_000  # blocks of prints


class Quotes(NamedTuple):
    """What the market makers show: YES levels best first, and since when."""

    at: int
    bids: list[Level]
    asks: list[Level]


class Print(NamedTuple):
    """A trade of the crowd with itself: the taker's token (`leg`), word (`buy`) and price in terms of that token."""

    key: tuple[int, int]
    at: int
    leg: int
    buy: bool
    price_e4: int
    shares_e6: int

    @property
    def bid(self) -> bool:
        """Whether the taker buys YES or sells NO."""
        return self.buy == (self.leg == 0)

    @property
    def yes_e4(self) -> int:
        """The price in terms of YES."""
        return self.price_e4 if self.leg == 0 else ONE_PRICE - self.price_e4


class Crowd:
    """Quote and trade in every market of a world."""

    def __init__(self, live: LivePort) -> None:
        self._live = live
        self._seeds: dict[int, int] = {}
        self._blocks: dict[int, tuple[int, int]] = {}
        self._wallets: dict[int, str] = {}
        self._printed: dict[tuple[int, int], list[Print]] = {}

    def quotes(self, market: int, now: int) -> Quotes:
        """Return the makers' quotes in an open market; empty sides at the extremes."""
        live = self._live
        tick = live.tick_e4(market, now)
        bid, ask = live.quote_e4(market, now)
        minute = self._minute(market, now)
        bids = self._ladder(market, minute, bid, -tick) if bid else []
        asks = self._ladder(market, minute, ask, tick) if ask < ONE_PRICE else []
        return Quotes(self.quoted_at(market, now), bids, asks)

    def quoted_at(self, market: int, now: int) -> int:
        """Return when the quotes of `now` were posted: at the turn of the market's minute, or with a new price."""
        at, point = self._turn(market, now), self._point(market, now)
        return max(at, point, int(self._live.created_at[market]))

    def next_quote(self, market: int, now: int) -> int:
        """Return when the makers quote next after `now`."""
        turn = self._turn(market, now) + MINUTE
        arrays = self._live.world.arrays
        first, stop = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
        place = first + bisect_right(arrays.t[first:stop], now)
        return min(turn, int(arrays.t[place])) if place < stop else turn

    def prints(self, market: int, since: int, until: int) -> list[Print]:
        """Return the crowd's trades in (since, until], oldest first."""
        begin, end = int(self._live.created_at[market]), int(self._live.proposed_at[market])
        since, until = max(since, begin), min(until, end - 1)
        if until <= since:
            return []
        length = self._pace(market)[0]
        found = [row for block in range(since // length, until // length + 1) for row in self._block(market, block)]
        return [row for row in found if since < row.at <= until]

    def last_print(self, market: int, now: int) -> Print | None:
        """Return the crowd's latest trade by `now`, None when there was none in the last two hundred blocks."""
        length = self._pace(market)[0]
        oldest = int(self._live.created_at[market]) // length
        for block in range(now // length, max(oldest - 1, now // length - 200), -1):
            rows = [row for row in self._block(market, block) if row.at <= now]
            if rows:
                return rows[-1]
        return None

    def wallet(self, market: int, key: tuple[int, int]) -> str:
        """Return the address behind a print: few wallets trade much, many trade little."""
        draw = self._draw(market, key[0], key[1], _WHO)
        number = int(WALLETS * (draw / (_MASK + 1)) ** 2.5)
        if number not in self._wallets:
            text = f"{self._live.world.scenario.name}/{self._live.world.seed}/wallet/{number}"
            self._wallets[number] = "0x" + hashlib.sha256(text.encode()).hexdigest()[:40]
        return self._wallets[number]

    def transaction(self, market: int, key: tuple[int, int]) -> str:
        """Return the transaction hash of a print."""
        text = f"{self._seed(market)}/{key[0]}/{key[1]}/transaction"
        return "0x" + hashlib.sha256(text.encode()).hexdigest()

    def _ladder(self, market: int, minute: int, best: int, step: int) -> list[Level]:
        levels, price = [], best
        base = self._live.depth_usd(market) * ONE_USD * ONE_PRICE
        side = 0 if step < 0 else LEVELS
        for k in range(LEVELS):
            if not abs(step) <= price <= ONE_PRICE - abs(step):
                break
            jitter = 600 + self._draw(market, minute // _PATIENCE[k], side + k, _SIZE) % 800
            shares = base // max(price, 1000) * jitter * (2 + k) // 2000
            levels.append(Level(price, max(shares // _LOT * _LOT, _SMALLEST)))
            price += step * (1 + self._draw(market, 0, side + k, _GAP) % 2)
        return levels

    def _block(self, market: int, block: int) -> list[Print]:
        """Return the prints of one block of time; remembered, since whoever asks for one asks again."""
        found = self._printed.get((market, block))
        if found is None:
            if len(self._printed) >= _REMEMBERED:
                self._printed.clear()
            found = self._printed[market, block] = self._draw_block(market, block)
        return found

    def _draw_block(self, market: int, block: int) -> list[Print]:
        """Share the volume of one block of time among random instants of it."""
        length, most = self._pace(market)
        live = self._live
        begin = max(block * length, int(live.created_at[market]))
        end = min((block + 1) * length, int(live.proposed_at[market]))
        if end <= begin:
            return []
        dollars = live.volume_e6(market, end) - live.volume_e6(market, begin)
        draws = (begin + (end - begin) * (self._draw(market, block, k, _WHEN) >> 32) // (1 << 32) for k in range(most))
        instants = sorted(max(at // SECOND * SECOND, begin) for at in draws)
        weights = [1000 + self._draw(market, block, k, _SHARE) % 9000 for k in range(most)]
        rows = [
            self._print(market, (block, k), at, dollars * weight // sum(weights))
            for k, (at, weight) in enumerate(zip(instants, weights, strict=True))
        ]
        return [row for row in rows if row is not None]

    def _print(self, market: int, key: tuple[int, int], at: int, dollars: int) -> Print | None:
        """Return one trade worth about that many 1e-6 dollars at the quote of its instant."""
        bid, ask = self._live.quote_e4(market, at)
        how = self._draw(market, key[0], key[1], _HOW)
        up = bool(how & 1)
        if up and ask == ONE_PRICE:
            up = False
        elif not up and bid == 0:
            up = True
        yes = ask if up else bid
        buy = how >> 8 & 7 < 6
        leg = 0 if up == buy else 1
        price = yes if leg == 0 else ONE_PRICE - yes
        if not 0 < price < ONE_PRICE:
            return None
        shares = dollars * ONE_PRICE // price // _LOT * _LOT
        return Print(key, at, leg, buy, price, shares) if shares else None

    def _pace(self, market: int) -> tuple[int, int]:
        """Return the length of a block in microseconds and how many trades each holds: about a typical trade each."""
        if market not in self._blocks:
            live = self._live
            per_minute = float(live.total_usd[market]) * MINUTE / live.kind(market).span
            typical = min(max(live.depth_usd(market) / 4.0, 10.0), 400.0)
            minutes = min(max(1, round(typical / max(per_minute, 1e-9))), 24 * 60)
            most = 1 if minutes > 1 else min(max(1, round(per_minute / typical)), _MOST_PRINTS)
            self._blocks[market] = (minutes * MINUTE, most)
        return self._blocks[market]

    def _turn(self, market: int, now: int) -> int:
        offset = self._seed(market) % MINUTE // _BEAT * _BEAT
        return now - (now - offset) % MINUTE

    def _minute(self, market: int, now: int) -> int:
        return self._turn(market, now) // MINUTE

    def _point(self, market: int, now: int) -> int:
        arrays = self._live.world.arrays
        first, stop = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
        place = int(np.searchsorted(arrays.t[first:stop], now, side="right"))
        return int(arrays.t[first + place - 1]) if place else 0

    def _seed(self, market: int) -> int:
        found = self._seeds.get(market)
        if found is None:
            text = f"{self._live.world.scenario.name}/{self._live.world.seed}/crowd/{market}"
            found = self._seeds[market] = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        return found

    def _draw(self, market: int, a: int, b: int, purpose: int) -> int:
        """Return 64 well-mixed bits (the finaliser of splitmix64) of a market, two numbers and a purpose."""
        value = (self._seed(market) + a * 0x9E3779B97F4A7C15 + (b * 8 + purpose) * 0xD1B54A32D192ED03) & _MASK
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
        return value ^ (value >> 31)

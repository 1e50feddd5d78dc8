"""A venue of a few books behind an in-memory socket, on a virtual clock, that can lose, repeat, swap and withhold."""

import asyncio
import json
from collections import deque

from edgeworth.core.book import BookSnapshot
from edgeworth.core.errors import Retryable
from edgeworth.core.random import stream

ONE = 10_000


def text(price_e4: int) -> str:
    return f"{price_e4 / ONE:g}"


def size_text(size_e6: int) -> str:
    return f"{size_e6 / 1e6:.6f}".rstrip("0").rstrip(".")


class Market:
    def __init__(self, number: int, draws, tick: int) -> None:
        self.tick = tick
        self.yes, self.no = (str(10**76 + 1_000 * number + leg) for leg in (1, 2))
        self.condition = f"0x{number:064x}"
        mid = int(draws.integers(20, 80)) * 100
        self.bids = {mid - k * tick: int(draws.integers(1, 10**6)) * 10_000 for k in range(1, 8)}
        self.asks = {mid + k * tick: int(draws.integers(1, 10**6)) * 10_000 for k in range(1, 8)}
        self.stamp = 0

    def sides(self, token: str) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        bids, asks = self.bids, self.asks
        if token == self.no:
            bids, asks = ({ONE - p: s for p, s in side.items()} for side in (self.asks, self.bids))
        return tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))

    def best(self) -> tuple[int | None, int | None]:
        return max(self.bids, default=None), min(self.asks, default=None)

    def change(self, draws) -> dict:
        """Change one level and return the message's body."""
        is_bid = bool(draws.random() < 0.5)
        side = self.bids if is_bid else self.asks
        bid, ask = self.best()
        if draws.random() < 0.4 and len(side) > 3:
            price, size = sorted(side, reverse=is_bid)[int(draws.integers(0, 3))], 0
            del side[price]
        else:
            away = int(draws.integers(0, 6)) * self.tick
            price = (ask - self.tick - away) if is_bid else (bid + self.tick + away)
            price = min(max(price, self.tick), ONE - self.tick)
            size = int(draws.integers(1, 10**6)) * 10_000
            side[price] = size
        bid, ask = self.best()
        yes = {"asset_id": self.yes, "price": text(price), "size": size_text(size), "side": "BUY" if is_bid else "SELL"}
        no = {"asset_id": self.no, "price": text(ONE - price), "size": yes["size"], "side": "SELL" if is_bid else "BUY"}
        yes |= {"hash": "a" * 40, "best_bid": text(bid), "best_ask": text(ask)}
        no |= {"hash": "b" * 40, "best_bid": text(ONE - ask), "best_ask": text(ONE - bid)}
        return {"event_type": "price_change", "market": self.condition, "price_changes": [yes, no]}

    def book(self, token: str, now: int) -> dict:
        bids, asks = self.sides(token)
        return {
            "event_type": "book", "market": self.condition, "asset_id": token, "timestamp": str(now // 1_000),
            "hash": "", "bids": [{"price": text(p), "size": size_text(s)} for p, s in reversed(bids)],
            "asks": [{"price": text(p), "size": size_text(s)} for p, s in reversed(asks)],
            "tick_size": text(self.tick),
        }  # fmt: skip


class TinyWire:
    def __init__(self, venue: "TinyVenue") -> None:
        self.venue, self.frames, self.filled, self.closed = venue, deque(), asyncio.Event(), False
        self.assets: set[str] = set()
        self.held: str | None = None

    async def send(self, said: str) -> None:
        if self.closed:
            raise ConnectionError("closed")
        if said == "PING":
            self.push("PONG")
            return
        frame = json.loads(said)
        if frame.get("operation") == "unsubscribe":
            self.assets -= set(frame["assets_ids"])
            return
        self.assets |= set(frame["assets_ids"])
        books = [self.venue.market_of[t].book(t, self.venue.clock.now()) for t in frame["assets_ids"]]
        if not self.venue.no_first:
            self.push(json.dumps(books, separators=(",", ":")))

    def push(self, frame: str) -> None:
        self.frames.append(frame)
        self.filled.set()

    async def receive(self) -> str:
        while not self.frames:
            if self.closed:
                raise ConnectionError("closed")
            self.filled.clear()
            await self.filled.wait()
        return self.frames.popleft()

    async def close(self) -> None:
        self.closed = True
        self.filled.set()


class TinyVenue:
    """`drop`, `repeat`, `swap` are chances per frame; `frozen` sockets answer PING and send nothing else."""

    def __init__(self, clock, seed: int, markets: int = 3, tick: int = 100) -> None:
        self.clock, self.draws = clock, stream(seed, "tiny-venue")
        self.markets = [Market(k, self.draws, tick) for k in range(markets)]
        self.market_of = {token: m for m in self.markets for token in (m.yes, m.no)}
        self.wires: list[TinyWire] = []
        self.drop = self.repeat = self.swap = 0.0
        self.frozen = self.refusing = self.rest_down = self.no_first = False
        self.rest_seconds = 0.05
        self.rest_calls = self.opened = 0
        self.bests: dict[str, list[tuple[int, tuple]]] = {m.yes: [(clock.now(), m.best())] for m in self.markets}

    def add(self, markets: list[Market]) -> None:
        self.markets += markets
        self.market_of |= {token: m for m in markets for token in (m.yes, m.no)}
        self.bests |= {m.yes: [(self.clock.now(), m.best())] for m in markets}

    async def connect(self, _url: str) -> TinyWire:
        if self.refusing:
            raise ConnectionError("refused")
        self.opened += 1
        wire = TinyWire(self)
        self.wires.append(wire)
        return wire

    async def snapshot(self, tokens) -> list[BookSnapshot]:
        self.rest_calls += 1
        if self.rest_down:
            raise Retryable("venue-unavailable", "no books today")
        await self.clock.sleep(self.rest_seconds)
        found = []
        for token in tokens:
            market = self.market_of[token]
            bids, asks = market.sides(token)
            stamp = max(market.stamp, 1_000)
            found.append(
                BookSnapshot(token=token, bids=bids, asks=asks, known_at=self.clock.now(), event_time=stamp,
                             tick_e4=market.tick)
            )  # fmt: skip
        return found

    def change(self, market: Market | None = None) -> None:
        """Change a random book and tell the sockets."""
        market = market or self.markets[int(self.draws.integers(0, len(self.markets)))]
        body = market.change(self.draws)
        now = self.clock.now()
        market.stamp = now // 1_000 * 1_000
        body["timestamp"] = str(now // 1_000)
        self.bests[market.yes].append((now, market.best()))
        self.tell(market, body)

    def tell(self, market: Market, body: dict) -> None:
        frame = json.dumps(body, separators=(",", ":"))
        for wire in self.wires:
            if not wire.closed and market.yes in wire.assets and not self.frozen:
                self._deliver(wire, frame)

    def _deliver(self, wire: TinyWire, frame: str) -> None:
        if self.draws.random() < self.drop:
            return
        if wire.held is not None:
            wire.push(frame)
            wire.push(wire.held)
            wire.held = None
        elif self.draws.random() < self.swap:
            wire.held = frame
        else:
            wire.push(frame)
        if self.draws.random() < self.repeat:
            wire.push(frame)

    async def hang_up(self) -> None:
        for wire in self.wires:
            await wire.close()

    def heal(self) -> None:
        self.drop = self.repeat = self.swap = 0.0
        self.frozen = self.refusing = self.rest_down = self.no_first = False

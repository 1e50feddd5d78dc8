"""Invent market-channel frames: books of about sixty levels, changes of both tokens, trades; 646 bytes on average."""

import json
from typing import Any

from edgeworth.core.random import stream

MARKETS, LEVELS = 50, 30
BOOKS, TRADES = 0.042, 0.035  # shares of messages; all others are changes
START_MS = 1_795_176_000_123
TICK = 10  # in 1e-4 dollars


class Market:
    """One market's true book in ticks of a tenth of a cent."""

    def __init__(self, draws: Any) -> None:
        self.yes, self.no = (str(int.from_bytes(draws.bytes(32), "big") | 1 << 255) for _ in range(2))
        self.condition = "0x" + draws.bytes(32).hex()
        mid = int(draws.integers(200, 800))
        sizes = iter(draws.integers(1, 10**9, 2 * LEVELS).tolist())
        self.bids = {price: next(sizes) for price in range(mid - LEVELS, mid)}
        self.asks = {price: next(sizes) for price in range(mid + 1, mid + 1 + LEVELS)}
        self.best = (mid - 1, mid + 1)

    def levels(self, token: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """Return bids and asks of a token as the venue lists them, best last."""
        bids, asks = self.bids, self.asks
        if token == self.no:
            bids, asks = ({1_000 - price: size for price, size in side.items()} for side in (asks, bids))
        return [_level(p, bids[p]) for p in sorted(bids)], [_level(p, asks[p]) for p in sorted(asks, reverse=True)]

    def change(self, random: list[float]) -> tuple[int, int, bool]:
        """Add, change or remove a level near the best price."""
        first, second, third, fourth = random
        buys = first < 0.5
        side, (bid, ask) = (self.bids if buys else self.asks), self.best
        if second < 0.4 and len(side) > LEVELS // 2:
            near = sorted(side, reverse=buys)[:20]
            price, size = near[int(third * len(near))], 0
            del side[price]
        else:
            away = int(25 * third**3)
            price = min(max(ask - 1 - away if buys else bid + 1 + away, 1), 999)
            size = side[price] = 1 + int(fourth * 10**9)
        self.best = max(self.bids), min(self.asks)
        return price, size, buys


def messages(count: int, seed: int = 7) -> tuple[list[bytes], list[Market]]:
    """Return frames in order, first every token's book, and the markets as they end."""
    draws = stream(seed, "bench-stream", count)
    markets = [Market(draws) for _ in range(MARKETS)]
    at = START_MS
    frames = [_json(_book(market, token, at, draws)) for market in markets for token in (market.yes, market.no)]
    while len(frames) < count:
        at += int(draws.integers(1, 50))
        market = markets[int(draws.integers(0, MARKETS))]
        kind, *random = draws.random(5).tolist()
        if kind < BOOKS:
            book = _book(market, market.yes if random[0] < 0.5 else market.no, at, draws)
            frames.append(_json([book] if random[1] < 0.5 else book))
        elif kind < BOOKS + TRADES:
            frames.append(_json(_trade(market, at, draws)))
        else:
            frames.append(_json(_change(market, at, random, draws)))
    return frames, markets


def _change(market: Market, at: int, random: list[float], draws: Any) -> dict[str, Any]:
    price, size, buys = market.change(random)
    bid, ask = market.best
    sides = ("BUY", "SELL") if buys else ("SELL", "BUY")
    parts = []
    for token, level, side, best in (
        (market.yes, price, sides[0], (bid, ask)),
        (market.no, 1_000 - price, sides[1], (1_000 - ask, 1_000 - bid)),
    ):
        one = {"asset_id": token, "price": _price(level), "size": _size(size), "side": side}
        parts.append({**one, "hash": draws.bytes(20).hex(), "best_bid": _price(best[0]), "best_ask": _price(best[1])})
    whole = {"event_type": "price_change", "market": market.condition, "timestamp": str(at)}
    return {**whole, "price_changes": parts}


def _book(market: Market, token: str, at: int, draws: Any) -> dict[str, Any]:
    bids, asks = market.levels(token)
    return {
        "event_type": "book", "market": market.condition, "asset_id": token, "timestamp": str(at),
        "hash": draws.bytes(20).hex(), "bids": bids, "asks": asks, "tick_size": "0.001", "min_order_size": "5",
        "neg_risk": False, "last_trade_price": _price(market.best[0]),
    }  # fmt: skip


def _trade(market: Market, at: int, draws: Any) -> dict[str, Any]:
    return {
        "event_type": "last_trade_price", "market": market.condition, "asset_id": market.yes,
        "price": _price(market.best[1]), "size": "15.5", "side": "BUY", "fee_rate_bps": "0", "timestamp": str(at),
        "transaction_hash": "0x" + draws.bytes(32).hex(),
    }  # fmt: skip


def _level(price: int, size: int) -> dict[str, str]:
    return {"price": _price(price), "size": _size(size)}


def _price(ticks: int) -> str:
    return f"{ticks / 1_000:g}"


def _size(hundredths: int) -> str:
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

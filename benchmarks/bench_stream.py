"""Market channel (W6): 100,000 frames decoded and applied to their books, beside json-and-dicts loops and clients.

Every frame is fed alone, as a socket hands it over. The loops decode with `json`, keep a dictionary per token and side,
and have the best prices after each frame; at the end all books must equal ours, level by level. The official client has
no books: its figure is its own parsing of the same frames. CPU per frame, least of the rounds.
"""

import importlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.measure import absent, against, best, options, say
from benchmarks.ws_messages import TICK, Market, messages
from edgeworth.core.book import Books
from edgeworth.engine.book_kernel import quick_feed
from edgeworth.venues.polymarket.book_keeper import BookKeeper, Cause, MakeFast
from edgeworth.venues.polymarket.ws_wire import MarketMessage, Trade, decode_market

GOAL = 15.0
ROUNDS = 9  # ours is over so soon that a round may fall into a busy moment as a whole
NAUTILUS = "1.231 on Python >= 3.12, with its Polymarket adapter"
Number = Callable[[str], Any]
Sides = dict[str, tuple[dict[Any, Any], dict[Any, Any]]]
Top = Callable[[dict[Any, Any], dict[Any, Any]], tuple[Any, Any]]


class Listener:
    """Count trades; a doubt would be an error of the generator."""

    def __init__(self) -> None:
        self.trades = 0

    def doubted(self, number: int, cause: Cause) -> None:
        raise AssertionError((number, cause))

    def traded(self, _trade: Trade) -> None:
        self.trades += 1

    def told(self, message: MarketMessage) -> None:
        raise AssertionError(message)


def ours(frames: list[bytes], markets: list[Market], fast: MakeFast | None) -> tuple[Books, int]:
    """Feed every frame to the product's keeper of books."""
    books, listener = Books(), Listener()
    for market in markets:
        books.open(market.yes, market.no, TICK)
    keeper = BookKeeper(books, listener, fast)
    feed = keeper.feed
    now = 1_795_176_000_000_000
    for frame in frames:
        feed(frame, now)
    return books, listener.trades


def by_sorting(bids: dict[Any, Any], asks: dict[Any, Any]) -> tuple[Any, Any]:
    """Find the best prices by sorting both sides, as code that keeps sorted books does."""
    return sorted(bids.items(), reverse=True)[:1], sorted(asks.items())[:1]


def by_extremes(bids: dict[Any, Any], asks: dict[Any, Any]) -> tuple[Any, Any]:
    """Find the best prices by the extremes of both sides."""
    return max(bids, default=None), min(asks, default=None)


def by_loop(frames: list[bytes], number: Number, top: Top) -> tuple[Sides, int]:
    """Decode with json, keep dictionaries of numbers, find the best prices after each frame."""
    books: Sides = {}
    trades = 0
    for frame in frames:
        value = json.loads(frame)
        for message in value if isinstance(value, list) else [value]:
            kind = message["event_type"]
            if kind == "price_change":
                for change in message["price_changes"]:
                    bids, asks = books[change["asset_id"]]
                    side = bids if change["side"] == "BUY" else asks
                    price, size = number(change["price"]), number(change["size"])
                    if size:
                        side[price] = size
                    else:
                        side.pop(price, None)
                    top(bids, asks)
            elif kind == "book":
                bids, asks = (
                    {number(level["price"]): number(level["size"]) for level in message[name]}
                    for name in ("bids", "asks")
                )
                books[message["asset_id"]] = bids, asks
                top(bids, asks)
            elif kind == "last_trade_price":
                trades += 1
    return books, trades


def assert_equal(found: tuple[Books, int], theirs: tuple[Sides, int], markets: list[Market]) -> None:
    """Compare every level of every token, and the trades."""
    books, trades = found
    assert trades == theirs[1]
    for market in markets:
        for token in (market.yes, market.no):
            book = books.snapshot(token)
            assert book is not None
            for mine, other in zip((book.bids, book.asks), theirs[0][token], strict=True):
                assert dict(mine) == {round(10_000 * p): round(1_000_000 * s) for p, s in other.items()}


def client_parsing(frames: list[bytes]) -> Callable[[], int] | None:
    """Return the official client's own reading of frames, None where it is not installed."""
    try:
        protocol = importlib.import_module("polymarket._internal.streams.clob.market_protocol")
    except ImportError:
        absent("polymarket-client", "0.14")
        return None

    def work() -> int:
        parse = protocol.parse_events
        return sum(len(parse(json.loads(frame))[0]) for frame in frames)

    return work


def main() -> None:
    """Measure all."""
    chosen = options(__doc__)
    count = 2_000 if chosen.tiny else 20_000 if chosen.quick else 100_000
    full = count == 100_000
    frames, markets = messages(count)
    say("W6", "bytes of a frame, mean", sum(map(len, frames)) / count, "B")
    ours(frames[:200], markets, quick_feed)  # compiled before the clock starts
    quick = best(lambda: ours(frames, markets, quick_feed), ROUNDS)
    mine = quick.cpu / count * 1e6
    say("W6", "frames decoded and applied", 1e6 / mine, "frames/s of CPU")
    peers: list[tuple[str, Number, Top, float | None]] = [
        ("json + dicts of Decimals, sorted", Decimal, by_sorting, GOAL),
        ("json + dicts of floats, sorted", float, by_sorting, GOAL),
        ("json + dicts of Decimals, max and min", Decimal, by_extremes, None),
        ("json + dicts of floats, max and min", float, by_extremes, None),
    ]
    for peer, number, top, goal in peers:
        theirs = best(lambda number=number, top=top: by_loop(frames, number, top))  # type: ignore[misc]
        assert_equal(quick.result, theirs.result, markets)
        per = theirs.cpu / count * 1e6
        least = goal if full else None  # with few frames the first books weigh too much
        against("W6", "a frame decoded and applied to its book, CPU", mine, "us", peer=peer, theirs=per, goal=least)
    usual = best(lambda: ours(frames, markets, None), 1)
    per = usual.cpu / count * 1e6
    against("W6", "a frame decoded and applied, CPU", mine, "us", peer="ours without compiled code", theirs=per)
    compare_decoding(frames[: min(count, 10_000)], mine, GOAL if full else None)
    beside_nautilus(frames[: min(count, 20_000)], mine)


def beside_nautilus(frames: list[bytes], mine: float) -> None:
    """Compare with nautilus_trader's adapter and books, in the environment that EDGEWORTH_PEER_PYTHON names."""
    python = os.environ.get("EDGEWORTH_PEER_PYTHON", "")  # noqa: TID251  (a benchmark has no configuration)
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as file:
        file.write(b"\n".join(frames))
        file.flush()
        command = [python, str(Path(__file__).parent / "peers" / "nautilus_stream.py"), file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False) if python else None
    if done is None or done.returncode:
        absent("nautilus_trader", f"{NAUTILUS}; `make bench-peers` installs it")
        return
    theirs = json.loads(done.stdout)["cpu_us"]
    against(
        "W6", "a frame decoded and applied to its book, CPU", mine, "us", peer="nautilus_trader 1.231", theirs=theirs
    )


def compare_decoding(frames: list[bytes], applied: float, goal: float | None) -> None:
    """Compare with decoding alone: plain json, ours into typed messages, and the official client."""
    count = len(frames)
    plain = best(lambda: [json.loads(frame) for frame in frames]).cpu / count * 1e6
    typed = best(lambda: [decode_market(frame, 1) for frame in frames]).cpu / count * 1e6
    against("W6", "decoded and applied, beside decoding alone", applied, "us", peer="json.loads", theirs=plain)
    say("W6", "a frame decoded into typed messages, CPU", typed, "us")
    work = client_parsing(frames)
    if work is None:
        return
    theirs = best(work, 1)
    assert theirs.result == count
    per = theirs.cpu / count * 1e6
    peer = "polymarket-client 0.14 (parsing alone)"
    against("W6", "a frame decoded and applied to its book, CPU", applied, "us", peer=peer, theirs=per, goal=goal)
    against("W6", "a frame decoded into typed messages, CPU", typed, "us", peer=peer, theirs=per)


if __name__ == "__main__":
    main()

# mypy: ignore-errors
"""nautilus_trader on the market channel: its Polymarket adapter's decoding, its deltas, its order books, best prices.

Runs in an environment of its own (Python 3.12): `nautilus_stream.py FRAMES.ndjson` prints frames and CPU time a frame.
What its data client adds (cache look-ups, message bus, quote ticks for subscribers) is left out, in its favour.
"""

import json
import sys
import time
from pathlib import Path

import msgspec
from nautilus_trader.adapters.polymarket.schemas.book import PolymarketBookSnapshot, PolymarketQuotes, PolymarketTrade
from nautilus_trader.adapters.polymarket.websocket.types import MARKET_WS_MESSAGE
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BookOrder, OrderBookDelta
from nautilus_trader.model.enums import AssetClass, BookAction, BookType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import BinaryOption
from nautilus_trader.model.objects import Price, Quantity

ROUNDS = 3


def instrument(token: str) -> BinaryOption:
    """An instrument of one token, in steps of a tenth of a cent."""
    return BinaryOption(
        instrument_id=InstrumentId(Symbol(token[-24:]), Venue("POLYMARKET")),
        raw_symbol=Symbol(token[-24:]),
        asset_class=AssetClass.ALTERNATIVE,
        currency=USD,
        activation_ns=0,
        expiration_ns=2**62,
        price_precision=3,
        size_precision=6,
        price_increment=Price.from_str("0.001"),
        size_increment=Quantity.from_str("0.000001"),
        ts_event=0,
        ts_init=0,
    )


def feed(frames: list[bytes]) -> int:
    """Decode every frame and apply it to the books; return how many best prices were read."""
    decode = msgspec.json.Decoder(MARKET_WS_MESSAGE).decode
    known: dict[str, tuple[BinaryOption, OrderBook]] = {}
    read = 0
    for frame in frames:
        message = decode(frame)
        for item in message if isinstance(message, list) else (message,):
            if isinstance(item, PolymarketBookSnapshot):
                option = known[item.asset_id][0] if item.asset_id in known else instrument(item.asset_id)
                book = OrderBook(option.id, book_type=BookType.L2_MBP)
                deltas = item.parse_to_snapshot(instrument=option, ts_init=0)
                if deltas is not None:
                    book.apply_deltas(deltas)
                known[item.asset_id] = option, book
                read += book.best_bid_price() is not None
            elif isinstance(item, PolymarketQuotes):
                for change in item.price_changes:
                    option, book = known[change.asset_id]
                    size = option.make_qty(float(change.size))
                    order = BookOrder(
                        OrderSide.BUY if change.side.value == "BUY" else OrderSide.SELL,
                        option.make_price(float(change.price)),
                        size,
                        0,
                    )
                    action = BookAction.UPDATE if size > 0 else BookAction.DELETE
                    book.apply_delta(OrderBookDelta(option.id, action, order, 0, 0, 0, 0))
                    read += book.best_bid_price() is not None
            elif isinstance(item, PolymarketTrade):
                item.parse_to_trade_tick(instrument=known[item.asset_id][0], ts_init=0)
    return read


def main() -> None:
    """Time it."""
    with Path(sys.argv[1]).open("rb") as file:
        frames = file.read().splitlines()
    feed(frames[:500])
    least = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        read = feed(frames)
        least = min(least, time.process_time() - begun)
    print(json.dumps({"frames": len(frames), "read": read, "cpu_us": least / len(frames) * 1e6}))


if __name__ == "__main__":
    main()

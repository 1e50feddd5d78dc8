# mypy: ignore-errors
"""nautilus_trader on the benchmark's rule: one-sided quotes per market, a Python strategy, market orders, one account.

Runs in an environment of its own (Python 3.12): `nautilus_loop.py FILE.npz` prints trades, events and CPU seconds.
The file holds points in time order and where opinions stand: NO is bought once a market, at the first of them, in fixed
size. That is less work than the walk does: no Kelly, no caps, no stop, no settlement.
"""

import json
import sys
import time
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, AssetClass, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import BinaryOption
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")


class Rule(Strategy):
    """Buy where an opinion stands and nothing is held in the market."""

    def __init__(self, wanted: dict[InstrumentId, set[int]], ids: list[InstrumentId]) -> None:
        super().__init__(StrategyConfig())
        self._wanted, self._ids = wanted, ids
        self._held: set[InstrumentId] = set()

    def on_start(self) -> None:
        for found in self._ids:
            self.subscribe_quote_ticks(found)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        name = tick.instrument_id
        if name in self._held or tick.ts_event not in self._wanted[name]:
            return
        self._held.add(name)
        order = self.order_factory.market(name, OrderSide.BUY, Quantity.from_int(10))
        self.submit_order(order)


def main(path: str) -> None:
    data = np.load(path)
    t, market, price = data["t"] * 1_000, data["market"], data["price"]
    count = int(data["markets"])
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USD)], base_currency=USD)
    ids = []
    for k in range(count):
        name = InstrumentId(Symbol(f"M{k}"), VENUE)
        ids.append(name)
        engine.add_instrument(
            BinaryOption(
                instrument_id=name, raw_symbol=Symbol(f"M{k}"), asset_class=AssetClass.ALTERNATIVE, currency=USD,
                price_precision=4, size_precision=0, price_increment=Price.from_str("0.0001"),
                size_increment=Quantity.from_int(1), activation_ns=0, expiration_ns=2**62, ts_event=0, ts_init=0,
                maker_fee=Decimal(0), taker_fee=Decimal(0), outcome="No",
            )
        )  # fmt: skip
    wanted: dict[InstrumentId, set[int]] = {name: set() for name in ids}
    for position in data["opinion"].tolist():
        wanted[ids[market[position]]].add(int(t[position]))
    size = Quantity.from_int(1_000_000)
    ticks = [
        QuoteTick(ids[m], Price(max(1 - p / 10_000 - 0.005, 0.0001), 4), Price(min(1 - p / 10_000 + 0.005, 0.9999), 4),
                  size, size, when, when)
        for when, m, p in zip(t.tolist(), market.tolist(), price.tolist(), strict=True)
    ]  # fmt: skip
    engine.add_data(ticks)
    engine.add_strategy(Rule(wanted, ids))
    begun = time.process_time()
    engine.run()
    used = time.process_time() - begun
    filled = len(engine.trader.generate_order_fills_report())
    print(json.dumps({"trades": filled, "events": len(t), "cpu_s": used}))


if __name__ == "__main__":
    main(sys.argv[1])

"""What a walk leaves: fills, trades, ledger totals, equity curve, and how many opinions met which gate code."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import Int32s, Int64s
from edgeworth.engine import layout as at
from edgeworth.engine.gate import GateCode
from edgeworth.engine.layout import FillKind, State, Tables
from edgeworth.engine.types import LOT_E6, EngineConfig

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Ledger:
    """Totals of the accounts, 1e-6 dollars: cash + reserved + positions (at cost) + fees - capital - gains = 0.

    `gains` are realised before fees; `value` marks the open positions at the executable bid; `spread` is a memo of what
    was paid away against the mid.
    """

    cash: int
    reserved: int
    positions: int
    fees: int
    capital: int
    gains: int
    value: int
    spread: int

    @property
    def equity(self) -> int:
        """Cash, reserved cash and the marked value of open positions."""
        return self.cash + self.reserved + self.value

    def imbalance(self) -> int:
        """Return the sum of all entries, which is 0."""
        return self.cash + self.reserved + self.positions + self.fees - self.capital - self.gains


@dataclass(frozen=True, slots=True)
class EngineResult:
    """The outcome of one walk.

    `fills`, `trades`, `curve`: int64 arrays by column name (`layout.FILL_COLUMNS`, `TRADE_COLUMNS`, `CURVE_COLUMNS`);
    money in 1e-6 dollars, quantities in lots of 0.01 share, `t` in microseconds, `kind` a `FillKind`. Fill `cash_e6` is
    signed, `gain_e6` realised before fees. The curve has a row per day boundary and per change of the account.
    `codes`: final `GateCode` of each opinion, in their order; `denials`: opinions by code; `shrunk`: orders by the cap
    that shrank them. `max_drawdown_ppm` and `max_drawdown_e6` are taken after every event, not from the curve.
    """

    fills: Tables
    trades: Tables
    curve: Tables
    ledger: Ledger
    codes: npt.NDArray[np.int8]
    denials: dict[GateCode, int]
    shrunk: dict[GateCode, int]
    max_drawdown_ppm: int
    max_drawdown_e6: int
    config: EngineConfig

    @property
    def orders(self) -> int:
        """How many opinions became a fill."""
        return self.denials.get(GateCode.ALLOWED, 0)

    def to_frames(self) -> "dict[str, pl.DataFrame]":
        """Return `fills`, `trades` and `equity` as polars frames; kinds as text, quantities in `shares_e6`."""
        import polars as pl

        return {
            "fills": pl.DataFrame(_for_people(self.fills)),
            "trades": pl.DataFrame(_for_people(self.trades)),
            "equity": pl.DataFrame(self.curve),
        }


def _for_people(table: Tables) -> dict[str, npt.NDArray[np.generic] | list[str]]:
    texts = {kind.value: kind.text for kind in FillKind}
    result: dict[str, npt.NDArray[np.generic] | list[str]] = {}
    for name, column in table.items():
        if name == "kind":
            result[name] = [texts[int(value)] for value in column]
        elif name == "lots":
            result["shares_e6"] = column * LOT_E6
        elif name == "lots_left":
            result["shares_left_e6"] = column * LOT_E6
        else:
            result[name] = column
    return result


def make_result(state: State, config: EngineConfig, slot_market: Int32s) -> EngineResult:
    """Cut the buffers of a finished walk to size and name their columns; slots become panel indices of markets."""
    account = state.account
    trades = _named(state.trades, at.TRADE_COLUMNS, int(account[at.TRADE_COUNT]))
    fills = _named(state.fills, at.FILL_COLUMNS, int(account[at.FILL_COUNT]))
    for table in (trades, fills):
        table["market"] = slot_market[table["market"]].astype(np.int64)
    return EngineResult(
        fills=fills,
        trades=trades,
        curve=_named(state.curve, at.CURVE_COLUMNS, int(account[at.CURVE_COUNT])),
        ledger=Ledger(
            cash=int(account[at.CASH]),
            reserved=int(account[at.RESERVED]),
            positions=int(account[at.POSITIONS]),
            fees=int(account[at.FEES]),
            capital=int(account[at.CAPITAL]),
            gains=int(account[at.GAINS]),
            value=int(account[at.VALUE]),
            spread=int(account[at.SPREAD]),
        ),
        codes=state.codes,
        denials={code: int(account[at.COUNTS + code]) for code in GateCode if account[at.COUNTS + code]},
        shrunk={code: int(account[at.SHRUNK + code]) for code in GateCode if code and account[at.SHRUNK + code]},
        max_drawdown_ppm=int(account[at.WORST_PPM]),
        max_drawdown_e6=int(account[at.WORST_DROP]),
        config=config,
    )


def _named(table: Int64s, columns: tuple[str, ...], rows: int) -> Tables:
    return {name: np.ascontiguousarray(table[:rows, k]) for k, name in enumerate(columns)}

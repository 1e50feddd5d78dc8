"""Names of the columns and slots the compiled walk reads and writes; numba wants arrays, people want names."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import Floats, Int32s, Int64s

# Widens an element of a narrow array, so that helpers are compiled for one width only.
i64: Callable[[Any], int] = cast("Any", np.int64)

PRICE_BITS: Final = 14  # a tape word is market << 14 | YES price in 1e-4 dollars
PRICE_MASK: Final = (1 << PRICE_BITS) - 1
PRICES: Final = 10_001  # mids from 0 to 10,000: the length of a quote table

MAX_LOTS: Final = 2_000_000_000  # per order: 20 million shares
MAX_OUTSTANDING: Final = 500_000_000_000  # lots in all: a payout of 5 billion dollars
MAX_EQUITY_E6: Final = 4_000_000_000_000_000  # so that equity x 1000 stays within int64


class FillKind(IntEnum):
    """What moved shares: an entry, or one of the ways out."""

    ENTRY = 0
    RESOLUTION = 1
    VOID = 2
    STOP_LOSS = 3
    TAKE_PROFIT = 4
    EDGE_GONE = 5
    TIME = 6
    OPEN = -1  # stands in trades that had not ended

    @property
    def text(self) -> str:
        """Return the kebab name shown to people."""
        return self.name.lower().replace("_", "-")


class Inputs(NamedTuple):
    """Everything the walk reads; few arrays with many columns, because each array makes every call dearer."""

    t: Int64s
    word: npt.NDArray[np.unsignedinteger[Any]]  # (N,) slot of the market << 14 | price
    position: Int32s  # (N,) tape index of each panel point, market by market
    opinion: Int32s  # (F,) tape positions, market by market
    side: npt.NDArray[np.int8]
    p: Floats  # (F,) probability
    se: Floats  # (F,) its standard error
    terms: Int64s  # (M, TERM_COLUMNS) what a market is; from here on a market is its slot on the tape
    facts: Int64s  # the same memory, flat
    members: Int32s  # (M,) slots, event by event, in the panel's order
    fees: Int64s  # (K, 3) since, rate, exponent
    ends: Int64s  # (R, 4) resolutions: market, known at, tape position, payout
    days: Int64s  # (D, 2) day boundaries: instant, tape position
    quotes: Int32s  # (2, Q) ask and bid of every mid, one block per tick class
    bids: npt.NDArray[np.int16]  # (2 Q,) bid by YES price: per tick class a block of YES, then one of NO


class Limits(NamedTuple):
    """The configuration as plain numbers."""

    kelly: float
    min_edge: int
    max_order: int
    depth: int
    max_market: int
    max_event: int
    max_category: int
    max_total: int
    drawdown_start: int
    drawdown_stop: int
    stop_loss: int
    take_profit: int
    max_hold: int
    exit_on_edge_gone: int
    max_entries: int


class State(NamedTuple):
    """Everything the walk writes."""

    hot: Int64s  # (M, 8) what a mark needs: one cache line per market
    marks: Int64s  # (8 M,) the same memory, flat: cheaper to index
    busy: npt.NDArray[np.uint8]  # (M,) 1 where a position is held or an order waits
    due: npt.NDArray[np.uint64]  # a bit a point: here the walk looks at it in full
    queue: npt.NDArray[np.uint64]  # (WINDOW,) points of busy markets, picked out of a window of the tape
    path: Int64s  # (WINDOW,) value of all positions after each of them
    cold: Int64s  # (M, COLD_COLUMNS) the order or exit that waits, and what blocks an entry
    orders: Int64s  # the same memory, flat
    exposure: Int64s  # (2, X) by event and by category
    account: Int64s
    codes: npt.NDArray[np.int8]  # (F,) final code of each opinion
    fills: Int64s
    trades: Int64s
    curve: Int64s


ALWAYS: Final = 1 << 40  # a bid that is never reached
NO_POINT: Final = 2**31 - 1  # a tape position that is never reached
WINDOW: Final = 128  # points from which those of busy markets are picked at once

HELD: Final = 1
PENDING: Final = 2
EXITING: Final = 4

# hot
LOTS: Final = 0
BID: Final = 1
BASE: Final = 2  # where the leg's block begins in `bids`
LOW: Final = 3  # YES prices from LOW on, SPAN of them, decide nothing
SPAN: Final = 4
PAID: Final = 5  # price per share
DIRECTION: Final = 6

# cold
ORDER_T: Final = 0
BUDGET: Final = 1
FAIR: Final = 2
OPINION: Final = 3
TRADE: Final = 4
REASON: Final = 5
ENTRIES: Final = 6
SIDE: Final = 7
FLAGS: Final = 8  # bits HELD, PENDING, EXITING
BLOCKED: Final = 9  # gate code that any new opinion gets, 0 = none
NEXT: Final = 10  # the market's first opinion without a code; while BLOCKED those passed get theirs only later
STOP: Final = 11
TAKE: Final = 12
DEADLINE: Final = 13
COLD_COLUMNS: Final = 16

# terms
EVENT: Final = 0
CATEGORY: Final = 1
EXCLUSIVE: Final = 2
MIN_LOTS: Final = 3
TABLE: Final = 4  # first index of the market's tick class in `quotes`
FEE_FIRST: Final = 5
FEE_LAST: Final = 6
OPINION_FIRST: Final = 7
OPINION_LAST: Final = 8
MEMBER_FIRST: Final = 9
MEMBER_LAST: Final = 10
PLAIN: Final = 11  # 1 when the bids never fall as the mid rises
END: Final = 12  # tape position of the resolution, NO_POINT without one
POINT_FIRST: Final = 13  # the market's points in `position`
POINT_LAST: Final = 14
TERM_COLUMNS: Final = 15

# ends
END_MARKET: Final = 0
END_T: Final = 1
END_POSITION: Final = 2
END_PAYOUT: Final = 3

# quotes
ASK_ROW: Final = 0
BID_ROW: Final = 1

# account: CASH + RESERVED + POSITIONS + FEES - CAPITAL - GAINS = 0, always
CASH: Final = 0
RESERVED: Final = 1
POSITIONS: Final = 2
FEES: Final = 3
CAPITAL: Final = 4
GAINS: Final = 5
VALUE: Final = 6  # positions marked at the executable bid
PEAK: Final = 7
TROUGH: Final = 8  # lowest equity since the peak
WORST_PPM: Final = 9
WORST_DROP: Final = 10
TOTAL_LOTS: Final = 11
SPREAD: Final = 12  # memo: paid away against the mid
FILL_COUNT: Final = 13
TRADE_COUNT: Final = 14
CURVE_COUNT: Final = 15
STATUS: Final = 16
MIN_EDGE: Final = 17  # not money: the least edge an opinion needs
COUNTS: Final = 20  # from here: opinions by final code
SHRUNK: Final = 52  # from here: orders by the cap that shrank them
ACCOUNT_SLOTS: Final = 84

FULL: Final = 1
UNBALANCED: Final = 2

FILL_COLUMNS: Final = (
    "t", "market", "side", "kind", "price_e4", "mid_e4", "lots", "fee_e6", "cash_e6", "gain_e6", "trade", "position"
)  # fmt: skip
TRADE_COLUMNS: Final = (
    "market", "side", "opinion", "t_decision", "t_open", "t_close", "kind", "mid_e4", "price_e4", "lots", "lots_left",
    "cost_e6", "fee_e6", "proceeds_e6", "pnl_e6", "budget_e6",
)  # fmt: skip
CURVE_COLUMNS: Final = ("t", "equity_e6", "cash_e6", "reserved_e6", "exposure_e6")

T_MARKET, T_SIDE, T_OPINION, T_DECISION, T_OPEN, T_CLOSE, T_KIND, T_MID = range(8)
T_PRICE, T_LOTS, T_LEFT, T_COST, T_FEE, T_PROCEEDS, T_PNL, T_BUDGET = range(8, 16)

Tables = dict[str, npt.NDArray[Any]]

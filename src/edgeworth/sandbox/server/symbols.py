"""The exchange's symbols: five coins with their own paths; others follow one of them, some were renamed or left."""

import msgspec

from edgeworth.core.instants import parse_instant
from edgeworth.sandbox.spot import COIN_INDEX, COINS


class Symbol(msgspec.Struct, frozen=True):
    """A traded pair: which coin's path it follows at what scale, and when it traded (None: still, or always)."""

    name: str
    base: str
    coin: int
    scale: float
    decimals: int
    listed: int | None = None
    gone: int | None = None


def _own(symbol: str) -> Symbol:
    place = COIN_INDEX[symbol]
    return Symbol(f"{symbol}USDT", symbol, place, 1.0, COINS[place].decimals)


def _like(base: str, coin: str, scale: float, decimals: int, listed: str = "", gone: str = "") -> Symbol:
    begun = parse_instant(listed) if listed else None
    return Symbol(f"{base}USDT", base, COIN_INDEX[coin], scale, decimals, begun, parse_instant(gone) if gone else None)


_ROWS = (
    *(_own(coin.symbol) for coin in COINS),
    _like("ADA", "XRP", 0.35, 4),
    _like("DOT", "SOL", 0.03, 3),
    _like("AVAX", "SOL", 0.14, 3),
    _like("LINK", "ETH", 0.005, 3),
    _like("UNI", "ETH", 0.003, 3),
    _like("LTC", "ETH", 0.03, 2),
    _like("BCH", "ETH", 0.15, 1),
    _like("XLM", "XRP", 0.2, 4),
    _like("ALGO", "XRP", 0.15, 4),
    _like("ATOM", "SOL", 0.03, 3),
    _like("FIL", "SOL", 0.025, 3),
    _like("ICP", "SOL", 0.05, 3),
    _like("VET", "XRP", 0.022, 5),
    _like("THETA", "SOL", 0.008, 3),
    _like("TRX", "XRP", 0.12, 4),
    _like("XTZ", "XRP", 0.6, 3),
    _like("AAVE", "ETH", 0.05, 2),
    _like("COMP", "ETH", 0.017, 2),
    _like("SNX", "ETH", 0.0006, 3),
    _like("YFI", "ETH", 2.0, 0),
    _like("SUSHI", "ETH", 0.0003, 4),
    _like("CRV", "ETH", 0.0002, 4),
    _like("BAL", "ETH", 0.001, 3),
    _like("MATIC", "ETH", 0.00018, 4, gone="2024-09-10"),
    _like("POL", "ETH", 0.00018, 4, listed="2024-09-13"),
    _like("REN", "ETH", 0.00002, 5, gone="2024-12-02"),
    _like("EOS", "XRP", 0.6, 4, gone="2025-05-28"),
    _like("A", "XRP", 0.6, 4, listed="2025-05-28T12:00:00Z"),
    _like("MKR", "ETH", 0.55, 0, gone="2025-09-15"),
    _like("SKY", "ETH", 0.000024, 5, listed="2025-09-18"),
)

SYMBOLS: dict[str, Symbol] = {row.name: row for row in _ROWS}

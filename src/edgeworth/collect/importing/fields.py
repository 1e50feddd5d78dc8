"""The words of the mapping language: tables, their fields, field types, units and entry options. Data only."""

from enum import StrEnum
from typing import Final


class Type(StrEnum):
    """What a field holds, which decides the units that make sense."""

    TEXT = "text"
    LABELS = "labels"
    TIME = "time"
    PRICE = "price"
    PAYOUT = "payout"
    MONEY = "money"
    NUMBER = "number"
    FLAG = "flag"


_T = Type
FIELDS: Final[dict[str, dict[str, Type]]] = {
    "market": {
        "question": _T.TEXT,
        "description": _T.TEXT,
        "outcome0": _T.TEXT,
        "outcome1": _T.TEXT,
        "event": _T.TEXT,
        "event_title": _T.TEXT,
        "category": _T.TEXT,
        "tags": _T.LABELS,
        "scheduled_end": _T.TIME,
        "created_at": _T.TIME,
        "known_at": _T.TIME,
        "tick": _T.PRICE,
        "min_size": _T.NUMBER,
        "fee_rate": _T.NUMBER,
        "neg_risk": _T.FLAG,
        "venue": _T.TEXT,
    },
    "event": {
        "id": _T.TEXT,
        "slug": _T.TEXT,
        "title": _T.TEXT,
        "neg_risk": _T.FLAG,
        "tags": _T.LABELS,
        "known_at": _T.TIME,
    },
    "price": {"t": _T.TIME, "price": _T.PRICE, "known_at": _T.TIME, "order": _T.NUMBER},
    "resolution": {
        "payout": _T.PAYOUT,
        "resolved_at": _T.TIME,
        "known_at": _T.TIME,
        "proposed_at": _T.TIME,
        "disputed": _T.FLAG,
    },
    "snapshot": {
        "t": _T.TIME,
        "known_at": _T.TIME,
        "bid": _T.PRICE,
        "ask": _T.PRICE,
        "last": _T.PRICE,
        "volume": _T.MONEY,
        "volume_24h": _T.MONEY,
        "liquidity": _T.MONEY,
    },
    "candle": {
        "symbol": _T.TEXT,
        "interval": _T.TEXT,
        "t": _T.TIME,
        "open": _T.NUMBER,
        "high": _T.NUMBER,
        "low": _T.NUMBER,
        "close": _T.NUMBER,
        "volume": _T.NUMBER,
    },
}
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "market": (),
    "event": ("id",),
    "price": ("t", "price"),
    "resolution": ("payout",),
    "snapshot": ("t",),
    "candle": ("symbol", "t", "open", "high", "low", "close"),
}
WITH_IDS: Final = frozenset({"market", "price", "resolution", "snapshot"})
ID_KINDS: Final = ("condition", "gamma", "slug", "token", "token1", "asset", "key", "auto")

UNITS: Final[dict[Type, dict[str, float]]] = {
    # microseconds per unit; 0 = not a number
    Type.TIME: {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3, "iso": 0.0, "date": 0.0, "auto": 0.0},
    # dollars per unit
    Type.PRICE: {"probability": 1.0, "usd": 1.0, "percent": 0.01, "cents": 0.01, "e4": 0.0001},
    Type.PAYOUT: {"probability": 1.0, "usd": 1.0, "percent": 0.01, "cents": 0.01, "e4": 0.0001},
    Type.MONEY: {"usd": 1.0, "cents": 0.01, "e6": 0.000001},
    Type.NUMBER: {"one": 1.0, "percent": 0.01, "thousand": 1000.0},
    Type.TEXT: {},
    Type.LABELS: {},
    Type.FLAG: {},
}
DEFAULT_UNIT: Final = {
    Type.TIME: "auto",
    Type.PRICE: "probability",
    Type.PAYOUT: "probability",
    Type.MONEY: "usd",
    Type.NUMBER: "one",
}
# what an entry may say besides the field's own name; the type is that of the TOML value
OPTIONS: Final[dict[str, type | tuple[type, ...]]] = {
    "column": str,
    "constant": (str, int, float, bool),
    "template": str,
    "unit": str,
    "plus": str,
    "lower": bool,
    "words": bool,
    "json": bool,
    "item": int,
    "prefix": str,
    "strip": str,
    "base_asset": bool,
    "invert": bool,
    "values": dict,
    "equals_column": str,
    "other_column": str,
}
TOP_KEYS: Final = (
    "name",
    "about",
    "source",
    "venue",
    "nulls",
    "detect",
    "explode",
    "look_ahead",
    "skip",
    *FIELDS,
)
TABLE_KEYS: Final = ("ids", "where", "lag")
DETECT_KEYS: Final = ("columns", "without", "beside", "table")
FILE_TIME: Final = "file-time"  # a constant instant: when the file was last written

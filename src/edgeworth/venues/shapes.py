"""Recognise what a file or an answer is, from its first bytes or from the decoded object."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from edgeworth.venues.binance.klines import parse_archive_name


class Shape(StrEnum):
    """The shapes readers exist for, and those that are known to hold no market, price history or candle."""

    GAMMA = "gamma"  # markets or events: array, page, single object, NDJSON, wrappers; all read by `iter_gamma`
    CLOB_MARKETS = "clob-markets"  # pages, arrays, NDJSON or a single CLOB market, simplified ones too
    HISTORY = "history"  # {"markets": [{..., "price_history": [{"t":, "p":}]}]}, array or NDJSON of such markets
    CHECKPOINT = "checkpoint"  # {"<market id>": [points]} or [{"market_id":, "timestamp":, "price":}]
    TOKEN_HISTORY = "token-history"  # noqa: S105 - {"history": [{"t":, "p":}]} or [{"t":, "p":}] of one token
    KLINES_CSV = "klines-csv"
    KLINES_JSON = "klines-json"  # arrays of arrays
    KLINES_ZIP = "klines-zip"
    NOT_MARKET_DATA = "not-market-data"  # trades, orders, books, tags, messages, errors: nothing to import


_SERIES: Final = frozenset({"price_history", "priceHistory"})
_CONTAINERS: Final = ("gamma_events", "gamma_markets", "events", "markets", "data", "history")
_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],"]', re.DOTALL)
_NUMBERS = re.compile(rb"^-?\d+(?:\.\d+)?(?:,-?[\d.eE+-]+){5,11}\s*$")
_KLINE_HEADER = re.compile(rb"^\"?(open[ _]?time|timestamp|date|t|time)\"?,.*open.*high.*low.*close", re.IGNORECASE)
_PLAIN_ERROR = re.compile(rb"^\s*(?:\d{3} [A-Za-z ]+|<!DOCTYPE html|<html)", re.IGNORECASE)
_DEEPEST: Final = 100  # no payload of ours nests further
_OTHER_KEYS: Final = (
    frozenset({"proxyWallet"}),
    frozenset({"event_type"}),
    frozenset({"bids", "asks"}),
    frozenset({"price_changes"}),
    frozenset({"maker_orders"}),
    frozenset({"associate_trades"}),
    frozenset({"asset_id", "price", "side"}),
    frozenset({"new_tick_size"}),
    frozenset({"base_fee"}),
    frozenset({"balance"}),
    frozenset({"canceled"}),
    frozenset({"orderID"}),
    frozenset({"signature", "tokenId"}),
    frozenset({"topic", "payload"}),
    frozenset({"error"}),
    frozenset({"label", "slug"}),
    frozenset({"sport"}),
    frozenset({"known_onchain_fill"}),
    frozenset({"conditionId", "side", "price"}),
    frozenset({"apiKey"}),
    frozenset({"seriesType"}),
    frozenset({"body", "parentEntityType"}),
    frozenset({"next_cursor"}),
    frozenset({"mid"}),
    frozenset({"spread"}),
)


def recognise(head: object, name: str = "") -> Shape | None:
    """Return the shape of a file or answer, or None when it is none we know.

    `head` is either the first bytes of the decompressed file (64 KiB or more is best; it may end anywhere) or an
    already decoded object. `name` is the file's name, used for archives and candles only. Never raises.
    """
    if not isinstance(head, bytes | bytearray | memoryview):
        return _of_value(head, 0)
    data = bytes(head)
    if data.startswith(b"PK\x03\x04"):
        return Shape.KLINES_ZIP if parse_archive_name(name) else None
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if data[:1] not in {b"{", b"["}:
        return _of_text(data, name)
    seen_other = False
    for value in _values(data):
        shape = _of_value(value, 0)
        if shape not in {None, Shape.NOT_MARKET_DATA}:
            return shape
        seen_other |= shape is Shape.NOT_MARKET_DATA
    return Shape.NOT_MARKET_DATA if seen_other else None


def _of_text(data: bytes, name: str) -> Shape | None:
    lines = data.splitlines()[:3]
    if not lines:
        return None
    if parse_archive_name(name) and (_NUMBERS.match(lines[0]) or _KLINE_HEADER.match(lines[0])):
        return Shape.KLINES_CSV
    return Shape.NOT_MARKET_DATA if _PLAIN_ERROR.match(data) else None


def _of_value(value: object, depth: int) -> Shape | None:
    if isinstance(value, list):
        return _of_list(value, depth)
    if isinstance(value, Mapping):
        return _of_object(value, depth)
    return None


def _of_list(items: list[Any], depth: int) -> Shape | None:
    shapes = [_of_item(item, depth) for item in items[:20]]
    known = [shape for shape in shapes if shape is not None]
    better = [shape for shape in known if shape is not Shape.NOT_MARKET_DATA]
    return better[0] if better else known[0] if known else None


def _of_item(item: object, depth: int) -> Shape | None:
    if isinstance(item, list):
        return Shape.KLINES_JSON if len(item) >= 6 and _is_epoch(item[0]) else None
    if not isinstance(item, Mapping):
        return None
    if _is_point(item):
        return Shape.CHECKPOINT if _names_market(item) else Shape.TOKEN_HISTORY
    return _of_object(item, depth)


def _of_object(value: Mapping[str, Any], depth: int) -> Shape | None:
    if not all(isinstance(key, str) for key in value):
        return None
    direct = _of_record(value)
    if direct is not None:
        return direct
    for key in _CONTAINERS if depth < 2 else ():
        inside = value.get(key)
        if isinstance(inside, list):
            shape = _of_list(inside, depth + 1)
            if shape is None and not inside and key == "history":
                return Shape.TOKEN_HISTORY
            if shape is not None:
                return shape
    if _is_checkpoint(value):
        return Shape.CHECKPOINT
    return Shape.NOT_MARKET_DATA if any(keys <= value.keys() for keys in _OTHER_KEYS) else None


def _of_record(value: Mapping[str, Any]) -> Shape | None:
    keys = value.keys()
    if _SERIES & keys and not isinstance(value.get("market"), Mapping):
        return Shape.HISTORY
    if "event_type" in keys or "proxyWallet" in keys:
        return Shape.NOT_MARKET_DATA
    if "tokens" in keys and ("condition_id" in keys or "question_id" in keys):
        return Shape.CLOB_MARKETS
    if "question" in keys and ("conditionId" in keys or "outcomes" in keys or "outcomePrices" in keys):
        return Shape.GAMMA
    if isinstance(value.get("markets"), list) and ("title" in keys or "slug" in keys):
        return Shape.GAMMA
    if "title" in keys and "ticker" in keys:
        return Shape.GAMMA
    return None


def _is_point(item: Mapping[str, Any]) -> bool:
    keys = item.keys()
    if "proxyWallet" in keys:
        return False
    short = "t" in keys and "p" in keys
    return short or (("timestamp" in keys or "time" in keys) and "price" in keys and "side" not in keys)


def _names_market(item: Mapping[str, Any]) -> bool:
    return bool({"market_id", "marketId", "id", "condition_id", "conditionId", "token_id", "slug"} & item.keys())


def _is_checkpoint(value: Mapping[str, Any]) -> bool:
    for inside in list(value.values())[:20]:
        points = inside.get("history", inside.get("price_history")) if isinstance(inside, Mapping) else inside
        if isinstance(points, list) and points:
            lead = points[0]
            if isinstance(lead, Mapping) and _is_point(lead):
                return True
            if isinstance(lead, list) and len(lead) == 2 and _is_epoch(lead[0]):
                return True
    return False


def _is_epoch(value: object) -> bool:
    try:
        return not isinstance(value, bool) and float(value) > 1e8  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def _values(data: bytes) -> list[Any]:
    """Return the first values of a JSON stream; the last one is closed where the bytes end."""
    text = data.decode("utf-8", "ignore")
    decoder = json.JSONDecoder()
    found: list[Any] = []
    at = 0
    while at < len(text) and len(found) < 20:
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            found += _closed(text[at:].encode())
            break
        found.append(value)
        while at < len(text) and text[at] in " \r\n\t,\x1e":
            at += 1
    return found


def _closed(data: bytes) -> list[Any]:
    """Decode a value that was cut: drop what follows its last complete member and close what is open."""
    stack: list[bytes] = []
    best: tuple[int, bytes] | None = None
    for mark in _MARK.finditer(data):
        lead = mark.group()[:1]
        if mark.group() == b'"':
            break  # the bytes end inside a string
        if lead in b"{[":
            stack.append(b"}" if lead == b"{" else b"]")
            if len(stack) > _DEEPEST:
                return []
            best = (mark.end(), b"".join(reversed(stack)))
        elif lead in b"}]":
            if not stack:
                return []
            stack.pop()
            best = (mark.end(), b"".join(reversed(stack)))
        elif lead == b",":
            best = (mark.start(), b"".join(reversed(stack)))
    if best is None:
        return []
    try:
        return [json.loads(data[: best[0]] + best[1])]
    except (ValueError, RecursionError):
        return []

"""One door for anything a venue ever sent: an answer or a message of any version in, what it holds out, or a refusal.

Clients read answers of a known route with the reader of that route. This is for what comes without one: recorded files,
quarantined payloads that are tried again, drift tests. Nothing is raised for what the bytes say.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec

from edgeworth.core.units import Micros
from edgeworth.venues import answers, convert, readers, shapes, splitter
from edgeworth.venues.binance import rest
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket import book_wire, clob_reads, data_api, data_wire, gamma_pages, user_wire, ws_wire
from edgeworth.venues.refusal import Kept, refuse_row
from edgeworth.venues.shapes import Shape


class Kind(StrEnum):
    """What a payload holds."""

    MARKETS = "markets"  # core.records: events, markets, resolutions, snapshots
    CLOB_MARKETS = "clob-markets"  # core.records
    HISTORY = "history"  # core.records.PriceBlock
    CANDLES = "candles"  # core.records.CandleBlock
    BOOKS = "books"  # core.book.BookSnapshot
    PRICES = "prices"  # polymarket.clob_reads.Quote
    LAST_TRADES = "last-trades"  # polymarket.clob_reads.LastTrade
    TAGS = "tags"  # polymarket.gamma_pages.Tag
    TRADES = "trades"  # polymarket.data_rows: this and the next six
    ACTIVITY = "activity"
    POSITIONS = "positions"
    HOLDERS = "holders"
    RESOLUTIONS = "resolutions"
    TOKENS = "tokens"
    AMOUNTS = "amounts"
    TICKERS = "tickers"  # binance.rest.Ticker
    MARKET_STREAM = "market-stream"  # polymarket.ws_wire
    USER_STREAM = "user-stream"  # polymarket.user_wire; the account's own orders and trades over REST, too


class Contents(msgspec.Struct, frozen=True):
    """What a payload holds: items in its order, those set aside (`Rejected`) among them."""

    kind: Kind
    items: list[Any]


class Refusal(msgspec.Struct, frozen=True):
    """Why nothing is taken from a payload, and how it begins.

    Reasons: error-answer, account-answer (what an order, cancel or key request was answered), not-collected (readable,
    of no use here), not-json, unknown-shape.
    """

    reason: str
    head: str


_SHOWN: Final = 200
_USER_EVENTS: Final = ("order", "trade")  # compared, not hashed: what stands there may be a list
_SIGNS: Final[tuple[tuple[frozenset[str], Kind | str], ...]] = tuple(
    (frozenset(keys.split()), kind)
    for keys, kind in (
        # an item that has all these keys is of this kind; the first line that fits decides
        ("topic payload", "not-collected"),
        ("channel payload", "not-collected"),
        ("price_changes", Kind.MARKET_STREAM),
        ("bids asks", Kind.BOOKS),
        ("new_tick_size", Kind.MARKET_STREAM),
        ("winning_asset_id", Kind.MARKET_STREAM),
        ("taker_order_id", Kind.USER_STREAM),
        ("original_size", Kind.USER_STREAM),
        ("makerAmount takerAmount", "account-answer"),
        ("orderID", "account-answer"),
        ("canceled", "account-answer"),
        ("balance", "account-answer"),
        ("apiKey", "account-answer"),
        ("apiKeys", "account-answer"),
        ("heartbeat_id", "account-answer"),
        ("error", "error-answer"),
        ("code msg", "error-answer"),
        ("proxyWallet usdcSize type", Kind.ACTIVITY),
        ("proxy_wallet transaction_hash type", Kind.ACTIVITY),
        ("proxyWallet side price", Kind.TRADES),
        ("proxy_wallet side price", Kind.TRADES),
        ("proxyWallet avgPrice", Kind.POSITIONS),
        ("proxy_wallet current_size", Kind.POSITIONS),
        ("token_id holders", Kind.HOLDERS),
        ("condition_id payouts", Kind.RESOLUTIONS),
        ("token_id module", Kind.TOKENS),
        ("proxy_wallet value", Kind.AMOUNTS),
        ("condition_id value", Kind.AMOUNTS),
        ("asset_id price side fee_rate_bps", Kind.MARKET_STREAM),
        ("asset_id price side transaction_hash", Kind.MARKET_STREAM),
        ("token_id price side", Kind.LAST_TRADES),
        ("symbol lastPrice", Kind.TICKERS),
        ("symbol price", Kind.TICKERS),
    )
)
_OTHERS: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(keys.split())
    for keys in (
        "base_fee", "mid", "spread", "minimum_tick_size", "neg_risk", "sport", "seriesType", "known_onchain_fill",
        "body parentEntityType", "rank user_id", "proxy_wallet points", "proxy_wallet trades", "volume trade_count",
        "taker_volume_total", "blocked country", "symbols rateLimits", "serverTime", "c t", "pseudonym",
        "primary_token_id", "rank_pnl", "price", "tagID relatedTagID",
    )
)  # fmt: skip
_TAG: Final = frozenset({"id", "label", "slug"})
_FILES: Final = {
    Shape.GAMMA: Kind.MARKETS,
    Shape.CLOB_MARKETS: Kind.CLOB_MARKETS,
    Shape.HISTORY: Kind.HISTORY,
    Shape.CHECKPOINT: Kind.HISTORY,
    Shape.TOKEN_HISTORY: Kind.HISTORY,
    Shape.KLINES_CSV: Kind.CANDLES,
    Shape.KLINES_JSON: Kind.CANDLES,
}
_ROWS: Final[dict[Kind, data_api.Reader[Any]]] = {
    Kind.TRADES: data_wire.trade,
    Kind.ACTIVITY: data_wire.activity,
    Kind.POSITIONS: data_wire.position,
    Kind.HOLDERS: data_wire.holders,
    Kind.RESOLUTIONS: data_wire.resolution,
    Kind.TOKENS: data_wire.token,
    Kind.AMOUNTS: data_wire.amount,
}


def read_payload(data: bytes, hint: str = "", known_at: int = 0) -> Contents | Refusal:
    """Return what a payload holds, or why nothing is taken from it.

    `hint` is a file name: it carries symbol and interval of candles and the id of a price history. `known_at` is when
    the payload came, in microseconds.
    """
    name = hint.removesuffix(".gz")
    shape = shapes.recognise(data[: 1 << 16], name)
    value = _value(data)
    if value is answers.UNREADABLE:
        return _read_file(data, name, shape)
    kind = _kind(value)
    if not kind and shape not in _FILES:
        kind, value = _bundled(value)
        data = convert.json_text(value).encode() if kind else data
    if isinstance(kind, Kind):
        payload = Payload(body=data, status=200, headers={}, observed_at=Micros(known_at), url=name)
        return Contents(kind, _READERS[kind](payload, value))
    if shape in _FILES:
        return _read_file(data, name, shape)
    return Refusal(kind or "unknown-shape", _head(data))


def _value(data: bytes) -> Any:
    found = answers.value(data)
    if found is not answers.UNREADABLE:
        return found
    try:
        return answers.value(splitter.strict(data))
    except ValueError:
        return answers.UNREADABLE


def _read_file(data: bytes, name: str, shape: Shape | None) -> Contents | Refusal:
    if shape not in _FILES:
        return Refusal("not-json" if shape is None else "error-answer", _head(data))
    try:
        return Contents(_FILES[shape], list(readers.read(shape, [data], name=name)))
    except ValueError:
        return Refusal("unknown-shape", _head(data))  # candles or points whose name does not say of what


def _kind(value: Any) -> Kind | str:
    """Return what the items of a value are; a reason where they are of no use, empty where they are not known."""
    if isinstance(value, dict) and value and all(key.isdigit() and len(key) > 20 for key in value):
        return Kind.PRICES
    items = _items(value)
    for item in items[:20]:
        found = _kind_of(item)
        if found:
            return found
    return ""


def _kind_of(item: dict[str, Any]) -> Kind | str:
    keys = item.keys()
    if "event_type" in keys:
        return Kind.USER_STREAM if item["event_type"] in _USER_EVENTS else Kind.MARKET_STREAM
    for signs, kind in _SIGNS:
        if signs <= keys:
            return kind
    if keys >= _TAG and not keys & {"question", "title", "conditionId"}:
        return Kind.TAGS
    if keys & {"question", "conditionId", "title", "tokens", "history", "t", "markets", "price_history"}:
        return ""  # markets and histories: their own readers tell
    return "not-collected" if any(signs <= keys for signs in _OTHERS) else ""


def _bundled(value: Any) -> tuple[Kind | str, Any]:
    """Return kind and rows of the lists of an object that is no answer itself but somebody's collection of them."""
    lists = [part for part in value.values() if isinstance(part, list)] if isinstance(value, dict) else []
    kinds = [found for found in map(_kind, lists) if isinstance(found, Kind)]
    if not kinds:
        return "", value
    return kinds[0], [row for part in lists if _kind(part) == kinds[0] for row in part]


def _items(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a value: its own, those of a list, or those under `data` of a page."""
    if isinstance(value, dict) and "data" in value and not value.keys() & {"event_type", "topic", "channel"}:
        value = value["data"]
    listed: Iterable[Any] = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, dict)]


def _prices(payload: Payload, value: Any) -> list[Any]:
    found: list[Any] = []
    for token, stated in value.items():
        for price in stated.values() if isinstance(stated, dict) else [stated]:
            price_e4 = convert.price_e4(price)
            if price_e4 is not None:
                found.append(clob_reads.Quote(token, price_e4))
            else:
                found.append(refuse_row({token: price}, "price", "price-unreadable", book_wire.SOURCE, payload.url))
    return found


def _rows(read: data_api.Reader[Any]) -> Callable[[Payload, Any], list[Any]]:
    def read_all(payload: Payload, value: Any) -> list[Any]:
        del value
        page = data_api.read_rows(payload, read)
        rows: list[Any] = []
        for row in page.rows:
            rows += row if isinstance(row, list) else [row] if row is not None else []
        return rows + page.rejected

    return read_all


def _only_rows(payload: Payload, value: Any) -> Payload:
    """Return the rows of a page, or a single row, as the list that a reader expects."""
    return msgspec.structs.replace(payload, body=convert.json_text(_items(value)).encode())


def _all(kept: Kept[Any]) -> list[Any]:
    return [*kept.items, *kept.rejected]


def _account(payload: Payload, value: Any) -> list[Any]:
    """Read the account's own orders and trades, pushed or paged."""
    inner = value["data"] if isinstance(value, dict) and isinstance(value.get("data"), list) else value
    return list(user_wire.decode_user(convert.json_text(inner).encode(), payload.observed_at))


_READERS: Final[dict[Kind, Callable[[Payload, Any], list[Any]]]] = {
    Kind.BOOKS: lambda payload, value: list(clob_reads.read_books(_only_rows(payload, value))),
    Kind.PRICES: _prices,
    Kind.LAST_TRADES: lambda payload, value: _all(clob_reads.read_last_trades(_only_rows(payload, value))),
    Kind.TAGS: lambda payload, value: _all(gamma_pages.read_tags(_items(value), payload.url)),
    Kind.TICKERS: lambda payload, value: _all(rest.read_tickers(_only_rows(payload, value))),
    Kind.MARKET_STREAM: lambda payload, _: list(ws_wire.decode_market(payload.body, payload.observed_at)),
    Kind.USER_STREAM: _account,
    **{kind: _rows(read) for kind, read in _ROWS.items()},
}


def _head(data: bytes) -> str:
    return data[:_SHOWN].decode("utf-8", "replace")

"""The CLOB's public reads: books, prices and histories by token, markets by condition, the venue's clock.

Books are asked for by at most 200 tokens a call; the answer may come in any order and may leave tokens out, so it is
matched by token. Both tokens of a market carry one book: ask for the first and mirror it (`BookSnapshot.mirrored`).
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import Ids, PriceBlock, Record, Rejected
from edgeworth.core.units import DAY, SECOND, Micros
from edgeworth.venues import convert
from edgeworth.venues.answers import decoded
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket import history
from edgeworth.venues.polymarket.book_wire import SOURCE, read_book, rejected
from edgeworth.venues.polymarket.clob import parse_clob_market
from edgeworth.venues.polymarket.parse import Origin
from edgeworth.venues.refusal import Kept, refuse_row

BATCH: Final = 200
RESOLVED_MINUTES: Final = 720  # the finest grain the venue still answers for a resolved market
LONGEST_SPAN: Final = 15 * DAY
Side = Literal["BUY", "SELL"]
T = TypeVar("T")


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """The books of a batch by token, what was set aside, and the tokens the venue left out."""

    books: dict[str, BookSnapshot]
    rejected: list[Rejected]
    missing: tuple[str, ...]

    def __iter__(self) -> Iterator[BookSnapshot]:
        return iter(self.books.values())

    def __len__(self) -> int:
        return len(self.books)

    def by_market(self) -> dict[str, BookSnapshot]:
        """Return one book per condition, of the token that was asked for first: the other one's is its mirror."""
        found: dict[str, BookSnapshot] = {}
        for book in self:
            found.setdefault(dict(book.ids).get("condition", book.token), book)
        return found


class Quote(msgspec.Struct, frozen=True):
    """A price of a token in 1e-4 dollars."""

    token: str
    price_e4: int


class LastTrade(msgspec.Struct, frozen=True):
    """The last trade of a token: price in 1e-4 dollars in terms of outcome 0, side BUY or SELL."""

    token: str
    price_e4: int
    side: str


class Clob:
    """Read the CLOB; nothing here needs credentials."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def books(self, tokens: Sequence[str]) -> Books:
        """Return the books of many tokens, at most 200 a call; repeated tokens are asked for once."""
        wanted = list(dict.fromkeys(tokens))
        books: dict[str, BookSnapshot] = {}
        refused: list[Rejected] = []
        for batch in _batches(wanted):
            payload = await self._post("/books", batch, "books")
            for found in read_books(payload):
                if isinstance(found, Rejected):
                    refused.append(found)
                elif found.token in batch:
                    books[found.token] = found
        ordered = {token: books[token] for token in wanted if token in books}
        return Books(books=ordered, rejected=refused, missing=tuple(token for token in wanted if token not in books))

    async def book(self, token: str) -> BookSnapshot | Rejected | None:
        """Return a token's book, or why it is set aside; None when the venue has none (not yet, or no longer)."""
        try:
            payload = await self._http.get("clob", "/book", [("token_id", token)], route="book")
        except Refused as error:
            if error.code == "venue-not-found":
                return None
            raise
        found = read_book(payload.body, payload.observed_at, payload.url)
        if isinstance(found, BookSnapshot) and found.token != token:
            return rejected("book", "another-token", payload.body, payload.url)
        return found

    async def midpoints(self, tokens: Sequence[str]) -> Kept[Quote]:
        """Return the mid prices of tokens (a half tick rounds to even); tokens may be missing."""
        pages = [read_prices(await self._post("/midpoints", batch, "midpoints"), batch) for batch in _batches(tokens)]
        return _joined(pages)

    async def prices(self, tokens: Sequence[str], side: Side) -> Kept[Quote]:
        """Return what a buyer pays (BUY: the lowest ask) or a seller gets (SELL); tokens may be missing."""
        pages = [
            read_prices(await self._post("/prices", batch, "prices", side), batch, side) for batch in _batches(tokens)
        ]
        return _joined(pages)

    async def last_trades(self, tokens: Sequence[str]) -> Kept[LastTrade]:
        """Return the last trades of tokens; a token that never traded is missing."""
        pages = [
            read_last_trades(await self._post("/last-trades-prices", batch, "prices")) for batch in _batches(tokens)
        ]
        return _joined(pages)

    async def history(
        self, token: str, *, ids: Ids = (), span: tuple[Micros, Micros] | None = None, minutes: int = RESOLVED_MINUTES
    ) -> list[Record]:
        """Return a token's price history: PriceBlock and what was set aside.

        `span` (start, end) is asked for in pieces of 15 days, without it everything. The venue answers a resolved
        market with nothing below 720 minutes a point. Prices are lagging mids, not trades.
        """
        records: list[Record] = []
        for bounds in _spans(span):
            params = [("market", token), *bounds, ("fidelity", str(minutes))]
            payload = await self._http.get("clob", "/prices-history", params, route="history")
            records += read_history(payload, token, ids)
        return records

    async def market(self, condition: str) -> list[Record]:
        """Return the records of one CLOB market (with its winner, when it has one); empty when it is unknown."""
        name = convert.condition(condition)
        if not name:
            raise Refused("venue-not-found", f"not a condition id: {condition[:80]!r}")
        try:
            payload = await self._http.get("clob", f"/markets/{name}", route="other")
        except Refused as error:
            if error.code == "venue-not-found":
                return []
            raise
        return parse_clob_market(payload.body, Origin(SOURCE, payload.url))

    async def server_time(self) -> Micros:
        """Return the venue's clock; it has whole seconds."""
        payload = await self._http.get("clob", "/time", route="other")
        stamp = convert.instant(decoded(payload))
        if stamp is None:
            raise Refused("venue-drift", f"{payload.url}: not a time: {payload.body[:80]!r}")
        return Micros(stamp)

    async def _post(self, path: str, tokens: Sequence[str], route: str, side: str = "") -> Payload:
        body = [{"token_id": token, "side": side} if side else {"token_id": token} for token in tokens]
        return await self._http.post("clob", path, msgspec.json.encode(body), route=route)


def read_books(payload: Payload) -> list[BookSnapshot | Rejected]:
    """Return each book of an answer, or why it is set aside."""
    try:
        items = msgspec.json.decode(payload.body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [rejected("book", "not-a-list", payload.body[:2_000], payload.url)]
    return [read_book(item, payload.observed_at, f"{payload.url}#{index}") for index, item in enumerate(items)]


def read_prices(payload: Payload, tokens: Iterable[str], side: str = "") -> Kept[Quote]:
    """Return the prices of an answer `{token: price}` or `{token: {side: price}}`; a null or missing one is none."""
    table = decoded(payload)
    if not isinstance(table, dict):
        raise Refused("venue-drift", f"{payload.url}: not a table of prices")
    found: list[Quote] = []
    refused: list[Rejected] = []
    for token in tokens:
        stated: Any = table.get(token)
        if side and isinstance(stated, dict):
            stated = stated.get(side)
        if stated is None or stated == "":
            continue
        price = convert.price_e4(stated)
        if price is None:
            refused.append(refuse_row({token: stated}, "price", "price-unreadable", SOURCE, payload.url))
        else:
            found.append(Quote(token, price))
    return Kept(found, refused)


def read_last_trades(payload: Payload) -> Kept[LastTrade]:
    """Return the last trades of an answer; a row with the side "" has never traded and is passed over."""
    rows = decoded(payload)
    if not isinstance(rows, list):
        raise Refused("venue-drift", f"{payload.url}: not a list of trades")
    found: list[LastTrade] = []
    refused: list[Rejected] = []
    for row in rows:
        named = row if isinstance(row, dict) else {}
        token, price = convert.token(convert.text(named.get("token_id"))), convert.price_e4(named.get("price"))
        side = named.get("side")
        if token and side == "":
            continue
        if token and price is not None and isinstance(side, str) and side in {"BUY", "SELL"}:
            found.append(LastTrade(token, price, side))
        else:
            refused.append(refuse_row(row, "trade", "trade-unreadable", SOURCE, payload.url))
    return Kept(found, refused)


def read_history(payload: Payload, token: str, ids: Ids = ()) -> list[Record]:
    """Return the points of a token's history; `ids` names its market, else the points belong to the token alone."""
    named = ids or (("token", token),)
    found = history.iter_token_history([payload.body], market_id=token, source=SOURCE, where=payload.url)
    return [msgspec.structs.replace(item, ids=named) if isinstance(item, PriceBlock) else item for item in found]


def _joined(pages: Sequence[Kept[T]]) -> Kept[T]:
    return Kept([item for page in pages for item in page], [item for page in pages for item in page.rejected])


def _batches(tokens: Sequence[str]) -> list[list[str]]:
    wanted = list(dict.fromkeys(tokens))
    return [wanted[at : at + BATCH] for at in range(0, len(wanted), BATCH)]


def _spans(span: tuple[Micros, Micros] | None) -> list[list[tuple[str, str]]]:
    if span is None:
        return [[("interval", "max")]]
    start, end = span
    edges = [*range(start, end, LONGEST_SPAN), end]
    return [
        [("startTs", str(low // SECOND)), ("endTs", str(-(-high // SECOND)))] for low, high in itertools.pairwise(edges)
    ]

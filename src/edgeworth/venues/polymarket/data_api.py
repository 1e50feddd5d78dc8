"""The Data API, version 2: public trades, wallets, holders, resolutions, price histories, open interest.

Listings are paged by cursor with the same filters; a page may overlap the one before it. A listing that cannot be
finished ends in a page that says why (`DataPage.partial`).
"""

import itertools
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import Ids, Record, Rejected, ResolutionRecord
from edgeworth.core.units import DAY, SECOND, Micros
from edgeworth.venues import answers, convert
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket import data_wire, points
from edgeworth.venues.polymarket.data_rows import Activity, Amount, Holder, Position, PublicTrade, TokenFact
from edgeworth.venues.polymarket.data_wire import SOURCE, Reading
from edgeworth.venues.polymarket.paging import Way

PAGE_SIZE: Final = 1_000
CONDITIONS: Final = 20
TOKENS: Final = 50
LONGEST_SPAN: Final = 15 * DAY
GRAINS: Final = (60, 300, 600, 1_800, 10_800, 43_200)
Params = list[tuple[str, str]]

T = TypeVar("T")
Reader = Callable[[bytes | msgspec.Raw, Reading], T]


class DataPage(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One answered page: rows, what was set aside, the bytes as they came.

    `cursor` continues after this page. `partial` is empty, or why the listing stops here unfinished: cursor-loop,
    cursor-missing, no-progress, page-unreadable or too-many-pages.
    """

    rows: list[T]
    rejected: list[Rejected]
    raw: bytes
    observed_at: Micros
    cursor: str = ""
    duplicates: int = 0
    partial: str = ""


class _Paging(msgspec.Struct):
    has_more: Any = None
    next_cursor: Any = None


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    pagination: Any = None


class DataApi:
    """Read the Data API. `backfill` dates resolutions by what they state instead of by our own clock."""

    def __init__(self, http: HttpClient, *, backfill: bool = False, max_pages: int = 10_000) -> None:
        self._http, self._backfill, self._max_pages = http, backfill, max_pages

    def trades(
        self,
        *,
        conditions: Sequence[str] = (),
        user: str = "",
        span: tuple[Micros, Micros] | None = None,
        min_cash: int = 0,
        taker_only: bool = True,
        cursor: str = "",
    ) -> AsyncIterator[DataPage[PublicTrade]]:
        """Yield pages of public trades, newest first: of markets (at most 20), of a wallet, or of all.

        `span` needs a wallet; `min_cash` is dollars. Both sides of a fill come with `taker_only=False`.
        """
        if span is not None and not user:
            raise Refused("venue-refused", "trades can be narrowed to a span only for a wallet")
        params: Params = [("limit", str(PAGE_SIZE)), ("taker_only", _word(taker_only))]
        params += _conditions(conditions) + ([("user", user)] if user else []) + _span(span)
        if min_cash:
            params += [("filter_type", "CASH"), ("filter_amount", str(min_cash))]
        return self._pages("/v2/trades", params, "trades", data_wire.trade, cursor=cursor)

    def activity(
        self, user: str, *, kinds: Sequence[str] = (), span: tuple[Micros, Micros] | None = None, cursor: str = ""
    ) -> AsyncIterator[DataPage[Activity]]:
        """Yield pages of a wallet's deeds, deposits and withdrawals left out."""
        params: Params = [("user", user), ("limit", str(PAGE_SIZE)), *_span(span)]
        params += [("type", ",".join(kinds))] if kinds else []
        return self._pages("/v2/activity", params, "other", data_wire.activity, cursor=cursor)

    def positions(
        self, *, user: str = "", condition: str = "", status: str = "", cursor: str = ""
    ) -> AsyncIterator[DataPage[Position]]:
        """Yield pages of the positions of a wallet or in a market; `status` as OPEN or CLOSED narrows them."""
        named = [("user", user), ("condition", condition), ("status", status)]
        params: Params = [("limit", "500")] + [pair for pair in named if pair[1]]
        return self._pages("/v2/positions", params, "positions", data_wire.position, cursor=cursor)

    async def holders(self, conditions: Sequence[str], *, profit: bool = False) -> list[Holder | Rejected]:
        """Return the largest holders of each token of at most 20 markets; `profit` needs a single one."""
        params: Params = [*_conditions(conditions), ("limit", "100")] + ([("include_pnl", "true")] if profit else [])
        found: list[Holder | Rejected] = []
        async for page in self._pages("/v2/holders", params, "other", data_wire.holders):
            found += page.rejected
            found += [item for group in page.rows for item in group]
        return found

    async def resolutions(self, conditions: Sequence[str]) -> list[ResolutionRecord | Rejected]:
        """Return what is said of the ends of markets; those that have none yet are missing."""
        found: list[ResolutionRecord | Rejected] = []
        for batch in _batches(conditions, CONDITIONS):
            async for page in self._pages("/v2/resolutions", _conditions(batch), "other", data_wire.resolution):
                found += page.rejected
                found += [record for record in page.rows if record is not None]
        return found

    async def tokens(self, tokens: Sequence[str]) -> list[TokenFact | Rejected]:
        """Return what is said of tokens, among it the final price once resolved; it may lag by a minute."""
        found: list[TokenFact | Rejected] = []
        for batch in _batches(tokens, TOKENS):
            async for page in self._pages("/v2/tokens", [("token_id", ",".join(batch))], "other", data_wire.token):
                found += [*page.rejected, *page.rows]
        return found

    async def history(
        self, token: str, *, ids: Ids = (), span: tuple[Micros, Micros] | None = None, grain: int = 10_800
    ) -> list[Record]:
        """Return a token's price history at a grain of seconds (60 to 43200): PriceBlock and what was set aside.

        `span` (start, end; end excluded) is asked for in pieces of 15 days, without it everything. Grains of three and
        twelve hours are kept for ever, finer ones for days to months, then the venue answers with nothing. The
        settlement of a resolved market is no price and is set aside as `settlement-point`.
        """
        found: list[Record] = []
        for bounds in _windows(span):
            params: Params = [("token_id", token), *bounds, ("bucket_seconds", str(grain)), ("limit", "10000")]
            async for page in self._pages("/v2/prices-history", params, "other", _raw_row):
                found += page.rejected
                found += read_points(page.rows, ids or (("token", token),), f"/v2/prices-history?token_id={token}")
        return found

    async def open_interest(self, conditions: Sequence[str] = ()) -> list[Amount | Rejected]:
        """Return the open interest of markets, or of the whole venue under the name `global`."""
        found: list[Amount | Rejected] = []
        for batch in _batches(conditions, CONDITIONS) or [[]]:
            async for page in self._pages("/v2/oi", _conditions(batch), "other", data_wire.amount):
                found += [*page.rejected, *page.rows]
        return found

    async def value(self, user: str) -> Amount | Rejected | None:
        """Return what a wallet's positions are worth now; None when the venue does not know it."""
        async for page in self._pages("/v2/value", [("user", user)], "other", data_wire.amount):
            return page.rows[0] if page.rows else page.rejected[0] if page.rejected else None
        return None

    async def _pages(
        self,
        path: str,
        params: Params,
        route: Literal["trades", "positions", "other"],
        read: Reader[T],
        *,
        cursor: str = "",
    ) -> AsyncIterator[DataPage[T]]:
        way = Way(cursor, self._max_pages)
        seen: set[Hashable] = set()
        while way.goes_on:
            asked = params + ([("cursor", way.cursor)] if way.cursor else [])
            try:
                payload = await self._http.get("data", path, asked, route=route)
            except Refused as error:
                if not way.restart(error):
                    raise
                continue
            page = read_rows(payload, read, seen=seen, backfill=self._backfill)
            partial = page.partial or way.follow(page.cursor, fresh=bool(page.rows or page.rejected))
            yield msgspec.structs.replace(page, partial=partial)
            if partial:
                return


def read_rows(
    payload: Payload, read: Reader[T], *, seen: set[Hashable] | None = None, backfill: bool = False
) -> DataPage[T]:
    """Return the rows of an answer: `{"data": [...]}`, `{"data": {...}}`, `{"data": null}`, or a bare array.

    Rows already in `seen` are passed over and counted; new ones are added to it.
    """
    reading = Reading(payload.observed_at, backfill=backfill)
    items, paging, readable = _envelope(payload.body)
    rows: list[T] = []
    refused = [] if readable else [_unreadable(payload)]
    duplicates = 0
    for index, item in enumerate(items):
        found = data_wire.kept(read, item, reading, _kind(read), f"{payload.url}#{index}")
        identity: Hashable = getattr(found, "key", None) or bytes(item)
        if seen is not None and identity in seen:
            duplicates += 1
            continue
        if seen is not None:
            seen.add(identity)
        if isinstance(found, Rejected):
            refused.append(found)
        else:
            rows.append(found)
    cursor = paging.next_cursor if isinstance(paging.next_cursor, str) else ""
    more = convert.flag(paging.has_more)
    return DataPage(
        rows=rows,
        rejected=refused,
        raw=payload.body,
        observed_at=payload.observed_at,
        cursor="" if more is False else cursor,
        duplicates=duplicates,
        partial="page-unreadable" if not readable else "cursor-missing" if more and not cursor else "",
    )


def read_points(rows: list[msgspec.Raw], ids: Ids, where: str) -> list[Record]:
    """Return the price points of a page of a history, its settlement set aside."""
    prices: list[Any] = []
    settled: list[Any] = []
    for raw in rows:
        value = answers.value(raw)
        if value is answers.UNREADABLE:
            value = bytes(raw).decode("utf-8", "replace")
        (settled if isinstance(value, dict) and value.get("resolution_seconds") == 0 else prices).append(value)
    found = points.from_values(prices)
    if settled:
        found.refused["settlement-point"] = settled
    return found.records(SOURCE, ids, where)


def _unreadable(payload: Payload) -> Rejected:
    shown = payload.body[:2_000].decode("utf-8", "replace")
    return Rejected(source=SOURCE, kind="page", reason="page-unreadable", raw=shown, where=payload.url)


def _raw_row(raw: bytes | msgspec.Raw, reading: Reading) -> msgspec.Raw:
    del reading
    return raw if isinstance(raw, msgspec.Raw) else msgspec.Raw(raw)


def _kind(read: Callable[..., Any]) -> str:
    return "price" if read is _raw_row else read.__name__.rstrip("s")


def _envelope(body: bytes) -> tuple[list[msgspec.Raw], _Paging, bool]:
    """Return the rows, the paging and whether the answer could be read at all."""
    try:
        if body.lstrip()[:1] == b"[":
            return msgspec.json.decode(body, type=list[msgspec.Raw]), _Paging(), True
        found = msgspec.json.decode(body, type=_Envelope)
        paging = msgspec.convert(found.pagination, _Paging) if isinstance(found.pagination, dict) else _Paging()
        start = bytes(found.data).lstrip()[:1]
        if start == b"[":
            return msgspec.json.decode(found.data, type=list[msgspec.Raw]), paging, True
        if start == b"{":
            return [found.data], paging, True
        missing = b'"data"' in body and start == b"n"
        return [], paging, missing
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [], _Paging(), False


def _conditions(conditions: Sequence[str]) -> Params:
    if len(conditions) > CONDITIONS:
        raise Refused("venue-refused", f"at most {CONDITIONS} markets can be named in one request")
    return [("condition", ",".join(conditions))] if conditions else []


def _span(span: tuple[Micros, Micros] | None) -> Params:
    return [] if span is None else [("start", str(span[0] // SECOND)), ("end", str(-(-span[1] // SECOND)))]


def _windows(span: tuple[Micros, Micros] | None) -> list[Params]:
    if span is None:
        return [[("interval", "max")]]
    edges = [*range(span[0], span[1], LONGEST_SPAN), span[1]]
    return [_span((Micros(low), Micros(high))) for low, high in itertools.pairwise(edges)]


def _batches(names: Sequence[str], size: int) -> list[list[str]]:
    wanted = list(dict.fromkeys(names))
    return [wanted[at : at + size] for at in range(0, len(wanted), size)]


def _word(value: bool) -> str:
    return "true" if value else "false"

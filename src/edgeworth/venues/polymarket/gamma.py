"""Gamma over HTTP: markets and events by keyset pages, single markets, tags and search.

Every listing says `closed` explicitly and asks for both protocol versions. Pages may overlap, shrink, repeat or never
end: what was seen is skipped and counted, and a listing that cannot be finished ends in a page that says why
(`Page.partial`), so that its caller marks the run partial.
"""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

import msgspec

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.instants import to_iso
from edgeworth.core.records import Rejected
from edgeworth.core.units import Micros
from edgeworth.venues import convert
from edgeworth.venues.answers import decoded
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.gamma_pages import Found, Page, State, Tag, read_one, read_page, read_search, read_tags
from edgeworth.venues.polymarket.paging import Way
from edgeworth.venues.refusal import Kept

__all__ = ["Filters", "Found", "Gamma", "Page", "State", "Tag"]

PAGE_SIZE: Final = 100
_ORDERS: Final = {"volume": "volumeNum", "liquidity": "liquidityNum"}  # the plain names sort as text
_VERSIONS: Final = (("version", "v1"), ("version", "v2"))


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What to list; instants are UTC microseconds, amounts dollars. `order` is camelCase, empty means by id.

    `closed` is always sent: the venue's own default has changed before. `ids`, `slugs`, `conditions` and `tokens` hold
    at most 100 values together.
    """

    closed: bool = False
    ids: tuple[str, ...] = ()
    slugs: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    tag_id: str = ""
    related_tags: bool = False
    min_volume: int | None = None
    min_liquidity: int | None = None
    end_from: Micros | None = None
    end_to: Micros | None = None
    start_from: Micros | None = None
    start_to: Micros | None = None
    order: str = ""
    ascending: bool = True
    page_size: int = PAGE_SIZE
    max_pages: int = 50_000

    def params(self, kind: str) -> list[tuple[str, str]]:
        """Return the query of a listing of `markets` or `events`."""
        amounts = ("volume_num_min", "liquidity_num_min") if kind == "markets" else ("volume_min", "liquidity_min")
        found: list[tuple[str, str]] = [("limit", str(min(self.page_size, PAGE_SIZE)))]
        found += [("closed", "true" if self.closed else "false"), *_VERSIONS, ("include_tag", "true")]
        found += [("id", value) for value in self.ids] + [("slug", value) for value in self.slugs]
        found += [("condition_ids", value) for value in self.conditions]
        found += [("clob_token_ids", value) for value in self.tokens]
        bounds = (
            (amounts[0], self.min_volume),
            (amounts[1], self.min_liquidity),
            ("tag_id", self.tag_id or None),
            ("end_date_min", _iso(self.end_from)),
            ("end_date_max", _iso(self.end_to)),
            ("start_date_min", _iso(self.start_from)),
            ("start_date_max", _iso(self.start_to)),
            ("related_tags", "true" if self.related_tags else None),
        )
        found += [(name, str(value)) for name, value in bounds if value is not None]
        if self.order:
            found.append(("order", _ORDERS.get(self.order, self.order)))
            found.append(("ascending", "true" if self.ascending else "false"))
        return found


class Gamma:
    """Read Gamma. `backfill` stamps records with the instants they state themselves instead of with our own clock."""

    def __init__(self, http: HttpClient, *, backfill: bool = False) -> None:
        self._http = http
        self._backfill = backfill

    def markets(self, filters: Filters = Filters(), cursor: str = "") -> AsyncIterator[Page]:  # noqa: B008 - frozen
        """Yield the pages of a listing of markets, from a page's cursor on; raises VenueError when a page fails."""
        return self._listing("markets", filters, cursor)

    def events(self, filters: Filters = Filters(), cursor: str = "") -> AsyncIterator[Page]:  # noqa: B008 - frozen
        """Yield the pages of a listing of events with their markets."""
        return self._listing("events", filters, cursor)

    async def market(self, market_id: str) -> Page | None:
        """Return one market by Gamma id, slug or condition id; None when the venue does not know it."""
        if condition := convert.condition(market_id):
            for closed in (False, True):
                params = Filters(closed=closed, conditions=(condition,), page_size=2).params("markets")
                payload = await self._http.get("gamma", "/markets/keyset", params, route="markets")
                page = read_page(payload, backfill=self._backfill)
                if page.records:
                    return page
            return None
        path = f"/markets/{market_id}" if market_id.isdigit() else f"/markets/slug/{quote(market_id, safe='')}"
        return await self._single(path, "markets")

    async def event(self, event_id: str) -> Page | None:
        """Return one event with its markets by id or slug; None when the venue does not know it."""
        path = f"/events/{event_id}" if event_id.isdigit() else f"/events/slug/{quote(event_id, safe='')}"
        return await self._single(path, "events")

    async def tags(self, max_pages: int = 200) -> Kept[Tag]:
        """Return the venue's tags, paged by offset until a page brings nothing new."""
        found: dict[str, Tag] = {}
        refused: list[Rejected] = []
        for number in range(max_pages):
            params = [("limit", str(PAGE_SIZE)), ("offset", str(number * PAGE_SIZE))]
            payload = await self._http.get("gamma", "/tags", params, route="tags")
            rows = decoded(payload)
            page = read_tags(rows, payload.url)
            new = {tag.id: tag for tag in page if tag.id not in found}
            found |= new
            refused += page.rejected
            if not new or not isinstance(rows, list) or len(rows) < PAGE_SIZE:
                break
        return Kept(list(found.values()), refused)

    async def search(self, words: str, *, page: int = 1, limit: int = 50, closed: bool = False) -> Found:
        """Return the events (with markets) and tags a search finds; `page` counts from 1."""
        params = [
            ("q", words),
            ("page", str(page)),
            ("limit_per_type", str(limit)),
            ("search_tags", "true"),
            ("search_profiles", "false"),
            ("keep_closed_markets", "1" if closed else "0"),
        ]
        payload = await self._http.get("gamma", "/public-search", params, route="search")
        return read_search(payload, backfill=self._backfill)

    async def _single(self, path: str, route: str) -> Page | None:
        try:
            payload = await self._http.get("gamma", path, [("include_tag", "true")], route=route)
        except Refused as error:
            if error.code == "venue-not-found":
                return None
            raise
        return read_one(payload, backfill=self._backfill)

    async def _listing(self, kind: str, filters: Filters, cursor: str) -> AsyncIterator[Page]:
        way = Way(cursor, filters.max_pages)
        seen: set[str] = set()
        while way.goes_on:
            params = filters.params(kind) + ([("after_cursor", way.cursor)] if way.cursor else [])
            try:
                payload = await self._http.get("gamma", f"/{kind}/keyset", params, route=kind)
            except Refused as error:
                if not way.restart(error):
                    raise
                continue
            page = read_page(payload, seen=seen, backfill=self._backfill)
            partial = page.partial or way.follow(page.cursor, fresh=bool(page.records))
            yield msgspec.structs.replace(page, partial=partial)
            if partial:
                return


def _iso(at: Micros | None) -> str | None:
    return None if at is None else to_iso(at)

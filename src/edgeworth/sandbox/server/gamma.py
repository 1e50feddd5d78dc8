"""The metadata service: listings by keyset, legacy listings by offset, single objects, tags, series, search."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from edgeworth.sandbox.server import gamma_people, legacy
from edgeworth.sandbox.server.catalogue import Catalogue, Series
from edgeworth.sandbox.server.gamma_filters import EventFilter, Key, MarketFilter, order_fields
from edgeworth.sandbox.server.gamma_rows import Rows
from edgeworth.sandbox.server.live import LiveWorld, Moment
from edgeworth.sandbox.server.paging import (
    InvalidError,
    filter_mark,
    flag,
    gamma_invalid,
    gamma_missing,
    make_cursor,
    read_cursor,
    whole,
)
from edgeworth.sandbox.server.protocol import Headers, Request, Response, json_response, raw_json

_PAGE, _MAX_PAGE, _MAX_OFFSET, _MAX_SERIES = 20, 100, 2_000, 50
_UNBOUND = ("after_cursor", "limit")
_CACHE: Headers = (("cache-control", "public, max-age=300"),)
_DEPRECATED: Headers = (
    *_CACHE,
    ("deprecation", "true"),
    ("sunset", "Fri, 01 May 2026"),
)


class Gamma:
    """Answer the metadata routes from a live world."""

    def __init__(self, live: LiveWorld) -> None:
        self.live = live
        self.catalogue = Catalogue(live)
        self.rows = Rows(live, self.catalogue)
        self._markets = MarketFilter(live, self.catalogue)
        self._events = EventFilter(live, self.catalogue)
        self._fixed: dict[str, Callable[[Request, int], Response]] = {
            "/markets/keyset": self._markets_keyset,
            "/events/keyset": self._events_keyset,
            "/markets": self._markets_offset,
            "/events": self._events_offset,
            "/events/pagination": self._events_pagination,
            "/tags": self._tags,
            "/series": self._series,
            "/public-search": self._search,
            "/sports": lambda *_: json_response(gamma_people.SPORTS),
            "/sports/market-types": lambda *_: json_response({"marketTypes": ["moneyline"]}),
            "/teams": lambda *_: json_response([]),
            "/comments": self._comments,
            "/comments/keyset": self._comments_keyset,
            "/public-profile": self._profile,
            "/status": lambda *_: json_response("OK"),
        }

    def handle(self, request: Request, now: int) -> Response:
        """Answer a request as of `now`."""
        if request.method not in {"GET", "HEAD"}:
            return json_response({"type": "method not allowed", "error": "method not allowed"}, 405)
        try:
            route = self._fixed.get(request.path.rstrip("/") or "/")
            return route(request, now) if route else self._single(request, now)
        except InvalidError as error:
            return gamma_invalid(error)

    # listings

    def _markets_keyset(self, request: Request, now: int) -> Response:
        moment = self.live.moment(now)
        tags = bool(flag(request.first("include_tag"), "include_tag"))
        old = legacy.matching(request) if flag(request.first("closed"), "closed") else []
        page = self._page(request, moment, self._markets, old)
        rows = self.rows.markets(page.rows, now, tags=tags)
        return _wrapped("markets", [*page.old, *rows], page.cursor)

    def _events_keyset(self, request: Request, now: int) -> Response:
        moment = self.live.moment(now)
        page = self._page(request, moment, self._events, [])
        return _wrapped("events", [self.rows.event(event, moment) for event in page.rows], page.cursor)

    def _page(
        self, request: Request, moment: Moment, listing: MarketFilter | EventFilter, old: list[tuple[int, bytes]]
    ) -> "_Page":
        """Return one page; `old` rows come before all others where the order is that of ids."""
        if request.has("offset"):
            raise InvalidError("offset is not allowed on keyset endpoints", "offset")
        limit = min(whole(request.first("limit"), "limit", _PAGE), _MAX_PAGE)
        mark = filter_mark(request.query, _UNBOUND)
        place = (
            read_cursor(request.first("after_cursor"), mark, "after_cursor") if request.first("after_cursor") else []
        )
        fields = order_fields(request)
        chosen = listing.choose(request, moment)
        if not fields or fields == [("id", False)]:
            if place:
                old = [row for row in old if row[0] > place[0]]
                chosen = listing.after(chosen, int(place[0]))
            head = old[:limit]
            shown = chosen[: limit - len(head)].tolist()
            more = len(old) + len(chosen) > limit > 0
            last = listing.id_of(shown[-1]) if shown else (head[-1][0] if head else 0)
            return _Page(shown, [row for _, row in head], make_cursor(mark, last) if more else None)
        ranked = _Ranking(fields, listing, moment)
        rows = ranked.sort(chosen.tolist(), place)
        shown = rows[:limit]
        return _Page(shown, [], make_cursor(mark, *ranked.place(shown[-1])) if len(rows) > limit > 0 else None)

    def _offset(self, request: Request, moment: Moment, listing: MarketFilter | EventFilter) -> list[int]:
        """Return the rows of a legacy page."""
        offset = whole(request.first("offset"), "offset", 0)
        if offset > _MAX_OFFSET:
            name = "markets" if isinstance(listing, MarketFilter) else "events"
            raise InvalidError(f"offset too large, use /{name}/keyset for deeper pagination", "offset")
        limit = min(whole(request.first("limit"), "limit", _PAGE), _MAX_PAGE)
        chosen: list[int] = listing.choose(request, moment).tolist()
        fields = order_fields(request)
        if fields:
            chosen = _Ranking(fields, listing, moment).sort(chosen, [])
        return chosen[offset : offset + limit]

    def _markets_offset(self, request: Request, now: int) -> Response:
        moment = self.live.moment(now)
        tags = bool(flag(request.first("include_tag"), "include_tag"))
        rows = self.rows.markets(self._offset(request, moment, self._markets), now, tags=tags)
        return raw_json(_array(rows), headers=_deprecated("markets"))

    def _events_offset(self, request: Request, now: int) -> Response:
        moment = self.live.moment(now)
        rows = [self.rows.event(event, moment) for event in self._offset(request, moment, self._events)]
        return raw_json(_array(rows), headers=_deprecated("events"))

    def _events_pagination(self, request: Request, now: int) -> Response:
        moment = self.live.moment(now)
        total = len(self._events.choose(request, moment))
        rows = self._offset(request, moment, self._events)
        shown = whole(request.first("offset"), "offset", 0) + len(rows)
        pagination = {"hasMore": shown < total, "totalResults": total}
        data = [msgspec.Raw(self.rows.event(event, moment)) for event in rows]
        return json_response({"data": data, "pagination": pagination})

    # single objects

    def _single(self, request: Request, now: int) -> Response:
        parts = [part for part in request.path.split("/") if part]
        routes: dict[str, Callable[[list[str], Request, int], Response | None]] = {
            "markets": self._market,
            "events": self._event,
            "tags": self._tag,
            "series": self._one_series,
            "comments": self._comment,
        }
        route = routes.get(parts[0]) if len(parts) > 1 else None
        found = route(parts[1:], request, now) if route else None
        return found or gamma_missing()

    def _market(self, parts: list[str], request: Request, now: int) -> Response | None:
        names = self.live.names
        slug = parts[0] == "slug" and len(parts) > 1
        market = names.find_slug(parts[1]) if slug else names.find_market(parts[0])
        rest = parts[2:] if slug else parts[1:]
        if market is None:
            return None if slug or rest else legacy.single(parts[0])
        if self.live.created_at[market] > now:
            return None
        if rest == ["tags"]:
            return self._tag_list(self.live.event_of(market))
        tags = bool(flag(request.first("include_tag"), "include_tag"))
        return None if rest else raw_json(self.rows.markets([market], now, tags=tags)[0], headers=_CACHE)

    def _event(self, parts: list[str], request: Request, now: int) -> Response | None:
        del request
        names = self.live.names
        slug = parts[0] == "slug" and len(parts) > 1
        event = names.find_event_slug(parts[1]) if slug else names.find_event(parts[0])
        rest = parts[2:] if slug else parts[1:]
        if event is None or self.live.created_at[self.live.members(event)[0]] > now:
            return None
        if rest == ["tags"]:
            return self._tag_list(event)
        return None if rest else raw_json(self.rows.event(event, self.live.moment(now)), headers=_CACHE)

    def _tag_list(self, event: int) -> Response:
        return json_response([self.catalogue.tag_row(tag) for tag in self.catalogue.tags_of[event]])

    # tags and series

    def _tags(self, request: Request, now: int) -> Response:
        del now
        rows = [self.catalogue.tag_row(tag) for tag in self.catalogue.tags]
        return json_response(_slice(rows, request, _MAX_PAGE))

    def _tag(self, parts: list[str], request: Request, now: int) -> Response | None:
        del request, now
        rest = parts[1:] if parts[0] != "slug" else parts[2:]
        name = parts[0] if parts[0] != "slug" else (parts[1] if len(parts) > 1 else "")
        tag = self.catalogue.find_tag(name)
        if tag is None:
            return None
        if not rest:
            return json_response(self.catalogue.tag_row(tag))
        if rest[0] != "related-tags":
            return None
        related = self.catalogue.related(tag)
        if rest[1:] == ["tags"]:
            return json_response([self.catalogue.tag_row(other) for other in related])
        rows = [
            {"id": f"{tag.id}{other.id}", "tagID": int(tag.id), "relatedTagID": int(other.id), "rank": place}
            for place, other in enumerate(related)
        ]
        return json_response(rows)

    def _series(self, request: Request, now: int) -> Response:
        slugs, recurrence = request.every("slug", "slug[]"), request.first("recurrence")
        chosen = [
            row
            for row in self.catalogue.series
            if (not slugs or row.slug in slugs) and (not recurrence or row.recurrence == recurrence)
        ]
        bare = bool(flag(request.first("exclude_events"), "exclude_events"))
        rows = [self._series_row(row, now, bare=bare) for row in _slice(chosen, request, _MAX_SERIES)]
        return json_response(rows)

    def _one_series(self, parts: list[str], request: Request, now: int) -> Response | None:
        del request
        row = next((row for row in self.catalogue.series if row.id == parts[0]), None)
        return json_response(self._series_row(row, now, bare=False)) if row and len(parts) == 1 else None

    def _series_row(self, series: Series, now: int, *, bare: bool) -> dict[str, Any]:
        kind, moment = self.catalogue.kind_of(series), self.live.moment(now)
        events = [event for event, own in enumerate(self.live.world.event_kind) if own.name == kind]
        markets = [market for event in events for market in self.live.members(event)]
        row = self.catalogue.series_row(series)
        row["volume"] = int(moment.volume_e6[markets].sum()) / 1e6
        row["liquidity"] = int(moment.liquidity_usd[markets].sum())
        running = [
            event
            for event in events
            if self.live.created_at[self.live.members(event)[0]] <= now and not self.rows.closed(event, now)
        ]
        row["events"] = [] if bare else [msgspec.Raw(self.rows.event(e, moment, markets=False)) for e in running]
        return row

    # search and people

    def _search(self, request: Request, now: int) -> Response:
        words = request.first("q").lower().split()
        if not words:
            raise InvalidError("q is required", "q")
        page = max(whole(request.first("page"), "page", 1), 1)
        limit = min(whole(request.first("limit_per_type"), "limit_per_type", 5), _MAX_PAGE)
        moment = self.live.moment(now)
        events = self._matching_events(words, request, moment)
        shown = events[(page - 1) * limit : page * limit]
        tags = [
            {"id": tag.id, "label": tag.label, "slug": tag.slug, "event_count": len(self.catalogue.events_with[tag.id])}
            for tag in self.catalogue.tags
            if any(word in tag.label.lower() for word in words)
        ]
        people = gamma_people.search(self.live, words)
        with_tags, with_people = flag(request.first("search_tags"), "search_tags"), request.first("search_profiles")
        body = {
            "events": [msgspec.Raw(self.rows.event(event, moment)) for event in shown] or None,
            "tags": tags[:limit] if with_tags is not False and tags else None,
            "profiles": people[:limit] if flag(with_people, "search_profiles") and people else None,
            "pagination": {"hasMore": page * limit < len(events), "totalResults": len(events)},
        }
        return json_response(body)

    def _matching_events(self, words: list[str], request: Request, moment: Moment) -> list[int]:
        everything = (("version", "v1"), ("version", "v2"))
        status = request.first("events_status")
        keep_closed = flag(request.first("keep_closed_markets"), "keep_closed_markets") or status in {
            "closed",
            "resolved",
        }
        found: list[int] = self._events.choose(msgspec.structs.replace(request, query=everything), moment).tolist()
        if keep_closed:
            query = (*everything, ("closed", "true"))
            closed = self._events.choose(msgspec.structs.replace(request, query=query), moment).tolist()
            found = closed if status in {"closed", "resolved"} else found + closed
        wanted = {tag.lower() for tag in request.every("events_tag", "events_tag[]")}
        rows = []
        for event in found:
            own = self.live.event_text(event)
            labels = {name for tag in self.catalogue.tags_of[event] for name in (tag.slug, tag.label.lower(), tag.id)}
            text = " ".join((own.title, *(market.question for market in own.markets))).lower()
            if all(word in text for word in words) and (not wanted or wanted & labels):
                rows.append(event)
        name = {
            "volume_24hr": "volume24hr",
            "end_date": "endDate",
            "start_date": "startDate",
            "closed_time": "closedTime",
        }
        sort = request.first("sort") or "volume"
        key = self._events.key(name.get(sort, sort), moment)
        if key is not None:
            rows.sort(key=key, reverse=flag(request.first("ascending"), "ascending") is not True)
        return rows

    def _comments(self, request: Request, now: int) -> Response:
        rows = gamma_people.comments(self.live, request, now)
        offset = min(whole(request.first("offset"), "offset", 0), 200)
        return json_response(rows[offset : offset + min(whole(request.first("limit"), "limit", _PAGE), _MAX_PAGE)])

    def _comments_keyset(self, request: Request, now: int) -> Response:
        rows = gamma_people.comments(self.live, request, now)
        mark = filter_mark(request.query, _UNBOUND)
        cursor = request.first("after_cursor")
        first = int(read_cursor(cursor, mark, "after_cursor")[0]) if cursor else 0
        limit = min(whole(request.first("limit"), "limit", _PAGE), _MAX_PAGE)
        body: dict[str, Any] = {"comments": rows[first : first + limit]}
        if first + limit < len(rows):
            body["next_cursor"] = make_cursor(mark, first + limit)
        return json_response(body)

    def _comment(self, parts: list[str], request: Request, now: int) -> Response | None:
        del request
        if parts[0] == "user_address" and len(parts) == 2:
            return json_response(gamma_people.comments_by(self.live, parts[1], now))
        found = gamma_people.comment(self.live, parts[0], now)
        return json_response([found]) if found else None

    def _profile(self, request: Request, now: int) -> Response:
        del now
        found = gamma_people.profile(self.live, request.first("address"))
        return json_response(found) if found else gamma_missing()


@dataclass(frozen=True, slots=True)
class _Page:
    """Rows of one page, printed rows that come before them, and the cursor of the next page (None on the last)."""

    rows: list[int]
    old: list[bytes]
    cursor: str | None


class _Ranking:
    """Sort rows by several fields, ties by id, and continue after a place."""

    def __init__(self, fields: list[tuple[str, bool]], listing: MarketFilter | EventFilter, moment: Moment) -> None:
        self._id = listing.id_of
        self._keys: list[tuple[Key, bool]] = []
        for name, descending in fields:
            key = listing.key(name, moment)
            if key is None:
                raise InvalidError("order fields are not valid", "order")
            self._keys.append((key, descending))

    def sort(self, rows: list[int], place: list[Any]) -> list[int]:
        """Return the rows in order, without those up to a place of an earlier page."""
        ordered = sorted(rows, key=self._id)
        for key, descending in reversed(self._keys):
            ordered.sort(key=key, reverse=descending)
        if not place:
            return ordered
        return [row for row in ordered if self._is_after(row, place)]

    def place(self, row: int) -> list[Any]:
        """Return what a cursor must remember of the last row shown."""
        return [*(key(row) for key, _ in self._keys), self._id(row)]

    def _is_after(self, row: int, place: list[Any]) -> bool:
        for (key, descending), other in zip(self._keys, place[:-1], strict=True):
            own = key(row)
            if own != other:
                return bool(own < other) if descending else bool(own > other)
        return bool(self._id(row) > place[-1])


def _array(rows: list[bytes]) -> bytes:
    return b"[" + b",".join(rows) + b"]"


def _wrapped(name: str, rows: list[bytes], cursor: str | None) -> Response:
    end = f',"next_cursor":"{cursor}"}}'.encode() if cursor else b"}"
    return raw_json(f'{{"{name}":'.encode() + _array(rows) + end, headers=_CACHE)


def _deprecated(name: str) -> Headers:
    return (*_DEPRECATED, ("warning", f'299 - "use /{name}/keyset"'))


def _slice(rows: list[Any], request: Request, most: int) -> list[Any]:
    offset = whole(request.first("offset"), "offset", 0)
    return rows[offset : offset + min(whole(request.first("limit"), "limit", most), most)]

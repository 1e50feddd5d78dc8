"""Which markets or events a listing shows, and in which order."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import parse_instant
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.units import DAY
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.catalogue import Catalogue
from edgeworth.sandbox.server.live import LiveWorld, Moment
from edgeworth.sandbox.server.paging import InvalidError, flag, number
from edgeworth.sandbox.server.protocol import Request

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Key = Callable[[int], int | float | str]

_MAX_IDS = 100
_VERSIONS = ("v1", "v2")


def _between_dates(request: Request, start: Ints, end: Ints) -> Bools:
    """Tell which rows begin and end within the dates asked for; an unknown end lies within none."""
    keep = np.ones(len(start), dtype=bool)
    for name, column in (("start_date", start), ("end_date", end)):
        low, high = request.first(f"{name}_min"), request.first(f"{name}_max")
        if low or high:
            keep &= column != UNKNOWN_TIME
        if low:
            keep &= column >= instant(low, f"{name}_min")
        if high:
            keep &= column <= instant(high, f"{name}_max")
    return keep


class MarketFilter:
    """Choose markets by the query of a listing, as of one moment."""

    def __init__(self, live: LiveWorld, catalogue: Catalogue) -> None:
        self.live, self.catalogue = live, catalogue
        self._v2 = np.array([live.names.version(market) == "v2" for market in range(live.count)])
        self._ids = np.array([int(live.names.market_id(market)) for market in range(live.count)], dtype=np.int64)

    def choose(self, request: Request, moment: Moment) -> Ints:
        """Return the chosen markets in the order of their ids; raises InvalidError."""
        keep = moment.listed & self._by_version(request) & self._by_state(request, moment)
        keep &= self._by_figures(request, moment) & self._by_dates(request)
        for chosen in (self._by_names(request), self._by_tag(request), self._by_text(request, moment)):
            if chosen is not None:
                keep &= chosen
        order = self.live.by_id
        result: Ints = order[keep[order]]
        return result

    def after(self, chosen: Ints, market_id: int) -> Ints:
        """Return the chosen markets whose id is above one."""
        return chosen[int(np.searchsorted(self._ids[chosen], market_id, side="right")) :]

    def _mask(self, markets: "list[int] | Ints") -> Bools:
        keep = np.zeros(self.live.count, dtype=bool)
        keep[markets] = True
        return keep

    def _by_version(self, request: Request) -> Bools:
        asked = request.every("version", "version[]") or ["v1"]
        if any(value not in _VERSIONS for value in asked):
            raise InvalidError("version is not valid", "version")
        return (self._v2 & ("v2" in asked)) | (~self._v2 & ("v1" in asked))

    def _by_state(self, request: Request, moment: Moment) -> Bools:
        closed = flag(request.first("closed"), "closed")
        keep = moment.closed if closed else ~moment.closed
        wanted = request.first("resolution_status")
        if wanted:
            if wanted not in {"inactive", "active", "resolved"}:
                raise InvalidError("resolution_status is not valid", "resolution_status")
            standing = moment.closed if wanted == "resolved" else ~moment.closed
            keep = keep & standing & self._v2 & (wanted != "inactive")
        if flag(request.first("cyom"), "cyom") or flag(request.first("rfq_enabled"), "rfq_enabled"):
            keep = keep & False
        return keep

    def _by_figures(self, request: Request, moment: Moment) -> Bools:
        keep = np.ones(self.live.count, dtype=bool)
        for name, column in (("volume_num", "volume_e6"), ("liquidity_num", "liquidity_usd")):
            low, high = request.first(f"{name}_min"), request.first(f"{name}_max")
            unit = 1e6 if column == "volume_e6" else 1.0
            if low:
                keep &= getattr(moment, column) >= number(low, f"{name}_min") * unit
            if high:
                keep &= getattr(moment, column) <= number(high, f"{name}_max") * unit
        smallest = request.first("rewards_min_size")
        return keep & (number(smallest, "rewards_min_size") <= 50) if smallest else keep

    def _by_dates(self, request: Request) -> Bools:
        return _between_dates(request, self.live.created_at, self.live.scheduled_end)

    def _by_names(self, request: Request) -> Bools | None:
        names = self.live.names
        lookups: tuple[tuple[tuple[str, ...], Callable[[str], int | None]], ...] = (
            (("id", "id[]"), names.find_market),
            (("slug", "slug[]"), names.find_slug),
            (("condition_ids", "condition_ids[]"), names.find_condition),
            (("question_ids", "question_ids[]"), names.find_question),
            (("clob_token_ids", "clob_token_ids[]"), lambda token: self._token_market(token, "v1")),
            (("position_ids", "position_ids[]"), lambda token: self._token_market(token, "v2")),
            (("request_ids", "request_ids[]"), names.find_condition),
            (("market_maker_address", "market_maker_address[]"), lambda _: None),
        )
        keep: Bools | None = None
        for keys, find in lookups:
            values = request.every(*keys)
            if not values:
                continue
            if len(values) > _MAX_IDS:
                raise InvalidError(f"{keys[0]} accepts at most {_MAX_IDS} values", keys[0])
            found = self._mask([market for market in map(find, values) if market is not None])
            keep = found if keep is None else keep & found
        return self._by_chain(request, keep)

    def _by_chain(self, request: Request, keep: Bools | None) -> Bools | None:
        """Choose by the second protocol's event ids, which all markets of an event share."""
        asked = set(request.every("onchain_event_ids", "onchain_event_ids[]"))
        if not asked:
            return keep
        if len(asked) > _MAX_IDS:
            raise InvalidError(f"onchain_event_ids accepts at most {_MAX_IDS} values", "onchain_event_ids")
        second = np.flatnonzero(self._v2).tolist()
        found = self._mask([m for m in second if self.live.names.onchain_event_id(m) in asked])
        return found if keep is None else keep & found

    def _token_market(self, token: str, version: str) -> int | None:
        found = self.live.names.find_token(token)
        return found[0] if found and self.live.names.version(found[0]) == version else None

    def _by_tag(self, request: Request) -> Bools | None:
        events = tagged_events(request, self.catalogue)
        if events is None:
            return None
        return self._mask([market for event in events for market in self.live.members(event)])

    def _by_text(self, request: Request, moment: Moment) -> Bools | None:
        status, types = request.first("uma_resolution_status"), request.every("sports_market_types")
        games = request.every("game_id", "game_id[]")
        if not (status or types or games):
            return None
        live = self.live
        keep = []
        for market in np.flatnonzero(moment.listed).tolist():
            history = live.status(market, moment.now).history
            sport = live.kind(market).category.startswith("sports/")
            fits = not status or (history[-1] if history else "") == status
            fits = fits and (not types or (sport and "moneyline" in types))
            if fits and (not games or (sport and str(90_000 + live.event_of(market)) in games)):
                keep.append(market)
        return self._mask(keep)

    def key(self, name: str, moment: Moment) -> Key | None:
        """Return the sort key of a market field, None when the field cannot be sorted by."""
        live = self.live
        columns: dict[str, Key] = {
            "id": lambda market: int(self._ids[market]),
            "slug": live.names.numbering.market_slug,
            "volumeNum": lambda market: int(moment.volume_e6[market]),
            "volume24hr": lambda market: int(moment.volume_24h_e6[market]),
            "liquidityNum": lambda market: int(moment.liquidity_usd[market]),
            "volume": lambda market: text.six(int(moment.volume_e6[market])),
            "liquidity": lambda market: str(int(moment.liquidity_usd[market])),
            "endDate": lambda market: int(live.scheduled_end[market]),
            "startDate": lambda market: int(live.created_at[market]),
            "createdAt": lambda market: int(live.created_at[market]),
            "closedTime": lambda market: int(live.resolved_at[market]) if moment.closed[market] else 0,
        }
        return columns.get(name)

    def id_of(self, market: int) -> int:
        """Return a market's id as a number."""
        return int(self._ids[market])


class EventFilter:
    """Choose events by the query of a listing, as of one moment."""

    def __init__(self, live: LiveWorld, catalogue: Catalogue) -> None:
        self.live, self.catalogue = live, catalogue
        first = np.array(live.names.numbering.first, dtype=np.int64)
        self._first = first[:-1]
        self._created = live.created_at[self._first]
        self._end = live.scheduled_end[self._first]
        self._closed_at = np.maximum.reduceat(live.resolved_at, self._first)
        self._v2 = np.array(live.names.is_v2)
        self._order = np.array(live.names.numbering.order, dtype=np.int64)
        self._ids = np.array([int(live.names.event_id(event)) for event in range(len(first) - 1)], dtype=np.int64)

    def choose(self, request: Request, moment: Moment) -> Ints:
        """Return the chosen events in the order of their ids; raises InvalidError."""
        asked = request.every("version", "version[]") or ["v1"]
        if any(value not in _VERSIONS for value in asked):
            raise InvalidError("version is not valid", "version")
        keep = (self._created <= moment.now) & ((self._v2 & ("v2" in asked)) | (~self._v2 & ("v1" in asked)))
        closed = self._closed_at <= moment.now
        keep &= closed if flag(request.first("closed"), "closed") else ~closed
        keep &= self._by_figures(request, moment) & self._by_dates(request)
        keep &= self._by_calendar(request, moment)
        for chosen in (self._by_names(request), self._by_series(request), self._by_words(request)):
            if chosen is not None:
                keep &= chosen
        result: Ints = self._order[keep[self._order]]
        return result

    def after(self, chosen: Ints, event_id: int) -> Ints:
        """Return the chosen events whose id is above one."""
        return chosen[int(np.searchsorted(self._ids[chosen], event_id, side="right")) :]

    def _mask(self, events: "list[int] | Ints") -> Bools:
        keep = np.zeros(len(self._ids), dtype=bool)
        keep[events] = True
        return keep

    def sums(self, column: Ints) -> Ints:
        """Sum a market column over each event."""
        result: Ints = np.add.reduceat(column, self._first)
        return result

    def _by_figures(self, request: Request, moment: Moment) -> Bools:
        keep = np.ones(len(self._ids), dtype=bool)
        for name, column in (("volume", "volume_e6"), ("liquidity", "liquidity_usd")):
            low, high = request.first(f"{name}_min"), request.first(f"{name}_max")
            unit = 1e6 if column == "volume_e6" else 1.0
            if low:
                keep &= self.sums(getattr(moment, column)) >= number(low, f"{name}_min") * unit
            if high:
                keep &= self.sums(getattr(moment, column)) <= number(high, f"{name}_max") * unit
        return keep

    def _by_dates(self, request: Request) -> Bools:
        return _between_dates(request, self._created, self._end)

    def _by_names(self, request: Request) -> Bools | None:
        names = self.live.names
        keep: Bools | None = None
        for keys, find in ((("id", "id[]"), names.find_event), (("slug", "slug[]"), names.find_event_slug)):
            values = request.every(*keys)
            if values:
                found = self._mask([event for event in map(find, values) if event is not None])
                keep = found if keep is None else keep & found
        events = tagged_events(request, self.catalogue)
        if events is None:
            return keep
        return self._mask(sorted(events)) if keep is None else keep & self._mask(sorted(events))

    def _by_calendar(self, request: Request, moment: Moment) -> Bools:
        """Choose by the day of the end and by whether it has passed; no event here is live, featured or a child."""
        keep = np.ones(len(self._ids), dtype=bool)
        dated = self._end != UNKNOWN_TIME
        if request.first("event_date"):
            day = instant(request.first("event_date"), "event_date") // DAY
            keep &= dated & (self._end // DAY == day)
        ended = flag(request.first("ended"), "ended")
        if ended is not None:
            keep &= (dated & (self._end <= moment.now)) == ended
        never = any(flag(request.first(name), name) for name in ("live", "featured", "cyom"))
        return keep & False if never or request.has("parent_event_id") else keep

    def _by_series(self, request: Request) -> Bools | None:
        wanted, recurrence = request.every("series_id", "series_id[]"), request.first("recurrence")
        if not wanted and not recurrence:
            return None
        rows = [self.catalogue.series_of(event) for event in range(len(self._ids))]
        return np.array(
            [
                row is not None
                and (not wanted or row.id in wanted)
                and (not recurrence or row.recurrence == recurrence)
                for row in rows
            ]
        )

    def _by_words(self, request: Request) -> Bools | None:
        words = request.first("title_search").lower()
        if not words:
            return None
        return np.array([words in self.live.event_text(event).title.lower() for event in range(len(self._ids))])

    def key(self, name: str, moment: Moment) -> Key | None:
        """Return the sort key of an event field, None when the field cannot be sorted by."""
        volume, day = self.sums(moment.volume_e6), self.sums(moment.volume_24h_e6)
        liquidity = self.sums(moment.liquidity_usd)
        columns: dict[str, Key] = {
            "id": lambda event: int(self._ids[event]),
            "slug": self.live.names.numbering.event_slug,
            "title": lambda event: self.live.event_text(event).title,
            "volume": lambda event: int(volume[event]),
            "volume24hr": lambda event: int(day[event]),
            "liquidity": lambda event: int(liquidity[event]),
            "competitive": lambda _: 0,
            "endDate": lambda event: int(self._end[event]),
            "startDate": lambda event: int(self._created[event]),
            "createdAt": lambda event: int(self._created[event]),
            "closedTime": lambda event: int(self._closed_at[event]) if self._closed_at[event] <= moment.now else 0,
        }
        return columns.get(name)

    def id_of(self, event: int) -> int:
        """Return an event's id as a number."""
        return int(self._ids[event])


def instant(value: str, parameter: str) -> int:
    """Return an instant; raises InvalidError."""
    try:
        return int(parse_instant(value))
    except ValueError as error:
        raise InvalidError(f"{parameter} is not valid", parameter) from error


def tagged_events(request: Request, catalogue: Catalogue) -> set[int] | None:
    """Return the events with the asked tags (any of them, or all with `tag_match=all`), None when none was asked."""
    asked = request.every("tag_id", "tag_id[]", "tag_slug")
    left_out = request.every("exclude_tag_id", "exclude_tag_id[]")
    if not asked and not left_out:
        return None
    everything = set(range(len(catalogue.tags_of)))
    sets: list[set[int]] = []
    for name in asked:
        tag = catalogue.find_tag(name)
        own: set[int] = catalogue.events_with[tag.id] if tag else set()
        if tag and flag(request.first("related_tags"), "related_tags"):
            own = own.union(*(catalogue.events_with[other.id] for other in catalogue.related(tag)))
        sets.append(own)
    if sets:
        together = set[int].intersection if request.first("tag_match") == "all" else set[int].union
        everything &= together(*sets)
    for name in left_out:
        tag = catalogue.find_tag(name)
        if tag:
            everything -= catalogue.events_with[tag.id]
    return everything


def order_fields(request: Request) -> list[tuple[str, bool]]:
    """Return (field, descending) pairs of the query; raises InvalidError for snake_case."""
    names = [part for part in request.first("order").split(",") if part]
    if any("_" in name for name in names):
        raise InvalidError("order fields are not valid", "order")
    descending = flag(request.first("ascending"), "ascending") is False
    return [(name, descending) for name in names]

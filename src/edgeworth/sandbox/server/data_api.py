"""The data service, version 2: trades, positions, holders, figures, tokens, resolutions and price history."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import dropwhile, islice
from typing import Any, Protocol

import msgspec

from edgeworth.core.units import DAY, ONE_PRICE, SECOND
from edgeworth.sandbox.protocol import PublicPrint, Query, Request, Response, json_response
from edgeworth.sandbox.server import data_rows
from edgeworth.sandbox.server.feed import Feed, Tape, cash_e6
from edgeworth.sandbox.server.history import History
from edgeworth.sandbox.server.holdings import Holding, Holdings
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.paging import InvalidError, filter_mark, flag, make_cursor, number, read_cursor, whole

_PAGE, _MAX_PAGE = 100, 1_000
_HISTORY_PAGE, _HISTORY_MAX = 1_000, 10_000
_UNBOUND = ("cursor", "limit")
_CAMEL = re.compile(r"(?<!^)(?=[A-Z])")
_ALIASES = {"condition_id": "condition", "market": "condition", "asset": "token_id"}
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_MOST_CONDITIONS = 20
_TRADE_TYPES = {"TRADE"}


class Clients(Protocol):
    """What the exchange knows of clients' wallets."""

    def holdings(self, wallet: str) -> Sequence[Holding]:
        """Return what a client's wallet holds, nothing for any other."""

    def traded(self, wallet: str) -> Sequence[int] | None:
        """Return the markets a client's wallet ever traded in, None for a wallet of the crowd."""


class DataApi:
    """Answer `/v2/...` from a world, the public trades, and what the exchange knows of its clients."""

    def __init__(self, live: LiveWorld, tape: Tape, clients: Clients) -> None:
        self.live = live
        self.holdings = Holdings(live)
        self.feed = Feed(live, tape, [self.holdings.address(place) for place in range(64)])
        self.history = History(live)
        self.rows = data_rows.DataRows(live, self.holdings)
        self._clients = clients
        self._routes: dict[str, Callable[[Request, int], Response]] = {
            "/v2/trades": self._trades,
            "/v2/activity": self._activity,
            "/v2/positions": self._positions,
            "/v2/holders": self._holders,
            "/v2/value": self._value,
            "/v2/user-stats": self._user_stats,
            "/v2/user-pnl": self._user_pnl,
            "/v2/user-volume": self._user_volume,
            "/v2/oi": self._open_interest,
            "/v2/live-volume": self._live_volume,
            "/v2/leaderboard": self._leaderboard,
            "/v2/biggest-winners": self._winners,
            "/v2/tokens": self._tokens,
            "/v2/resolutions": self._resolutions,
            "/v2/prices-history": self._prices_history,
            "/v2/activity/combos": _empty,
            "/v2/positions/combos": _empty,
            "/v2/builders/leaderboard": _empty,
            "/v2/builders/volume": _empty,
            "/v2/status": lambda _, now: json_response({"data": {"status": "ok", "last_block_at": now // SECOND}}),
        }

    def handle(self, request: Request, now: int) -> Response:
        """Answer a request as of `now`."""
        route = self._routes.get(request.path.rstrip("/"))
        trace = hashlib.sha256(msgspec.json.encode((request.path, request.query, now))).hexdigest()[:16]
        if route is None:
            return _failure("no such route", "not_found", 404, trace)
        if request.method != "GET":
            return _failure("method not allowed", "method_not_allowed", 405, trace)
        asked = msgspec.structs.replace(request, query=plain_query(request.query))
        try:
            if asked.has("offset"):
                raise InvalidError("offset is not supported", "offset")
            return route(asked, now)
        except InvalidError as error:
            return _failure(str(error), "invalid_request", 400, trace, error.parameter)

    # trades

    def _trades(self, request: Request, now: int) -> Response:
        user = request.first("user")
        rows = self._feed_of(request, user, now)
        keep = self._trade_filter(request, now)
        shown, pagination = _paged(request, (row for row in rows if keep(row)), name=_trade_name)
        return json_response({"data": [self.rows.trade(row) for row in shown], "pagination": pagination})

    def _feed_of(self, request: Request, user: str, now: int) -> Iterator[PublicPrint]:
        markets = self._asked_markets(request)
        makers = flag(request.first("taker_only"), "taker_only") is False
        if user:
            rows = self._trades_of(_address(user), now)
            return (row for row in rows if (makers or row.taker) and (markets is None or row.market in markets))
        if markets is None:
            return self.feed.of_all(now, makers=makers)
        return self.feed.of_markets(markets, now, makers=makers)

    def _trades_of(self, wallet: str, now: int) -> Iterator[PublicPrint]:
        return self.feed.of_wallet(wallet, now, self._clients.traded(wallet))

    def _trade_filter(self, request: Request, now: int) -> Callable[[PublicPrint], bool]:
        side, by = request.first("side").upper(), request.first("filter_type").upper()
        if side not in {"", "BUY", "SELL"}:
            raise InvalidError("side is not valid", "side")
        if by not in {"", "CASH", "TOKENS"}:
            raise InvalidError("filter_type is not valid", "filter_type")
        least = number(request.first("filter_amount") or "0.01", "filter_amount") * 1e6
        begin = whole(request.first("start"), "start", 0) * SECOND
        end = whole(request.first("end"), "end", now // SECOND + 1) * SECOND

        def keep(row: PublicPrint) -> bool:
            amount = row.shares_e6 if by == "TOKENS" else cash_e6(row)
            return (not side or row.side == side) and amount >= least and begin <= row.at < end

        return keep

    def _activity(self, request: Request, now: int) -> Response:
        user = _address(_needed(request, "user"))
        types = {part.upper() for value in request.every("type") for part in value.split(",") if part}
        rows: Iterable[PublicPrint] = self._trades_of(user, now) if not types or types & _TRADE_TYPES else ()
        keep = self._trade_filter(request, now)
        chosen = [row for row in rows if keep(row)]
        if request.first("sort_direction").upper() == "ASC":
            chosen.reverse()
        shown, pagination = _paged(request, iter(chosen))
        return json_response({"data": [self.rows.activity(row) for row in shown], "pagination": pagination})

    # positions

    def _positions(self, request: Request, now: int) -> Response:
        user = request.first("user")
        markets = self._asked_markets(request)
        if not user and not markets:
            raise InvalidError("user or condition is required", "user")
        if user:
            wallet = _address(user)
            found = [*self._clients.holdings(wallet), *self.holdings.of_wallet(wallet, now)]
            found = [row for row in found if markets is None or row.market in markets]
        else:
            found = [row for market in markets or () for row in self.holdings.of_market(market, now)]
        status = request.first("status").upper()
        rows = [self.rows.position(row, now) for row in found]
        rows = [row for row in rows if not status or row["status"] == status]
        title = request.first("title").lower()
        rows = [row for row in rows if title in row["title"].lower()]
        key = data_rows.SORTS.get(request.first("sort_by").upper() or "CURRENT_VALUE")
        if key is None:
            raise InvalidError("sort_by is not valid", "sort_by")
        rows.sort(key=lambda row: (row[key], row["token_id"]), reverse=request.first("sort_direction").upper() != "ASC")
        shown, pagination = _paged(request, iter(rows))
        return json_response({"data": shown, "pagination": pagination})

    def _holders(self, request: Request, now: int) -> Response:
        markets = self._asked_markets(request)
        if not markets:
            raise InvalidError("condition is required", "condition")
        with_pnl = bool(flag(request.first("include_pnl"), "include_pnl"))
        if with_pnl and len(markets) > 1:
            raise InvalidError("include_pnl accepts one condition", "include_pnl")
        least = number(request.first("min_balance") or "0", "min_balance") * 1e6
        limit = min(whole(request.first("limit"), "limit", 20), _PAGE)
        data = []
        for market in markets:
            held = [row for row in self.holdings.of_market(market, now) if row.shares_e6 >= least]
            for leg, token in enumerate(self.live.names.tokens(market)):
                own = [row for row in held if row.leg == leg][:limit]
                data.append({"token_id": token, "holders": [self.rows.holder(row, now, pnl=with_pnl) for row in own]})
        return json_response({"data": data, "pagination": _pagination(limit, None)})

    def _worth(self, wallet: str, now: int) -> tuple[list[Holding], int, int]:
        """Return a wallet's holdings, their value and their profit, millionths of a dollar."""
        held = [*self._clients.holdings(wallet), *self.holdings.of_wallet(wallet, now)]
        value = sum(row.shares_e6 * self.holdings.price_e4(row, now) // ONE_PRICE for row in held)
        cost = sum(row.shares_e6 * row.average_e4 // ONE_PRICE for row in held)
        return held, value, value - cost

    def _value(self, request: Request, now: int) -> Response:
        wallet = _address(_needed(request, "user"))
        held, value, _ = self._worth(wallet, now)
        markets = self._asked_markets(request)
        if markets is not None:
            chosen = [row for row in held if row.market in markets]
            value = sum(row.shares_e6 * self.holdings.price_e4(row, now) // ONE_PRICE for row in chosen)
        return json_response({"data": {"proxy_wallet": wallet, "value": value / 1e6}})

    def _user_stats(self, request: Request, now: int) -> Response:
        wallet = _address(_needed(request, "user"))
        held, _, _ = self._worth(wallet, now)
        if not held:
            return json_response({"data": None})
        wins = [row.shares_e6 * (self.holdings.price_e4(row, now) - row.average_e4) // ONE_PRICE for row in held]
        body = {
            "proxy_wallet": wallet,
            "trades": len({row.market for row in held}),
            "biggest_win": max(0, *wins) / 1e6 if wins else 0.0,
            "views": 0,
            "join_date": (self.live.world.scenario.start - 90 * DAY) // SECOND,
            "all_time_pnl": self._pnl_point(wallet, now),
        }
        return json_response({"data": body})

    def _user_pnl(self, request: Request, now: int) -> Response:
        wallet = _address(_needed(request, "user"))
        interval, fidelity = request.first("interval") or "1m", request.first("fidelity") or "1d"
        spans = {"max": 30, "all": 30, "1m": 30, "1w": 7, "1d": 1, "12h": 1, "6h": 1}
        steps = {"1d": DAY, "18h": 3 * DAY // 4, "12h": DAY // 2, "3h": DAY // 8, "1h": DAY // 24}
        if interval not in spans or fidelity not in steps:
            raise InvalidError("interval or fidelity is not valid", "interval" if interval not in spans else "fidelity")
        step = steps[fidelity]
        first = (now - spans[interval] * DAY) // step + 1
        points = [self._pnl_point(wallet, place * step) for place in range(first, now // step + 1)]
        body = {
            "proxy_wallet": wallet,
            "interval": interval,
            "fidelity": fidelity,
            "source_fidelity": fidelity,
            "points": points,
        }
        return json_response({"data": body})

    def _pnl_point(self, wallet: str, at: int) -> dict[str, Any]:
        held, value, profit = self._worth(wallet, at)
        return {
            "timestamp": at // SECOND,
            "source_block": 60_000_000 + at // (2 * SECOND) % 40_000_000,
            "trade_count": len(held),
            "realized_market_pnl": 0.0,
            "realized_lp_pnl": 0.0,
            "realized_combo_pnl": 0.0,
            "realized_pnl": 0.0,
            "volume": sum(row.shares_e6 for row in held) / 1e6,
            "volume_usdc": value / 1e6,
            "unrealized_pnl": profit / 1e6,
        }

    def _user_volume(self, request: Request, now: int) -> Response:
        wallet = _address(_needed(request, "user"))
        keep = self._trade_filter(request, now)
        rows = [row for row in self._trades_of(wallet, now) if keep(row)]
        body = {
            "volume": sum(row.shares_e6 for row in rows) / 1e6,
            "volume_usdc": sum(cash_e6(row) for row in rows) / 1e6,
            "trade_count": len(rows),
        }
        return json_response({"data": body})

    # markets

    def _open_interest(self, request: Request, now: int) -> Response:
        markets = self._asked_markets(request)
        if markets is None:
            total = int(self.live.moment(now).volume_e6.sum()) // 4
            return json_response({"data": [{"condition_id": "GLOBAL", "value": total / 1e6}]})
        rows = [
            {"condition_id": self.live.names.condition_id(m), "value": self.live.volume_e6(m, now) // 4 / 1e6}
            for m in markets
        ]
        return json_response({"data": rows})

    def _live_volume(self, request: Request, now: int) -> Response:
        if not request.first("event_id"):
            raise InvalidError("event_id is required", "event_id")
        markets = self._asked_markets(request) or []
        rows = [
            {
                "condition_id": self.live.names.condition_id(market),
                "taker_volume": (self.live.volume_e6(market, now) - self.live.volume_e6(market, now - DAY)) / 1e6,
            }
            for market in markets
        ]
        total = sum(self.live.volume_e6(m, now) - self.live.volume_e6(m, now - DAY) for m in markets)
        body = {"taker_volume_total": total / 1e6, "conditions": rows}
        return json_response({"data": body})

    def _ranked(self, request: Request, now: int) -> list[dict[str, Any]]:
        by = request.first("sort_by").upper() or "PNL"
        if by not in {"PNL", "VOLUME"}:
            raise InvalidError("sort_by is not valid", "sort_by")
        if request.first("time_period") not in {"", "day", "week", "month", "all"}:
            raise InvalidError("time_period is not valid", "time_period")
        rows = []
        for place in range(50):
            wallet = self.holdings.address(place)
            held, _, profit = self._worth(wallet, now)
            rows.append(self.rows.standing(wallet, profit, sum(row.shares_e6 for row in held)))
        key = "pnl" if by == "PNL" else "volume"
        rows.sort(key=lambda row: (-row[key], row["user_id"]))
        return [{"rank": rank, **row} for rank, row in enumerate(rows, start=1)]

    def _leaderboard(self, request: Request, now: int) -> Response:
        rows = self._ranked(request, now)
        user = request.first("user")
        if user:
            own = next((row for row in rows if row["user_id"] == _address(user)), None)
            if own is None:
                return json_response({"data": None})
            rank = own.pop("rank")
            by_volume = request.first("sort_by").upper() == "VOLUME"
            ranks = {"rank_pnl": 0 if by_volume else rank, "rank_volume": rank if by_volume else 0}
            return json_response({"data": {**own, **ranks}})
        shown, pagination = _paged(request, iter(rows))
        return json_response({"data": shown, "pagination": pagination})

    def _winners(self, request: Request, now: int) -> Response:
        rows = []
        for market in self.live.resolved_between(now - 30 * DAY, now):
            for held in self.holdings.of_market(market, now)[:2]:
                gain = held.shares_e6 * (self.holdings.price_e4(held, now) - held.average_e4) // ONE_PRICE
                if gain > 0:
                    rows.append((gain, held))
        rows.sort(key=lambda row: (-row[0], row[1].wallet, row[1].market))
        data = [self.rows.winner(rank, gain, held) for rank, (gain, held) in enumerate(rows[:200], start=1)]
        shown, pagination = _paged(request, iter(data))
        return json_response({"data": shown, "pagination": pagination})

    def _tokens(self, request: Request, now: int) -> Response:
        names = self.live.names
        tokens = _listed(request, "token_id", 50)
        pairs = [pair for pair in map(names.find_token, tokens) if pair is not None]
        for market in self._asked_markets(request, most=10) or ():
            pairs += [(market, 0), (market, 1)]
        if not tokens and not request.has("condition"):
            raise InvalidError("token_id or condition is required", "token_id")
        rows = [self.rows.token(market, leg, now) for market, leg in pairs if self.live.created_at[market] <= now]
        return json_response({"data": rows})

    def _resolutions(self, request: Request, now: int) -> Response:
        names = self.live.names
        asked = [
            market for market in map(names.find_question, _listed(request, "question_id", 20)) if market is not None
        ]
        markets = asked or self._asked_markets(request)
        if markets is None and not request.has("question_id"):
            raise InvalidError("question_id, condition or event_id is required", "condition")
        rows = [self.rows.resolution(m, now) for m in markets or () if self.live.created_at[m] <= now]
        return json_response({"data": rows})

    def _prices_history(self, request: Request, now: int) -> Response:
        rows = self.history.rows(request, now)
        limit = min(whole(request.first("limit"), "limit", _HISTORY_PAGE), _HISTORY_MAX)
        shown, pagination = _paged(request, iter(rows), limit=limit)
        return json_response({"data": shown, "pagination": pagination})

    def _asked_markets(self, request: Request, most: int = _MOST_CONDITIONS) -> list[int] | None:
        """Return the markets a request names by condition or event, None when it names none."""
        names = self.live.names
        conditions, events = _listed(request, "condition", most), _listed(request, "event_id", _MOST_CONDITIONS)
        if not conditions and not events:
            return None
        found = [market for market in map(names.find_condition, conditions) if market is not None]
        for event in map(names.find_event, events):
            found += self.live.members(event) if event is not None else ()
        return list(dict.fromkeys(found))


def _empty(request: Request, _now: int) -> Response:
    """Answer a listing of what this venue does not have: combinations and builders."""
    shown, pagination = _paged(request, iter(()))
    return json_response({"data": shown, "pagination": pagination})


def plain_query(query: Query) -> Query:
    """Write every parameter in snake case and under its main name."""
    rows = []
    for key, value in query:
        name = _CAMEL.sub("_", key).lower()
        rows.append((_ALIASES.get(name, name), value))
    return tuple(rows)


def _listed(request: Request, name: str, most: int) -> list[str]:
    values = list(dict.fromkeys(part for value in request.every(name) for part in value.split(",") if part))
    if len(values) > most:
        raise InvalidError(f"{name} accepts at most {most} values", name)
    return values


def _needed(request: Request, name: str) -> str:
    value = request.first(name)
    if not value:
        raise InvalidError(f"{name} is required", name)
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise InvalidError("user is not an address", "user")
    return value.lower()


def _paged(
    request: Request, rows: Iterator[Any], limit: int | None = None, name: Callable[[Any], str] | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """Return one page and its envelope; a cursor holds how many rows came before.

    With `name` it also holds the row the listing began with, so that rows which appeared since do not shift the pages.
    """
    most = limit if limit is not None else min(whole(request.first("limit"), "limit", _PAGE), _MAX_PAGE)
    mark = filter_mark(request.query, _UNBOUND)
    cursor = request.first("cursor")
    skip, first = read_cursor(cursor, mark, "cursor") if cursor else (0, "")
    if name is not None and first:
        rows = dropwhile(lambda row: name(row) != first, rows)
    taken = list(islice(rows, skip, skip + most + 1))
    if name is not None and not first and taken:
        first = name(taken[0])
    more = len(taken) > most > 0
    return taken[:most], _pagination(most, make_cursor(mark, skip + most, first) if more else None)


def _trade_name(row: PublicPrint) -> str:
    return hashlib.sha256(msgspec.json.encode(row)).hexdigest()[:16]


def _pagination(limit: int, cursor: str | None) -> dict[str, Any]:
    return {"limit": limit, "offset": 0, "has_more": cursor is not None, "next_cursor": cursor}


def _failure(message: str, code: str, status: int, trace: str, parameter: str = "") -> Response:
    body: dict[str, Any] = {"error": message, "code": code, "retryable": False, "trace_id": trace}
    if parameter:
        body["parameter"] = parameter
    return json_response(body, status, (("x-trace-id", trace),))

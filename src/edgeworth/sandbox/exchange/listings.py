"""The order service's descriptions of markets: full, simplified and compact, in pages."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final

from edgeworth.core.instants import to_iso
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.types import Payout
from edgeworth.core.units import ONE_PRICE, SECOND, Micros
from edgeworth.sandbox.exchange.floor import OPENING, Floor
from edgeworth.sandbox.exchange.reads import Routes
from edgeworth.sandbox.fees import fee_row
from edgeworth.sandbox.protocol import Request, Response, json_response
from edgeworth.sandbox.rules import rule_text

END: Final = "LTE="
_PAGE: Final = 1000
_MIN_REWARD: Final = 50
_MAX_SPREAD: Final = 3.5


class Listings:
    """Markets as the order service describes them."""

    def __init__(self, floor: Floor) -> None:
        self._floor, self._live = floor, floor.live

    def routes(self) -> Routes:
        """Return the handlers by method and path."""
        pages = {
            "/markets": self._full,
            "/sampling-markets": self._full,
            "/simplified-markets": self._simplified,
            "/sampling-simplified-markets": self._simplified,
        }
        return {("GET", path): self._page(path, shape) for path, shape in pages.items()}

    def one(self, request: Request, now: int) -> Response | None:
        """Answer a request for one market by its condition or token, None for any other path."""
        head, _, name = request.path.lstrip("/").partition("/")
        if request.method == "GET" and request.path.startswith("/rewards/markets/"):
            return json_response(page([], 0, _PAGE, lambda row: row))  # no liquidity rewards in this world
        if request.method != "GET" or not name or "/" in name:
            return None
        if head == "markets-by-token":
            return self._by_token(name, now)
        shape = {"markets": self._full, "clob-markets": self._compact}.get(head)
        if shape is None:
            return None
        market = self._live.names.find_condition(name)
        if market is None or now < self._live.created_at[market]:
            return json_response({"error": "market not found"}, 404)
        return json_response(shape(market, now))

    def _by_token(self, token: str, now: int) -> Response:
        found = self._live.names.find_token(token)
        if found is None or now < self._live.created_at[found[0]]:
            return json_response({"error": "market not found"}, 404)
        first, second = self._live.names.tokens(found[0])
        row = {"condition_id": self._live.names.condition_id(found[0])}
        return json_response({**row, "primary_token_id": first, "secondary_token_id": second})

    def _page(self, path: str, shape: Callable[[int, int], dict[str, Any]]) -> Callable[[Request, int], Response]:
        def handle(request: Request, now: int) -> Response:
            start = read_cursor(request.first("next_cursor"))
            if start is None:
                return json_response({"error": "invalid next_cursor"}, 400)
            markets: Sequence[int] = self._live.visible(now).tolist()
            if path.startswith("/sampling"):
                markets = [market for market in markets if self._live.is_open(market, now)]
            return json_response(page(markets, start, _PAGE, lambda market: shape(market, now)))

        return handle

    def _full(self, market: int, now: int) -> dict[str, Any]:
        live, text = self._live, self._live.text(market)
        event, kind = live.event_of(market), live.kind(market)
        end, listed = live.scheduled(market), int(live.created_at[market])
        trading = live.is_open(market, now)
        resolved = now >= int(live.resolved_at[market])
        payout = int(live.world.final_e4[market]) if resolved else None
        return {
            "condition_id": live.names.condition_id(market),
            "question_id": live.names.question_id(market),
            "question": text.question,
            "description": rule_text(kind, text, listed, UNKNOWN_TIME if end is None else end),
            "market_slug": live.names.numbering.market_slug(market),
            "end_date_iso": None if end is None else to_iso(Micros(end))[:10] + "T00:00:00Z",
            "game_start_time": None,
            "seconds_delay": 0,
            "fpmm": "",
            "icon": "",
            "image": "",
            "active": True,
            "closed": resolved,
            "archived": False,
            "accepting_orders": trading and now >= listed + OPENING,
            "accepting_order_timestamp": to_iso(Micros((listed + OPENING) // SECOND * SECOND)),
            "enable_order_book": trading,
            "minimum_order_size": 5,
            "minimum_tick_size": self._floor.tick_e4(market, now) / ONE_PRICE,
            "maker_base_fee": 0,
            "taker_base_fee": 0,
            "notifications_enabled": True,
            "neg_risk": kind.neg_risk,
            "neg_risk_market_id": live.names.group_id(event) if kind.neg_risk else "",
            "neg_risk_request_id": live.names.question_id(market) if kind.neg_risk else "",
            "is_50_50_outcome": payout == Payout.HALF,
            "rewards": {"rates": None, "min_size": _MIN_REWARD, "max_spread": _MAX_SPREAD},
            "tags": list(dict.fromkeys((*kind.tags, *live.event_text(event).tags))),
            "tokens": self._tokens(market, now, payout),
        }

    def _tokens(self, market: int, now: int, payout: int | None) -> list[dict[str, Any]]:
        yes = self._live.fair_e4(market, now) if payout is None else max(payout, 0)
        prices = (yes, 0 if payout == Payout.VOID else ONE_PRICE - yes)
        winners = (payout == Payout.YES, payout == Payout.NO)
        names = zip(self._live.names.tokens(market), self._live.text(market).outcomes, prices, winners, strict=True)
        return [
            {"token_id": token, "outcome": word, "price": price / ONE_PRICE, "winner": winner}
            for token, word, price, winner in names
        ]

    def _simplified(self, market: int, now: int) -> dict[str, Any]:
        row = self._full(market, now)
        names = ("condition_id", "rewards", "tokens", "active", "closed", "archived", "accepting_orders")
        return {name: row[name] for name in names}

    def _compact(self, market: int, now: int) -> dict[str, Any]:
        live, listed = self._live, int(self._live.created_at[market])
        names = zip(live.names.tokens(market), live.text(market).outcomes, strict=True)
        row: dict[str, Any] = {
            "c": live.names.condition_id(market),
            "t": [{"t": token, "o": word} for token, word in names],
            "mts": self._floor.tick_e4(market, now) / ONE_PRICE,
            "mos": 5,
            "mbf": 1000,
            "tbf": 1000,
            "ao": live.is_open(market, now) and now >= listed + OPENING,
            "cbos": False,
        }
        if live.kind(market).neg_risk:
            row["nr"] = True
        fee = fee_row(live.kind(market).category, listed)
        if fee is not None:
            row["fd"] = {"r": fee[1] / 1e6, "e": 1, "to": True}
        row["r"] = {"mi": _MIN_REWARD, "ma": _MAX_SPREAD, "e": True, "moas": 1}
        return row


def page(rows: Sequence[Any], start: int, size: int, shape: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a page of rows in the service's envelope: cursors are base64 of an offset, `LTE=` ends the listing."""
    part = rows[start : start + size]
    following = start + size
    cursor = base64.b64encode(str(following).encode()).decode() if following < len(rows) else END
    return {"limit": size, "count": len(part), "next_cursor": cursor, "data": [shape(row) for row in part]}


def read_cursor(text: str) -> int | None:
    """Return the offset in a cursor, 0 for an empty one, None for nonsense."""
    if not text:
        return 0
    try:
        return max(int(base64.b64decode(text, validate=True).decode()), 0) if text != END else 1 << 60
    except (binascii.Error, ValueError):
        return None

"""The order service's public reads of books and prices."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edgeworth.core.units import ONE_PRICE, SECOND
from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.money import decimal, price_text
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.render import Shown, best_prices, book_object
from edgeworth.sandbox.exchange.ticket import Refused
from edgeworth.sandbox.fees import fee_schedule
from edgeworth.sandbox.protocol import Request, Response, json_response

Handler = Callable[[Request, int], Response]
Routes = dict[tuple[str, str], Handler]

_MOST: Final = 500
_NO_BOOK = "No orderbook exists for the requested token id"


class BookReads:
    """Books, prices, midpoints, spreads, last trades, ticks: one token at a time or many."""

    def __init__(self, floor: Floor, faults: FaultsPort) -> None:
        self._floor, self._faults = floor, faults
        self._batches = 0

    def routes(self) -> Routes:
        """Return the handlers by method and path."""
        singles: dict[str, Callable[[str, Request, int], Any]] = {
            "/book": lambda token, _, now: book_object(*self.token(token, now)),
            "/price": self._price,
            "/midpoint": lambda token, _, now: {"mid": midpoint(*self.token(token, now))},
            "/spread": lambda token, _, now: {"spread": spread(*self.token(token, now))},
            "/last-trade-price": lambda token, _, now: self._last(token, now),
            "/tick-size": lambda token, _, now: {"minimum_tick_size": self._tick(token, now)},
            "/neg-risk": lambda token, _, now: {"neg_risk": self._floor.live.kind(self.find(token, now)[0]).neg_risk},
            "/fee-rate": lambda token, _, now: {"base_fee": self._base_fee(token, now)},
        }
        many: dict[str, Callable[[list[dict[str, Any]], int], Any]] = {
            "/books": self._books,
            "/prices": self._prices,
            "/midpoints": lambda rows, now: self._map(rows, now, midpoint),
            "/spreads": lambda rows, now: self._map(rows, now, spread),
            "/last-trades-prices": self._lasts,
        }
        routes: Routes = {("GET", path): self._single(answer) for path, answer in singles.items()}
        routes |= {("POST", path): self._many(answer) for path, answer in many.items()}
        routes[("GET", "/books")] = _refuse_get_books
        routes[("GET", "/last-trades-prices")] = self._lasts_by_query
        return routes

    # finding

    def find(self, token: str, now: int) -> tuple[int, int]:
        """Return market and leg of a token; raises Refused 400 for what is none, 404 for an unknown one."""
        if not (token.isascii() and token.isdecimal()):
            raise Refused("Invalid token id")
        found: tuple[int, int] | None = self._floor.live.names.find_token(token)
        if found is None or now < self._floor.live.created_at[found[0]]:
            raise Refused(_NO_BOOK, 404)
        return found

    def token(self, token: str, now: int) -> tuple[Shown, int]:
        """Return the book a token trades in and its leg; raises Refused 404 when there is none."""
        market, leg = self.find(token, now)
        shown = self.shown(market, now)
        if shown is None:
            raise Refused(_NO_BOOK, 404)
        return shown, leg

    def shown(self, market: int, now: int) -> Shown | None:
        """Return a market's book as the faults of reading let it be seen."""
        listed = int(self._floor.live.created_at[market])
        fault = self._faults.active("hydration")
        if fault is not None and now < listed + fault.get("seconds", 180) * SECOND:
            return None
        stale = self._faults.active("books-stale")
        if stale is not None:
            return self._floor.computed(market, max(listed, now - stale.get("seconds", 300) * SECOND))
        return self._floor.shown(market, now)

    # one token

    def _single(self, answer: Callable[[str, Request, int], Any]) -> Handler:
        def handle(request: Request, now: int) -> Response:
            try:
                return json_response(answer(request.first("token_id"), request, now))
            except Refused as refusal:
                return json_response(refusal.body(), refusal.status)

        return handle

    def _price(self, token: str, request: Request, now: int) -> dict[str, str]:
        side = request.first("side").upper()
        if side not in {"BUY", "SELL"}:
            raise Refused("Invalid side")
        price = side_price(*self.token(token, now), side)
        if price is None:
            raise Refused(_NO_BOOK, 404)
        return {"price": price}

    def _last(self, token: str, now: int) -> dict[str, str]:
        last = self._floor.last(self.find(token, now)[0], now)
        return {"price": "0.5", "side": ""} if last is None else {"price": price_text(last.yes_e4), "side": last.word}

    def _tick(self, token: str, now: int) -> float:
        return self._floor.tick_e4(self.find(token, now)[0], now) / ONE_PRICE

    def _base_fee(self, token: str, now: int) -> int:
        market = self.find(token, now)[0]
        listed = int(self._floor.live.created_at[market])
        return 1000 if fee_schedule(self._floor.live.kind(market).category, listed).rate_e6 else 0

    # many tokens

    def _many(self, answer: Callable[[list[dict[str, Any]], int], Any]) -> Handler:
        def handle(request: Request, now: int) -> Response:
            try:
                rows = msgspec.json.decode(request.body, type=list[dict[str, Any]])
            except (msgspec.DecodeError, ValueError):
                return json_response({"error": "Invalid payload"}, 400)
            if len(rows) > _MOST:
                return json_response({"error": "Payload exceeds the limit"}, 400)
            return json_response(answer(rows, now))

        return handle

    def _shown_tokens(self, rows: list[dict[str, Any]], now: int) -> dict[str, tuple[Shown, int]]:
        """Return what can be shown of the tokens asked for, in the order of their ids: the venue keeps no other."""
        found: dict[str, tuple[Shown, int]] = {}
        for token in sorted({str(row.get("token_id", "")) for row in rows}):
            try:
                found[token] = self.token(token, now)
            except Refused:
                continue  # what the venue does not know is missing, without a word
        return found

    def _books(self, rows: list[dict[str, Any]], now: int) -> list[dict[str, Any]]:
        found = self._shown_tokens(rows, now)
        fault = self._faults.active("books-incomplete")
        if fault is not None:
            found = self._thinned(found, float(fault.get("share", 0.3)))
        return [book_object(*row) for row in found.values()]

    def _thinned(self, found: dict[str, tuple[Shown, int]], share: float) -> dict[str, tuple[Shown, int]]:
        """Drop a share of the books and reorder the rest, differently in every batch."""
        self._batches += 1
        marks = {token: hashlib.sha256(f"{self._batches}/{token}".encode()).digest() for token in found}
        kept = [token for token in found if int.from_bytes(marks[token][:4], "big") >= share * 2**32]
        return {token: found[token] for token in sorted(kept, key=lambda token: marks[token])}

    def _prices(self, rows: list[dict[str, Any]], now: int) -> dict[str, dict[str, str]]:
        found = self._shown_tokens(rows, now)
        result: dict[str, dict[str, str]] = {}
        for row in rows:
            token, side = str(row.get("token_id", "")), str(row.get("side", "")).upper()
            price = side_price(*found[token], side) if token in found else None
            if price is not None:
                result.setdefault(token, {})[side] = price
        return result

    def _map(self, rows: list[dict[str, Any]], now: int, value: Callable[[Shown, int], str]) -> dict[str, str]:
        return {token: value(*row) for token, row in self._shown_tokens(rows, now).items()}

    def _lasts(self, rows: list[dict[str, Any]], now: int) -> list[dict[str, str]]:
        result = []
        for token in sorted({str(row.get("token_id", "")) for row in rows}):
            try:
                result.append({"token_id": token, **self._last(token, now)})
            except Refused:
                continue  # what the venue does not know is missing, without a word
        return result

    def _lasts_by_query(self, request: Request, now: int) -> Response:
        tokens = [part for value in request.every("token_ids", "token_id") for part in value.split(",") if part]
        return json_response(self._lasts([{"token_id": token} for token in tokens], now))


def _refuse_get_books(request: Request, now: int) -> Response:  # noqa: ARG001 - a handler's signature
    return json_response({"error": "Invalid payload"}, 400)


def midpoint(shown: Shown, leg: int) -> str:
    """Return the middle of best bid and ask; an empty side counts as 0 or 1."""
    bid, ask = best_prices(shown, leg)
    return decimal(((bid or 0) + (ask or ONE_PRICE)) * 5, 5)


def spread(shown: Shown, leg: int) -> str:
    """Return best ask less best bid; an empty side counts as 0 or 1."""
    bid, ask = best_prices(shown, leg)
    return price_text((ask or ONE_PRICE) - (bid or 0))


def side_price(shown: Shown, leg: int, side: str) -> str | None:
    """Return what a buyer pays (lowest ask) or a seller gets (highest bid), None where that side is empty."""
    bid, ask = best_prices(shown, leg)
    price = {"BUY": ask, "SELL": bid}.get(side)
    return None if price is None else price_text(price)

"""Routes that place and cancel orders, and the restrictions and accidents they meet."""

import hashlib
from typing import Any, Final

import msgspec

from edgeworth.core.units import SECOND
from edgeworth.sandbox.exchange.buckets import Buckets
from edgeworth.sandbox.exchange.desk import Desk, Placed
from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.members import Credentials
from edgeworth.sandbox.exchange.money import amount_text
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.ticket import Refused, Ticket, read_ticket
from edgeworth.sandbox.protocol import Request, Response, json_response

_BATCH: Final = 15
_CANCELS: Final = 1000
_RETRY_AFTER: Final = 79  # seconds, where a restriction has no stated end
_POST_ONLY = "post-only mode: only post-only orders and cancels are allowed"
_CANCEL_ONLY = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
_DISABLED = "Trading is currently disabled."


class OrderRoutes:
    """POST /order(s), DELETE /order(s), /cancel-all, /cancel-market-orders: all of a logged-in account."""

    def __init__(self, desk: Desk, floor: Floor, faults: FaultsPort, seed: str) -> None:
        self._desk, self._floor, self._faults, self._seed = desk, floor, faults, seed
        self._counted: dict[str, int] = {}
        self._buckets = Buckets()

    def answer(self, request: Request, who: Credentials, now: int) -> Response | None:
        """Answer an order route, None for any other."""
        route = (request.method, request.path)
        handlers = {
            ("POST", "/order"): self._one,
            ("POST", "/orders"): self._many,
            ("DELETE", "/order"): self._cancel_one,
            ("DELETE", "/orders"): self._cancel_many,
            ("DELETE", "/cancel-all"): self._cancel_all,
            ("DELETE", "/cancel-market-orders"): self._cancel_market,
        }
        handler = handlers.get(route)
        if handler is None:
            return None
        if who.readonly:
            return json_response({"error": "Unauthorized/Invalid api key"}, 401)
        charge = self._buckets.charge(who.address, *self._cost(request, who), now)
        if charge.over and self._faults.active("signer-limited") is not None:
            headers = (*charge.headers, ("retry-after", str(charge.retry_after)))
            return json_response({"error": "Too Many Requests"}, 429, headers)
        try:
            self._check_open(cancels=request.method == "DELETE", now=now)
            response = handler(request, who, now)
        except Refused as refusal:
            response = refusal_response(refusal)
        return msgspec.structs.replace(response, headers=(*response.headers, *charge.headers))

    def _cost(self, request: Request, who: Credentials) -> tuple[str, int]:
        """Return which bucket a request draws from and how much: one for each order named."""
        kind = "orders" if request.method == "POST" else "cancels"
        if request.path in {"/cancel-all", "/cancel-market-orders"}:
            return kind, 1 + len(self._desk.open_orders(who.address))
        if request.path == "/order":
            return kind, 1
        try:
            rows = _decode(request.body)
        except Refused:
            return kind, 1
        return kind, max(len(rows), 1) if isinstance(rows, list) else 1

    # restrictions of the whole venue

    def _check_open(self, *, cancels: bool, now: int) -> None:
        restart = self._faults.active("engine-restart")
        if restart is not None:
            elapsed = now - self._faults.window("engine-restart").begin
            if elapsed < int(restart.get("restart", 90)) * SECOND:
                raise Refused("the matching engine is restarting", 425)
        if self._faults.active("trading-disabled") is not None:
            raise Refused(_DISABLED, 503)
        if self._faults.active("cancel-only") is not None and not cancels:
            raise Refused(_CANCEL_ONLY, 503)

    def _post_only(self, now: int) -> int | None:
        """Return for how many more seconds only post-only orders are taken, None when any are."""
        restart, window = self._faults.active("engine-restart"), self._faults.window("engine-restart")
        if restart is not None:
            end = window.begin + (int(restart.get("restart", 90)) + int(restart.get("post_only", 120))) * SECOND
            if now < end:
                return int(-((now - end) // SECOND))
        if self._faults.active("post-only") is None:
            return None
        end = getattr(self._faults.window("post-only"), "end", None)
        return _RETRY_AFTER if end is None or end >= 2**62 else int(-((now - end) // SECOND))

    # placing

    def _one(self, request: Request, who: Credentials, now: int) -> Response:
        body = _decode(request.body)
        ticket = read_ticket(body)
        placed = self._place(ticket, who, now)
        if self._hits("duplicate-resend"):
            placed = self._place(ticket, who, now)  # the second copy of the same bytes: refused as a duplicate
        if self._hits("timeout-after-accept"):
            return Response(0, (), b"", dropped=True)
        if self._hits("order-timeout-accepted"):
            return json_response({"error": "order timed out"}, 500)
        if self._hits("match-delayed"):
            return json_response({"error": "order match delayed due to market conditions"}, 400)
        return json_response(accepted(placed))

    def _many(self, request: Request, who: Credentials, now: int) -> Response:
        rows = _decode(request.body)
        if not isinstance(rows, list) or not rows:
            raise Refused("Invalid order payload")
        if len(rows) > _BATCH:
            raise Refused(f"Too many orders in payload: {len(rows)}, max allowed: {_BATCH}")
        tickets = [read_ticket(row) for row in rows]
        answers = [self._element(ticket, who, now, place) for place, ticket in enumerate(tickets)]
        if self._hits("order-timeout-accepted"):
            return json_response({"error": "order timed out"}, 500)
        if self._hits("timeout-after-accept"):
            return Response(0, (), b"", dropped=True)
        return json_response(answers)

    def _element(self, ticket: Ticket, who: Credentials, now: int, place: int) -> dict[str, Any]:
        """Return one element of a batch; each carries its own refusal, and a lack of money even looks like success."""
        mixed = self._faults.active("batch-mixed") is not None
        if mixed and place % 3 == 1:
            return refused("not enough balance / allowance: balance: 0, order amount: 0", success=True)
        if mixed and place % 3 == 2:
            return refused("order match delayed due to market conditions", success=False)
        try:
            return accepted(self._place(ticket, who, now))
        except Refused as refusal:
            return refused(refusal.text, success=refusal.text.startswith("not enough balance"))

    def _place(self, ticket: Ticket, who: Credentials, now: int) -> Placed:
        wait = self._post_only(now)
        if wait is not None and not ticket.post_only:
            raise Refused(_POST_ONLY, 503, "post_only_mode", wait)
        return self._desk.place(ticket, who, now)

    def _hits(self, name: str) -> bool:
        """Return whether a fault is on and its share takes this request."""
        fault = self._faults.active(name)
        if fault is None:
            return False
        number = self._counted[name] = self._counted.get(name, 0) + 1
        digest = hashlib.sha256(f"{self._seed}/{name}/{number}".encode()).digest()
        return int.from_bytes(digest[:4], "big") < float(fault.get("share", 1.0)) * 2**32

    # cancelling

    def _cancel_one(self, request: Request, who: Credentials, now: int) -> Response:
        body = _decode(request.body)
        name = body.get("orderID") if isinstance(body, dict) else None
        if not isinstance(name, str):
            raise Refused("Invalid order payload")
        return self._cancelled([name], who, now)

    def _cancel_many(self, request: Request, who: Credentials, now: int) -> Response:
        names = _decode(request.body)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused("Invalid order payload")
        if len(names) > _CANCELS:
            raise Refused(f"Too many orders in payload: {len(names)}, max allowed: {_CANCELS}")
        return self._cancelled(names, who, now)

    def _cancel_all(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        return self._cancelled([order.id for order in self._desk.open_orders(who.address)], who, now)

    def _cancel_market(self, request: Request, who: Credentials, now: int) -> Response:
        body = _decode(request.body)
        if not isinstance(body, dict):
            raise Refused("Invalid order payload")
        names, wanted, token = self._floor.live.names, body.get("market"), body.get("asset_id")
        if not (wanted or token) or not all(isinstance(one, str) for one in (wanted, token) if one):
            raise Refused("Invalid order payload")
        market = names.find_condition(wanted) if wanted else None
        found = names.find_token(token) if token else None
        chosen = [
            order.id
            for order in self._desk.open_orders(who.address)
            if (not wanted or order.market == market) and (not token or (order.market, order.leg) == found)
        ]
        return self._cancelled(chosen, who, now)

    def _cancelled(self, names: list[str], who: Credentials, now: int) -> Response:
        done, failed = self._desk.cancel(names, who.address, now)
        return json_response({"canceled": done, "not_canceled": failed})


def accepted(placed: Placed) -> dict[str, Any]:
    """Return the venue's answer to an accepted order; amounts are in whole units, from the taker's view."""
    order, trades = placed.order, placed.trades
    shares, cash = sum(trade.shares_e6 for trade in trades), sum(trade.cash_e6 for trade in trades)
    taking, making = (shares, cash) if order.buy else (cash, shares)
    row: dict[str, Any] = {
        "errorMsg": "",
        "orderID": order.id,
        "takingAmount": amount_text(taking) if trades else "",
        "makingAmount": amount_text(making) if trades else "",
        "status": placed.status,
        "success": True,
    }
    if trades:
        row["tradeIDs"] = [trade.id for trade in trades]
        row["transactionsHashes"] = list(dict.fromkeys(trade.transaction for trade in trades))
    return row


def refused(text: str, *, success: bool) -> dict[str, Any]:
    """Return the answer to a refused order inside a batch."""
    empty = {"orderID": "", "takingAmount": "", "makingAmount": "", "status": ""}
    return {"errorMsg": text, **empty, "success": success}


def refusal_response(refusal: Refused) -> Response:
    """Return the HTTP answer of a refusal."""
    wait = refusal.retry_after
    return json_response(refusal.body(), refusal.status, () if wait is None else (("retry-after", str(wait)),))


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError) as error:
        raise Refused("Invalid order payload") from error

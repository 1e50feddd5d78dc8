"""Routes of logins and of logged-in accounts: keys, orders, trades, balances, notices, heartbeats."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from edgeworth.core.units import SECOND
from edgeworth.sandbox.exchange.bank import Bank
from edgeworth.sandbox.exchange.eip712 import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE
from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.heartbeats import Heartbeats
from edgeworth.sandbox.exchange.listings import END, page, read_cursor
from edgeworth.sandbox.exchange.members import Credentials, Members
from edgeworth.sandbox.exchange.notices import Notices
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.rows import Rows
from edgeworth.sandbox.exchange.state import Order, OrderState, Trade
from edgeworth.sandbox.exchange.tape import Tape
from edgeworth.sandbox.protocol import Request, Response, json_response

UNAUTHORIZED: Final = "Unauthorized/Invalid api key"
_BAD_LOGIN: Final = "Invalid L1 Request headers"
_UNLIMITED: Final = str(2**256 - 1)
_PAGE: Final = 300
_LOGIN_ROUTES: Final = {("POST", "/auth/api-key"), ("GET", "/auth/derive-api-key")}

Answer = Callable[[Request, Credentials, int], Response]


class AccountRoutes:
    """What an account may ask about itself."""

    def __init__(
        self, members: Members, bank: Bank, floor: Floor, tape: Tape, heartbeats: Heartbeats, faults: FaultsPort
    ) -> None:
        self._members, self._bank, self._floor, self._tape = members, bank, floor, tape
        self._heartbeats, self._faults = heartbeats, faults
        self._rows = Rows(floor.live)
        self.notices = Notices(floor, self._rows)
        self._remembered: dict[tuple[str, str], int] = {}
        self._answers: dict[tuple[str, str], Answer] = {
            ("GET", "/auth/api-keys"): self._keys,
            ("DELETE", "/auth/api-key"): self._revoke,
            ("POST", "/auth/readonly-api-key"): self._issue_readonly,
            ("GET", "/auth/readonly-api-keys"): self._readonly_keys,
            ("GET", "/auth/ban-status/closed-only"): self._closed_only,
            ("GET", "/data/orders"): self._orders,
            ("GET", "/data/trades"): self._trades,
            ("GET", "/balance-allowance"): self._balance,
            ("GET", "/balance-allowance/update"): self._look_again,
            ("GET", "/notifications"): self._list_notices,
            ("DELETE", "/notifications"): self._drop_notices,
            ("GET", "/order-scoring"): lambda *_: json_response({"scoring": False}),
            ("GET", "/rebates/current"): lambda *_: json_response([]),
            ("GET", "/v1/user/rate-limit-tier"): lambda *_: json_response({"tier": "Standard"}),
            ("POST", "/v1/heartbeats"): self._beat,
        }

    def login(self, request: Request) -> Response | None:
        """Answer a login, None for any other route."""
        if (request.method, request.path) not in _LOGIN_ROUTES:
            return None
        who = self._members.login(request)
        if who is None:
            return json_response({"error": _BAD_LOGIN}, 401)
        create = request.method == "POST"
        keys = self._members.create(*who) if create else self._members.derive(*who)
        if keys is None:
            return json_response({"error": "Could not create api key" if create else "Could not derive api key!"}, 400)
        return json_response(keys.wire())

    def answer(self, request: Request, who: Credentials, now: int) -> Response | None:
        """Answer a route of a logged-in account, None for any other."""
        found = self._answers.get((request.method, request.path))
        if found is not None:
            return found(request, who, now)
        head, _, name = request.path.rpartition("/")
        if request.method == "GET" and head == "/data/order":
            return self._order(name, who)
        if request.method == "GET" and request.path.startswith("/rewards/"):
            return json_response({"limit": _PAGE, "count": 0, "next_cursor": END, "data": []})
        return None

    # keys

    def _keys(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        return json_response({"apiKeys": self._members.keys_of(who.address)})

    def _readonly_keys(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        return json_response({"readonlyApiKeys": self._members.keys_of(who.address, readonly=True)})

    def _issue_readonly(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        return json_response(self._members.issue_readonly(who.address).wire())

    def _revoke(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        self._members.revoke(who.key)
        return json_response("OK")

    def _closed_only(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        return json_response({"closed_only": self._faults.active("closed-only") is not None})

    # orders and trades

    def _order(self, name: str, who: Credentials) -> Response:
        order = self._floor.orders.get(name)
        if order is None or order.account != who.address or order.state is not OrderState.LIVE:
            return json_response({"error": "order not found"}, 404)
        return json_response(self._rows.open_order(order))

    def _orders(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        live = [row for row in self._floor.resting.get(who.address, {}).values() if self._asked(request, row)]
        return self._paged(request, live, self._rows.open_order)

    def _trades(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        wallets = self._members.wallets(who.address)
        wanted = request.first("maker_address").lower()
        shown = [wallet for wallet in wallets if wanted in {"", wallet}]
        mine = {row.id: row for wallet in shown for row in self._tape.of_wallet.get(wallet, ())}
        chosen = [row for row in mine.values() if self._asked(request, row)]
        chosen.sort(key=lambda row: (row.at, row.id), reverse=True)  # the venue lists the latest first
        return self._paged(request, chosen, lambda row: self._rows.trade(row, shown))

    def _asked(self, request: Request, row: Order | Trade) -> bool:
        """Return whether an order or trade passes a request's filters."""
        name, condition, token = request.first("id"), request.first("market"), request.first("asset_id")
        names = self._floor.live.names
        if name and row.id != name:
            return False
        if condition and names.find_condition(condition) != row.market:
            return False
        if token and names.find_token(token) != (row.market, row.leg):
            return False
        if isinstance(row, Trade):
            after, before = request.first("after"), request.first("before")
            matched = row.at // SECOND
            return not (after.isdecimal() and matched < int(after)) and not (
                before.isdecimal() and matched > int(before)
            )
        return True

    @staticmethod
    def _paged(request: Request, rows: list[Any], shape: Callable[[Any], dict[str, Any]]) -> Response:
        start = read_cursor(request.first("next_cursor"))
        if start is None:
            return json_response({"error": "invalid next_cursor"}, 400)
        return json_response(page(rows, start, _PAGE, shape))

    # money

    def _balance(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        wallet, asset = self._asset(request, who)
        amount = self._amount(wallet, asset)
        if amount is None:
            return json_response({"error": "Invalid token id"}, 400)
        if self._faults.active("balance-stale") is not None:
            amount = self._remembered.setdefault((wallet, asset), amount)
        else:
            self._remembered.clear()
        allowances = dict.fromkeys((EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3), _UNLIMITED)
        return json_response({"balance": str(amount), "allowances": allowances})

    def _look_again(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        self._remembered.pop(self._asset(request, who), None)
        return json_response("")

    def _asset(self, request: Request, who: Credentials) -> tuple[str, str]:
        kind = request.first("signature_type", "0")
        wallet = self._members.wallet_of(who.address, int(kind) if kind.isdecimal() else 0)
        return wallet, "" if request.first("asset_type") == "COLLATERAL" else request.first("token_id", "none")

    def _amount(self, wallet: str, asset: str) -> int | None:
        if not asset:
            return self._bank.wallet(wallet).cash_e6
        found = self._floor.live.names.find_token(asset)
        return None if found is None else self._bank.wallet(wallet).shares(found)

    # the rest

    def _list_notices(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        return json_response(self.notices.of(who.address))

    def _drop_notices(self, request: Request, who: Credentials, now: int) -> Response:  # noqa: ARG002 - a handler
        names = [part for value in request.every("ids") for part in value.split(",")]
        self.notices.drop(who.address, names)
        return json_response("OK")

    def _beat(self, request: Request, who: Credentials, now: int) -> Response:
        try:
            body = msgspec.json.decode(request.body, type=dict[str, str | None])
        except (msgspec.DecodeError, ValueError):
            return json_response({"error_msg": "Invalid payload"}, 400)
        right, following = self._heartbeats.beat(who.address, body.get("heartbeat_id") or "", now)
        if right:
            return json_response({"heartbeat_id": following})
        return json_response({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": following}, 400)

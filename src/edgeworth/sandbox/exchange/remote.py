"""What the sandbox's control channel may ask of the exchange: how it checks signatures, and money for a wallet."""

import re
from typing import Any, Final

import msgspec

from edgeworth.core.units import usd
from edgeworth.sandbox.exchange.venue import Exchange
from edgeworth.sandbox.protocol import Request, Response, json_response

_WALLET: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_ACTIONS: Final = ("/deposit", "/split", "/merge")


def relayer(request: Request, now: int) -> Response:  # noqa: ARG001 - a handler's signature
    """Answer the wallet relayer: every wallet exists; transactions through it are not simulated."""
    if (request.method, request.path.rstrip("/")) == ("GET", "/deployed"):
        return json_response({"deployed": bool(_WALLET.fullmatch(request.first("address")))})
    return json_response({"error": "the sandbox relays no transactions"}, 404)


class ExchangeControl:
    """Answer `GET /exchange`, `/account`, `POST /deposit`, `/split`, `/merge`; none of this exists at the real venue.

    Bodies are `{"wallet": "0x...", "usd": "25"}`, for split and merge with `"market": "<condition id>"`.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def handle(self, request: Request) -> Response | None:
        """Answer a request, None for one that is not about the exchange."""
        path = request.path.rstrip("/")
        if (request.method, path) == ("GET", "/exchange"):
            return json_response(self._exchange.describe())
        if (request.method, path) == ("GET", "/account"):
            return json_response(self._exchange.describe_wallet(request.first("wallet")))
        if request.method != "POST" or path not in _ACTIONS:
            return None
        try:
            body = msgspec.json.decode(request.body, type=dict[str, Any])
            wallet, amount = str(body["wallet"]), usd(str(body["usd"]), "down")
        except (msgspec.DecodeError, KeyError, ValueError):
            return json_response({"error": "the body must name a wallet and usd"}, 400)
        if not _WALLET.fullmatch(wallet) or amount <= 0:
            return json_response({"error": "the body must name a wallet and a positive amount of usd"}, 400)
        if path == "/deposit":
            self._exchange.deposit(wallet, amount)
        elif not self._turn(path, wallet, str(body.get("market", "")), amount):
            return json_response({"error": "the wallet has not got that, or the market is not trading"}, 400)
        return json_response({"cash": str(self._exchange.bank.wallet(wallet.lower()).cash_e6)})

    def _turn(self, path: str, wallet: str, condition: str, amount: int) -> bool:
        market = self._exchange.live.names.find_condition(condition)
        if market is None:
            return False
        act = self._exchange.split if path == "/split" else self._exchange.merge
        return act(wallet, market, amount)

"""A small exchange with one logged-in client, for tests: requests go in and come out as over the wire."""

import json
from functools import cache
from typing import Any

import msgspec

from edgeworth.core.clock import ManualClock
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.sandbox.exchange.eip712 import OrderFields, login_digest, order_digest, order_domain
from edgeworth.sandbox.exchange.members import hmac_signature
from edgeworth.sandbox.exchange.money import PLACES
from edgeworth.sandbox.exchange.ports import FixedFaults
from edgeworth.sandbox.exchange.venue import Exchange
from edgeworth.sandbox.protocol import Request, Response
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.world import World, generate

ZERO = "0x" + "0" * 64


@cache
def world(name: str = "tiny", seed: int = 1) -> World:
    return generate(name, seed)


@cache
def live(name: str = "tiny", seed: int = 1) -> LiveWorld:
    return LiveWorld(world(name, seed))


class Person:
    """A wallet with a throw-away key."""

    def __init__(self, number: int = 1) -> None:
        from eth_keys.datatypes import PrivateKey

        self._key = PrivateKey(number.to_bytes(32, "big"))
        self.address: str = self._key.public_key.to_checksum_address()
        self._salt = 1000 * number

    def sign(self, digest: bytes) -> str:
        raw = self._key.sign_msg_hash(digest).to_bytes()
        return "0x" + (raw[:64] + bytes([raw[64] + 27])).hex()

    def salt(self) -> int:
        self._salt += 1
        return self._salt


class Client:
    """Speak to an exchange as a trading client does."""

    def __init__(self, exchange: Exchange, clock: ManualClock, person: Person) -> None:
        self.exchange, self.clock, self.person = exchange, clock, person
        self.keys: dict[str, str] = {}

    @property
    def wallet(self) -> str:
        return self.person.address.lower()

    def stamp(self) -> str:
        return str(self.clock.now() // SECOND)

    def login(self, method: str = "POST", path: str = "/auth/api-key") -> Response:
        stamp = self.stamp()
        headers = {
            "poly_address": self.person.address,
            "poly_timestamp": stamp,
            "poly_nonce": "0",
            "poly_signature": self.person.sign(login_digest(self.person.address, stamp, 0)),
        }
        response = self.exchange.handle(Request("clob", method, path, (), headers))
        assert response is not None
        if response.status == 200:
            self.keys = msgspec.json.decode(response.body)
        return response

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Response:
        raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        stamp = self.stamp()
        headers = {
            "poly_address": self.person.address,
            "poly_api_key": self.keys["apiKey"],
            "poly_passphrase": self.keys["passphrase"],
            "poly_timestamp": stamp,
            "poly_signature": hmac_signature(self.keys["secret"], stamp, method, path, raw),
        }
        response = self.exchange.handle(Request("clob", method, path, tuple(query.items()), headers, raw))
        assert response is not None
        return response

    def json(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        response = self.call(method, path, body, **query)
        assert response.status == 200, (response.status, response.body)
        return msgspec.json.decode(response.body)

    def body(
        self,
        token: str,
        side: str,
        price: int,
        shares: float,
        *,
        kind: str = "GTC",
        post_only: bool = False,
        expiration: int = 0,
        budget: float | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Return a signed order; `price` in 1e-4 dollars, `budget` dollars for a market order to buy."""
        market, _ = self.exchange.live.names.find_token(token) or (0, 0)
        tick = self.exchange.floor.tick_e4(market, self.clock.now())
        size = round(shares * 100) * 10_000
        cash = size * price // 10_000
        if budget is not None:
            cash = round(budget * 100) * 10_000
            step = 10 ** (6 - PLACES[tick].amount)
            size = cash * 10_000 // price // step * step
        maker, taker = (cash, size) if side == "BUY" else (size, cash)
        fields = OrderFields(
            salt=self.person.salt(),
            maker=self.person.address,
            signer=self.person.address,
            token_id=int(token),
            maker_amount=maker,
            taker_amount=taker,
            side=0 if side == "BUY" else 1,
            signature_type=0,
            timestamp=self.clock.now() // 1000,
            metadata=ZERO,
            builder=ZERO,
        )
        domain = order_domain(fields.token_id, self.exchange.live.kind(market).neg_risk)
        order = {
            "builder": ZERO,
            "expiration": str(expiration),
            "maker": fields.maker,
            "makerAmount": str(fields.maker_amount),
            "metadata": ZERO,
            "salt": fields.salt,
            "side": side,
            "signature": self.person.sign(order_digest(fields, domain)),
            "signatureType": 0,
            "signer": fields.signer,
            "takerAmount": str(fields.taker_amount),
            "timestamp": str(fields.timestamp),
            "tokenId": token,
        } | changes
        row = {"deferExec": False, "order": order, "orderType": kind, "owner": self.keys["apiKey"]}
        return {**row, "postOnly": True} if post_only else row

    def place(self, token: str, side: str, price: int, shares: float = 0, **options: Any) -> Response:
        return self.call("POST", "/order", self.body(token, side, price, shares, **options))

    def placed(self, token: str, side: str, price: int, shares: float = 0, **options: Any) -> dict[str, Any]:
        response = self.place(token, side, price, shares, **options)
        assert response.status == 200, response.body
        row: dict[str, Any] = msgspec.json.decode(response.body)
        return row

    def refused(self, token: str, side: str, price: int, shares: float = 0, **options: Any) -> str:
        response = self.place(token, side, price, shares, **options)
        assert response.status != 200, response.body
        text: str = msgspec.json.decode(response.body)["error"]
        return text

    @property
    def money(self) -> Any:
        return self.exchange.bank.wallet(self.wallet)


class Desk:
    """An exchange at an instant at which a market with a two-sided book is open."""

    def __init__(self, faults: FixedFaults | None = None, people: int = 1, name: str = "tiny") -> None:
        self.live = live(name)
        self.market, at = open_market(self.live)
        self.clock = ManualClock(Micros(at))
        self.faults = faults or FixedFaults()
        self.exchange = Exchange(self.live, self.clock, self.faults)
        self.clients = [Client(self.exchange, self.clock, Person(number + 1)) for number in range(people)]
        for client in self.clients:
            client.login()
        self.yes, self.no = self.live.names.tokens(self.market)

    @property
    def client(self) -> Client:
        return self.clients[0]

    def quote(self) -> tuple[int, int]:
        """Best bid and ask of YES now, 1e-4 dollars."""
        shown = self.exchange.book(self.market)
        assert shown is not None
        return shown.bids[0].price_e4, shown.asks[0].price_e4

    def wait(self, seconds: float) -> None:
        self.clock.advance(round(seconds * SECOND))
        self.exchange.now()

    def get(self, path: str, **query: str) -> Response:
        response = self.exchange.handle(Request("clob", "GET", path, tuple(query.items())))
        assert response is not None
        return response


@cache
def _open_market(name: str, count: int) -> tuple[int, int]:
    made = live(name)
    for market in range(made.count):
        begin, end = int(made.created_at[market]), int(made.proposed_at[market])
        at = begin + 2 * MINUTE
        low, high = made.quote_e4(market, at)
        still = made.quote_e4(market, min(at + 90 * MINUTE, end - 1)) == (low, high)
        if end - begin > 300 * MINUTE and 2500 < low < high < 7500 and still and made.kind(market).settles == "oracle":
            return market, at
    raise LookupError("no market trades around the middle")


def open_market(made: LiveWorld) -> tuple[int, int]:
    return _open_market(made.world.scenario.name, made.count)

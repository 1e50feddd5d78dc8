"""The whole simulated venue behind two calls: `handle` a request, `connect` a socket."""

import threading
from collections.abc import Callable, Sequence

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.units import ONE_PRICE, SECOND, Micros
from edgeworth.sandbox.arrays import WorldData
from edgeworth.sandbox.exchange.remote import ExchangeControl, relayer
from edgeworth.sandbox.exchange.venue import Exchange
from edgeworth.sandbox.protocol import Query, Request, Response, Session, json_response
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.binance import Binance
from edgeworth.sandbox.server.binance_ws import BinanceSession
from edgeworth.sandbox.server.bulk import Bulk
from edgeworth.sandbox.server.control import Control
from edgeworth.sandbox.server.counters import Counters
from edgeworth.sandbox.server.data_api import DataApi
from edgeworth.sandbox.server.fault_http import HttpFaults
from edgeworth.sandbox.server.fault_plan import FaultPlan
from edgeworth.sandbox.server.faults import Faults
from edgeworth.sandbox.server.gamma import Gamma
from edgeworth.sandbox.server.guard import GuardedSession, is_down
from edgeworth.sandbox.server.history import History
from edgeworth.sandbox.server.holdings import Holding
from edgeworth.sandbox.server.limits import over_limit, route_class
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.news import News
from edgeworth.sandbox.server.spot_feed import SpotFeed

Handler = Callable[[Request, int], Response]
_SKEWED = ("clob", "gamma", "data", "binance")
_SERVICE_OF = {"market": "clob", "user": "clob", "binance": "binance"}


class _Clients:
    """What the data service may look up about clients' wallets."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def holdings(self, wallet: str) -> Sequence[Holding]:
        """Return what a client's wallet holds, nothing for any other."""
        return [
            Holding(row.wallet, row.market, row.leg, row.shares_e6, row.cost_e6 * ONE_PRICE // row.shares_e6)
            for row in self._exchange.positions(wallet)
            if row.shares_e6 > 0
        ]

    def traded(self, wallet: str) -> Sequence[int] | None:
        """Return the markets a client's wallet ever traded in, None for a wallet of the crowd."""
        if wallet not in self._exchange.client_wallets():
            return None
        return list(dict.fromkeys(row.market for row in self._exchange.positions(wallet)))


class Sandbox:
    """Serve one world on one clock; deterministic in world, clock and the order of requests, safe between threads."""

    def __init__(
        self, world: WorldData, clock: Clock, start: Micros | None = None, faults: FaultPlan | None = None
    ) -> None:
        self.clock = clock
        self.live = LiveWorld(world, start)
        self.counters = Counters()
        self.faults = Faults(clock, faults.windows if faults else ())
        self.exchange = Exchange(self.live, clock, self.faults)
        self.gamma = Gamma(self.live)
        self.gamma.rows.disturbed = self._disturbed
        self.spot = SpotFeed(world)
        self.data = DataApi(self.live, self.exchange, _Clients(self.exchange))
        self._history = History(self.live)
        self._wire = HttpFaults(self.faults, world.seed)
        self._lock = threading.RLock()
        self._handlers: dict[str, Handler] = {
            "gamma": self._metadata,
            "clob": self._orders,
            "data": lambda request, now: self.data.handle(request, self._lagging(request, now)),
            "binance": self._exchange_rates,
            "bulk": Bulk(self.spot, self.faults).handle,
            "news": News(self.live, self.faults).handle,
            "site": self._site,
            "relayer": relayer,
            "control": self._remote,
        }
        self._control = Control(self.live, clock, self.faults, self.counters)
        self._exchange_control = ExchangeControl(self.exchange)
        self._binance = Binance(self.spot, lambda now: self.skewed("binance", now))

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            now = int(self.clock.now())
            route = route_class(request)
            self.counters.note(request.service, route, now)
            held = over_limit(request, route, self.counters, now)
            if isinstance(held, Response):
                return self._dated(request, held, now)
            response = self._wire.before(request, now) or self._answer(request, now)
            response = self._wire.after(request, response)
            if held > response.delay_s:
                response = msgspec.structs.replace(response, delay_s=held)
            return self._dated(request, response, now)

    def connect(self, channel: str, path: str, query: Query = ()) -> Session:
        """Open a WebSocket; raises ConnectionRefusedError during outages, ValueError for an unknown channel."""
        with self._lock:
            service = _SERVICE_OF.get(channel)
            if service is None:
                raise ValueError(f"there is no channel '{channel}' at {path}")
            self.counters.note("ws", channel, int(self.clock.now()))
            if self.refuses_sockets(service):
                raise ConnectionRefusedError("the connection was refused")
            if channel == "binance":
                inner: Session = BinanceSession(self.spot, self.clock, path, query)
            else:
                inner = self.exchange.connect(channel)
            return GuardedSession(inner, self.faults, service)

    def refuses_sockets(self, service: str) -> bool:
        """Tell whether new sockets of a service are refused now."""
        if service == "clob" and self.faults.active("ws-refused") is not None:
            return True
        return is_down(self.faults, service)

    def _answer(self, request: Request, now: int) -> Response:
        handler = self._handlers.get(request.service)
        return handler(request, now) if handler else json_response({"error": "not found"}, 404)

    def _remote(self, request: Request, now: int) -> Response:
        return self._exchange_control.handle(request) or self._control.handle(request, now)

    def _metadata(self, request: Request, now: int) -> Response:
        stale = self.faults.active("stale-cache")
        if stale is not None:
            age = int(stale["seconds"]) * SECOND
            now = max(now // age * age, self.live.start)
        return self.gamma.handle(request, now)

    def _orders(self, request: Request, now: int) -> Response:
        if request.path == "/prices-history" and request.method == "GET":
            return self._history.clob(request, self._lagging(request, now))
        return self.exchange.handle(request) or json_response({"error": "not found"}, 404)

    def _lagging(self, request: Request, now: int) -> int:
        """Return the instant up to which history is known: under the fault `history-lag` it ends before now."""
        lag = self.faults.active("history-lag") if request.path.endswith("prices-history") else None
        return now if lag is None else now - int(lag["seconds"]) * SECOND

    def _exchange_rates(self, request: Request, now: int) -> Response:
        response = self._binance.handle(request, now)
        if request.path.endswith("lines") and self._wire.hits("exchange-empty", request) is not None:
            return msgspec.structs.replace(response, body=b"[]")
        return response

    def _site(self, request: Request, now: int) -> Response:
        del now
        if request.path != "/api/geoblock":
            return json_response({"error": "not found"}, 404)
        blocked = self.faults.active("geoblocked")
        country = str(blocked["country"]) if blocked else "PT"
        return json_response({"blocked": blocked is not None, "ip": "203.0.113.7", "country": country, "region": "11"})

    def _disturbed(self, market: int, now: int) -> tuple[int, int] | None:
        """Return best bid and ask of a book that clients have changed, None for all others."""
        shown = self.exchange.book(market, now) if market in self.exchange.floor.pits else None
        if shown is None:
            return None
        bid = shown.bids[0].price_e4 if shown.bids else 0
        return bid, shown.asks[0].price_e4 if shown.asks else ONE_PRICE

    def _dated(self, request: Request, response: Response, now: int) -> Response:
        if response.dropped:
            return response
        shown = text.http_date(self.skewed(request.service, now))
        return msgspec.structs.replace(response, headers=(*response.headers, ("date", shown)))

    def skewed(self, service: str, now: int) -> int:
        """Return the time a service believes it is."""
        skew = self.faults.active("clock-skew")
        return now + int(skew["seconds"]) * SECOND if skew and service in _SKEWED else now

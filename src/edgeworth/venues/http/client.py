"""The one way out: requests wait for their tokens, reading is tried again where that is allowed, and all is counted.

Order of things for one call: the circuit of its service must be closed, its route's tokens must be there, the request
leaves, the answer is checked. What failed for a passing reason is tried again after the venue's Retry-After or a
full-jitter pause (uniform between 0 and backoff x 2^n seconds, capped); everything else is raised at once.
What has an effect is sent once (`send`), whatever the answer: its caller knows what a repetition would mean.
Source of the jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core import random
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Fatal, Rejected, Retryable, VenueError
from edgeworth.core.units import MINUTE, SECOND
from edgeworth.venues.endpoints import SERVICES, Endpoints, origin
from edgeworth.venues.http.circuit import Circuit
from edgeworth.venues.http.classify import read_problem, retry_after
from edgeworth.venues.http.direct import Direct
from edgeworth.venues.http.limits import ROUTES, Limiter, Limits
from edgeworth.venues.http.usage import Usage
from edgeworth.venues.http.wire import Expect, Payload, Wire

if TYPE_CHECKING:
    import httpx2

_WEIGHT: Final = "x-mbx-used-weight-1m"
_DEFAULT_429_S: Final = 10.0
_TOO_MANY: Final = 429
Headers = Callable[[], dict[str, str]]  # asked at the instant a request leaves, because a signature carries its time
_NO_FAILURE: Final = frozenset({"venue-rate-limited", "venue-not-json", "venue-too-large"})


class HttpClient:
    """Read from the configured services; one per process and set of hosts, because it holds their buckets.

    `transport` replaces the network (a sandbox in this process). All waiting is `clock.sleep`.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        clock: Clock,
        *,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        limits: Limits | None = None,
        seed: int = 0,
    ) -> None:
        self.endpoints, self.clock = endpoints, clock
        self.limits = limits or Limits()
        self.usage = Usage(clock)
        self.limiter = Limiter(self.limits, clock)
        self._wire = Wire(endpoints, clock, self.limits, transport)
        self._direct = Direct(endpoints, clock, self.limits) if transport is None else None
        self._circuits = {name: Circuit(self.limits) for name in SERVICES}
        self._random = random.stream(seed, "http", "backoff")
        self._host = origin(endpoints.clob).host

    async def get(
        self,
        service: str,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        route: str,
        expect: Expect = "json",
        headers: Headers | None = None,
    ) -> Payload:
        """Return the answer to a GET of `path` at a service (gamma, clob, data, site, binance, bulk).

        `route` names the limits that hold (`http.limits.ROUTES`, without the service). With `expect="json"` the body is
        one well-formed JSON value. Raises Retryable when all tries failed, Rejected, or Fatal.
        """
        request = self._wire.build("GET", self.address(service, path), list(params), None)
        return await self._call(service, f"{service}/{route}", request, expect, headers)

    async def post(self, service: str, path: str, body: bytes, *, route: str) -> Payload:
        """Return the JSON answer to a question too long for a URL; never for anything that has an effect."""
        request = self._wire.build("POST", self.address(service, path), [], body)
        return await self._call(service, f"{service}/{route}", request, "json")

    async def send(self, method: str, path: str, body: bytes | None, *, route: str, headers: Headers) -> Payload:
        """Send exactly these bytes to the order service once and return the answer, whatever it says.

        `headers` is asked when the request's turn has come and a connection is open, and may raise to keep it here.
        Raises Retryable where nothing can have arrived (detail `sent` False) or where that is open, Rejected for an
        answer too large, Fatal.
        """
        url, name = self.address("clob", path), f"clob/{route}"
        host = self._host
        waited = await self.limiter.acquire(name)
        if waited > 0:
            self.usage.add(host, name, waits=1, wait_s=waited)

        def leaving() -> dict[str, str]:
            signed = headers()
            self.usage.add(host, name, calls=1)
            return signed

        if self._direct is None:
            request = self._wire.build(method, url, [], body)
            request.headers.update(leaving())
            payload = await self._wire.answer(request)
        else:
            payload = await self._direct.answer(method, url, body, leaving)
        if payload.status == _TOO_MANY:
            self.usage.add(host, name, rate_limited=1)
            stated = retry_after(payload.headers, read_problem(payload.body), self.clock.now())
            self.limiter.complain(name, _DEFAULT_429_S if stated is None else stated)
        return payload

    def address(self, service: str, path: str) -> str:
        """Return the whole address of a path; raises Fatal for a path that would lead elsewhere."""
        if not path.startswith("/") or path.startswith("//") or "/../" in f"{path}/" or "\\" in path:
            raise Fatal("egress-refused", f"not a path of {service}: {path[:100]!r}")
        base = self.endpoints.base(service)
        if not base:
            raise Fatal("egress-refused", f"{service} has no address")
        return base + path

    def state(self) -> dict[str, str]:
        """Return each service's circuit: closed, open or refused."""
        return {name: circuit.state for name, circuit in self._circuits.items()}

    async def close(self) -> None:
        """Close all connections."""
        await self._wire.close()
        if self._direct is not None:
            await self._direct.close()

    async def _call(
        self, service: str, route: str, request: "httpx2.Request", expect: Expect, headers: Headers | None = None
    ) -> Payload:
        if route not in ROUTES:
            raise ValueError(f"no limits are known for the route {route!r}")
        host = origin(self.endpoints.base(service)).host
        for attempt in range(self.limits.tries):
            try:
                return await self._attempt(service, route, request, expect, headers)
            except Retryable as error:
                pause = self._pause(attempt, error)
                last = attempt + 1 == self.limits.tries
                if last or pause > self.limits.longest_wait_s or error.code == "venue-circuit-open":
                    self.usage.add(host, route, failures=1)
                    raise
                self.usage.add(host, route, retries=1)
                await self.clock.sleep(pause)
            except (Rejected, Fatal):
                self.usage.add(host, route, refused=1)
                raise
        raise AssertionError("unreachable: the last try returns or raises")

    async def _attempt(
        self, service: str, route: str, request: "httpx2.Request", expect: Expect, headers: Headers | None
    ) -> Payload:
        circuit = self._circuits[service]
        self._pass(service, route, circuit)
        answered = False
        try:
            payload = await self._send(route, request, expect, headers)
            answered = True
        except VenueError as error:
            answered = True
            self._note(service, route, error)
            raise
        finally:
            if not answered:  # cancelled: whether the service is there stays open
                circuit.release()
        circuit.succeed()
        if service == "binance":
            self._heed_weight(route, payload.headers)
        return payload

    async def _send(self, route: str, request: "httpx2.Request", expect: Expect, headers: Headers | None) -> Payload:
        host = request.url.host
        waited = await self.limiter.acquire(route)
        if waited > 0:
            self.usage.add(host, route, waits=1, wait_s=waited)
        if headers is not None:
            request.headers.update(headers())
        self.usage.add(host, route, calls=1)
        return await self._wire.exchange(request, expect)

    def _pass(self, service: str, route: str, circuit: Circuit) -> None:
        """Raise when the circuit of a service is open, or its venue asked for a longer pause than a call may wait."""
        asked = self.limiter.blocked_for(route)
        if asked > self.limits.longest_wait_s:
            raise Retryable("venue-rate-limited", f"{service} asked for a long pause", retry_after_s=asked)
        seconds = circuit.closed_for(self.clock.monotonic())
        if seconds <= 0:
            return
        refusal = circuit.refusal()
        if refusal is not None:
            details = {**refusal.details, "open_for_s": seconds}
            raise type(refusal)(refusal.code, refusal.message, refusal.hint, **details)
        raise Retryable("venue-circuit-open", f"{service} failed several times in a row", retry_after_s=seconds)

    def _note(self, service: str, route: str, error: VenueError) -> None:
        """Let the buckets and the circuit learn from a failure."""
        circuit, now = self._circuits[service], self.clock.monotonic()
        stated: Any = error.details.get("retry_after_s")
        if error.code == "venue-rate-limited":
            self.usage.add(origin(self.endpoints.base(service)).host, route, rate_limited=1)
            self.limiter.complain(route, _DEFAULT_429_S if stated is None else stated)
            circuit.release()
        elif isinstance(error, Fatal) and error.code != "egress-refused":
            circuit.refuse(now, error, self.limits.closed_by_refusal_s if stated is None else stated)
        elif isinstance(error, Retryable) and error.code not in _NO_FAILURE:
            circuit.fail(now)
        else:
            circuit.succeed()

    def _pause(self, attempt: int, error: Retryable) -> float:
        stated: Any = error.details.get("retry_after_s")
        ceiling = min(self.limits.backoff_cap_s, self.limits.backoff_s * 2**attempt)
        jitter = float(self._random.uniform(0.0, ceiling))
        return jitter if stated is None else stated + min(jitter, 1.0)

    def _heed_weight(self, route: str, headers: dict[str, str]) -> None:
        """Wait for the next minute when this address has used more than its share of the exchange's weight."""
        used = headers.get(_WEIGHT, "")
        limit = self.limits.documented["binance/weight"].calls * self.limits.weight_share
        if used.isascii() and used.isdigit() and int(used[:9]) > limit:
            now = self.clock.now()
            self.limiter.hold(route, (MINUTE - now % MINUTE) / SECOND)

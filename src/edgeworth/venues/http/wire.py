"""One exchange over httpx2: a request out, a whole and readable answer in, or a typed error."""

import asyncio
from contextlib import nullcontext
from typing import Any, Final, Literal, NoReturn

import httpx2
import msgspec

from edgeworth import __version__
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Fatal, Rejected, Retryable, VenueError
from edgeworth.core.units import Micros
from edgeworth.venues import splitter
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.classify import error_of
from edgeworth.venues.http.limits import Limits

Expect = Literal["json", "bytes"]
USER_AGENT: Final = f"edgeworth/{__version__}"
_JSON: Final = msgspec.json.Decoder(msgspec.Raw)
_ANY_TYPE: Final = ("json", "text/plain", "octet-stream")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: bytes as they came (decompressed), lower-case header names, when it was complete, and its URL."""

    body: bytes
    status: int
    headers: dict[str, str]
    observed_at: Micros
    url: str


class Wire:
    """Send requests to configured hosts and to no others.

    With an own `transport` (a sandbox in this process) its waits run on the clock; over real sockets the clock is
    held, because a virtual one would run away while the world answers.
    """

    def __init__(
        self, endpoints: Endpoints, clock: Clock, limits: Limits, transport: httpx2.AsyncBaseTransport | None
    ) -> None:
        self._clock, self._limits = clock, limits
        self._real = transport is None
        self._endpoints = endpoints
        self._client = httpx2.AsyncClient(
            transport=transport,
            http2=True,
            follow_redirects=False,
            trust_env=False,
            # reading the certificates of the world costs 40 ms, and a venue on loopback is spoken to in plain HTTP
            verify=endpoints.encrypted,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            timeout=httpx2.Timeout(limits.read_s, connect=limits.connect_s),
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def exchange(self, request: httpx2.Request, expect: Expect) -> Payload:
        """Return the answer of a request; raises Retryable, Rejected or Fatal. Redirects are never followed."""
        self._check(request.url)
        with self._clock.busy() if self._real else nullcontext():
            return await self._once(request, expect)

    async def answer(self, request: httpx2.Request) -> Payload:
        """Return an answer whatever its status and body; raises what the way there and back permits.

        The detail `sent` of a Retryable is False where nothing can have reached the venue.
        """
        self._check(request.url)
        with self._clock.busy() if self._real else nullcontext():
            return await self._receive(request, f"{request.url.host}{request.url.path}")

    def build(self, method: str, url: str, params: list[tuple[str, str]], content: bytes | None) -> httpx2.Request:
        """Return a request; parameters are encoded, and repeat where a name repeats."""
        headers = {"Content-Type": "application/json"} if content is not None else {}
        query: Any = params or None
        try:
            return self._client.build_request(method, url, params=query, content=content, headers=headers)
        except httpx2.InvalidURL as error:
            raise Rejected("venue-refused", f"no address: {error}") from error

    def _check(self, url: httpx2.URL) -> None:
        """Raise Fatal unless the address is of a configured scheme, host and port."""
        if not self._endpoints.allows(str(url)):
            raise Fatal("egress-refused", f"{url.host or 'an address without a host'} is not a configured host")

    async def _once(self, request: httpx2.Request, expect: Expect) -> Payload:
        place = f"{request.url.host}{request.url.path}"
        payload = await self._receive(request, place)
        if payload.status in _REDIRECTS:
            self._check(request.url.join(payload.headers.get("location", "")))
            raise Rejected("venue-refused", f"{place} is elsewhere now: {payload.headers.get('location', '')[:200]}")
        if not 200 <= payload.status < 300:
            raise error_of(payload.status, payload.body, payload.headers, self._clock.now(), place)
        return payload if expect == "bytes" else _checked_json(payload, place)

    async def _receive(self, request: httpx2.Request, place: str) -> Payload:
        try:
            async with asyncio.timeout(self._limits.connect_s + self._limits.read_s):
                response = await self._client.send(request, stream=True)
            try:
                async with asyncio.timeout(self._limits.whole_s):
                    body = await self._body(response, place)
            finally:
                await response.aclose()
        except (httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise Retryable("venue-timeout", f"{place} could not be reached in time", sent=False) from error
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise Retryable("venue-timeout", f"{place} did not answer in time") from error
        except httpx2.DecodingError as error:
            raise Retryable("venue-truncated", f"{place}: the compressed answer is damaged") from error
        except httpx2.HTTPError as error:
            self._unreachable(error, place)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Payload(
            body=body,
            status=response.status_code,
            headers=headers,
            observed_at=self._clock.now(),
            url=str(request.url),
        )

    async def _body(self, response: httpx2.Response, place: str) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > self._limits.max_bytes:
                raise Rejected("venue-too-large", f"{place} answers with more than {self._limits.max_bytes:,} bytes")
            pieces.append(piece)
        stated = response.headers.get("content-length", "")
        came = response.num_bytes_downloaded
        if came and stated.isdigit() and int(stated) != came:
            raise Retryable("venue-truncated", f"{place}: {came:,} of {stated} bytes came")
        return b"".join(pieces)

    def _unreachable(self, error: httpx2.HTTPError, place: str) -> NoReturn:
        found: VenueError
        if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError):
            found = Retryable("venue-truncated", f"{place}: the connection broke before the answer was complete")
        elif isinstance(error, httpx2.UnsupportedProtocol):
            found = Fatal("egress-refused", f"{place}: {error}")
        else:
            sent = not isinstance(error, httpx2.ConnectError)
            found = Retryable("venue-unreachable", f"{place}: {type(error).__name__}", sent=sent)
        raise found from error


def _checked_json(payload: Payload, place: str) -> Payload:
    """Return the payload when its body is one whole JSON value; NaN and infinities become null."""
    kind = payload.headers.get("content-type", "").lower()
    start = payload.body.lstrip()[:1]
    if start == b"<" or (kind and not any(word in kind for word in _ANY_TYPE)):
        raise Retryable("venue-not-json", f"{place} answered {kind or 'HTML'} where JSON was expected")
    try:
        _JSON.decode(payload.body)
    except msgspec.DecodeError as error:
        if not payload.body.strip() or "truncated" in str(error):
            raise Retryable("venue-truncated", f"{place}: the answer is not a whole JSON value") from error
        return msgspec.structs.replace(payload, body=_lenient(payload.body, place))
    except RecursionError as error:
        raise Rejected("venue-not-json", f"{place}: the answer nests too deeply") from error
    return payload


def _lenient(body: bytes, place: str) -> bytes:
    try:
        return splitter.strict(body)
    except ValueError as error:
        raise Retryable("venue-not-json", f"{place}: the answer is no JSON") from error

"""The short way out, for orders: HTTP/1.1 over kept connections, with h11 for the protocol and nothing around it.

Between the commit of an order and its bytes on the wire every microsecond is one in which the price moves on. The
general client spends several times as long on what an order has no use for: a request object, cookies, redirects,
authentication, a pool, a timer per step (measured by `benchmarks/bench_trading.py`). Here a request is its lines and
its body, written at once; one timer covers everything until the answer is whole. Connections are kept longer than
heartbeats are apart, so that an order pays no handshake.
"""

import asyncio
import select
import ssl
import zlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import h11
import httpx2

from edgeworth.core.clock import Clock
from edgeworth.core.errors import Fatal, Rejected, Retryable
from edgeworth.venues.endpoints import Endpoints, Origin, origin
from edgeworth.venues.http.limits import Limits
from edgeworth.venues.http.wire import USER_AGENT, Payload

_KEPT_S: Final = 30.0  # an idle connection, unless the server states less; heartbeats come more often
_EARLIER_S: Final = 1.0  # than the server says: at the same instant both would act
_ANY_WRAPPER: Final = 47  # zlib: read what gzip or zlib wrote
_PLAIN: Final = frozenset({"", "identity"})
# after other answers the connection ends: a proxy says 408 or 502 unasked, and what follows would be the next one's
_ITS_OWN: Final = frozenset({200, 201, 202, 204, 400, 401, 403, 404, 422, 429})
# h11 is told of a request before there is one: how an answer is read depends on no more than that it was none of HEAD
_SOME: Final = h11.Request(method="POST", target="/", headers=[("Host", "x")])
Headers = Callable[[], Mapping[str, str]]


class Direct:
    """Send requests to configured hosts over real sockets; the clock is held meanwhile, as by `Wire`."""

    def __init__(self, endpoints: Endpoints, clock: Clock, limits: Limits) -> None:
        self._endpoints, self._clock, self._limits = endpoints, clock, limits
        self._idle: dict[Origin, list[_Connection]] = {}
        self._places: dict[tuple[str, str], tuple[Origin, str]] = {}
        self._closed = False
        self.secure: ssl.SSLContext | None = None  # whom to believe; those whom the general client believes

    async def close(self) -> None:
        """Close the connections that are idle; the others close when their answers are there."""
        self._closed = True
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # closing takes one turn of the loop

    async def answer(self, method: str, url: str, body: bytes | None, headers: Headers) -> Payload:
        """Return an answer whatever its status and body; raises what the way there and back permits.

        `headers` is asked once a connection is there, and the bytes leave before anything else happens; what it raises
        keeps the request here. The detail `sent` of a Retryable is False where nothing can have reached the venue.
        Raises Fatal egress-refused for a host that is not configured, Rejected venue-too-large.
        """
        where, start = self._place(method, url)
        place = url.partition("://")[2]
        with self._clock.busy():
            connection = self._kept(where) or await self._connect(where, place)
            try:
                if not connection.open:  # it ended between its opening and now
                    raise Retryable("venue-unreachable", f"{place}: the connection was closed", sent=False)
                lines = headers()
                for name, value in lines.items():
                    if not (value.isascii() and value.isprintable()):  # the venue gives us some of them to say
                        raise Retryable("venue-unreachable", f"{place}: no header can say {name}", sent=False)
                return await self._exchange(connection, _written(start, lines, body), url)
            finally:
                self._keep(where, connection)

    def _place(self, method: str, url: str) -> tuple[Origin, str]:
        """Return where an address is, and how every request of a method there begins; kept, for there are few."""
        found = self._places.get((method, url))
        if found is None:
            if not self._endpoints.allows(url):
                raise Fatal("egress-refused", f"{url[:200]} is not of a configured host")
            parts = urlsplit(url)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            always = f"Host: {parts.netloc}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
            found = self._places[method, url] = origin(url), f"{method} {target} HTTP/1.1\r\n{always}"
        return found

    async def _exchange(self, connection: "_Connection", request: bytes, url: str) -> Payload:
        answer = connection.ask(request, self._limits.max_bytes)  # first of all; timers and words can follow
        place = url.partition("://")[2]
        try:
            begun = connection.loop.time()
            async with asyncio.timeout_at(begun + self._limits.read_s) as timer:
                await connection.begun
                timer.reschedule(begun + self._limits.whole_s)
                status, lines, content = await answer
        except TimeoutError as error:
            raise Retryable("venue-timeout", f"{place} did not answer in time") from error
        except (OSError, h11.ProtocolError) as error:
            words = f"{place}: the connection broke before the answer was complete"
            raise Retryable("venue-truncated", words) from error
        except _TooLargeError as error:
            words = f"{place} answers with more than {self._limits.max_bytes:,} bytes"
            raise Rejected("venue-too-large", words) from error
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in lines}
        connection.kept_s = _kept_s(found.get("keep-alive", ""))
        if content and found.get("content-encoding", "").strip().lower() not in _PLAIN:
            content = self._unpacked(content, place)
        return Payload(body=content, status=status, headers=found, observed_at=self._clock.now(), url=url)

    def _kept(self, where: Origin) -> "_Connection | None":
        """Return the connection that was used last, if it is still good."""
        loop, idle = asyncio.get_running_loop(), self._idle.get(where, [])
        while idle:
            connection = idle.pop()
            if connection.loop is not loop:  # of a loop that has ended, and its connections with it
                continue
            if connection.quiet() and loop.time() - connection.idle_since < connection.kept_s:
                return connection
            connection.close()
        return None

    def _keep(self, where: Origin, connection: "_Connection") -> None:
        if connection.again() and not self._closed:
            self._idle.setdefault(where, []).append(connection)
        else:
            connection.close()

    async def _connect(self, where: Origin, place: str) -> "_Connection":
        """Open a connection; whatever fails here, nothing was sent."""
        loop = asyncio.get_running_loop()
        try:
            secure = None
            if where.scheme == "https":
                secure = self.secure = self.secure or _certificates()
            async with asyncio.timeout(self._limits.connect_s):
                _, made = await loop.create_connection(_Connection, where.host, where.port, ssl=secure)
        except TimeoutError as error:
            raise Retryable("venue-timeout", f"{place} could not be reached in time", sent=False) from error
        except OSError as error:
            raise Retryable("venue-unreachable", f"{place}: {type(error).__name__}", sent=False) from error
        return made

    def _unpacked(self, content: bytes, place: str) -> bytes:
        """Return what a server compressed although it was asked not to."""
        most, unpack = self._limits.max_bytes, zlib.decompressobj(_ANY_WRAPPER)
        try:
            found = unpack.decompress(content, most + 1)
        except zlib.error as error:
            raise Retryable("venue-truncated", f"{place}: the compressed answer is damaged") from error
        if len(found) > most:
            raise Rejected("venue-too-large", f"{place} answers with more than {most:,} bytes")
        if not unpack.eof or unpack.unused_data:
            raise Retryable("venue-truncated", f"{place}: the compressed answer is damaged")
        return found


def _written(start: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return a request as it is sent. Without a body it still says so: some servers refuse a POST that does not."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if body is None:
        length = "Content-Length: 0\r\n" if start.startswith("P") else ""
        return f"{start}{lines}{length}\r\n".encode()
    return f"{start}{lines}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _certificates() -> ssl.SSLContext:
    made = httpx2.create_ssl_context(trust_env=False)
    made.set_alpn_protocols(["http/1.1"])
    return made


def _kept_s(stated: str) -> float:
    """Return for how long a connection may be idle, seconds, given the server's Keep-Alive header."""
    for part in stated.split(","):
        name, _, value = part.partition("=")
        if name.strip().lower() == "timeout" and value.strip().isascii() and value.strip().isdigit():
            return min(_KEPT_S, float(value) - _EARLIER_S)
    return _KEPT_S


def _watch(file: int) -> Callable[[], bool]:
    """Return what tells whether something can be read now."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([file], [], [], 0)[0])
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return lambda: bool(poll.poll(0))


class _TooLargeError(Exception):
    """An answer is longer than anybody wants to read."""


_Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class _Connection(asyncio.Protocol):
    """One connection, one request at a time; `begun` is done when the answer begins."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = self.loop.create_future()
        self.idle_since, self.kept_s = 0.0, _KEPT_S
        self._http = h11.Connection(h11.CLIENT)
        self._readable: Callable[[], bool] = lambda: False
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[_Answer] | None = None
        self._head: h11.Response | None = None
        self._body = bytearray()
        self._most = 0

    @property
    def open(self) -> bool:
        """Tell whether bytes may be written, as far as is known here."""
        return self._transport is not None and not self._transport.is_closing()

    def quiet(self) -> bool:
        """Tell whether another request may be written: nothing, not even an end, has come since the last answer."""
        if not self.open or self._transport is None:
            return False
        return not self._readable()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport; asyncio has turned off Nagle's delay."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.idle_since = transport, self.loop.time()
        self._readable = _watch(transport.get_extra_info("socket").fileno())
        self._prepare()

    def ask(self, request: bytes, most: int) -> "asyncio.Future[_Answer]":
        """Write a request and return the answer to come: status, headers, body of at most `most` bytes."""
        assert self._transport is not None
        self._transport.write(request)
        answer = self._answer = self.loop.create_future()
        self._head, self._most, self.begun = None, most, self.loop.create_future()
        self._body.clear()
        return answer

    def _prepare(self) -> None:
        self._http.send(_SOME)
        self._http.send(h11.EndOfMessage())

    def again(self) -> bool:
        """Get ready for another request; False where this connection cannot carry one."""
        answer, self._answer = self._answer, None
        if answer is None:  # nothing was asked
            return self.open
        if not answer.done() or answer.cancelled() or answer.exception() is not None:
            return False
        whole = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if not whole or self._http.trailing_data[0] or answer.result()[0] not in _ITS_OWN:
            return False
        self._http.start_next_cycle()
        self._prepare()
        return self.open

    def close(self) -> None:
        """End the connection; an answer that is awaited will not come."""
        if self._answer is not None:
            self._answer.cancel()
        self.begun.cancel()
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take in bytes of an answer; what nobody asked for, such as a farewell on an idle connection, ends it."""
        if self._answer is None or self._answer.done():
            self._fail(ConnectionResetError("bytes that nobody asked for"))
            return
        self._http.receive_data(data)
        self._read()

    def eof_received(self) -> None:
        """Take in that nothing more comes; the connection is closed then."""
        self._http.receive_data(b"")
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let whoever waits know."""
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError("the connection was closed"))

    def _read(self) -> None:
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Response):
                    self._head = event
                    if not self.begun.done():
                        self.begun.set_result(None)
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > self._most:
                        self._fail(_TooLargeError())
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._finish()
                elif isinstance(event, h11.ConnectionClosed):
                    self._fail(ConnectionResetError("the connection was closed"))
                    return
        except h11.ProtocolError as error:
            self._fail(error)

    def _finish(self) -> None:
        self.idle_since = self.loop.time()
        if self._answer is not None and not self._answer.done() and self._head is not None:
            self._answer.set_result((self._head.status_code, list(self._head.headers), bytes(self._body)))

    def _fail(self, error: Exception) -> None:
        for waiting in (self.begun, self._answer):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # whoever waits has one of the two; the other is nobody's
        if self._transport is not None:
            self._transport.abort()

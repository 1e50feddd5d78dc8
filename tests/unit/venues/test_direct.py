"""Orders on the wire: what is sent once, what an answer is, and which connection may carry the next one."""

import asyncio
import datetime
import gzip
import ipaddress
import ssl

import pytest

from edgeworth.core.clock import SystemClock
from edgeworth.core.errors import Fatal, Rejected, Retryable, VenueError
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.limits import Limits


def packed(body):
    """Compress without the time of day, which would be another in each process of the tests."""
    return gzip.compress(body, mtime=0)


OK = b"HTTP/1.1 200 OK\r\nX-Trace: 7\r\ncontent-length: 2\r\n\r\n{}"
QUICK = Limits(connect_s=2.0, read_s=0.05, whole_s=0.1, max_bytes=1_000)


class Server:
    """Answer requests with bytes: `script` holds one entry per request, the last one stays."""

    def __init__(self, *script, tls=None):
        self.script, self.tls = list(script), tls
        self.requests, self.writers = [], []
        self.connections = 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        for writer in self.writers:
            writer.close()
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        self.connections += 1
        self.writers.append(writer)
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
            self.requests.append(head + await reader.readexactly(length))
            found = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            if found is None:
                writer.close()
                return
            if callable(found):
                found = await found(writer)
            writer.write(found)
            await writer.drain()


def a_client(port, limits=None, scheme="http"):
    base = f"{scheme}://127.0.0.1:{port}"
    return HttpClient(Endpoints.sandbox(base), SystemClock(), limits=limits, seed=1)


async def order(http, body=b'{"a":1}', **headers):
    return await http.send("POST", "/order", body, route="order", headers=lambda: {"POLY_ADDRESS": "0x1", **headers})


def play(story, *script, limits=None, tls=None):
    """Run a story with a client of a server that answers as scripted."""

    async def main():
        async with Server(*script, tls=tls) as server:
            http = a_client(server.port, limits, "https" if tls else "http")
            try:
                return await story(http, server)
            finally:
                await http.close()

    return asyncio.run(main())


def refused(*script, limits=None, tls=None) -> VenueError:
    async def story(http, _server):
        with pytest.raises(VenueError) as info:
            await order(http)
        return info.value

    return play(story, *script, limits=limits, tls=tls)


def test_an_order_is_its_bytes_and_the_answer_is_whole():
    async def story(http, server):
        found = await order(http)
        assert (found.status, found.body, found.headers["x-trace"]) == (200, b"{}", "7")
        assert found.url == f"http://127.0.0.1:{server.port}/clob/order"
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert body == b'{"a":1}'
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /clob/order HTTP/1.1"
        assert f"Host: 127.0.0.1:{server.port}".encode() in lines
        assert b"POLY_ADDRESS: 0x1" in lines
        assert b"Content-Type: application/json" in lines
        assert any(line.startswith(b"User-Agent: edgeworth/") for line in lines)

    play(story, OK)


def test_a_question_without_a_body_has_none():
    async def story(http, server):
        await http.send("GET", "/auth/derive-api-key", None, route="keys", headers=dict)
        assert server.requests[0].startswith(b"GET /clob/auth/derive-api-key HTTP/1.1\r\n")
        assert b"Content-" not in server.requests[0]
        await http.send("POST", "/auth/api-key", None, route="keys", headers=dict)
        assert b"Content-Length: 0\r\n" in server.requests[1]

    play(story, OK)


@pytest.mark.parametrize("status", [201, 302, 400, 425, 503])
def test_whatever_the_status_it_is_an_answer(status):
    async def story(http, _server):
        assert (await order(http)).status == status

    play(story, b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\n{}" % status)


def test_bodies_in_chunks_and_up_to_the_end_are_read():
    async def story(http, server):
        assert (await order(http)).body == b"{\n}"
        assert (await order(http)).body == b"{ }"
        assert (await order(http)).body == b"{}"
        assert server.connections == 2

    async def until_the_end(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{ }")
        writer.close()
        return b""

    play(
        story,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{\n\r\n1\r\n}\r\n0\r\n\r\n",
        until_the_end,
        OK,
    )


def test_one_after_the_other_goes_over_one_connection_and_side_by_side_over_several():
    async def story(http, server):
        for _ in range(3):
            await order(http)
        assert server.connections == 1
        await asyncio.gather(*(order(http) for _ in range(4)))
        assert server.connections == 4
        await asyncio.gather(*(order(http) for _ in range(4)))
        assert server.connections == 4
        assert len(server.requests) == 11

    play(story, OK)


def test_a_connection_that_was_closed_while_idle_is_not_used_again():
    async def story(http, server):
        await order(http)
        server.writers[0].close()
        await server.writers[0].wait_closed()
        assert (await order(http)).status == 200
        assert server.connections == 2

    play(story, OK)


@pytest.mark.parametrize(("status", "connections"), [(201, 1), (400, 1), (408, 2), (425, 2), (502, 2), (503, 2)])
def test_after_what_a_proxy_may_say_unasked_the_connection_ends(status, connections):
    async def story(http, server):
        for _ in range(2):
            assert (await order(http)).status == status
        assert server.connections == connections

    play(story, b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\n{}" % status)


@pytest.mark.parametrize(("stated", "connections"), [("timeout=60", 1), ("max=5, timeout=1", 2), ("timeout=x", 1)])
def test_a_connection_is_kept_for_less_than_the_server_says(stated, connections):
    async def story(http, server):
        await order(http)
        await order(http)
        assert server.connections == connections

    play(story, OK.replace(b"X-Trace: 7", f"Keep-Alive: {stated}".encode()))


def test_the_last_look_is_taken_when_a_connection_is_open():
    """Opening one takes seconds; what happens meanwhile must be seen."""

    async def story(http, server):
        seen = []

        def look():
            seen.append((server.connections, len(server.requests)))
            if len(seen) == 1:
                raise Retryable("order-kept", "halted meanwhile", sent=False)
            return {}

        with pytest.raises(Retryable) as info:
            await http.send("POST", "/order", b"{}", route="order", headers=look)
        assert info.value.code == "order-kept"
        assert (http.usage.calls(), server.requests) == (0, [])
        await http.send("POST", "/order", b"{}", route="order", headers=look)
        assert server.connections == 1  # what was opened for the first is good for the second
        assert http.usage.calls() == 1

    play(story, OK)


@pytest.mark.parametrize("value", ["a\nb", "a\r\nx: y", "\x00", "ü\udcff"])
def test_a_header_that_cannot_be_said_keeps_the_request_here(value):
    async def story(http, server):
        with pytest.raises(Retryable) as info:
            await order(http, POLY_PASSPHRASE=value)
        assert (info.value.code, info.value.details["sent"]) == ("venue-unreachable", False)
        assert (await order(http)).status == 200
        assert (server.connections, len(server.requests)) == (1, 1)

    play(story, OK)


def test_closing_during_an_exchange_ends_its_connection_too():
    async def story(http, server):
        async def close_then_answer(_writer):
            await http.close()
            return OK

        server.script[:] = [close_then_answer, OK]
        assert (await order(http)).status == 200
        assert http._direct._idle == {}

    play(story, OK)


def test_a_connection_of_a_loop_that_has_ended_is_forgotten():
    async def first():
        async with Server(OK) as server:
            http = a_client(server.port)
            await order(http)
            (where,) = http._direct._idle
            return http, where

    async def then():
        return http._direct._kept(where)

    http, where = asyncio.run(first())
    assert asyncio.run(then()) is None


@pytest.mark.parametrize("when", ["with the answer", "while idle"])
def test_what_nobody_asked_for_is_never_taken_for_an_answer(when):
    farewell = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"

    async def story(http, server):
        await order(http)
        if when == "while idle":
            server.writers[0].write(farewell)
            await server.writers[0].drain()
            for _ in range(3):
                await asyncio.sleep(0)
        assert (await order(http)).status == 200
        assert server.connections == 2

    play(story, *([OK + farewell, OK] if when == "with the answer" else [OK]))


def test_a_venue_that_is_not_there_got_nothing():
    async def main():
        async with Server(OK) as server:
            port = server.port
        http = a_client(port)
        with pytest.raises(Retryable) as info:
            await order(http)
        await http.close()
        return info.value

    error = asyncio.run(main())
    assert (error.code, error.details["sent"]) == ("venue-unreachable", False)


@pytest.mark.parametrize(
    "told",
    [
        None,
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01 no http at all\r\n\r\n",
    ],
)
def test_an_answer_that_breaks_off_proves_nothing(told):
    async def cut(writer):
        writer.write(told)
        writer.close()
        return b""

    error = refused(None if told is None else cut)
    assert (type(error), error.code) == (Retryable, "venue-truncated")
    assert error.details.get("sent", True)


def test_silence_ends_in_time_and_what_comes_later_is_nobodys():
    async def story(http, server):
        with pytest.raises(Retryable) as info:
            await order(http)
        assert info.value.code == "venue-timeout"
        assert info.value.details.get("sent", True)
        release.set()
        assert (await order(http)).body == b"{}"
        assert server.connections == 2

    release = asyncio.Event()

    async def late(_writer):
        await release.wait()
        return OK.replace(b"{}", b"[]")

    play(story, late, OK, limits=QUICK)


def test_an_answer_that_never_ends_is_given_up():
    async def begun(writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{")
        await asyncio.Event().wait()

    assert refused(begun, limits=QUICK).code == "venue-timeout"


def test_a_submission_that_is_interrupted_takes_its_connection_with_it():
    async def story(http, server):
        running = asyncio.ensure_future(order(http))
        await arrived.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await order(http)).body == b"{}"
        assert server.connections == 2

    arrived = asyncio.Event()

    async def never(_writer):
        arrived.set()
        await asyncio.Event().wait()

    play(story, never, OK)


def answer_of(body, encoding):
    return b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (encoding, len(body)) + body


def test_a_compressed_answer_is_read_though_nobody_asked_for_it():
    async def story(http, _server):
        assert (await order(http)).body == b'{"b":2}'

    play(story, answer_of(packed(b'{"b":2}'), b"gzip"))


@pytest.mark.parametrize(("body", "encoding"), [(b"", b"gzip"), (b"", b"br"), (b"{}", b"Identity")])
def test_a_coding_that_changes_nothing_is_none(body, encoding):
    async def story(http, server):
        assert (await order(http)).body == body
        assert b"Accept-Encoding: identity" in server.requests[0]

    play(story, answer_of(body, encoding))


TWICE = packed(b'{"b":') + packed(b"2}")


@pytest.mark.parametrize("broken", [packed(b'{"b":2}')[:-4], b"not compressed", TWICE])
def test_a_compressed_answer_that_is_damaged_proves_nothing(broken):
    assert refused(answer_of(broken, b"gzip")).code == "venue-truncated"


@pytest.mark.parametrize(
    "told",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b" " * 2_000,
        answer_of(packed(b" " * 100_000), b"gzip"),
    ],
)
def test_more_than_anybody_wants_is_dropped(told):
    error = refused(told, limits=Limits(max_bytes=1_000))
    assert (type(error), error.code) == (Rejected, "venue-too-large")


def test_only_configured_hosts_can_be_asked():
    async def main():
        http = a_client(9)
        try:
            with pytest.raises(Fatal) as info:
                await http._direct.answer("POST", "http://127.0.0.1:10/clob/order", b"{}", {})
            assert info.value.code == "egress-refused"
        finally:
            await http.close()

    asyncio.run(main())


def test_a_venue_that_cannot_prove_its_name_gets_nothing(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    error = refused(OK, tls=context)
    assert (error.code, error.details["sent"]) == ("venue-unreachable", False)


def test_an_order_goes_over_tls(tmp_path):
    async def story(http, server):
        http._direct.secure = ssl.create_default_context(cafile=path)
        for _ in range(2):
            assert (await order(http)).body == b"{}"
        assert server.connections == 1

    path = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    play(story, OK, tls=context)


def _certificate(folder):
    """Write a certificate that nobody has signed, with its key."""
    pytest.importorskip("cryptography", reason="comes with the 'live' part")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1), [])
    made = made.add_extension(names, critical=False)
    plain = serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, kind, plain)
    text += made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = folder / "own.pem"
    path.write_bytes(text)
    return path

"""What leaves, what is tried again, what stops, and what is counted."""

import asyncio
import gzip
import itertools
import zlib
from email.utils import format_datetime

import httpx2
import pytest
from tests.support.wires import BASE, START, Answering, client, json, run

from edgeworth.core.clock import ManualClock, VirtualClock
from edgeworth.core.errors import Fatal, Rejected, Retryable, VenueError
from edgeworth.core.instants import to_datetime
from edgeworth.core.units import DAY, SECOND, Micros
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.classify import STATUSES
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.limits import Limits


class Pieces(httpx2.AsyncByteStream):
    """A body that comes in pieces, and may break or hang."""

    def __init__(self, *pieces, error=None):
        self.pieces, self.error, self.given = pieces, error, 0

    async def __aiter__(self):
        for piece in self.pieces:
            self.given += 1
            yield piece
        if self.error:
            raise self.error


def scripted(*answers):
    """Answer with one after the other; the last one stays."""
    left = list(answers)

    def answer(request):
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found(request) if callable(found) else found

    return answer


def get(http, route="markets", path="/markets/keyset", service="gamma", **more):
    return http.get(service, path, route=route, **more)


def caught(http, clock, **more) -> VenueError:
    async def work():
        with pytest.raises(VenueError) as info:
            await get(http, **more)
        return info.value

    return run(clock, work())


def test_an_answer_with_its_bytes_headers_and_instant():
    http, wire, clock = client(scripted(json({"a": 1}, x_trace="7")))
    payload = run(clock, get(http, path="/x"))
    assert (payload.body, payload.status, payload.headers["x-trace"]) == (b'{"a":1}', 200, "7")
    assert payload.observed_at == START
    assert payload.url == f"{BASE}/gamma/x"
    assert wire.seen[0][1].headers["user-agent"].startswith("edgeworth/")


def test_parameters_repeat_and_are_encoded():
    http, wire, clock = client(scripted(json([])))
    run(clock, http.get("gamma", "/markets", [("id", "1"), ("id", "2"), ("q", "a b&c")], route="markets"))
    assert wire.seen[0][1].url.query == b"id=1&id=2&q=a+b%26c"


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_each_status_permits_one_reaction(status):
    http, wire, clock = client(scripted(json({"error": "words"}, status)))
    error = caught(http, clock)
    kind, code = STATUSES[status]
    assert type(error) is kind
    assert error.code == code
    assert error.details["status"] == status
    assert len(wire.seen) == (http.limits.tries if kind is Retryable else 1)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (422, {"type": "validation error", "error": "offset is not allowed"}, Rejected, "venue-refused"),
        (599, {}, Retryable, "venue-unavailable"),
        (499, {}, Rejected, "venue-refused"),
        (100, {}, Rejected, "venue-refused"),
        (503, {"error": "post-only mode: only", "code": "post_only_mode"}, Retryable, "venue-restarting"),
        (503, {"error": "Trading is currently cancel-only"}, Retryable, "venue-restarting"),
        (400, {"error": "order_version_mismatch"}, Fatal, "venue-protocol"),
        (400, {"error": "busy", "retryable": True}, Retryable, "venue-unavailable"),
        (503, {"error": "gone", "retryable": False}, Rejected, "venue-refused"),
        (400, {"code": -1003, "msg": "Too many requests"}, Retryable, "venue-rate-limited"),
        (400, {"code": -1121, "msg": "Invalid symbol."}, Rejected, "venue-refused"),
        (500, ["odd"], Retryable, "venue-unavailable"),
    ],
)
def test_the_venues_own_words_say_more_than_the_status(status, body, kind, code):
    http, _, clock = client(scripted(json(body, status)), Limits(tries=1))
    error = caught(http, clock)
    assert (type(error), error.code) == (kind, code)


def test_an_error_page_with_control_characters_is_shown_clean():
    http, _, clock = client(scripted(httpx2.Response(404, content=b"no\x1b[31m such\x00 page")))
    assert "\x1b" not in caught(http, clock).message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx2.ConnectTimeout("x"), "venue-timeout"),
        (httpx2.ReadTimeout("x"), "venue-timeout"),
        (httpx2.ConnectError("x"), "venue-unreachable"),
        (httpx2.RemoteProtocolError("x"), "venue-truncated"),
        (httpx2.ReadError("x"), "venue-truncated"),
    ],
)
def test_a_failing_connection_is_tried_again(error, code):
    http, wire, clock = client(scripted(error), Limits(failures_to_open=100))
    assert caught(http, clock).code == code
    assert len(wire.seen) == 5
    http, wire, clock = client(scripted(error, error, json([])))
    assert run(clock, get(http)).body == b"[]"
    assert http.usage.to_dict()["total"][0]["retries"] == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: httpx2.Response(200, content=b"<html>maintenance</html>"), "venue-not-json"),
        (lambda: httpx2.Response(200, content=b"{}", headers={"content-type": "text/html"}), "venue-not-json"),
        (lambda: httpx2.Response(200, content=b"hello"), "venue-not-json"),
        (lambda: httpx2.Response(200, content=b""), "venue-truncated"),
        (lambda: httpx2.Response(200, content=b'{"a":[{"b":1}'), "venue-truncated"),
        (lambda: httpx2.Response(200, content=b'{"a":"x'), "venue-truncated"),
        (lambda: httpx2.Response(200, stream=Pieces(b'{"a":1}'), headers={"content-length": "99"}), "venue-truncated"),
        (lambda: httpx2.Response(200, stream=Pieces(b"{", error=httpx2.ReadError("x"))), "venue-truncated"),
        (
            lambda: httpx2.Response(200, stream=Pieces(b"no gzip"), headers={"content-encoding": "gzip"}),
            "venue-truncated",
        ),
        (
            lambda: httpx2.Response(
                200,
                stream=Pieces(gzip.compress(b'{"a":' + b"1" * 9_999 + b"}")[:30]),
                headers={"content-encoding": "gzip"},
            ),
            "venue-truncated",
        ),
    ],
)
def test_what_is_no_whole_json_is_tried_again(answer, code):
    http, wire, clock = client(lambda request: answer(), Limits(tries=2))
    error = caught(http, clock)
    assert (type(error), error.code, len(wire.seen)) == (Retryable, code, 2)


def test_nan_becomes_null_and_deep_nesting_is_refused():
    http, _, clock = client(scripted(httpx2.Response(200, content=b'{"a": NaN, "b": [1, Infinity]}')))
    assert run(clock, get(http)).body == b'{"a": null, "b": [1, null]}'
    http, _, clock = client(scripted(httpx2.Response(200, content=b"[" * 200_000 + b"]" * 200_000)))
    assert caught(http, clock).code == "venue-not-json"


def test_a_bomb_is_dropped_after_the_cap_and_not_tried_again():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    stream = Pieces(*(bomb[at : at + 1_000] for at in range(0, len(bomb), 1_000)))
    http, wire, clock = client(
        lambda request: httpx2.Response(200, stream=stream, headers={"content-encoding": "gzip"}),
        Limits(max_bytes=5_000_000),
    )
    error = caught(http, clock, expect="bytes")
    assert (type(error), error.code, len(wire.seen)) == (Rejected, "venue-too-large", 1)
    assert stream.given < len(stream.pieces) / 4


def test_a_silent_venue_is_given_up_after_fifteen_seconds():
    async def silent(request):
        await clock.sleep(3_600)

    http, _, clock = client(silent, Limits(tries=1))
    assert caught(http, clock).code == "venue-timeout"
    assert clock.now() - START == 15 * SECOND
    assert http.state()["gamma"] == "closed"


def test_retry_after_in_seconds_and_as_a_date_is_kept():
    date = format_datetime(to_datetime(Micros(START + 40 * SECOND)))
    for header in ("40", date):
        http, wire, clock = client(scripted(json({}, 429, retry_after=header), json([])))
        run(clock, get(http))
        waited = (wire.seen[1][0] - wire.seen[0][0]) / SECOND
        assert 40 <= waited < 41.1
        assert http.usage.to_dict()["total"][0]["rate_limited"] == 1


def test_while_one_call_is_told_to_wait_no_other_of_its_route_leaves():
    http, wire, clock = client(scripted(json({}, 429, retry_after="30"), json([])))

    async def work():
        first = asyncio.create_task(get(http))
        await clock.sleep(1)
        await get(http)
        await first

    run(clock, work())
    instants = [(at - START) / SECOND for at, _ in wire.seen]
    assert instants[0] == 0
    assert all(at >= 30 for at in instants[1:])


def test_a_pause_longer_than_a_call_may_take_is_handed_back():
    http, wire, clock = client(scripted(json({}, 429, retry_after="7200")))
    error = caught(http, clock)
    assert (error.code, error.details["retry_after_s"]) == ("venue-rate-limited", 7200)
    again = caught(http, clock)
    assert again.code == "venue-rate-limited"
    assert again.details["retry_after_s"] == pytest.approx(7200, abs=1)
    assert len(wire.seen) == 1


def test_pauses_are_jittered_capped_and_the_same_for_the_same_seed():
    def pauses():
        http, wire, clock = client(scripted(json({}, 500)), Limits(tries=12, failures_to_open=99, backoff_cap_s=8))
        caught(http, clock)
        instants = [at for at, _ in wire.seen]
        return [(b - a) / SECOND for a, b in itertools.pairwise(instants)]

    found = pauses()
    assert found == pauses()
    assert all(pause <= min(8, 0.5 * 2**n) + 1e-3 for n, pause in enumerate(found))
    assert len(set(found)) == 11


def test_a_failing_service_is_left_alone_and_probed_until_it_is_back():
    down = [True]
    http, wire, clock = client(lambda request: json({}, 503) if down[0] else json([]))

    async def work():
        for _ in range(3):
            with pytest.raises(Retryable):
                await get(http)
        assert http.state() == {**dict.fromkeys(http.state(), "closed"), "gamma": "open"}
        sent = len(wire.seen)
        with pytest.raises(Retryable) as info:
            await get(http)
        assert info.value.code == "venue-circuit-open"
        assert 0 < info.value.details["retry_after_s"] <= 30
        assert len(wire.seen) == sent
        down[0] = False
        await clock.sleep(31)
        await get(http)
        assert http.state()["gamma"] == "closed"

    run(clock, work())
    assert len(wire.seen) <= 7


def test_an_outage_costs_few_requests():
    http, wire, clock = client(scripted(json({}, 502)))

    async def work():
        for _ in range(300):
            with pytest.raises(Retryable):
                await get(http)
            await clock.sleep(1)

    run(clock, work())
    assert 10 < len(wire.seen) < 30


@pytest.mark.parametrize(
    ("status", "code"), [(401, "venue-unauthorised"), (403, "venue-forbidden"), (451, "venue-forbidden")]
)
def test_a_refused_client_stops_and_repeats_the_message(status, code):
    http, wire, clock = client(scripted(json({"error": "no"}, status), json([])))
    assert caught(http, clock).code == code
    again = caught(http, clock)
    assert (type(again), again.code, len(wire.seen)) == (Fatal, code, 1)
    assert http.state()["gamma"] == "refused"
    clock.advance(301 * SECOND)
    run(clock, get(http))
    assert http.state()["gamma"] == "closed"


def test_a_ban_of_the_exchange_holds_until_its_end_and_only_there():
    http, wire, clock = client(scripted(json({"code": -1003}, 418, retry_after="300"), json([])))
    kwargs = {"service": "binance", "path": "/api/v3/klines", "route": "klines"}
    assert caught(http, clock, **kwargs).code == "venue-banned"
    clock.advance(290 * SECOND)
    assert caught(http, clock, **kwargs).code == "venue-banned"
    run(clock, get(http))
    assert len(wire.seen) == 2
    clock.advance(11 * SECOND)
    run(clock, get(http, **kwargs))


def test_half_of_the_exchanges_weight_by_its_own_count_is_the_end_of_the_minute():
    http, wire, clock = client(lambda request: json([], x_mbx_used_weight_1m="3001"))
    kwargs = {"service": "binance", "path": "/api/v3/klines", "route": "klines"}
    run(clock, get(http, **kwargs))
    clock.advance(5 * SECOND)
    run(clock, get(http, **kwargs))
    first, second = (at for at, _ in wire.seen)
    assert second // (60 * SECOND) == first // (60 * SECOND) + 1


@pytest.mark.parametrize("path", ["//evil.example/x", "x", "/a/../../x", "/..", "/a\\b", "https://evil.example/"])
def test_a_path_cannot_lead_elsewhere(path):
    http, wire, clock = client(scripted(json([])))
    assert caught(http, clock, path=path).code == "egress-refused"
    assert not wire.seen


@pytest.mark.parametrize("target", ["https://evil.example/x", "//evil.example/x", "http://sandbox.local:81/gamma/x"])
def test_a_redirect_elsewhere_is_fatal_and_not_followed(target):
    http, wire, clock = client(scripted(httpx2.Response(302, headers={"location": target})))
    error = caught(http, clock)
    assert (type(error), error.code, len(wire.seen)) == (Fatal, "egress-refused", 1)


def test_a_redirect_on_the_same_host_is_refused():
    http, wire, clock = client(scripted(httpx2.Response(301, headers={"location": "/gamma/new"})))
    assert caught(http, clock).code == "venue-refused"
    assert len(wire.seen) == 1


def test_only_configured_hosts_can_be_asked():
    clock = ManualClock(START)
    wire = Answering(clock, scripted(json([])))
    http = HttpClient(Endpoints(), clock, transport=wire)
    asyncio.run(http.get("gamma", "/markets", route="markets"))
    assert wire.seen[0][1].url.host == "gamma-api.polymarket.com"
    foreign = http._wire.build("GET", "https://evil.example/", [], None)
    with pytest.raises(Fatal) as info:
        asyncio.run(http._wire.exchange(foreign, "json"))
    assert info.value.code == "egress-refused"


def test_an_unknown_route_is_a_mistake_of_ours():
    http, _, clock = client(scripted(json([])))
    with pytest.raises(ValueError, match="no limits are known"):
        run(clock, get(http, route="nothing"))
    with pytest.raises(KeyError):
        run(clock, get(http, service="nowhere"))


def test_counters_are_per_day_host_and_route():
    http, _, clock = client(scripted(json([]), json({}, 404), json([])))

    async def work():
        await get(http)
        with pytest.raises(Rejected):
            await get(http, route="tags", path="/tags")
        await clock.sleep(86_400)
        await get(http)

    run(clock, work())
    rows = [(row.day, row.route, row.counts.calls, row.counts.refused) for row in http.usage.rows()]
    assert rows == [
        ("2026-11-20", "gamma/markets", 1, 0),
        ("2026-11-20", "gamma/tags", 1, 1),
        ("2026-11-21", "gamma/markets", 1, 0),
    ]
    assert (http.usage.calls(), http.usage.calls("gamma/markets"), http.usage.calls_today()) == (3, 2, 1)
    table = http.usage.to_dict()
    assert table["day"] == "2026-11-21"
    assert sum(row["calls"] for row in table["total"]) == 3
    clock.advance(9 * DAY)
    assert http.usage.calls_today() == 0
    assert len({row.day for row in http.usage.rows()}) <= 3


def test_a_cancelled_call_leaves_nothing_behind():
    async def slow(request):
        await clock.sleep(5)
        return json([])

    http, wire, clock = client(slow)

    async def work():
        task = asyncio.create_task(get(http))
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await get(http)
        await http.close()

    run(clock, work())
    assert len(wire.seen) == 2


def test_real_sockets_hold_a_virtual_clock_and_keep_to_the_venue():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\nconnection: close\r\n\r\n{"a":1}'
        )
        await writer.drain()
        writer.close()

    clock = VirtualClock(START)

    async def work():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        http = HttpClient(Endpoints.sandbox(f"http://127.0.0.1:{port}"), clock)
        payload = await get(http)
        await http.close()
        server.close()
        await server.wait_closed()
        return payload

    payload = run(clock, work())
    assert payload.body == b'{"a":1}'
    assert clock.now() - START < SECOND


def test_a_date_to_wait_for_is_read_by_the_venues_own_clock():
    said, asked = (format_datetime(to_datetime(Micros(START + off * SECOND)), usegmt=True) for off in (45, 60))
    http, wire, clock = client(scripted(json({}, 429, retry_after=asked, date=said), json([])))
    run(clock, get(http))
    assert 15 <= (wire.seen[1][0] - wire.seen[0][0]) / SECOND < 16.1


def test_what_a_venue_needs_to_find_a_failure_is_kept():
    http, _, clock = client(scripted(json({"error": "x", "code": "internal", "trace_id": "4bf9"}, 400)))
    details = caught(http, clock).details
    assert (details["venue_code"], details["trace_id"], details["status"]) == ("internal", "4bf9", 400)

"""Every way the simulated venue can misbehave, by name, and which of them are switched on.

Three classes: `switch` faults are off until a plan, a command or a test switches them on; `always` is how the venue
behaves at all times; `world` comes about in the life of the markets themselves.
"""

import difflib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.errors import UsageError
from edgeworth.core.units import SECOND

Class = Literal["switch", "always", "world"]
Side = Literal["read", "trade", "stream", "context"]

READS = ("gamma", "clob", "data", "site")
EVERYTHING = (*READS, "binance", "bulk", "news")


class Fault(msgspec.Struct, frozen=True):
    """One named misbehaviour: what happens, where, and the parameters it understands with their defaults."""

    name: str
    sentence: str
    cls: Class = "switch"
    side: Side = "read"
    services: tuple[str, ...] = READS
    parameters: dict[str, Any] = {}


def _f(name: str, sentence: str, services: tuple[str, ...] = READS, **parameters: Any) -> Fault:
    return Fault(name, sentence, "switch", "read", services, parameters)


def _context(name: str, sentence: str, services: tuple[str, ...], **parameters: Any) -> Fault:
    return Fault(name, sentence, "switch", "context", services, parameters)


def _trade(name: str, sentence: str, **parameters: Any) -> Fault:
    return Fault(name, sentence, "switch", "trade", ("clob",), parameters)


def _stream(name: str, sentence: str, **parameters: Any) -> Fault:
    return Fault(name, sentence, "switch", "stream", ("clob",), parameters)


def _always(name: str, sentence: str, services: tuple[str, ...], side: Side = "read") -> Fault:
    return Fault(name, sentence, "always", side, services)


def _world(name: str, sentence: str) -> Fault:
    return Fault(name, sentence, "world", "read", ("gamma", "clob", "data"))


_READ = (
    _f(
        "rate-limited", "A share of requests is refused with 429 and Retry-After.", EVERYTHING, share=0.5, retry_after=5
    ),
    _f("rate-limited-date", "As rate-limited, with Retry-After as an HTTP date.", EVERYTHING, share=0.5, retry_after=5),
    _f("server-error", "A share of requests is answered with 500 and a JSON error.", EVERYTHING, share=0.5),
    _f("unavailable", "Every request is answered with 503 and an HTML page.", EVERYTHING),
    _f("outage", "Every connection ends without an answer.", EVERYTHING, share=1.0),
    _f("dropped", "A share of connections ends without an answer.", EVERYTHING, share=0.4),
    _f(
        "timeout",
        "A share of answers comes only after longer than any client waits.",
        EVERYTHING,
        share=0.4,
        seconds=60.0,
    ),
    _f("slow", "Every answer takes some seconds.", EVERYTHING, share=1.0, seconds=3.0),
    _f("html-for-json", "A share of answers is an HTML page with status 200.", EVERYTHING, share=0.5),
    _f("truncated-body", "A share of bodies ends in the middle.", EVERYTHING, share=0.5),
    _f("wrong-content-type", "JSON is sent as text/html.", READS, share=1.0),
    _f("empty-body", "A share of answers has status 200 and no body.", EVERYTHING, share=0.5),
    _f("stale-cache", "Metadata comes from a cache that is minutes old.", ("gamma",), seconds=300),
    _f("missing-null-fields", "Optional fields are left out of metadata rows.", ("gamma",), share=0.5),
    _f("null-fields", "Optional fields of metadata rows are null.", ("gamma",), share=0.5),
    _f("duplicate-rows", "A page shows its last row twice, as when rows move while one reads.", ("gamma", "data")),
    _f("cursor-expired", "Listings refuse cursors they gave out earlier.", ("gamma", "data"), share=0.3),
    _f("null-profile", "A search returns a null among its profiles.", ("gamma",)),
    _f("clock-skew", "The venue's clock and Date headers are off.", ("clob", "gamma", "data", "binance"), seconds=45),
    _f("geoblocked", "The geoblock probe says that this address is blocked.", ("site",), country="US"),
    _f("books-incomplete", "POST /books drops some tokens and shuffles the rest.", ("clob",), share=0.3),
    _f("books-stale", "Books carry timestamps and levels that are minutes old.", ("clob",), seconds=300),
    _f("hydration", "A new market has no book for minutes: 404.", ("clob",), seconds=180),
    _f("history-lag", "Price history ends minutes before now.", ("clob", "data"), seconds=1200),
)
_CONTEXT = (
    _context(
        "exchange-banned",
        "The exchange bans this address for a while: 418 with Retry-After.",
        ("binance",),
        retry_after=120,
    ),
    _context("exchange-blocked", "The exchange does not serve this region: 451.", ("binance",)),
    _context("exchange-empty", "The exchange returns no candles.", ("binance",), share=0.5),
    _context("bulk-checksum", "A bulk file differs from its checksum.", ("bulk",)),
    _context("bulk-missing", "Bulk files are not there yet: 404.", ("bulk",)),
    _context("news-malformed", "A feed ends in the middle of an item.", ("news",)),
    _context("news-future", "Feed items carry dates in the future.", ("news",), seconds=7200),
    _context("news-gone", "A feed is gone for good: 410.", ("news",)),
)
_TRADE = (
    _trade(
        "engine-restart",
        "Order routes answer 425, then for two minutes 503 post-only; reads go on.",
        restart=90,
        post_only=120,
    ),
    _trade("post-only", "Only post-only orders and cancels are allowed: 503 with retry_after_seconds."),
    _trade("cancel-only", "Trading is cancel-only: 503."),
    _trade("trading-disabled", "Trading is disabled: 503."),
    _trade(
        "order-timeout-accepted", "An order is answered with 500 `order timed out`, yet it was accepted.", share=1.0
    ),
    _trade("timeout-after-accept", "The connection ends without an answer after the order was accepted.", share=1.0),
    _trade("batch-mixed", "A batch is answered with mixed results, one with success and no order id."),
    _trade("delayed-matched", "An order is answered `delayed` and matches some seconds later.", seconds=3),
    _trade("delayed-unmatched", "An order is answered `delayed` and then does not match.", seconds=3),
    _trade("trade-retrying", "Settlement is retried before it is confirmed."),
    _trade("trade-failed", "A matched trade fails on chain: its fill is reversed."),
    _trade("tick-change", "The tick of a market shrinks while orders rest."),
    _trade("heartbeat-mismatch", "Heartbeats are refused with another id; missing ones cancel everything."),
    _trade("closed-only", "The account may only close positions."),
    _trade("address-banned", "The account's address is banned."),
    _trade("deposit-wallet-required", "Orders of plain keys are refused: a deposit wallet is required."),
    _trade("order-version-mismatch", "Orders are refused because they were signed for another version."),
    _trade("strict-timestamps", "Signed requests whose timestamp is off by more than a window get 401.", window_s=30),
    _trade("balance-stale", "The venue knows the balance of minutes ago until it is told to look again."),
    _trade("strict-timestamps", "Requests signed for another time than the venue's are refused with 401.", window_s=30),
    _trade("duplicate-resend", "An order reaches the venue twice; the answer to the second copy comes back."),
    _trade("order-version-mismatch", "Orders are refused because they were signed for another protocol version."),
    _trade("deposit-wallet-required", "Only deposit wallets (signature type 3) may trade."),
    _trade("match-delayed", "Orders are refused with `order match delayed due to market conditions`, yet accepted."),
    _trade("signer-limited", "A signer above its rate of orders or cancels is refused with 429 instead of warned."),
)
_STREAMS = (
    _stream("ws-silent", "A socket sends no data while its PONGs go on.", seconds=120),
    _stream("ws-close", "A socket is closed without a reason.", seconds=30),
    _stream("ws-arrays", "Frames come as arrays of objects as well as single objects."),
    _stream("ws-duplicate-trades", "Trade events are sent twice."),
    _stream("ws-unknown-event", "Events of an unknown type are mixed in."),
    _stream("ws-empty-numbers", "Numbers are empty strings."),
    _stream("ws-missing-snapshots", "Some subscribed assets get no first snapshot.", share=0.3),
    _stream("ws-refused", "New sockets are refused."),
)
_ALWAYS = (
    _always("default-agent-refused", "The default agent of Python's urllib gets 403.", ("gamma", "clob", "data")),
    _always("get-books-refused", "GET /books is answered with 400.", ("clob",)),
    _always("payload-limit", "More than 500 tokens in a batch are refused with 400.", ("clob",)),
    _always("offset-refused", "Keyset listings refuse `offset` with 422.", ("gamma",)),
    _always("snake-order-refused", "Snake-case order fields are refused with 422.", ("gamma",)),
    _always("silent-clamp", "A limit above 100 is taken as 100 without a word.", ("gamma",)),
    _always("unknown-parameter-ignored", "Unknown parameters are ignored without a word.", ("gamma",)),
    _always("closed-hidden", "Listings show open markets only unless closed=true.", ("gamma",)),
    _always("version-hidden", "Listings show first-protocol rows only unless version is named.", ("gamma",)),
    _always("lexicographic-volume", "Ordering by `volume` or `liquidity` sorts text.", ("gamma",)),
    _always("last-page-without-cursor", "The last page of a listing has no next_cursor.", ("gamma",)),
    _always("data-offset-refused", "The data service refuses `offset` with 400.", ("data",)),
    _always("data-v1-gone", "Routes of the first data API are gone: 404.", ("data",)),
    _always("expired-grain", "Buckets older than their retention give an empty list.", ("data",)),
    _always(
        "settlement-point", "The series of a resolved market ends in a point of resolution 0: the outcome.", ("data",)
    ),
    _always("history-empty-when-resolved", "Below 720 minutes the history of a resolved market is empty.", ("clob",)),
    _always("history-window", "Windows longer than 15 days at fine grain are refused with 400.", ("clob", "data")),
    _always("duplicate-order", "The same signed order again is refused as duplicated.", ("clob",), "trade"),
    _always("subscription-ceiling", "Above 500 assets a socket's first snapshots go missing.", ("clob",), "stream"),
    _always(
        "limits-enforced",
        "Above the documented rate answers are delayed, above twice that refused with 429.",
        EVERYTHING,
    ),
    _always("unfinished-candle", "The last candle is still changing until its close time has passed.", ("binance",)),
    _always("unit-change", "Bulk timestamps are milliseconds before 2025 and microseconds from then on.", ("bulk",)),
)
_WORLD = (
    _world("past-end-date", "Markets stay open after their stated end."),
    _world("proposed-without-book", "A market whose outcome is proposed has no book."),
    _world("dispute-overturned", "A disputed proposal ends with the opposite outcome."),
    _world("fifty-fifty", "Some markets pay half to both sides."),
    _world("two-zeros", "Old and void markets show two zero prices."),
    _world("scalar-legacy", "A market of the first years is scalar."),
    _world("tick-shrinks", "The tick becomes a tenth of a cent beyond 4 and 96 cents."),
    _world("hydration-window", "Markets are listed before their book takes orders."),
)

CATALOGUE: dict[str, Fault] = {
    fault.name: fault for fault in (*_READ, *_CONTEXT, *_TRADE, *_STREAMS, *_ALWAYS, *_WORLD)
}


def find_fault(name: str) -> Fault:
    """Return a fault that can be switched; raises UsageError `unknown-scenario` with the closest name."""
    found = CATALOGUE.get(name)
    if found is not None and found.cls == "switch":
        return found
    names = [fault.name for fault in CATALOGUE.values() if fault.cls == "switch"]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean '{close[0]}'?" if close else "see docs/reference/sandbox.md"
    why = "always happens" if found is not None else "is not known"
    raise UsageError("unknown-scenario", f"the fault '{name}' {why}", hint, name=name)


class Window(msgspec.Struct, frozen=True, order=True):
    """A fault that is on from `begin` until before `end`, microseconds."""

    begin: int
    end: int
    name: str
    parameters: tuple[tuple[str, Any], ...] = ()


class Faults:
    """Know which faults are on: those of a plan, and those switched by hand."""

    def __init__(self, clock: Clock, windows: Iterable[Window] = ()) -> None:
        self._clock = clock
        self._planned: dict[str, list[Window]] = {}
        for window in sorted(windows):
            find_fault(window.name)
            self._planned.setdefault(window.name, []).append(window)
        self._begins = {name: [window.begin for window in rows] for name, rows in self._planned.items()}
        self._longest = {name: max(row.end - row.begin for row in rows) for name, rows in self._planned.items()}
        self._manual: dict[str, tuple[int | None, dict[str, Any]]] = {}
        self.since: dict[str, int] = {}

    def switch_on(
        self, name: str, seconds: float | None = None, with_: Mapping[str, Any] | None = None, **parameters: Any
    ) -> None:
        """Switch a fault on, for good or for some virtual seconds; raises UsageError for an unknown one.

        Parameters are given by name, or in `with_` where one is itself called `seconds`.
        """
        find_fault(name)
        now = self._clock.now()
        end = None if seconds is None else now + round(seconds * SECOND)
        self._manual[name] = (end, {**(with_ or {}), **parameters})
        self.since[name] = now

    def switch_off(self, name: str) -> None:
        """Switch a fault off that was switched on by hand; raises UsageError for an unknown one."""
        find_fault(name)
        self._manual.pop(name, None)

    def active(self, name: str) -> Mapping[str, Any] | None:
        """Return a fault's parameters (defaults included) while it is on, None while it is off."""
        window = self.window(name)
        return None if window is None else {**CATALOGUE[name].parameters, **dict(window.parameters)}

    def window(self, name: str) -> Window | None:
        """Return when the fault that is on now began and when it ends (the far future for one without an end)."""
        now = self._clock.now()
        if name in self._manual:
            until, parameters = self._manual[name]
            if until is None or now < until:
                return Window(self.since[name], 2**62 if until is None else until, name, tuple(parameters.items()))
        rows = self._planned.get(name)
        if not rows:
            return None
        place = bisect_right(self._begins[name], now) - 1
        while place >= 0 and rows[place].begin > now - self._longest[name]:
            if rows[place].end > now:
                return rows[place]
            place -= 1
        return None

    def next_begin(self, name: str) -> int | None:
        """Return when a fault is planned to begin next, None when it is not."""
        begins = self._begins.get(name, [])
        place = bisect_right(begins, self._clock.now())
        return begins[place] if place < len(begins) else None

    def now_on(self) -> list[str]:
        """Return the names of all faults that are on."""
        return [name for name in CATALOGUE if self.active(name) is not None]

    @property
    def planned(self) -> list[Window]:
        """All windows of the plan in order."""
        return sorted(window for rows in self._planned.values() for window in rows)

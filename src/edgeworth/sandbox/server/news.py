"""News feeds made of the world's own events: listings, sudden moves, resolutions; never before they happened."""

import hashlib
from functools import cached_property
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from edgeworth.core.types import Payout
from edgeworth.core.units import MINUTE, SECOND
from edgeworth.sandbox.protocol import Request, Response, text_response
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.faults import Faults
from edgeworth.sandbox.server.live import LiveWorld

Ints = npt.NDArray[np.int64]

_JUMP_E4 = 1_500  # a move of 15 cents between two points is news
_ITEMS = 40
_LISTED, _MOVED, _SETTLED = range(3)
_TOPICS = ("all", "crypto", "politics", "sports", "weather", "economy", "tech")
_TOPIC_OF = {"government": "economy"}
_SETTLED_WORDS = {int(Payout.YES): "yes", int(Payout.NO): "no", int(Payout.HALF): "split", int(Payout.VOID): "void"}
_FEED_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>Sandbox news: {topic}</title>'


class Item(NamedTuple):
    """One piece of news: when it appeared, about which market, what kind, and how far the price moved."""

    at: int
    market: int
    kind: int
    move_e4: int


class News:
    """Answer `/rss/TOPIC.xml` with the newest items, with ETag and Last-Modified."""

    def __init__(self, live: LiveWorld, faults: Faults) -> None:
        self.live, self._faults = live, faults

    def handle(self, request: Request, now: int) -> Response:
        """Answer a request as of `now`."""
        topic = request.path.removeprefix("/rss/").removesuffix(".xml")
        if not request.path.startswith("/rss/") or topic not in _TOPICS:
            return text_response("no such feed", 404)
        items = self.items(topic, now)
        ahead = self._faults.active("news-future")
        body = self._feed(topic, items, int(ahead["seconds"]) * SECOND if ahead else 0)
        newest = text.http_date(items[0].at if items else self.live.world.scenario.start)
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        headers = (("etag", etag), ("last-modified", newest), ("cache-control", "max-age=60"))
        same = request.headers.get("if-none-match", "") == etag
        if same or (not request.headers.get("if-none-match") and request.headers.get("if-modified-since") == newest):
            return Response(304, headers, b"")
        if self._faults.active("news-malformed") is not None:
            body = body[: len(body) * 2 // 3]
        return Response(200, (("content-type", "application/rss+xml; charset=utf-8"), *headers), body)

    def items(self, topic: str, now: int) -> list[Item]:
        """Return the newest items of a topic, newest first."""
        table = self._table
        stop = int(np.searchsorted(table[:, 0], now, side="right"))
        chosen = table[max(stop - 40 * _ITEMS, 0) : stop][::-1]
        found = (Item(*row) for row in chosen.tolist())
        return [item for item in found if topic in {"all", self._topic(item.market)}][:_ITEMS]

    def _topic(self, market: int) -> str:
        top = self.live.kind(market).category.partition("/")[0]
        return _TOPIC_OF.get(top, top)

    @cached_property
    def _table(self) -> Ints:
        """Every item of the world in order of its time, shape (n, 4)."""
        live, arrays = self.live, self.live.world.arrays
        first = np.array(live.names.numbering.first[:-1], dtype=np.int64)
        prices = arrays.price_e4.astype(np.int64)
        move: Ints = prices - np.concatenate([prices[:1], prices[:-1]])
        move[arrays.offsets[:-1][np.diff(arrays.offsets) > 0]] = 0
        places = np.flatnonzero(np.abs(move) >= _JUMP_E4)
        owner = np.searchsorted(arrays.offsets, places, side="right") - 1
        known = arrays.t[places] < live.event_at[owner]
        places, owner = places[known], owner[known]
        every = np.arange(live.count, dtype=np.int64)
        parts = [
            _column(live.created_at[first] + 3 * MINUTE, first, _LISTED, np.zeros_like(first)),
            _column(arrays.t[places] + (owner * 7919 + places) % 300 * SECOND, owner, _MOVED, move[places]),
            _column(live.resolved_at + 5 * MINUTE, every, _SETTLED, live.world.final_e4.astype(np.int64)),
        ]
        table = np.concatenate(parts)
        order = np.lexsort((table[:, 2], table[:, 1], table[:, 0]))
        result: Ints = table[order]
        return result

    def _words(self, item: Item) -> tuple[str, str]:
        own = self.live.text(item.market)
        if item.kind == _LISTED:
            title = self.live.event_text(self.live.event_of(item.market)).title
            return f"New market: {title}", "Trading begins today."
        if item.kind == _MOVED:
            way = "more" if item.move_e4 > 0 else "less"
            return (
                f"Reports make it {way} likely: {own.question}",
                f"Observers speak of {abs(item.move_e4) // 100} points.",
            )
        return f"Settled: {own.question}", f"The outcome is {_SETTLED_WORDS[item.move_e4]}."

    def _feed(self, topic: str, items: list[Item], ahead: int) -> bytes:
        rows = [
            _FEED_HEAD.format(topic=topic),
            "<link>http://news.sandbox.local/</link><description>Simulated news.</description>",
        ]
        for item in items:
            title, words = self._words(item)
            name = hashlib.sha256(f"{self.live.world.seed}/{item.market}/{item.kind}/{item.at}".encode()).hexdigest()[
                :20
            ]
            rows.append(
                f"<item><title>{escape(title)}</title><link>http://news.sandbox.local/{name}</link>"
                f"<description>{escape(words)}</description><category>{self._topic(item.market)}</category>"
                f'<guid isPermaLink="false">{name}</guid><pubDate>{text.http_date(item.at + ahead)}</pubDate></item>'
            )
        return "\n".join([*rows, "</channel></rss>\n"]).encode()


def _column(at: Ints, market: Ints, kind: int, move: Ints) -> Ints:
    return np.column_stack([at, market, np.full_like(at, kind), move]).astype(np.int64)


def topics() -> tuple[str, ...]:
    """Return the names of the feeds."""
    return _TOPICS

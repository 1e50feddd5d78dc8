"""A reaction to a frame sees what a tick at that instant would see, and says what the model says of it."""

import json

import numpy as np
import pytest
from tests.support.panels import START, make_panel

from edgeworth.core.book import Books
from edgeworth.core.panel import Panel
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.engine.fees import taker_fee_e6
from edgeworth.features.registry import compute
from edgeworth.models.crossfit import Model
from edgeworth.models.examples import Examples
from edgeworth.models.stack import Stack
from edgeworth.models.trees import XgbLearner
from edgeworth.trading.reactor import Reactor
from edgeworth.trading.tail import Tail
from edgeworth.trading.ticks import MarketBook
from edgeworth.trading.watched import Directory, Watched

NAMES = ("logit", "momentum_1h", "path_high", "hours_to_end", "event_price_sum")
NOW = START + 2 * DAY
YES, NO = "7" * 77, "8" * 77


@pytest.fixture(scope="module")
def model() -> Model:
    rng = np.random.default_rng(1)
    rows = 2_000
    x = rng.normal(size=(rows, len(NAMES))).astype(np.float32)
    price = rng.uniform(0.05, 0.95, rows)
    label = (rng.uniform(size=rows) < np.clip(price + 0.2 * np.tanh(x[:, 0]), 0, 1)).astype(float)
    index = np.arange(rows, dtype=np.int64)
    fitted = XgbLearner(rounds=40, rate=0.2, least_weight=4.0).fit(
        Examples(x, NAMES, price, label, index, np.ones(rows), index, index), 7
    )
    return Model(NAMES, {"xgb": fitted}, Stack(("xgb",), np.array([1.0]), 0.0, np.diag([1e-3, 1e-3]), 500))


@pytest.fixture
def panel() -> Panel:
    prices = [(START + k * HOUR, 0.40 + 0.002 * k) for k in range(40)]
    return make_panel([{"prices": prices, "end": START + 9 * DAY}])[0]


def reactor_of(panel: Panel, model: Model, least: float = -1.0) -> tuple[Reactor, Books]:
    number = int(panel.markets["market_no"][0])
    books = Books()
    books.open(YES, NO, 10)
    market = Watched(
        market_no=number, market_id="m", question="", condition="c", yes_token=YES, no_token=NO, event_no=1,
        category="other", tick_e4=10, min_size_e6=5_000_000, fee_rate_e6=40_000,
    )  # fmt: skip
    found = Reactor(books, Directory([market]), model, least, lambda frame, now: take_book(books, frame, now))
    found.refresh(Tail(panel, [number]), {number: np.array([np.nan] * 4 + [0.77])})
    return found, books


def take_book(books: Books, frame: bytes, now: int) -> None:
    """Apply a whole book the slow way."""
    from edgeworth.core.book import BookSnapshot

    told = json.loads(frame)
    levels = {
        side: tuple(sorted(
            ((round(float(row["price"]) * 1e4), round(float(row["size"]) * 1e6)) for row in told[side]),
            reverse=side == "bids",
        ))
        for side in ("bids", "asks")
    }  # fmt: skip
    snapshot = BookSnapshot(token=YES, known_at=now, event_time=now, **levels)
    books.replace(0, 0, snapshot)


def frame_of(bid: str, ask: str, now: int) -> bytes:
    book = {
        "event_type": "book", "market": "0x" + "a" * 64, "asset_id": YES, "timestamp": str(now // 1_000),
        "hash": "x", "bids": [{"price": bid, "size": "100"}], "asks": [{"price": ask, "size": "100"}],
    }  # fmt: skip
    return json.dumps(book, separators=(",", ":")).encode()


def test_says_what_a_tick_would_say(model, panel):
    reactor, _ = reactor_of(panel, model)
    for step, (bid, ask) in enumerate([("0.4", "0.42"), ("0.41", "0.44"), ("0.55", "0.57")]):
        now = NOW + step * MINUTE
        (signal,) = reactor.heard(frame_of(bid, ask, now), now)
        bid_e4, ask_e4 = round(float(bid) * 1e4), round(float(ask) * 1e4)
        number = int(panel.markets["market_no"][0])
        tail = Tail(panel, [number])
        rows = tail.append(now, [MarketBook(number, now, now, 10, ((bid_e4, 1),), ((ask_e4, 1),))])
        values = compute(tail.panel, NAMES[:4], rows).select(NAMES[:4]).row(0)
        x = np.array([[*values, 0.77]], np.float32)
        price = (bid_e4 + ask_e4) // 2 / 1e4
        p = float(model.forecast(x, np.array([price])).p[0])
        worth, leg = (p, ask_e4) if signal.side > 0 else (1 - p, 10_000 - bid_e4)
        cost = leg * 100 + taker_fee_e6(1_000_000, leg, 40_000, 1)
        assert signal.p == pytest.approx(worth, abs=1e-6)
        assert (signal.price_e4, signal.cost_e6) == (leg, cost)
        assert signal.edge_e6 == pytest.approx(worth * 1e6 - cost, abs=2)


def test_an_edge_below_the_least_says_nothing(model, panel):
    reactor, _ = reactor_of(panel, model, least=0.99)
    assert reactor.heard(frame_of("0.4", "0.42", NOW), NOW) == []


def test_a_book_with_one_side_or_a_trade_says_nothing(model, panel):
    reactor, books = reactor_of(panel, model)
    trade = b'{"event_type":"last_trade_price","asset_id":"' + YES.encode() + b'","price":"0.5","size":"1"}'
    reactor2 = Reactor(books, Directory([]), model, -1.0, lambda frame, now: None)
    assert reactor2.heard(trade, NOW) == []
    one = json.loads(frame_of("0.4", "0.42", NOW))
    one["asks"] = []
    assert reactor.heard(json.dumps(one, separators=(",", ":")).encode(), NOW) == []


def test_before_any_tick_it_is_silent(model, panel):
    _, books = reactor_of(panel, model)
    fresh = Reactor(books, Directory([]), model, -1.0, lambda frame, now: take_book(books, frame, now))
    assert fresh.heard(frame_of("0.4", "0.42", NOW), NOW) == []


class _Quiet:
    """Hear nothing of what frames say besides books."""

    def doubted(self, number, cause):
        raise AssertionError((number, cause))

    def traded(self, trade):
        raise AssertionError(trade)

    def told(self, message):
        raise AssertionError(message)


def test_at_the_seam_of_a_keeper_it_applies_frames_and_tells_of_signals(model, panel):
    from edgeworth.venues.polymarket.book_keeper import BookKeeper

    books, told = Books(), []
    books.open(YES, NO, 10)
    reactor, _ = reactor_of(panel, model)
    keeper = BookKeeper(books, _Quiet())
    keeper.use_fast(reactor.make_fast(told.append))
    plain_books = Books()
    plain_books.open(YES, NO, 10)
    plain = BookKeeper(plain_books, _Quiet())
    for step, (bid, ask) in enumerate([("0.4", "0.42"), ("0.41", "0.44"), ("0.55", "0.57")]):
        now = NOW + step * MINUTE
        frame = frame_of(bid, ask, now)
        keeper.feed(frame, now)
        plain.feed(frame, now)
        assert books.snapshot(YES) == plain_books.snapshot(YES)
    assert len(told) == 2  # the first book had to go the usual way: it was not valid yet
    alone, _ = reactor_of(panel, model)
    for step, (bid, ask) in enumerate([("0.4", "0.42"), ("0.41", "0.44"), ("0.55", "0.57")]):
        now = NOW + step * MINUTE
        said = alone.heard(frame_of(bid, ask, now), now)
    assert told[-1] == said

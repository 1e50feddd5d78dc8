"""Every code of the catalogue fires on its broken example and is silent on an honest one."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.support import leaky

from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.models.scores import cluster_mean
from edgeworth.research.leaks import claims, prices, samples
from edgeworth.research.leaks.catalogue import CATALOGUE
from edgeworth.research.splits import Rows, walk_forward
from edgeworth.research.types import LintLine

Case = Callable[[], LintLine]


def draw(*names):
    return stream(11, "leak-codes", *names)


def market_rows(markets=300, points=5):
    """(event, q, y) of several snapshots per market."""
    some = draw("rows")
    q = some.uniform(0.1, 0.9, markets)
    y = (some.random(markets) < q).astype(float)
    return np.repeat(np.arange(markets), points), np.repeat(q, points), np.repeat(y, points)


def random_folds():
    event, _, _ = market_rows()
    order = draw("folds").permutation(len(event))
    return samples.split_random(event, order[: len(order) // 2], order[len(order) // 2 :])


def walk_forward_folds():
    event, _, _ = market_rows()
    rows = Rows(np.sort(draw("t").integers(0, 100 * DAY, len(event))), event, np.full(len(event), 0))
    rows = dataclasses.replace(rows, label_known_at=rows.t + DAY)
    train, test = next(walk_forward(rows, 3))
    return samples.split_random(event, train, test)


def error_of_rows():
    event, q, y = market_rows()
    d = y - q
    return samples.rows_iid(d, event, float(d.std() / np.sqrt(len(d))))


def error_of_events():
    event, q, y = market_rows()
    return samples.rows_iid(y - q, event, cluster_mean(y - q, event).error)


def deadline_markets(guarded: bool):
    """Calibrated deadline markets, a constant hazard, and a calendar cut: the sample resolved by then (recipe d)."""
    some = draw("deadline")
    count = 4_000
    horizon, opened = some.uniform(30, 365, count), some.uniform(-365, 0, count)
    q = some.beta(1, 2, count)
    happens = opened + some.exponential(1.0, count) * horizon / -np.log1p(-q)
    end = opened + horizon
    yes = happens < end
    known = np.where(yes, happens, end) < 0
    sample = end < 0 if guarded else known
    days = (end[sample] * DAY).astype(np.int64)
    return samples.resolved_so_far(q[sample], yes[sample].astype(float), np.arange(int(sample.sum())), days, 0)


def trained_on(lag: int):
    test = np.arange(100, 200) * DAY
    return samples.label_open(np.arange(0, 110) * DAY - lag, test, DAY)


def decided_late():
    t = np.arange(50) * HOUR
    return prices.post_event(t, np.where(np.arange(50) < 45, t + HOUR, t - HOUR))


def decided_in_time():
    t = np.arange(50) * HOUR
    return prices.post_event(t, t + HOUR)


def entries(how: str):
    """Entries into markets of different lengths, resolved early at random: where in the complete series they lie."""
    some = draw("length", how)
    count = 200
    planned = some.integers(60, 600, count)
    size = np.maximum((planned * some.uniform(0.3, 1.0, count)).astype(np.int64), 30)
    if how == "20th percentile":
        index = (size * 0.2).astype(np.int64)
    elif how == "fifth from the end":
        index = size - 6
    elif how == "70 % of the planned life":
        index = (planned * 0.7).astype(np.int64)
    elif how == "a day before the scheduled end":
        size, index = planned, planned - 24
    elif how == "first point":
        index = np.zeros(count, np.int64)
    else:
        index = some.integers(0, size)
    inside = index < size
    index, size, planned = index[inside], size[inside], planned[inside]
    return samples.length(index, size, index * HOUR, np.zeros(len(index), np.int64), planned * HOUR)


def losers(peek: bool):
    some = draw("losers")
    p = some.uniform(0.05, 0.95, 600)
    won = some.random(600) < p
    seen = np.where(won, np.maximum(p, 0.6), 0.003) if peek else p
    return prices.loser_price(seen, won.astype(float), np.arange(600))


def labels(inferred: bool):
    some = draw("labels")
    count = 400
    last = some.choice([50, 200, 9_800, 9_950, 5_000, 3_000], count)
    t = some.integers(0, DAY, count)
    payout = np.where(last > 9_000, 10_000, np.where(last < 1_000, 0, -1))
    if not inferred:
        payout = np.where(some.random(count) < 0.01, 10_000 - np.abs(payout), payout)
        payout[(last > 1_000) & (last < 9_000)] = some.choice([0, 10_000, 5_000, -2])
    resolved = t if inferred else t + 2 * HOUR
    return prices.price_label(payout, last, resolved, t)


def exclusive_legs(unit: str):
    event = np.repeat(np.arange(60), 7)
    units = event if unit == "event" else np.arange(len(event))
    return samples.exclusive(event, np.ones(len(event), bool), units)


def sides(mirrored: bool):
    some = draw("mirror")
    t = np.tile(np.arange(20) * HOUR, 2)
    path = some.uniform(0.1, 0.9, 20)
    other = 1 - path if mirrored else some.uniform(0.1, 0.9, 20)
    market = np.repeat([0, 1], 20)
    return samples.mirror(np.zeros(40, np.int64), market, t, np.concatenate([path, other]))


def survivors(how: str):
    payout = draw("survivors").choice([0, 10_000, 5_000, -2, -1], 500, p=[0.5, 0.4, 0.04, 0.03, 0.03])
    kept = np.ones(500, bool)
    if how == "odd ones vanish":
        kept = np.isin(payout, (0, 10_000))
    if how == "many vanish":
        kept = draw("kept").random(500) < 0.74
    return samples.survivor(payout, kept, reported=how == "reported")


def taxonomies(agree: bool):
    some = draw("taxonomy")
    count = 2_000
    first = some.random(count) < 0.3
    second = first ^ (some.random(count) < 0.02) if agree else some.random(count) < 0.3
    profit = some.normal(0, 0.4, count) + np.where(first, 0.1, 0.0)
    return claims.taxonomy([first, second], profit, np.arange(count))


def fills(how: str):
    mid = np.full(50, 0.4)
    t = np.arange(50) * HOUR
    cost = mid if how == "mid" else mid + 0.011
    return prices.unfillable(mid, cost, t, t if how == "at the signal" else t + HOUR)


def news(by_publisher: bool):
    published = np.arange(40) * DAY
    fetched = published + 30 * DAY
    return claims.news_date(fetched, published + HOUR if by_publisher else fetched + HOUR)


def violations(executable: bool):
    gap = draw("gap").uniform(0.03, 0.2, 100)
    return prices.last_price(gap, gap - (0.01 if executable else 0.25))


def trades(doubled: bool):
    some = draw("trades")
    market, t = some.integers(0, 20, 300), some.integers(0, DAY, 300)
    size, price = some.uniform(1, 500, 300), some.uniform(0.02, 0.98, 300)
    if doubled:
        market, t, size, price = (*(np.tile(x, 2) for x in (market, t, size)), np.concatenate([price, 1 - price]))
    return samples.double_count(market, t, size, price)


BROKEN: list[tuple[str, str, Case]] = [
    ("leak-split-random", "random folds", random_folds),
    ("leak-rows-iid", "error of independent rows", error_of_rows),
    ("leak-resolved-so-far", "calendar cut", lambda: deadline_markets(guarded=False)),
    ("leak-label-open", "outcomes of the test period train", lambda: trained_on(0)),
    ("leak-post-event", "decided after the event", decided_late),
    ("leak-hindsight-column", "final volume", lambda: claims.hindsight_column(["price", "final_volume"])),
    ("leak-hindsight-column", "winner", lambda: claims.hindsight_column(["winner"])),
    ("leak-length", "20th percentile", lambda: entries("20th percentile")),
    ("leak-length", "fifth from the end", lambda: entries("fifth from the end")),
    ("leak-loser-price", "entry after the move", lambda: losers(peek=True)),
    ("leak-price-label", "last price above .9", lambda: labels(inferred=True)),
    ("bias-exclusive", "legs as bets", lambda: exclusive_legs("leg")),
    ("bias-mirror", "YES and NO", lambda: sides(mirrored=True)),
    ("bias-survivor", "odd ones vanish", lambda: survivors("odd ones vanish")),
    ("bias-survivor", "many vanish", lambda: survivors("many vanish")),
    ("bias-taxonomy", "another classifier", lambda: taxonomies(agree=False)),
    ("bias-unfillable", "mid", lambda: fills("mid")),
    ("bias-unfillable", "at the signal", lambda: fills("at the signal")),
    ("leak-news-date", "publisher's date", lambda: news(by_publisher=True)),
    ("leak-coarse-clock", "3 h blocks", lambda: prices.coarse_clock(np.array([1, 5, 9]) * HOUR, 3 * HOUR)),
    ("bias-trials", "best of 24", lambda: claims.trials(1, 24)),
    ("bias-last-price", "stale prices", lambda: violations(executable=False)),
    ("bias-double-count", "both legs", lambda: trades(doubled=True)),
]

HONEST: list[tuple[str, str, Case]] = [
    ("leak-split-random", "walk forward", walk_forward_folds),
    ("leak-rows-iid", "error of events", error_of_events),
    ("leak-resolved-so-far", "matured", lambda: deadline_markets(guarded=True)),
    ("leak-label-open", "purged", lambda: trained_on(12 * DAY)),
    ("leak-post-event", "in time", decided_in_time),
    ("leak-hindsight-column", "price", lambda: claims.hindsight_column(["price", "category", "momentum_1d"])),
    ("leak-length", "anywhere", lambda: entries("anywhere")),
    ("leak-length", "first point", lambda: entries("first point")),
    ("leak-length", "70 % of the planned life", lambda: entries("70 % of the planned life")),
    ("leak-length", "a day before the scheduled end", lambda: entries("a day before the scheduled end")),
    ("leak-loser-price", "calibrated", lambda: losers(peek=False)),
    ("leak-price-label", "resolutions", lambda: labels(inferred=False)),
    ("bias-exclusive", "events", lambda: exclusive_legs("event")),
    ("bias-mirror", "another week", lambda: sides(mirrored=False)),
    ("bias-survivor", "reported", lambda: survivors("reported")),
    ("bias-survivor", "all kept", lambda: survivors("all kept")),
    ("bias-taxonomy", "much alike", lambda: taxonomies(agree=True)),
    ("bias-unfillable", "ask later", lambda: fills("ask")),
    ("leak-news-date", "fetched", lambda: news(by_publisher=False)),
    ("leak-coarse-clock", "long", lambda: prices.coarse_clock(np.array([4, 50]) * HOUR, 3 * HOUR)),
    ("bias-trials", "all counted", lambda: claims.trials(24, 24)),
    ("bias-last-price", "executable", lambda: violations(executable=True)),
    ("bias-double-count", "one row per match", lambda: trades(doubled=False)),
]


@pytest.mark.parametrize(("code", "about", "case"), BROKEN, ids=[f"{code}: {about}" for code, about, _ in BROKEN])
def test_the_broken_example_fires(code, about, case):
    line = case()
    assert line.code == code
    assert line.passed is False, line.note
    assert line.note


@pytest.mark.parametrize(("code", "about", "case"), HONEST, ids=[f"{code}: {about}" for code, about, _ in HONEST])
def test_the_honest_example_is_silent(code, about, case):
    line = case()
    assert line.code == code
    assert line.passed is True, line.note


def test_every_code_has_a_broken_and_an_honest_example():
    assert {code for code, _, _ in BROKEN} == set(CATALOGUE) == {code for code, _, _ in HONEST}
    assert len(CATALOGUE) == 19


def test_every_code_is_documented():
    page = (Path(__file__).resolve().parents[2] / "docs/explanation/audits.md").read_text("utf-8")
    documented = set(re.findall(r"`((?:leak|bias)-[a-z-]+)`", page))
    assert documented == set(CATALOGUE)


EMPTY = np.zeros(0)
NONE = np.zeros(0, np.int64)


@pytest.mark.parametrize(
    "line",
    [
        lambda: samples.split_random(NONE, NONE, NONE),
        lambda: samples.rows_iid(EMPTY, NONE, 0.1),
        lambda: samples.label_open(NONE, NONE),
        lambda: samples.resolved_so_far(EMPTY, EMPTY, NONE, NONE, 0),
        lambda: samples.exclusive(NONE, np.zeros(0, bool), NONE),
        lambda: samples.mirror(NONE, NONE, NONE, EMPTY),
        lambda: samples.survivor(NONE, np.zeros(0, bool), reported=False),
        lambda: samples.double_count(NONE, NONE, EMPTY, EMPTY),
        lambda: samples.length(NONE, NONE, NONE, NONE, NONE),
        lambda: prices.post_event(NONE, NONE),
        lambda: prices.loser_price(EMPTY, EMPTY, NONE),
        lambda: prices.price_label(NONE, NONE, NONE, NONE),
        lambda: prices.unfillable(EMPTY, EMPTY, NONE, NONE),
        lambda: prices.last_price(EMPTY, EMPTY),
        lambda: prices.coarse_clock(NONE, HOUR),
        lambda: claims.taxonomy([], EMPTY, NONE),
        lambda: claims.news_date(NONE, NONE),
    ],
)
def test_nothing_to_look_at_is_no_alarm(line):
    assert line().passed is not False


def test_without_a_scheduled_end_it_says_that_it_cannot_know():
    rows = np.arange(100)
    line = samples.resolved_so_far(np.full(100, 0.5), np.ones(100), rows, np.full(100, UNKNOWN_TIME), 0)
    assert line.passed is None
    assert "no scheduled end" in line.note


def test_broken_names_are_refused_when_a_feature_is_registered():
    from edgeworth.core.errors import LeakError

    with pytest.raises(LeakError), leaky.registered(leaky.price, name="final_volume"):
        pass

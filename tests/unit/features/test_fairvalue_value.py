"""Fair values of parsed contracts from closed candles: what is settled, what is unknown, and nothing later than t."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from edgeworth.core.contract import ContractKind, ContractTerms
from edgeworth.core.instants import parse_instant
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.features.fairvalue import formulas
from edgeworth.features.fairvalue.coherence import cohere, ladders, law_of_maximum
from edgeworth.features.fairvalue.value import DRIFTS, YEAR, History, Options, carry_note, fair_values

START = parse_instant("2026-05-04T00:00:00Z")
VOL = (0.6, 0.0)


def path(close, step=HOUR, wide=0.0, start=START) -> History:
    """Candles that open at the close before; the first opens at its own close."""
    close = np.asarray(close, dtype=np.float64)
    opens = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opens, close) * np.exp(wide), np.minimum(opens, close) * np.exp(-wide)
    return History(start + np.arange(len(close)) * step, opens, high, low, close, step)


def walk(seed=1, count=200, step=HOUR) -> History:
    draw = stream(seed, "fair-value-path").normal(0, 0.006, count)
    return path(70_000 * np.exp(np.cumsum(draw)), step, 0.001)


def touch(level, start=START, days=7.0, up=True) -> ContractTerms:
    return ContractTerms(
        ContractKind.TOUCH_UP if up else ContractKind.TOUCH_DOWN, "BTC", "BTC/USDT", "binance",
        "high" if up else "low", "1m", (level,), ">=" if up else "<=", start, start + round(days * DAY), tie="yes",
    )  # fmt: skip


def one(terms, history, t, volatility=VOL, options=None):
    return fair_values(terms, history, np.array([t]), volatility, options)


def test_touch_agrees_with_the_check_values():
    history = path([70_000.0] * 3)
    for level, days, sigma, drift, expected in (
        (100_000, 326, 0.5, 0.0, 0.372250), (150_000, 326, 0.5, 0.0, 0.071566), (72_000, 7, 0.45, 0.0, 0.642033),
    ):  # fmt: skip
        found = one(touch(level, START, days + 3 / 24), history, START + 3 * HOUR, (sigma, 0.0))
        assert found.p[0] == pytest.approx(expected, abs=5e-7)
        assert found.drifts[0, DRIFTS.index(drift)] == found.p[0]
    ladder = one(touch(150_000, START, 327 + 3 / 24), history, START + 3 * HOUR, (0.5, 0.0))
    assert ladder.drifts[0] == pytest.approx([0.03505, 0.07192, 0.13395, 0.22637], abs=5e-6)
    mixed = one(touch(150_000, START, 327 + 3 / 24), history, START + 3 * HOUR, (0.5, 0.25))
    assert mixed.p[0] == pytest.approx(0.08201, abs=5e-6)
    assert mixed.low[0] < mixed.p[0] < mixed.high[0]
    assert mixed.se[0] > 0


def test_a_touched_level_is_worth_one_whatever_came_after():
    close = [70_000.0] * 10 + [75_000.0] + [70_000.0] * 20
    found = fair_values(touch(74_000), path(close), START + np.arange(1, 31) * HOUR, VOL)
    assert (found.p[:10] < 1).all()
    assert (found.p[10:] == 1).all()
    assert found.so_far[10:] == pytest.approx(75_000 / 74_000)
    assert (found.se[10:] == 0).all()
    down = fair_values(
        touch(66_000, up=False), path([70_000.0, 65_000.0, 70_000.0]), START + np.array([1, 3]) * HOUR, VOL
    )
    assert down.p[0] < 0.5
    assert down.p[1] == 1


def test_a_touch_before_the_window_does_not_count_and_one_across_its_start_is_unknown():
    close = [70_000.0] * 5 + [75_000.0] + [70_000.0] * 20
    after = one(touch(74_000, START + 8 * HOUR), path(close), START + 10 * HOUR)
    assert 0 < after.p[0] < 1
    spike = path([70_000.0] * 20)
    spike.high[5] = 75_000.0
    across = one(touch(74_000, START + 5 * HOUR + 30 * MINUTE), spike, START + 9 * HOUR)
    assert np.isnan(across.p[0])
    assert "across" in across.reason[0]
    early = one(touch(74_000, START + 12 * HOUR), path(close), START + 10 * HOUR)
    assert early.reason[0] == "the window has not begun"


def without(history, *rows):
    columns = (np.delete(getattr(history, name), rows) for name in ("t", "open", "high", "low", "close"))
    return History(*columns, history.step)


def test_unknown_is_null_with_its_reason():
    history = walk()
    terms, t = touch(90_000), START + 60 * HOUR
    assert np.isfinite(one(terms, history, t).p[0])
    reasons = {
        "missing": one(terms, without(history, 20), t),
        "too old": one(terms, without(history, *range(50, 200)), t),
        "closed yet": one(terms, history, START),
        "no candles": one(terms, None, t),
        "volatility": one(terms, history, t, (np.nan, 0.1)),
        "coinbase": one(dataclasses.replace(terms, venue_of_record="coinbase"), history, t),
        "not understood": one(ContractTerms(ContractKind.NONE, reason="words"), history, t),
        "deadline": one(touch(90_000, START, 2.0), history, t),
    }
    for word, found in reasons.items():
        assert word in found.reason[0], word
        for column in (found.p, found.low, found.high, found.se, found.per_sigma, found.drifts[:, 0], found.distance):
            assert np.isnan(column).all(), word
    allowed = one(dataclasses.replace(terms, venue_of_record="coinbase"), history, t, VOL, Options(proxy=True))
    assert np.isfinite(allowed.p[0])


def test_a_gap_cannot_undo_a_touch():
    close = [70_000.0] * 10 + [75_000.0] + [70_000.0] * 20
    found = one(touch(74_000), without(path(close), 4, 20), START + 25 * HOUR)
    assert found.p[0] == 1


def test_terminal_range_and_below():
    history, t = path([70_000.0] * 48), START + 24 * HOUR
    end = t + 7 * DAY
    base = ContractTerms(
        ContractKind.ABOVE_ON_DAY, "BTC", "BTC/USDT", "binance", "close", "1m", (72_000.0,), ">", window_end=end
    )
    found = one(base, history, t, (0.45, 0.0))
    assert found.p[0] == pytest.approx(0.314474, abs=5e-7)
    assert found.distance[0] == pytest.approx(np.log(72 / 70) / (0.45 * np.sqrt(7 / 365)))
    below = one(dataclasses.replace(base, comparator="<"), history, t, (0.45, 0.0))
    assert found.p[0] + below.p[0] == pytest.approx(1)
    ranged = dataclasses.replace(base, kind=ContractKind.BETWEEN_ON_DAY, levels=(68_000.0, 72_000.0), comparator="[)")
    assert one(ranged, history, t, (0.45, 0.0)).p[0] == pytest.approx(0.353380, abs=5e-7)
    legs = [0.0001, 60_000.0, 68_000.0, 72_000.0, 80_000.0, 1e9]
    parts = [
        one(dataclasses.replace(ranged, levels=(a, b)), history, t, (0.45, 0.2)).p[0]
        for a, b in itertools.pairwise(legs)
    ]
    assert sum(parts) == pytest.approx(1, abs=1e-9)


def test_a_terminal_value_is_half_a_touch_and_less():
    """The blunder: the terminal formula used for a touch is too low by about two."""
    history, t = path([70_000.0] * 48), START + 24 * HOUR
    end = ContractTerms(
        ContractKind.ABOVE_ON_DAY,
        "BTC",
        "BTC/USDT",
        "binance",
        "close",
        "1m",
        (90_000.0,),
        ">",
        window_end=t + 30 * DAY,
    )
    hit = one(touch(90_000, START, 31), history, t).p[0]
    last = one(end, history, t).p[0]
    assert 1.8 < hit / last < 2.3


def updown(kind, start, end, **more):
    tie = more.pop("tie", "yes")
    return ContractTerms(kind, "BTC", "BTC/USDT", "binance", "close", "1h", (), ">=", start, end, tie=tie, **more)


def test_up_or_down_before_within_and_by_the_reference():
    close = [70_000.0] * 10 + [70_035.0] * 20
    history = path(close, MINUTE)
    hour = updown(ContractKind.HOURLY_UPDOWN, START + 5 * MINUTE, START + 20 * MINUTE)
    before = one(hour, history, START + 3 * MINUTE)
    sigma = 0.6 * np.sqrt(15 * MINUTE / YEAR)
    assert before.p[0] == pytest.approx(ndtr(-sigma / 2))
    assert before.per_spot[0] == pytest.approx(0, abs=1e-12)
    within = one(hour, history, START + 15 * MINUTE)
    move = np.log(70_035 / 70_000) / (0.6 * np.sqrt(5 * MINUTE / YEAR))
    assert within.p[0] == pytest.approx(ndtr(move), abs=2e-3)
    assert within.p[0] == pytest.approx(0.606491, abs=2e-3)  # five basis points, five minutes left
    assert within.per_spot[0] > 0
    lost = one(hour, without(history, 3, 4, 5), START + 15 * MINUTE)
    assert lost.reason[0] == "the reference price is not known"


def test_daily_reference_may_be_a_minute_early_and_that_minute_counts():
    history = walk(3, 72)
    noon = START + 24 * HOUR
    terms = updown(ContractKind.DAILY_UPDOWN, noon + MINUTE, noon + DAY + MINUTE, tie="half")
    found = one(terms, history, noon + 6 * HOUR)
    reference, spot = history.close[23], history.close[29]
    years = (18 * HOUR + 2 * MINUTE) / YEAR
    assert found.p[0] == pytest.approx(float(formulas.up_or_down(spot, reference, years, 0.6)), abs=1e-12)


def test_ties_belong_to_one_leg():
    history = path([2.0] * 40, MINUTE)
    terms = updown(ContractKind.WINDOW_UPDOWN, START + 5 * MINUTE, START + 35 * MINUTE)
    t = START + 30 * MINUTE
    plain, up, down, half = (
        one(dataclasses.replace(terms, tie=tie), history, t, (0.9, 0.0), Options(tick=tick)).p[0]
        for tie, tick in (("yes", 0.0), ("yes", 0.0001), ("no", 0.0001), ("half", 0.0001))
    )
    assert up - down == pytest.approx(0.0072, abs=5e-5)
    assert half == plain
    assert up - plain == pytest.approx(plain - down)


def test_an_averaged_end_moves_less():
    close = [70_000.0] * 10 + [70_035.0] * 20
    terms = updown(ContractKind.WINDOW_UPDOWN, START + 5 * MINUTE, START + 20 * MINUTE, average_us=MINUTE)
    found = one(terms, path(close, MINUTE), START + 15 * MINUTE)
    assert found.p[0] == pytest.approx(0.614178, abs=2e-3)
    longer = dataclasses.replace(terms, average_us=2 * MINUTE)
    assert one(longer, path(close, MINUTE), START + 19 * MINUTE).reason[0] == "the average has begun"


def test_first_of_two():
    terms = ContractTerms(
        ContractKind.FIRST_OF_TWO, "BTC", "BTC/USDT", "binance", "high", "1m", (60_000.0, 80_000.0), ">",
        START, START + 30 * DAY + HOUR,
    )  # fmt: skip
    down = dataclasses.replace(terms, comparator="<")
    flat, t = path([70_000.0]), START + HOUR
    assert one(terms, flat, t, (0.5, 0.0)).p[0] == pytest.approx(0.326530, abs=5e-7)
    assert one(down, flat, t, (0.5, 0.0)).p[0] == pytest.approx(0.300832, abs=5e-7)
    fell = path([70_000.0, 59_000.0, 81_000.0, 70_000.0])
    assert one(terms, fell, START + 4 * HOUR).p[0] == 0
    assert one(down, fell, START + 4 * HOUR).p[0] == 1
    both = path([70_000.0, 59_000.0], wide=0.4)
    assert "both levels" in one(terms, both, START + 2 * HOUR).reason[0]


def kinds(history):
    spot = float(history.close[90])
    base = START + 60 * HOUR
    plain = ("BTC", "BTC/USDT", "binance", "close", "1m")
    return (
        touch(spot * 1.05, START, 9), touch(spot * 0.95, base, 6, up=False),
        ContractTerms(ContractKind.ABOVE_ON_DAY, *plain, (spot * 1.01,), ">", window_end=START + 8 * DAY),
        ContractTerms(ContractKind.BETWEEN_ON_DAY, *plain, (spot * 0.99, spot * 1.02), "[)", window_end=START + 8 * DAY),
        updown(ContractKind.HOURLY_UPDOWN, START + 100 * HOUR, START + 101 * HOUR),
        updown(ContractKind.DAILY_UPDOWN, START + 90 * HOUR, START + 114 * HOUR, tie="half"),
        ContractTerms(ContractKind.FIRST_OF_TWO, *plain, (spot * 0.93, spot * 1.06), "<", START, START + 9 * DAY),
    )  # fmt: skip


COLUMNS = ("p", "low", "high", "se", "drifts", "per_sigma", "per_spot", "distance", "so_far", "spot")


def test_nothing_after_t_is_read():
    history, cut = walk(7), 100
    for terms in kinds(history):
        t = START + np.arange(2, cut + 1) * HOUR
        before = fair_values(terms, history, t, (0.6, 0.2))
        draw = stream(9, "scrambled")
        changed = {}
        for name in ("open", "high", "low", "close"):
            values = getattr(history, name).copy()
            values[cut:] *= np.exp(draw.normal(0, 0.5, len(values) - cut))
            changed[name] = values
        after = fair_values(terms, dataclasses.replace(history, **changed), t, (0.6, 0.2))
        for name in COLUMNS:
            assert np.array_equal(getattr(before, name), getattr(after, name), equal_nan=True), (terms.kind, name)
        gone = fair_values(terms, without(history, *range(cut, len(history.t))), t, (0.6, 0.2))
        assert np.array_equal(before.p, gone.p, equal_nan=True), terms.kind


def test_batch_is_live():
    history = walk(11)
    t = START + np.arange(1, 180) * HOUR + 7 * MINUTE
    sigma, spread = np.linspace(0.3, 0.9, len(t)), np.linspace(0.05, 0.3, len(t))
    for terms in kinds(history):
        batch = fair_values(terms, history, t, (sigma, spread))
        assert np.isfinite(batch.p).sum() > 60, terms.kind
        for row in range(0, len(t), 13):
            live = fair_values(terms, history, t[row : row + 1], (sigma[row], spread[row]))
            for name in COLUMNS:
                near = 1e-9 if name.startswith("per_") else 1e-12  # a slope divides its rounding by the step
                assert getattr(live, name)[0] == pytest.approx(getattr(batch, name)[row], rel=0, abs=near, nan_ok=True)
            assert live.reason[0] == batch.reason[row]


def test_volatility_is_worth_more_than_direction():
    """A volatility wrong by a fifth costs up to five points at one deviation."""
    history, t = path([70_000.0] * 30), START + 24 * HOUR
    for z, right, low, high in (
        (0.25, 0.59871, 0.62267, 0.58252), (0.5, 0.69146, 0.73401, 0.66154), (1, 0.84134, 0.89435, 0.79767),
        (1.5, 0.93319, 0.96960, 0.89435),
    ):  # fmt: skip
        level = 70_000 * np.exp(-z * 0.6 * np.sqrt(1 / 365))
        terms = ContractTerms(
            ContractKind.ABOVE_ON_DAY, "BTC", "BTC/USDT", "binance", "close", "1m", (level,), ">", window_end=t + DAY
        )
        # the table leaves out the drift of the logarithm, worth less than half a point here
        half = [factor * 0.6 * np.sqrt(1 / 365) / 2 for factor in (1, 0.8, 1.2)]
        for factor, expected, shift in zip((1, 0.8, 1.2), (right, low, high), half, strict=True):
            found = one(terms, history, t, (0.6 * factor, 0.0)).p[0]
            assert found == pytest.approx(expected, abs=0.4 * shift + 1e-5)
    assert one(terms, history, t).per_sigma[0] < 0


def test_sensitivities_are_slopes():
    history, t = walk(5), START + 80 * HOUR
    terms = touch(float(history.close[79]) * 1.04, START + 70 * HOUR)
    found = one(terms, history, t, (0.6, 0.2))
    step = 0.01
    up, down = (one(terms, history, t, (0.6 + sign * step, 0.2)).p[0] for sign in (1, -1))
    assert found.per_sigma[0] == pytest.approx((up - down) / (2 * step), rel=1e-3)
    assert found.per_spot[0] > 0
    assert (np.diff(found.drifts[0]) > 0).all()


def test_ladders_cohere():
    terms = [touch(level) for level in (80_000.0, 75_000.0, 90_000.0)] + [
        touch(60_000, up=False),
        touch(75_000, START, 8),
    ]
    assert ladders(terms) == [[1, 0, 2]]
    values, moved = cohere(terms, [0.5, 0.4, 0.2, 0.9, np.nan])
    assert values[:4] == pytest.approx([0.45, 0.45, 0.2, 0.9])
    assert moved[:4] == pytest.approx([-0.05, 0.05, 0, 0])
    assert law_of_maximum(terms[:3], [0.3, 0.4, 0.1]) == pytest.approx([0.6, 0.1, 0.2, 0.1])
    with pytest.raises(ValueError, match="not one ladder"):
        law_of_maximum(terms, [0.3] * 5)


def test_carry_is_said_for_long_waits_only():
    assert carry_note(0.015, 327 * DAY, 0.04).endswith("NO 0.9503 today")
    assert carry_note(0.5, 20 * DAY, 0.04) == ""


def test_one_barrier_ignored_is_too_dear():
    terms = ContractTerms(
        ContractKind.FIRST_OF_TWO, "BTC", "BTC/USDT", "binance", "high", "1m", (66_000.0, 74_000.0), ">",
        START, START + 60 * DAY,
    )  # fmt: skip
    history, t = path([70_000.0] * 3), START + 3 * HOUR
    both, single = one(terms, history, t).p[0], one(touch(74_000, START, 60), history, t).p[0]
    assert both < 0.55
    assert single > both + 0.2
    other = one(dataclasses.replace(terms, comparator="<"), history, t).p[0]
    assert both + other <= 1 + 1e-9

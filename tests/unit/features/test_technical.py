"""Technical columns beside TA-Lib and plain numpy; no look ahead, whatever the length of the stretches."""

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from tests.support.candles import STEP, Walk, walk

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.schema import is_hindsight
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.features.technical import compiled, machine
from edgeworth.features.technical.catalogue import columns, names
from edgeworth.features.technical.compute import Streaming, compute, compute_many

BAR = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
WINDOWED = [column.name for column in columns() if column.settles == column.lookback and not column.timeframe]
WINDOWED = [name for name in WINDOWED if not name.startswith("since_")]


def exact(candles: Walk, step: int = STEP) -> dict[str, np.ndarray]:
    """Return the columns by name, in double precision."""
    return dict(zip(names(), compute(candles, step, dtype=np.float64).T, strict=True))


def one_by_one(candles: Walk) -> np.ndarray:
    """Return the rows that a live feed of the same candles gives."""
    state = Streaming(STEP)
    rows = [
        state.feed(int(c[0]), (c[1], c[2], c[3], c[4]), c[5])
        for c in zip(candles.t, candles.open, candles.high, candles.low, candles.close, candles.volume, strict=True)
    ]
    return np.array(rows).reshape(-1, len(names()))


def assert_same(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-9) -> None:
    """Compare to a tolerance relative to the scale of the expected values; missing must be missing in both."""
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    there = ~np.isnan(expected)
    scale = np.abs(expected[there]).max(initial=0.0)
    np.testing.assert_allclose(found[there], expected[there], rtol=tolerance, atol=tolerance * max(scale, 1e-12))


def windows(values: np.ndarray, size: int) -> np.ndarray:
    """Return the windows that end at each row, NaN where there are too few values."""
    padded = np.concatenate((np.full(size - 1, np.nan), values))
    return np.lib.stride_tricks.sliding_window_view(padded, size)


# the catalogue


def test_catalogue_describes_66_columns() -> None:
    found = columns()
    assert len(found) == len(set(names())) == 66
    for column in found:
        assert column.doc.endswith(".")
        assert column.unit
        assert column.group
        assert set(column.inputs) <= {"t", "open", "high", "low", "close", "volume"}
        assert column.settles >= column.lookback >= 1
        assert not is_hindsight(column.name)


def test_values_begin_exactly_when_the_lookback_is_full() -> None:
    found = exact(walk(3_000))
    for column in columns():
        if column.timeframe or column.name.startswith("since_cross"):
            continue
        missing = np.isnan(found[column.name])
        assert missing[: column.lookback - 1].all(), column.name
        assert not missing[column.lookback - 1 :].any(), column.name


# the values


def test_recurrences_equal_talib() -> None:
    candles = walk(2_500)
    high, low, close = candles.high, candles.low, candles.close
    found = exact(candles)
    ema = {period: talib.EMA(close, period) for period in (9, 21, 50, 200)}
    for period in (7, 14, 28):
        assert_same(found[f"rsi_{period}"], talib.RSI(close, period))
    for period, values in ema.items():
        assert_same(found[f"ema_distance_{period}"], (close - values) / close)
    assert_same(found["ema_cross_9_21"], (ema[9] - ema[21]) / close)
    for period in (14, 56):
        assert_same(found[f"atr_{period}"], talib.ATR(high, low, close, period) / close)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)  # it begins the fast mean later
    for name, values in (("line", line), ("signal", signal), ("histogram", histogram)):
        assert_same(found[f"macd_{name}"][500:], (values / close)[500:])


def test_windows_equal_talib() -> None:
    candles = walk(2_500)
    high, low, close, volume = candles.high, candles.low, candles.close, candles.volume
    found = exact(candles)
    for window in (20, 50, 200):
        assert_same(found[f"sma_distance_{window}"], (close - talib.SMA(close, window)) / close)
    for window in (50, 200):
        expected = (close - talib.SMA(close, window)) / talib.STDDEV(close, window)
        assert_same(found[f"zscore_{window}"], expected, 1e-8)  # it subtracts squares
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    assert_same(found["bollinger_b_20"], (close - lower) / (upper - lower), 1e-8)
    assert_same(found["bollinger_width_20"], (upper - lower) / middle, 1e-8)
    assert_same(found["bollinger_z_20"], 4 * (close - middle) / (upper - lower), 1e-8)
    for window in (8, 32, 96, 672):
        change = np.diff(np.log(close))
        assert_same(found[f"volatility_{window}"][1:], talib.STDDEV(change, window), 1e-8)
    for window, name in ((14, "stochastic_14"), (20, "donchian_20"), (55, "donchian_55")):
        top, bottom = talib.MAX(high, window), talib.MIN(low, window)
        assert_same(found[name], (close - bottom) / (top - bottom))
    for window in (96, 672):
        assert_same(found[f"from_high_{window}"], (close - talib.MAX(high, window)) / close)
        assert_same(found[f"from_low_{window}"], (close - talib.MIN(low, window)) / close)
    logs = np.log(1 + volume)
    for window in (24, 96):
        assert_same(found[f"volume_z_{window}"], (logs - talib.SMA(logs, window)) / talib.STDDEV(logs, window), 1e-8)
    assert_same(found["volume_trend_24_96"], talib.SMA(logs, 24) - talib.SMA(logs, 96))


def test_the_rest_equals_its_formula_in_numpy() -> None:
    candles = walk(1_500)
    close, change = candles.close, np.diff(np.log(candles.close), prepend=np.nan)
    found = exact(candles)
    for lag in (1, 2, 4, 8, 16, 32, 96):
        assert_same(found[f"log_return_{lag}"][lag:], np.log(close[lag:] / close[:-lag]))
    for lag in (4, 96):
        assert_same(found[f"return_{lag}"][lag:], close[lag:] / close[:-lag] - 1)
    assert_same(found["candle_body"], (close - candles.open) / close)
    assert_same(found["candle_range"], (candles.high - candles.low) / close)
    assert_same(found["close_in_range"], (close - candles.low) / (candles.high - candles.low))
    assert_same(found["volatility_ratio_8_96"], windows(change, 8).std(axis=1) / windows(change, 96).std(axis=1))
    recent = windows(change, 96)
    assert_same(found["return_z_96"], (change - recent.mean(axis=1)) / recent.std(axis=1))
    spread = np.log(candles.high / candles.low)
    assert_same(found["parkinson_32"], np.sqrt((windows(spread, 32) ** 2).mean(axis=1) / (4 * np.log(2))))
    signed = np.sign(np.diff(close, prepend=np.nan)) * candles.volume
    assert_same(found["signed_volume_24"], windows(signed, 24).sum(axis=1) / windows(candles.volume, 24).sum(axis=1))
    ema = change[1:33] @ change[1:33] / 32
    for value in change[33:]:
        ema += 2 / 33 * (value * value - ema)
    assert found["ewma_volatility_32"][-1] == pytest.approx(np.sqrt(ema), rel=1e-12)


def test_candles_since_a_cross() -> None:
    close = walk(1_500, 3).close
    found = exact(walk(1_500, 3))
    sign = np.sign(talib.EMA(close, 9) - talib.EMA(close, 21))
    crosses = [row for row in range(21, 1_500) if sign[row] != sign[row - 1]]
    assert len(crosses) > 10
    expected = np.full(1_500, np.nan)
    for begin in crosses:
        expected[begin:] = np.arange(1_500 - begin)
    assert np.array_equal(found["since_cross_9_21"], expected, equal_nan=True)


@pytest.mark.parametrize("timeframe", ["1h", "4h", "1d"])
def test_timeframes_hold_completed_bars_only(timeframe: str) -> None:
    candles, length = walk(4_000), BAR[timeframe]
    known = candles.t + STEP
    ends = np.flatnonzero(known % length == 0)
    close = candles.close[ends]
    bars = {
        "log_return": np.diff(np.log(close), prepend=np.nan),
        "rsi_14": talib.RSI(close, 14),
        "ema_distance_20": (close - talib.EMA(close, 20)) / close,
    }
    newest = np.searchsorted(known[ends], known, side="right") - 1
    found = exact(candles)
    for part, values in bars.items():
        expected = np.where(newest >= 0, values[np.maximum(newest, 0)], np.nan)
        assert_same(found[f"{part}_{timeframe}"], expected)


def test_timeframes_need_candles_that_fit_into_them() -> None:
    found = exact(walk(500, step=4 * HOUR), 4 * HOUR)
    assert np.isnan(found["rsi_14_1h"]).all()
    assert np.array_equal(found["log_return_4h"], found["log_return_1"], equal_nan=True)
    assert not np.isnan(found["log_return_1d"][-1])


def test_time_columns() -> None:
    candles = walk(300).take(np.r_[0:100, 103:300])
    found = exact(candles)
    assert np.array_equal(found["day_progress"], (candles.t + STEP) % DAY / DAY)
    assert found["since_gap"].tolist() == [*range(100), *range(197)]
    assert exact(walk(1_000))["since_gap"][-1] == 672


def test_undefined_ratios_are_missing_and_flat_windows_exact() -> None:
    flat = exact(walk(1_000, spread=0.0, price=1e-7))
    for name in ("zscore_50", "bollinger_z_20", "donchian_20", "close_in_range", "volatility_ratio_8_96"):
        assert np.isnan(flat[name]).all(), name
    for name in ("volatility_96", "bollinger_width_20", "atr_14", "macd_line", "from_high_672"):
        assert np.abs(flat[name][700:]).max() < 1e-12, name
    assert set(flat["rsi_14"][15:]) == {50.0}


def test_an_outlier_leaves_no_trace_in_later_windows() -> None:
    candles = walk(1_200)
    struck = candles.take(slice(None))
    for name in ("open", "high", "low", "close"):
        values = getattr(candles, name).copy()
        values[300] *= 1e9
        object.__setattr__(struck, name, values)
    clean, found = exact(candles), exact(struck)
    for name in WINDOWED:
        assert np.array_equal(clean[name][980:], found[name][980:]), name


# no look ahead, no dependence on how it is cut


@given(st.integers(0, 2**32), st.integers(1, 1_400))
def test_later_candles_change_nothing(seed: int, cut: int) -> None:
    candles, other = walk(1_500), walk(1_500, seed, price=3.0, spread=0.02)
    mixed = Walk(*(np.concatenate((getattr(candles, n)[:cut], getattr(other, n)[cut:])) for n in Walk.__annotations__))
    before, after = compute(candles, STEP, dtype=np.float64), compute(mixed, STEP, dtype=np.float64)
    assert np.array_equal(before[:cut], after[:cut], equal_nan=True)
    assert not np.array_equal(before[cut:], after[cut:], equal_nan=True)


def test_windows_do_not_know_when_the_series_began() -> None:
    candles = walk(2_600)
    whole, late = exact(candles), exact(candles.take(slice(137, None)))
    for column in columns():
        if column.name in WINDOWED:
            first = 137 + column.lookback - 1
            assert np.array_equal(whole[column.name][first:], late[column.name][first - 137 :], equal_nan=True), column


def test_recurrences_forget_their_beginning_as_stated() -> None:
    candles = walk(12_000)
    whole, late = exact(candles), exact(candles.take(slice(1_000, None)))
    for column in columns():
        if column.timeframe == "1d" or column.name.startswith("since_"):
            continue
        length = BAR.get(column.timeframe, STEP) // STEP
        first = 1_000 + column.settles * length
        values, scale = whole[column.name][first:], np.nanmax(np.abs(whole[column.name]))
        assert len(values) > 1_000
        assert np.nanmax(np.abs(values - late[column.name][first - 1_000 :])) < 3e-9 * scale, column.name


@st.composite
def broken_walks(draw: st.DrawFn) -> Walk:
    """Candles with gaps of all lengths, flat pieces, and prices of any size."""
    price = 10.0 ** draw(st.integers(-9, 12))
    candles = walk(
        draw(st.integers(1, 700)),
        draw(st.integers(0, 99)),
        price=price,
        spread=draw(st.sampled_from((0.0, 1e-6, 0.003, 0.3))),
    )
    keep = np.ones(len(candles.t), dtype=bool)
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(1, max(1, len(keep) - 1)))
        keep[begin : begin + draw(st.sampled_from((1, 2, 95, 96, 97, 300)))] = False
    for _ in range(draw(st.integers(0, 2))):
        begin = draw(st.integers(0, len(keep) - 1))
        rest = slice(begin, begin + draw(st.integers(1, 300)))
        for values in (candles.open, candles.high, candles.low, candles.close):
            values[rest] = candles.close[begin]
        candles.volume[rest] = draw(st.sampled_from((0.0, 1e-9, 1e15)))
    return candles.take(keep)


@given(broken_walks(), st.data())
def test_streaming_equals_the_block(candles: Walk, data: st.DataObject) -> None:
    block = compute(candles, STEP, dtype=np.float64)
    live = one_by_one(candles)
    for column in range(block.shape[1]):
        assert_same(live[:, column], block[:, column])
    cut = data.draw(st.integers(0, len(candles.t)))
    state = Streaming(STEP)
    pieces = [state.extend(candles.take(slice(0, cut))), state.extend(candles.take(slice(cut, None)))]
    assert np.array_equal(np.concatenate(pieces), block, equal_nan=True)


def test_missing_candles_are_flat_ones() -> None:
    candles = walk(1_800)
    keep = np.ones(1_800, dtype=bool)
    keep[900:990] = keep[1_200:1_203] = False
    filled = candles.take(slice(None))
    for row in np.flatnonzero(~keep):
        for values in (filled.open, filled.high, filled.low, filled.close):
            values[row] = filled.close[row - 1]
        filled.volume[row] = 0.0
    expected, found = exact(filled), exact(filled.take(keep))
    for name in names():
        if name != "since_gap":
            assert np.array_equal(found[name], expected[name][keep], equal_nan=True), name


def test_more_than_a_day_without_candles_begins_anew() -> None:
    candles = walk(1_800)
    bridged, apart = candles.take(np.r_[0:700, 796:1_800]), candles.take(np.r_[0:700, 797:1_800])
    assert not np.isnan(exact(bridged)["rsi_14"][700])
    fresh = compute(candles.take(slice(797, None)), STEP, dtype=np.float64)
    assert np.array_equal(compute(apart, STEP, dtype=np.float64)[700:], fresh, equal_nan=True)


def test_many_symbols_on_two_threads_equal_each_alone() -> None:
    blocks = [walk(700 + 150 * k, k, price=10.0 ** (k - 3)) for k in range(5)]
    matrix, offsets = compute_many(blocks, STEP, threads=2)
    assert matrix.shape == (offsets[-1], 66)
    assert matrix.dtype == np.float32
    assert matrix.flags.f_contiguous
    for place, block in enumerate(blocks):
        alone = compute(block, STEP)
        assert np.array_equal(matrix[offsets[place] : offsets[place + 1]], alone, equal_nan=True)
    assert np.array_equal(alone, compute(block, STEP, dtype=np.float64).astype(np.float32), equal_nan=True)


# what is refused


def test_implausible_candles_are_refused_and_leave_the_state_alone() -> None:
    candles = walk(50)
    state = Streaming(STEP)
    state.extend(candles)
    later, good = int(candles.t[-1]) + STEP, (1.0, 2.0, 0.5, 1.5)
    for t, prices, volume in (
        (later - STEP, good, 1.0),
        (later + MINUTE, good, 1.0),
        (later, (1.0, 2.0, 0.0, 1.5), 1.0),
        (later, (1.0, 1.2, 0.5, 1.5), 1.0),
        (later, (1.0, np.inf, 0.5, 1.5), 1.0),
        (later, (np.nan, 2.0, 0.5, 1.5), 1.0),
        (later, (1.0, 2.0, 0.5, np.nan), 1.0),
        (later, good, -1.0),
        (later, good, np.nan),
    ):
        with pytest.raises(DataError) as refused:
            state.feed(t, prices, volume)
        assert refused.value.code == "implausible-candles"
    assert state.last == later - STEP
    row = state.feed(later, good, 1.0)
    assert np.array_equal(row, Streaming(STEP).extend(_with(candles, later, good, 1.0))[-1], equal_nan=True)


def _with(candles: Walk, t: int, prices: tuple[float, ...], volume: float) -> Walk:
    more = (t, *prices, volume)
    return Walk(
        *(np.append(getattr(candles, name), value) for name, value in zip(Walk.__annotations__, more, strict=True))
    )


def test_an_interval_must_fit_into_a_day() -> None:
    for interval in (0, -STEP, 7 * HOUR):
        with pytest.raises(UsageError, match="a day is not a multiple"):
            Streaming(interval)


def test_columns_of_different_length_are_refused() -> None:
    candles = walk(10)
    with pytest.raises(DataError, match="differ in length"):
        compute(Walk(candles.t, candles.open[:-1], candles.high, candles.low, candles.close, candles.volume), STEP)


def test_no_candles_give_no_rows() -> None:
    assert compute(walk(10).take(slice(0, 0)), STEP).shape == (0, 66)


def test_cached_code_carries_the_digest_of_all_sources() -> None:
    compute(walk(10), STEP)
    for function in (machine.advance, machine.check):
        assert function._cache._cache_file._source_stamp == compiled.STAMP
        assert len(function.signatures) == 1  # arrays of every kind share one version

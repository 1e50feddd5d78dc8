"""Named draws: the same everywhere, different for different names."""

from edgeworth.core.random import bits, stream


def test_equal_names_give_equal_draws_and_others_do_not():
    assert stream(7, "a", 1).integers(0, 1_000, 5).tolist() == stream(7, "a", 1).integers(0, 1_000, 5).tolist()
    assert stream(7, "a").integers(0, 1_000, 5).tolist() == [311, 545, 640, 516, 663]
    draws = {bits(48, seed, "salt", name) for seed in range(10) for name in range(100)}
    assert len(draws) == 1_000


def test_a_draw_of_bits_fills_its_range_evenly():
    draws = [bits(5, 1, number) for number in range(3_200)]
    counts = [draws.count(value) for value in range(32)]
    assert sum(counts) == 3_200
    assert 60 < min(counts) <= max(counts) < 140
    assert all(0 <= bits(count, 1, "x") < 2**count for count in range(1, 257))

"""A short life: settings that come back, also after a failure."""

import gc

import numpy as np
import pytest

from edgeworth.core.short_life import short_life


def test_the_collector_looks_seldom_and_then_as_before():
    before = gc.get_threshold()
    with short_life():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 100 * before[0]
        assert sum(int(np.zeros(1_000_000).sum()) for _ in range(3)) == 0  # memory that is used again is zero again
    assert gc.get_threshold() == before


def test_a_failure_leaves_nothing_changed():
    before = gc.get_threshold()
    with pytest.raises(KeyError), short_life():
        raise KeyError
    assert gc.get_threshold() == before

"""The hold-out holds only events that the rule had not traded before it."""

import numpy as np
from tests.support.panels import day, make_panel

from edgeworth.research.collecting import _untouched


def test_events_fired_in_before_are_left_out() -> None:
    panel, _ = make_panel(
        [
            {"event": "old", "prices": [(day(1), 0.4), (day(9), 0.4)]},
            {"event": "old", "prices": [(day(8), 0.4), (day(9), 0.4)]},
            {"event": "new", "prices": [(day(8), 0.4), (day(9), 0.4)]},
        ]
    )
    row = np.arange(panel.point_count)
    keep = _untouched(panel, row, day(5))
    events = panel.markets["event_no"].to_numpy()[panel.market_of_point()[keep]]
    assert keep.sum() == 2
    assert set(events) == {panel.markets["event_no"][2]}

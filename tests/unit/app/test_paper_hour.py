"""The processes of the demo's trading hour: loaded ahead, gone afterwards, and what one says that cannot trade."""

import pytest

from edgeworth.app.paper_hour import Simulation, killed_hour, standing_by
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import load
from edgeworth.core.errors import DataError


def test_bots_that_nobody_needs_end_with_the_block(home):
    with standing_by() as take:
        bots = [take(), take()]
        assert [bot.poll() for bot in bots] == [None, None]
    assert all(bot.returncode is not None for bot in bots)


def test_a_bot_that_cannot_begin_is_an_error_with_its_words(home):
    config = load(home=home)
    with standing_by() as take, pytest.raises(DataError) as caught:
        killed_hour(config, Simulation("no-such-world", 7, begin_at=1), SystemClock(), take)  # type: ignore[arg-type]
    assert caught.value.code == "demo-trading-failed"
    assert "no-such-world" in caught.value.message


def test_a_bot_that_died_while_it_waited_is_an_error(home):
    config = load(home=home)
    with standing_by() as take:
        bot = take()
        bot.kill()
        with pytest.raises(DataError) as caught:
            killed_hour(config, Simulation("newcomer", 7), SystemClock(), lambda: bot)
    assert caught.value.code == "demo-trading-failed"

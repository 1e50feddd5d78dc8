"""News feeds: made of what happened, never of what will, with the manners of a feed."""

import xml.etree.ElementTree as ET
from email.utils import parsedate_to_datetime

import numpy as np
import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.instants import from_datetime
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.sandbox.server.news import News, topics


def items(body: bytes) -> list[dict[str, str]]:
    return [{child.tag: child.text or "" for child in item} for item in ET.fromstring(body).iter("item")]


@pytest.fixture(scope="module")
def venue() -> Venue:
    made = Venue()
    made.clock.advance(9 * DAY)
    return made


@pytest.mark.parametrize("topic", topics())
def test_items_are_past_newest_first_and_of_their_topic(venue: Venue, topic: str) -> None:
    found = items(venue.ask(f"/news/rss/{topic}.xml").body)
    dates = [from_datetime(parsedate_to_datetime(row["pubDate"])) for row in found]
    assert found
    assert len(found) <= 40
    assert dates == sorted(dates, reverse=True)
    assert max(dates) <= venue.now
    assert len({row["guid"] for row in found}) == len(found)
    if topic != "all":
        assert {row["category"] for row in found} == {topic}


def test_a_reader_who_has_it_gets_304(venue: Venue) -> None:
    first = venue.ask("/news/rss/all.xml")
    again = venue.ask("/news/rss/all.xml", if_none_match=first.header("etag"))
    assert (again.status, again.body) == (304, b"")
    assert venue.ask("/news/rss/all.xml", if_modified_since=first.header("last-modified")).status == 304
    assert venue.ask("/news/rss/all.xml", if_none_match='"other"').status == 200


def test_time_brings_new_items_and_keeps_old_ones() -> None:
    venue = Venue()
    before = items(venue.ask("/news/rss/politics.xml").body)
    venue.clock.advance(8 * HOUR)
    after = items(venue.ask("/news/rss/politics.xml").body)
    assert after != before
    kept = {row["guid"]: row for row in after}
    assert any(row["guid"] in kept for row in before)
    assert all(kept[row["guid"]] == row for row in before if row["guid"] in kept)


def test_a_move_is_told_only_after_the_price_moved(venue: Venue) -> None:
    news, arrays = News(venue.live, venue.sandbox.faults), venue.live.world.arrays
    moved = [item for day in range(9) for item in news.items("all", venue.now - day * DAY) if item.kind == 1]
    assert moved
    for item in moved:
        first, stop = int(arrays.offsets[item.market]), int(arrays.offsets[item.market + 1])
        steps = np.diff(arrays.price_e4[first:stop])
        at = arrays.t[first + 1 : stop]
        told = (at <= item.at) & (at > item.at - 5 * MINUTE - 1)
        assert item.move_e4 in steps[told].tolist()


def test_an_unknown_feed_is_404(venue: Venue) -> None:
    assert venue.ask("/news/rss/gossip.xml").status == 404
    assert venue.ask("/news/other").status == 404

"""Whatever a listing does while it is read, we end with the venue's set, or say that we did not."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import venue_payloads as examples
from tests.support.wires import client, json, run

from edgeworth.core.errors import VenueError
from edgeworth.core.records import MarketRecord
from edgeworth.venues.http.limits import Limits
from edgeworth.venues.polymarket.data_api import DataApi
from edgeworth.venues.polymarket.gamma import Filters, Gamma

WHIMS = st.sampled_from(
    [
        "plain",
        "plain",
        "plain",
        "shuffled",
        "twice",
        "overlap",
        "empty",
        "short",
        "again",
        "expired",
        "loop",
        "stuck",
        "gone",
        "added",
    ]
)


class Listing:
    """A listing in order of id whose pages do as their whims say; the cursor is the last id given out."""

    def __init__(self, count, size, whims):
        self.rows = {number: number for number in range(1, count + 1)}
        self.gone, self.size, self.whims, self.turn = set(), size, whims, 0

    def page(self, cursor):
        """Return (rows, next cursor or None, status)."""
        whim = self.whims[self.turn % len(self.whims)] if self.turn < 200 else "plain"
        self.turn += 1
        after = int(cursor.split("-")[0]) if cursor else 0
        if whim == "expired" and cursor:
            return [], None, 422
        if whim == "gone" and self.rows:
            number = max(self.rows)
            self.gone.add(number)
            del self.rows[number]
        if whim == "added":
            self.rows[max(self.rows, default=0) + 1] = 0
        left = sorted(number for number in self.rows if number > after)
        size = max(1, self.size // 2) if whim == "short" else self.size
        found = left[:size]
        if whim == "empty" and left:
            return [], f"{after}-{self.turn}", 200
        last = found[-1] if found else after
        rest = len(left) > len(found)
        if whim == "again" and rest:
            last = after
        if whim == "loop" and cursor:
            return found, cursor, 200
        if whim == "stuck":
            return [], f"{after}-{self.turn}", 200
        if whim == "shuffled":
            found = found[::-1]
        if whim == "twice":
            found += found
        if whim == "overlap":
            found = [number for number in sorted(self.rows) if number <= after][-2:] + found
        return found, f"{last}-{self.turn}" if rest else None, 200


def collect(clock, listing):
    """Return the pages of a listing and the code of the error it ends in, if it does."""

    async def work():
        pages = []
        try:
            async for page in listing:
                pages.append(page)  # noqa: PERF401 - those before an error are wanted
        except VenueError as error:
            return pages, error.code
        return pages, ""

    return run(clock, work())


def condition(number):
    return f"0x{number:064x}"


@settings(max_examples=150)
@given(count=st.integers(0, 40), size=st.integers(1, 9), whims=st.lists(WHIMS, min_size=1, max_size=12))
def test_gammas_listing_is_the_venues_set_or_partial(count, size, whims):
    listing = Listing(count, size, whims)
    always = set(listing.rows)

    def answer(request):
        rows, cursor, status = listing.page(request.url.params.get("after_cursor", ""))
        table = {"markets": [examples.gamma_market(id=str(n), conditionId=condition(n), slug=f"n-{n}") for n in rows]}
        return json({**table, **({"next_cursor": cursor} if cursor else {})}, status)

    http, wire, clock = client(answer, Limits(share=1.0, failures_to_open=10**6))

    pages, refused = collect(clock, Gamma(http).markets(Filters(max_pages=120)))
    assert refused in {"", "venue-refused"}
    found = [dict(r.ids)["gamma"] for page in pages for r in page.records if isinstance(r, MarketRecord)]
    assert len(found) == len(set(found)), "a market came twice"
    assert len(wire.seen) <= 130
    if not refused and not pages[-1].partial:
        assert {int(name) for name in found} >= always - listing.gone


@settings(max_examples=150)
@given(count=st.integers(0, 40), size=st.integers(1, 9), whims=st.lists(WHIMS, min_size=1, max_size=12))
def test_the_data_services_listing_is_its_set_or_partial(count, size, whims):
    listing = Listing(count, size, whims)
    always = set(listing.rows)

    def answer(request):
        rows, cursor, status = listing.page(request.url.params.get("cursor", ""))
        unique = dict.fromkeys(rows)  # a fill that stands twice on one page is two fills
        return json(examples.paged([examples.trade(size=number) for number in unique], cursor), status)

    http, wire, clock = client(answer, Limits(share=1.0, failures_to_open=10**6))

    pages, refused = collect(clock, DataApi(http, max_pages=120).trades())
    assert refused in {"", "venue-refused"}
    found = [row.size_e6 // 10**6 for page in pages for row in page.rows]
    assert len(found) == len(set(found))
    assert len(wire.seen) <= 130
    if not refused and not pages[-1].partial:
        assert set(found) >= always - listing.gone

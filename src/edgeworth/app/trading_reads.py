"""The bot's view of a venue's public reads: books by token, and the standing of the markets it watches."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgeworth.core.book import BookSnapshot
from edgeworth.core.records import ResolutionRecord
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import Micros
from edgeworth.trading.feed import News
from edgeworth.trading.risk import MarketStatus
from edgeworth.trading.watched import Directory
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.gamma import Filters, Gamma, Page, State

_TOGETHER: Final = 50  # markets of one listing
_WORDS: Final = {
    "requested": MarketStatus.PROPOSED,
    "proposed": MarketStatus.PROPOSED,
    "disputed": MarketStatus.DISPUTED,
    "resolved": MarketStatus.CLOSED,
    "settled": MarketStatus.CLOSED,
}


class VenueReads:
    """`trading.feed.Reads` over the CLOB and Gamma."""

    def __init__(self, clob: Clob, gamma: Gamma, directory: Directory) -> None:
        self._clob, self._gamma, self._directory = clob, gamma, directory

    async def books(self, tokens: Sequence[str]) -> Sequence[BookSnapshot]:
        """Return the books of tokens; those without one are missing. Raises VenueError."""
        return list(await self._clob.books(tokens)) if tokens else []

    async def news(self, market_nos: Sequence[int]) -> Sequence[News]:
        """Return the standing of markets, open and closed ones; unknown ones are missing. Raises VenueError."""
        wanted = {self._directory.by_no[number].condition: number for number in market_nos}
        found: dict[int, News] = {}
        for closed in (False, True):
            left = [condition for condition, number in wanted.items() if number not in found]
            for batch in _batches(left):
                async for page in self._gamma.markets(Filters(closed=closed, conditions=tuple(batch))):
                    for one in _told(page, wanted):
                        found[one.market_no] = one
        return list(found.values())


def _told(page: Page, wanted: dict[str, int]) -> Iterator[News]:
    final = {
        dict(record.ids).get("condition", ""): record
        for record in page.records
        if isinstance(record, ResolutionRecord) and record.state is ResolutionState.FINAL
    }
    for state in page.states:
        number = wanted.get(state.condition)
        if number is not None:
            ended = final.get(state.condition)
            payout = None if ended is None or ended.payout is Payout.VOID else int(ended.payout)
            end = None if state.end is None else Micros(state.end)
            yield News(market_no=number, status=standing(state), scheduled_end=end, payout_e4=payout)


def standing(state: State) -> MarketStatus:
    """Return where a listed market is in its life."""
    if state.closed:
        return MarketStatus.CLOSED
    word = _WORDS.get(state.resolution_status)
    if word is not None:
        return word
    return MarketStatus.OPEN if state.active and state.accepting_orders and state.has_book else MarketStatus.PAUSED


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(names), _TOGETHER):
        yield names[begin : begin + _TOGETHER]

"""Proof while trading: every strategy's opinions bet against the market price, in a book of evidence that never stops.

What a strategy says is bet whether or not an order came of it, before its outcome is known; the wealth of that book is
the strategy's e-value (`trading.stages`), and by it the strategy wins or loses the right to real money.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from edgeworth.core.units import ONE_PRICE, Micros
from edgeworth.trading.account import Account
from edgeworth.trading.breakers import Decayed
from edgeworth.trading.desk import stage_note
from edgeworth.trading.journal import Journal
from edgeworth.trading.record import Line
from edgeworth.trading.stages import Evidence, Ladder, Standing, advance
from edgeworth.trading.watched import Directory

_PREFIX: Final = "evidence:"


class Proving:
    """Keep the books of evidence in the journal's notes; marks are kept in memory, they are seen again every tick."""

    def __init__(self, journal: Journal, directory: Directory, ladder: Ladder) -> None:
        self._journal, self._directory, self._ladder = journal, directory, ladder
        self._books: dict[str, Evidence] | None = None

    @property
    def books(self) -> dict[str, Evidence]:
        """Return the book of every strategy that ever spoke."""
        if self._books is None:
            self._books = books_of(self._journal.account)
        return self._books

    def settle(self, payouts: Mapping[str, int], t: int) -> list[Decayed]:
        """Pay out the bets of markets with a final outcome; returns how each strategy's forecasts hold since."""
        paid = {leg[0]: pay for token, pay in payouts.items() if (leg := self._directory.leg(token)) and leg[1]}
        told = []
        for strategy, before in list(self.books.items()):
            after = before
            for bet in before.bets:
                if bet.market_no in paid:
                    after = after.settled(bet.market_no, paid[bet.market_no] / ONE_PRICE)
            if after != before:
                self._keep(after, t)
                told.append(Decayed(at=Micros(t), strategy=strategy, level=after.decay))
        return told

    def bet(self, line: Line) -> None:
        """Bet a tick's opinions at its mids, the first of each event, and mark what the books hold."""
        mids = {book.market_no: book.mid_e4 for book in line.tick.books}
        for opinion in line.opinions:
            before = self.books.get(opinion.strategy, Evidence(strategy=opinion.strategy))
            leg = opinion.price_e4 if opinion.side > 0 else ONE_PRICE - opinion.price_e4
            event = self._directory.group(opinion.market_no).event_no
            where = (event, opinion.market_no)
            after = before.placed(where, opinion.side, opinion.p, leg / ONE_PRICE)
            if after != before or opinion.strategy not in self.books:
                self._keep(after, line.tick.t)
        for strategy, book in self.books.items():
            marked = book
            for bet in book.bets:
                mid = mids.get(bet.market_no)
                if mid is not None:
                    marked = marked.marked(bet.market_no, mid / ONE_PRICE)
            self.books[strategy] = marked

    def _keep(self, book: Evidence, t: int) -> None:
        """Write a strategy's book down, and where it stands by it."""
        self.books[book.strategy] = book
        self._journal.note(f"{_PREFIX}{book.strategy}", msgspec.json.encode(book).decode())
        before = standing_of(self._journal.account, book.strategy)
        after = advance(before, book, self._ladder, Micros(t))
        self._journal.note(stage_note(book.strategy), msgspec.json.encode(after).decode())


def books_of(account: Account) -> dict[str, Evidence]:
    """Return the books of evidence that a journal holds."""
    return {
        name.removeprefix(_PREFIX): msgspec.json.decode(note, type=Evidence)
        for name, note in account.notes.items()
        if name.startswith(_PREFIX)
    }


def standing_of(account: Account, strategy: str) -> Standing:
    """Return where a strategy stands."""
    note = account.notes.get(stage_note(strategy))
    return msgspec.json.decode(note, type=Standing) if note else Standing(strategy=strategy)

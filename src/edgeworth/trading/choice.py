"""One tick's decision as a pure function: opinions, exits, sizes, intents. No clock, no venue, no journal.

Bot and replay both call it; what it needs besides the tail of the panel stands in the recorded line.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.orders import Intent
from edgeworth.core.units import Micros
from edgeworth.engine.exits import STAY, exit_reason, stop_bid_e4, take_bid_e4
from edgeworth.engine.gate import GateCode
from edgeworth.engine.layout import FillKind
from edgeworth.engine.layout import Limits as ExitLimits
from edgeworth.trading.decider import Decider, Opinion
from edgeworth.trading.record import Held, Inputs, Line
from edgeworth.trading.sizing import Planned, Quote, Rules, plan, sale
from edgeworth.trading.ticks import MarketBook, Tick
from edgeworth.trading.watched import Directory

_NEVER: Final = 2**62
_CODES: Final = {
    code.text: code for code in (GateCode.ALREADY_HELD, GateCode.ALREADY_TRADED, GateCode.AFTER_RESOLUTION)
}
Sale = Callable[[Held, int], str]


class Chooser:
    """Everything a decision is made with that does not change from tick to tick."""

    def __init__(self, decider: Decider, directory: Directory, rules: Rules, exits: ExitLimits) -> None:
        self.decider, self.directory, self.rules, self.exits = decider, directory, rules, exits

    def choose(self, tick: Tick, inputs: Inputs) -> Line:
        """Return the tick's line; takes the tick into the tail, so ticks must come once and in order."""
        opinions = tuple(self.decider.decide(tick))
        books = {book.market_no: book for book in tick.books}
        sales = [order for held in inputs.held if (order := self._exit(tick, books, held, inputs)) is not None]
        planned, bought = self._plan(tick, opinions, books, inputs)
        return Line(tick=tick, inputs=inputs, opinions=opinions, planned=planned, wanted=(*sales, *bought))

    def _plan(
        self, tick: Tick, opinions: Sequence[Opinion], books: dict[int, MarketBook], inputs: Inputs
    ) -> tuple[tuple[Planned, ...], tuple[Intent, ...]]:
        closed = {number for number, _ in tick.status}
        spoken = _loudest(opinions)
        answers: dict[str, Planned] = {}
        free: list[Opinion] = []
        for one in opinions:
            word = inputs.taken.get(one.market_no, "")
            if word or one.market_no in closed:
                code = _CODES.get(word, GateCode.AFTER_RESOLUTION)
            elif spoken[one.market_no] is not one:
                code = GateCode.ALREADY_HELD  # by the order of the opinion that sees more in this market
            else:
                free.append(one)
                continue
            answers[one.name] = Planned(name=one.name, code=code)
        quotes = {}
        for one in free:
            found = self._quote(books.get(one.market_no), one.market_no, one.side, inputs)
            if found is not None:
                quotes[one.market_no, one.side] = found
        purse = msgspec.json.decode(msgspec.json.encode(inputs.purse), type=type(inputs.purse))  # it is used up
        made = plan(free, quotes, purse, self.rules)
        answers |= {one.name: one for one in made}
        return tuple(answers[one.name] for one in opinions), tuple(one.intent for one in made if one.intent)

    def _quote(self, book: MarketBook | None, market_no: int, side: int, inputs: Inputs) -> Quote | None:
        market = self.directory.by_no.get(market_no)
        if book is None or market is None:
            return None
        return Quote(
            instrument=market.instrument(side, book.tick_e4),
            book=_snapshot(book.side(yes=side > 0), market.token(side)),
            group=self.directory.group(market_no),
            scheduled_end=inputs.ends.get(market_no),
        )

    def _exit(self, tick: Tick, books: dict[int, MarketBook], held: Held, inputs: Inputs) -> Intent | None:
        """Return the order that leaves a position now, if it is time and there is a bid."""
        quote = self._quote(books.get(held.market_no), held.market_no, held.side, inputs)
        if quote is None or not quote.book.bids or held.sellable_e6 <= 0:
            return None
        limits, bid = self.exits, quote.book.bids[0][0]
        asks, lonely = quote.book.asks, self.rules.max_spread_e4
        if not inputs.flatten and (not asks or not 0 < asks[0][0] - bid <= lonely):
            return None  # a bid far from the offers says nothing of what the position is worth
        stop, take = stop_bid_e4(limits, held.paid_e4), take_bid_e4(limits, held.paid_e4, held.fair_e6)
        deadline = held.opened_at + limits.max_hold if limits.max_hold > 0 else _NEVER
        reason = exit_reason(limits, (bid, held.paid_e4, int(stop), int(take)), tick.t, deadline)
        if reason == STAY and not inputs.flatten:
            return None
        word = "flatten" if reason == STAY else FillKind(reason).text
        name = f"exit-{word}/{held.market_no}/{held.side}/{tick.t}"
        return sale(name, held.strategy, quote, held.sellable_e6, Micros(tick.t), self.rules)


def _loudest(opinions: Sequence[Opinion]) -> dict[int, Opinion]:
    """Return for each market the opinion whose forecast lies furthest above its leg's price; the first of equals."""
    found: dict[int, Opinion] = {}
    for one in opinions:
        known = found.get(one.market_no)
        if known is None or _ahead(one) > _ahead(known):
            found[one.market_no] = one
    return found


def _ahead(one: Opinion) -> float:
    leg = one.price_e4 if one.side > 0 else 10_000 - one.price_e4
    return one.p - leg / 10_000.0


def _snapshot(book: MarketBook, token: str) -> BookSnapshot:
    return BookSnapshot(
        token=token, bids=book.bids, asks=book.asks, known_at=book.known_at, event_time=book.event_time or None,
        tick_e4=book.tick_e4,
    )  # fmt: skip

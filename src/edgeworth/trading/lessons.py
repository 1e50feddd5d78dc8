"""What the account has gone through since it was last looked at, in the words of the breakers: fills and results."""

from collections.abc import Callable, Mapping
from typing import Final

from edgeworth.core.units import ONE_PRICE, Micros
from edgeworth.trading.account import Account
from edgeworth.trading.breakers import Executed, Settled

SETTLED_NOTE: Final = "settled"  # tokens whose result was counted, while shares of them are still held


class Lessons:
    """Remember what was expected of each order, which fills were seen, and what was held at the last look.

    What a process expected dies with it: fills of an earlier one teach nothing about slippage.
    """

    def __init__(self) -> None:
        self._expected: dict[str, int] = {}
        self._seen: set[str] = set()
        self._held: dict[str, tuple[int, int]] | None = None

    def expect(self, intent_id: str, price_e4: int) -> None:
        """Take note of the best price an intent could meet when it was decided, in 1e-4 dollars."""
        self._expected[intent_id] = price_e4

    def executed(self, account: Account, at: Micros) -> list[Executed]:
        """Return the new fills of orders with an expectation, oldest first; worse prices count positive."""
        found = []
        for name, fill in account.fresh.items():
            order = account.by_id.get(fill.order_id)
            expected = None if order is None else self._expected.get(order.intent.intent_id)
            if name in self._seen or expected is None or fill.void:
                continue
            worse = fill.price_e4 - expected if fill.is_buy else expected - fill.price_e4
            found.append(Executed(at=at, shortfall_e4=worse))
        self._seen = set(account.fresh)
        self._expected = {name: price for name, price in self._expected.items() if name in account.open}
        return found

    def settled(
        self, account: Account, payouts: Mapping[str, int], event_of: Callable[[str], int | None], at: Micros
    ) -> tuple[list[Settled], str]:
        """Return the results of events that paid out since the last look, and what to keep as SETTLED_NOTE.

        `payouts`: 1e-4 dollars by token; `event_of` gives the number of a token's event. What was held at the last look
        counts, or what is held now at the first one: shares may have been paid for in between. A position that nobody
        redeems is counted once, also after a restart, by the note.
        """
        now = {
            token: (one.shares_e6, one.cost_e6)
            for token, one in account.ledger.positions.items()
            if one.shares_e6
        }  # fmt: skip
        before, self._held = self._held if self._held is not None else now, now
        counted = set(filter(None, account.notes.get(SETTLED_NOTE, "").split(",")))
        results: dict[int, int] = {}
        for token, (shares, cost) in before.items():
            event = event_of(token)
            if token in payouts and token not in counted and event is not None:
                counted.add(token)
                results[event] = results.get(event, 0) + payouts[token] * shares // ONE_PRICE - cost
        found = [Settled(at=at, profit_e6=results[event]) for event in sorted(results)]
        return found, ",".join(sorted(counted & now.keys()))

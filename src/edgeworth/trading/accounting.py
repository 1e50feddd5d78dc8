"""Double entry in integers: every event that moves money is a posting whose sides are equal.

    cash + reserved + sum of position:<token> + suspense = deposits + realised + rewards - fees

Positions are kept at average cost. What a sale realises depends on what was bought before it, so the lots of a token
are folded in the order in which they happened, not in which we heard of them: a lot that comes late, changes or is
voided makes its token be folded anew. That is why any order and any repetition of deliveries gives the same ledger.
All money is in 1e-6 dollars, all shares in 1e-6.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edgeworth.core.errors import DataError
from edgeworth.core.units import ONE_PRICE, Micros, PriceE4, SharesE6, UsdE6, divide

ASSETS: Final = ("cash", "reserved", "suspense")  # besides one position account per token
SOURCES: Final = ("deposits", "realised", "rewards")
ACCOUNTS: Final = (*ASSETS, "positions", *SOURCES, "fees")

_SIGN: Final = dict.fromkeys((*ASSETS, "positions", "fees"), 1) | dict.fromkeys(SOURCES, -1)

LotKey = tuple[Micros, str]


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares that came (positive) or went at one instant, and what was paid for them (negative: received).

    `firm` is whether they are beyond doubt: a fill that is not CONFIRMED yet may still be voided.
    """

    key: LotKey
    shares_e6: int
    paid_e6: int
    firm: bool = True


def net(shares: int, cost: int, lot_shares: int, paid: int) -> tuple[int, int, int]:
    """Add a lot to a holding at average cost; return (shares, cost, realised).

    Selling more than is held opens a short holding with a negative cost. Rounding is to the floor and exact when a
    holding is closed, so that nothing is ever lost: realised = - paid - change of cost.
    """
    if lot_shares == 0:
        return shares, cost, -paid
    if shares == 0 or (shares > 0) == (lot_shares > 0):
        return shares + lot_shares, cost + paid, 0
    closing = min(abs(shares), abs(lot_shares))
    paid_closing = paid if closing == abs(lot_shares) else paid * closing // abs(lot_shares)
    basis = cost if closing == abs(shares) else cost * closing // abs(shares)
    return shares + lot_shares, cost - basis + paid - paid_closing, -paid_closing - basis


@dataclass(slots=True)
class Position:
    """One token's holding, folded from its lots.

    `bought_firm_e6` are the bought shares that are beyond doubt, `sold_e6` all sold ones, settled or not.
    """

    token: str
    shares_e6: int = 0
    cost_e6: int = 0
    realised_e6: int = 0
    bought_firm_e6: int = 0
    sold_e6: int = 0
    lots: dict[str, Lot] = field(default_factory=dict)
    _order: list[LotKey] = field(default_factory=list)

    @property
    def sellable_e6(self) -> SharesE6:
        """Return the shares that may be sold: bought ones that are CONFIRMED, less everything sold."""
        return SharesE6(max(self.bought_firm_e6 - self.sold_e6, 0))

    def put(self, name: str, lot: Lot | None) -> tuple[int, int]:
        """Set or remove one lot; return the changes of (cost, realised)."""
        before, cost, realised = self.lots.get(name), self.cost_e6, self.realised_e6
        if before == lot:
            return 0, 0
        if before is not None:
            del self._order[bisect_left(self._order, before.key)]
            self._count(before, -1)
        if lot is None:
            del self.lots[name]
        else:
            insort(self._order, lot.key)
            self.lots[name] = lot
            self._count(lot, 1)
        if before is None and lot is not None and self._order[-1] == lot.key:
            self._add(lot)
        elif before is None or lot is None or not _same_money(before, lot):
            self._fold()
        return self.cost_e6 - cost, self.realised_e6 - realised

    def _count(self, lot: Lot, sign: int) -> None:
        if lot.shares_e6 < 0:
            self.sold_e6 -= sign * lot.shares_e6
        elif lot.firm:
            self.bought_firm_e6 += sign * lot.shares_e6

    def _add(self, lot: Lot) -> None:
        self.shares_e6, self.cost_e6, realised = net(self.shares_e6, self.cost_e6, lot.shares_e6, lot.paid_e6)
        self.realised_e6 += realised

    def _fold(self) -> None:
        self.shares_e6 = self.cost_e6 = self.realised_e6 = 0
        for _, name in self._order:
            self._add(self.lots[name])


def _same_money(one: Lot, other: Lot) -> bool:
    return (one.key, one.shares_e6, one.paid_e6) == (other.key, other.shares_e6, other.paid_e6)


@dataclass(slots=True)
class Ledger:
    """The accounts. Nothing but `post` changes them, and `post` refuses what does not balance."""

    accounts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    positions: dict[str, Position] = field(default_factory=dict)

    def __getitem__(self, account: str) -> UsdE6:
        return UsdE6(self.accounts[account])

    def post(self, **amounts: int) -> None:
        """Add amounts to accounts; raises DataError ledger-unbalanced unless both sides of the invariant agree."""
        balance = sum(amount * _SIGN[name] for name, amount in amounts.items())
        if balance:
            raise DataError("ledger-unbalanced", f"a posting that is {balance} out of balance: {amounts}")
        for name, amount in amounts.items():
            self.accounts[name] += amount

    def position(self, token: str) -> Position:
        """Return a token's position, an empty one if there is none yet."""
        found = self.positions.get(token)
        if found is None:
            found = self.positions[token] = Position(token)
        return found

    def put_lot(self, token: str, name: str, lot: Lot | None, fee: int = 0) -> None:
        """Set or remove one lot of a token and post what that changes; `fee` is the change of its fee."""
        position = self.position(token)
        before = position.lots.get(name)
        paid = (lot.paid_e6 if lot else 0) - (before.paid_e6 if before else 0)
        cost, realised = position.put(name, lot)
        self.post(cash=-paid - fee, positions=cost, realised=realised, fees=fee)

    def check(self) -> None:
        """Raise DataError ledger-unbalanced unless the invariant holds; costs the same however long the history."""
        held = self.accounts
        assets = held["cash"] + held["reserved"] + held["positions"] + held["suspense"]
        sources = held["deposits"] + held["realised"] + held["rewards"] - held["fees"]
        if assets != sources:
            raise DataError("ledger-unbalanced", f"the ledger holds {assets} against {sources}")

    def audit(self) -> None:
        """Check the invariant against the sum of every position, and every position against its lots."""
        self.check()
        if self.accounts["positions"] != sum(position.cost_e6 for position in self.positions.values()):
            raise DataError("ledger-unbalanced", "the positions do not add up to their account")
        for position in self.positions.values():
            again = Position(position.token)
            for name, lot in position.lots.items():
                again.put(name, lot)
            if (again.shares_e6, again.cost_e6) != (position.shares_e6, position.cost_e6):
                raise DataError("ledger-unbalanced", f"the position of {position.token} is not the sum of its lots")

    def facts(self) -> Mapping[str, object]:
        """Return everything that a replay must give again, in an order that does not depend on the history."""
        held = {
            token: [position.shares_e6, position.cost_e6, position.realised_e6, position.sellable_e6]
            for token, position in sorted(self.positions.items())
            if position.lots
        }
        return {"accounts": self.accounts, "positions": held}


def dollars(price_e4: PriceE4, shares_e6: SharesE6, *, is_buy: bool) -> int:
    """Return what shares cost, rounded up for a buyer and down for a seller; exact for hundredths of shares."""
    return divide(price_e4 * shares_e6, ONE_PRICE, "up" if is_buy else "down")

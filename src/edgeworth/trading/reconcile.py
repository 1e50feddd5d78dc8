"""Comparing the ledger with the venue: what differs, what explains it, and when a difference is believed.

A venue's account is not one instant: cash and shares move when a trade reaches the chain, lists lag by seconds, pages
are read one after the other. So every fill that the venue may or may not have counted yet widens what is accepted, and
a difference outside of that must be seen in two complete accounts further apart than the lists lag. Then it is either
explained (a redemption, a merge, a split) or set aside in suspense, which halts.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from edgeworth.core.orders import AccountSnapshot
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6, cost
from edgeworth.trading import events as ev
from edgeworth.trading.account import Account
from edgeworth.trading.order import Fill

CASH: Final = ""  # the key of the cash among tokens
CASH_TOLERANCE_E6: Final = 10_000  # one cent
SHARE_TOLERANCE_E6: Final = 10_000  # a hundredth of a share
_MOST: Final = 3  # lags after which a difference is believed although others are younger

Payouts = Callable[[str], PriceE4 | None]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How far the venue lies outside of what is accepted: dollars for `token` "", else shares, + = it has more."""

    token: str
    amount_e6: int


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison with the venue.

    `clean`: nothing differs. `suspects` differ but may still be explained by lag; `explained` and `suspended` have just
    been booked. `outside_orders` and `outside_fills` are not ours.
    """

    taken_at: Micros
    complete: bool = True
    clean: bool = False
    suspects: tuple[Difference, ...] = ()
    explained: tuple[str, ...] = ()
    suspended: tuple[Difference, ...] = ()
    outside_orders: tuple[str, ...] = ()
    outside_fills: tuple[str, ...] = ()
    text: str = ""

    @property
    def settled(self) -> bool:
        """Tell whether the ledger now equals the venue: nothing differed, or what did has been booked."""
        return self.complete and (self.clean or bool(self.suspended))


def no_payout(_token: str) -> PriceE4 | None:
    """Know of no market that has paid out."""
    return None


def differences(account: Account, snapshot: AccountSnapshot, lag: int) -> list[Difference]:
    """Return what lies outside of what is accepted, cash first, then tokens by name.

    Fills that are not settled, or whose settlement we heard of less than `lag` microseconds before the snapshot was
    taken, may or may not be in the snapshot already.
    """
    loose = _loose(account, Micros(snapshot.taken_at - lag))
    found = []
    moved = [sign * (fill.paid_e6 + fill.fee_e6) for fill, sign in loose]
    cash = account.ledger["cash"] + account.ledger["reserved"]
    beyond = _outside(snapshot.cash_e6 - cash, _range(moved))
    if abs(beyond) > CASH_TOLERANCE_E6:
        found.append(Difference(token=CASH, amount_e6=beyond))
    theirs = {holding.token: int(holding.shares_e6) for holding in snapshot.holdings}
    ours = {token: position.shares_e6 for token, position in account.ledger.positions.items()}
    for token in sorted(theirs.keys() | ours.keys()):
        shares = [-sign * _bought(fill) for fill, sign in loose if fill.token == token]
        beyond = _outside(theirs.get(token, 0) - ours.get(token, 0), _range(shares))
        if abs(beyond) > SHARE_TOLERANCE_E6:
            found.append(Difference(token=token, amount_e6=beyond))
    return found


def moving(account: Account, snapshot: AccountSnapshot, lag: int) -> bool:
    """Tell whether any fill may or may not be in a snapshot already."""
    return bool(_loose(account, Micros(snapshot.taken_at - lag)))


def _loose(account: Account, since: Micros) -> list[tuple[Fill, int]]:
    """Return the fills the venue may not have counted yet (sign 1), or may still count though they are void (-1)."""
    recent = {name: fill for name, fill in account.fresh.items() if fill.heard_at >= since}
    return [(fill, -1 if fill.void else 1) for fill in (recent | account.unsettled).values()]


def _bought(fill: Fill) -> int:
    return fill.shares_e6 if fill.is_buy else -fill.shares_e6


def _range(changes: Sequence[int]) -> tuple[int, int]:
    return sum(min(change, 0) for change in changes), sum(max(change, 0) for change in changes)


def _outside(value: int, accepted: tuple[int, int]) -> int:
    low, high = accepted
    return value - low if value < low else max(value - high, 0)


class Watch:
    """Remember differences until they have been seen in two accounts further apart than `lag` microseconds.

    What belongs together (the two legs of a merge, shares and their money) may show at different times. So as long as
    one of the differences is younger, or anything is on its way, all of them wait, though not beyond `_MOST` lags.
    """

    def __init__(self, lag: int) -> None:
        self._lag = lag
        self._since: dict[str, tuple[Micros, Micros, int]] = {}

    def believe(self, found: Sequence[Difference], taken_at: Micros, *, moving: bool = False) -> list[Difference]:
        """Take in the differences of one account; return those to believe now.

        `moving`: fills are on their way, so that a part of a difference may not show yet.
        """
        before, self._since = self._since, {}
        lasting, oldest = [], 0
        for one in found:
            first, since, amount = before.get(one.token, (taken_at, taken_at, one.amount_e6))
            if abs(amount - one.amount_e6) > CASH_TOLERANCE_E6:
                since = taken_at
            self._since[one.token] = (first, since, one.amount_e6)
            oldest = max(oldest, taken_at - first)
            if taken_at - since >= self._lag:
                lasting.append(one)
        if (moving or len(lasting) < len(found)) and oldest < _MOST * self._lag:
            return []
        return lasting

    def clear(self) -> None:
        """Forget everything: it has been booked."""
        self._since.clear()


def explain(
    account: Account, found: Sequence[Difference], payouts: Payouts, at: Micros
) -> tuple[list[ev.Redeemed | ev.Merged], list[Difference]]:
    """Return the movements that explain differences, and what they leave unexplained.

    Shares that went while their market has paid out, with the cash they are worth, are a redemption; equal changes of
    both legs of a market with the opposite change of cash are a merge or a split. Cash must agree, else the shares are
    as unexplained as before.
    """
    left = {one.token: one.amount_e6 for one in found}
    moves: list[ev.Redeemed | ev.Merged] = []
    for token in [name for name in left if name != CASH]:
        payout, gone = payouts(token), SharesE6(-left[token])
        if payout is None or gone <= 0:
            continue
        if _takes(left, cost(payout, gone, "down")):
            del left[token]
            move = f"redeem:{token}:{at}"
            moves.append(ev.Redeemed(at=at, move_id=move, token=token, shares_e6=gone, payout_e4=payout, event_time=at))
    for yes, no in _pairs(account):
        if yes in left and left[yes] == left.get(no) and _takes(left, -left[yes]):
            move = f"merge:{yes}:{at}"
            merged = SharesE6(-left.pop(yes))
            del left[no]
            moves.append(ev.Merged(at=at, move_id=move, yes_token=yes, no_token=no, shares_e6=merged, event_time=at))
    rest = [Difference(token=token, amount_e6=amount) for token, amount in left.items() if _matters(token, amount)]
    return moves, rest


def _takes(left: dict[str, int], cash: int) -> bool:
    """Take an amount out of the cash difference, if that brings it nearer to nothing."""
    have = left.get(CASH, 0)
    if abs(have - cash) > max(abs(have), CASH_TOLERANCE_E6):
        return False
    left[CASH] = have - cash
    return True


def _matters(token: str, amount: int) -> bool:
    return abs(amount) > (CASH_TOLERANCE_E6 if token == CASH else SHARE_TOLERANCE_E6)


def _pairs(account: Account) -> list[tuple[str, str]]:
    legs: dict[str, dict[bool, str]] = {}
    for order in account.orders.values():
        terms = order.intent.instrument
        legs.setdefault(terms.condition, {})[terms.is_yes] = terms.token
    return [(both[True], both[False]) for both in legs.values() if len(both) == 2]


def suspensions(found: Sequence[Difference], at: Micros) -> list[ev.Suspended]:
    """Return what sets differences aside."""
    text = "the venue differs and nothing explains it"
    return [
        ev.Suspended(
            at=at,
            cash_e6=UsdE6(one.amount_e6 if one.token == CASH else 0),
            token=one.token,
            shares_e6=SharesE6(0 if one.token == CASH else one.amount_e6),
            text=text,
        )
        for one in found
    ]


def opening(snapshot: AccountSnapshot, marks: Callable[[str], PriceE4 | None], at: Micros) -> ev.Opened:
    """Return the first entry of a journal: the account as found, shares at what they are worth now (0 if unknown)."""
    holdings = tuple(
        ev.OpeningHolding(
            token=holding.token,
            shares_e6=holding.shares_e6,
            cost_e6=cost(marks(holding.token) or PriceE4(0), holding.shares_e6, "down"),
        )
        for holding in snapshot.holdings
        if holding.shares_e6
    )
    return ev.Opened(at=at, cash_e6=snapshot.cash_e6, holdings=holdings)


def since(account: Account, overlap: int) -> Micros:
    """Return from when on fills must be asked for so that none can be missed.

    Everything before the last complete account is known, except what was open or not settled then.
    """
    instants = [account.swept_at if account.swept_at is not None else account.opened_at or Micros(0)]
    instants += [order.created_at for order in account.open.values()]
    instants += [fill.event_time for fill in account.unsettled.values()]
    return Micros(max(min(instants) - overlap, 0))

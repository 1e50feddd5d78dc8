"""Who owns what: dollars and shares in integers, reservations, and a count of everything that must stay constant.

Every market has a pool: one dollar lies in it for every pair of a YES and a NO share that exists. The sum of all cash,
all pools and the venue's fees equals what was ever deposited; `check` proves it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edgeworth.core.units import ONE_PRICE
from edgeworth.sandbox.exchange.state import BACKGROUND

Token = tuple[int, int]  # market, leg

_CROWD_CASH = 10**18


@dataclass(slots=True)
class Holding:
    """What a wallet has in one token, and what it paid and earned there, in 1e-6 shares and dollars."""

    shares_e6: int = 0
    cost_e6: int = 0
    bought_e6: int = 0
    realised_e6: int = 0
    fees_e6: int = 0
    first_at: int = 0
    last_at: int = 0
    redeemed_e6: int | None = None


@dataclass(slots=True)
class Wallet:
    """One address: `reserved` backs open orders, `pending` leaves when a trade settles; both stay owned until then."""

    address: str
    cash_e6: int = 0
    reserved_e6: int = 0
    pending_e6: int = 0
    held: dict[Token, Holding] = field(default_factory=dict)
    reserved_shares: dict[Token, int] = field(default_factory=dict)
    pending_shares: dict[Token, int] = field(default_factory=dict)

    @property
    def free_e6(self) -> int:
        """Dollars that back nothing yet."""
        return self.cash_e6 - self.reserved_e6 - self.pending_e6

    def shares(self, token: Token) -> int:
        """Return the shares owned in a token."""
        found = self.held.get(token)
        return found.shares_e6 if found else 0

    def free_shares(self, token: Token) -> int:
        """Return the shares that back nothing yet."""
        return self.shares(token) - self.reserved_shares.get(token, 0) - self.pending_shares.get(token, 0)

    def reserve(self, token: Token, buy: bool, amount: int) -> None:
        """Set aside dollars (`buy`) or shares for an open order; a negative amount frees them."""
        if buy:
            self.reserved_e6 += amount
        else:
            self.reserved_shares[token] = self.reserved_shares.get(token, 0) + amount

    def expect(self, token: Token, buy: bool, amount: int) -> None:
        """Set aside dollars or shares for a trade until it settles; a negative amount frees them."""
        if buy:
            self.pending_e6 += amount
        else:
            self.pending_shares[token] = self.pending_shares.get(token, 0) + amount


@dataclass(frozen=True, slots=True)
class Leg:
    """One party's side of a trade: `cash_e6` is what it pays (buys) or gets (sells) before the fee."""

    wallet: str
    token: Token
    buy: bool
    shares_e6: int
    cash_e6: int
    fee_e6: int = 0


class Bank:
    """All wallets, all pools, the venue's fees."""

    def __init__(self) -> None:
        self.wallets: dict[str, Wallet] = {BACKGROUND: Wallet(BACKGROUND, _CROWD_CASH)}
        self.pools: dict[int, int] = {}
        self.fees_e6 = 0
        self.deposits_e6 = _CROWD_CASH

    def wallet(self, address: str) -> Wallet:
        """Return a wallet, empty when it is new."""
        found = self.wallets.get(address)
        if found is None:
            found = self.wallets[address] = Wallet(address)
        return found

    def deposit(self, address: str, amount_e6: int) -> None:
        """Bring dollars into the world."""
        self.wallet(address).cash_e6 += amount_e6
        self.deposits_e6 += amount_e6

    def settle(self, legs: Iterable[Leg], at: int) -> None:
        """Move what a trade moves; YES and NO are made or destroyed in pairs, their dollars move to or from the pool.

        Raises ArithmeticError when the legs do not balance.
        """
        made: dict[Token, int] = {}
        paid = 0
        for leg in legs:
            sign = 1 if leg.buy else -1
            made[leg.token] = made.get(leg.token, 0) + sign * leg.shares_e6
            paid += sign * leg.cash_e6
            self.fees_e6 += leg.fee_e6
            self._move(leg, at)
        markets = {market for market, _ in made}
        if len(markets) != 1:
            raise ArithmeticError("a trade is about one market")
        market = markets.pop()
        pairs = made.get((market, 0), 0)
        if pairs != made.get((market, 1), 0) or pairs != paid:
            raise ArithmeticError("a trade must make or destroy pairs, one dollar each")
        self.pools[market] = self.pools.get(market, 0) + pairs
        self._merge_crowd(market)

    def _move(self, leg: Leg, at: int) -> None:
        wallet = self.wallet(leg.wallet)
        holding = wallet.held.setdefault(leg.token, Holding(first_at=at))
        holding.last_at = at
        holding.fees_e6 += leg.fee_e6
        if leg.buy:
            wallet.cash_e6 -= leg.cash_e6 + leg.fee_e6
            holding.shares_e6 += leg.shares_e6
            holding.bought_e6 += leg.shares_e6
            holding.cost_e6 += leg.cash_e6
        else:
            wallet.cash_e6 += leg.cash_e6 - leg.fee_e6
            basis = holding.cost_e6 * leg.shares_e6 // max(holding.shares_e6, 1)
            holding.shares_e6 -= leg.shares_e6
            holding.cost_e6 -= basis
            holding.realised_e6 += leg.cash_e6 - basis

    def split(self, address: str, market: int, amount_e6: int, at: int) -> bool:
        """Turn dollars into as many YES and NO shares; False when the wallet has not got them."""
        wallet = self.wallet(address)
        if amount_e6 <= 0 or wallet.free_e6 < amount_e6:
            return False
        half = amount_e6 // 2
        legs = [Leg(address, (market, leg), True, amount_e6, cash) for leg, cash in ((0, amount_e6 - half), (1, half))]
        self.settle(legs, at)
        return True

    def merge(self, address: str, market: int, amount_e6: int, at: int) -> bool:
        """Turn YES and NO shares back into dollars; False when the wallet has not got both."""
        wallet = self.wallet(address)
        if amount_e6 <= 0 or min(wallet.free_shares((market, leg)) for leg in (0, 1)) < amount_e6:
            return False
        half = amount_e6 // 2
        legs = [Leg(address, (market, leg), False, amount_e6, cash) for leg, cash in ((0, amount_e6 - half), (1, half))]
        self.settle(legs, at)
        return True

    def resolve(self, market: int, yes_e4: int, at: int) -> dict[str, int]:
        """Pay a market out: `yes_e4` for each YES share, the rest of a dollar for each NO share.

        Returns dollars paid per wallet. What rounding leaves of the pool goes to the venue.
        """
        paid: dict[str, int] = {}
        for wallet in self.wallets.values():
            for leg, price in ((0, yes_e4), (1, ONE_PRICE - yes_e4)):
                holding = wallet.held.get((market, leg))
                if holding is None or holding.shares_e6 == 0:
                    continue
                amount = holding.shares_e6 * price // ONE_PRICE
                wallet.cash_e6 += amount
                holding.realised_e6 += amount - holding.cost_e6
                holding.redeemed_e6, holding.shares_e6, holding.cost_e6 = amount, 0, 0
                holding.last_at = at
                paid[wallet.address] = paid.get(wallet.address, 0) + amount
        self.fees_e6 += self.pools.pop(market, 0) - sum(paid.values())
        return paid

    def _merge_crowd(self, market: int) -> None:
        """Turn the crowd's pairs back into dollars at once, so that it never runs out of them."""
        crowd = self.wallets[BACKGROUND]
        pairs = min(crowd.shares((market, 0)), crowd.shares((market, 1)))
        if pairs > 0:
            for leg in (0, 1):
                crowd.held[market, leg].shares_e6 -= pairs
            crowd.cash_e6 += pairs
            self.pools[market] -= pairs

    def check(self) -> None:
        """Raise ArithmeticError unless everything ever deposited is accounted for and nobody is below zero."""
        total = sum(wallet.cash_e6 for wallet in self.wallets.values()) + sum(self.pools.values()) + self.fees_e6
        if total != self.deposits_e6:
            raise ArithmeticError(f"{total - self.deposits_e6} millionths of a dollar appeared from nowhere")
        shares: dict[Token, int] = {}
        for wallet in self.wallets.values():
            self._check_wallet(wallet)
            for token, holding in wallet.held.items():
                shares[token] = shares.get(token, 0) + holding.shares_e6
        for (market, leg), count in shares.items():
            if count != self.pools.get(market, 0):
                raise ArithmeticError(f"market {market}: shares of leg {leg} do not match the pool")

    @staticmethod
    def _check_wallet(wallet: Wallet) -> None:
        parts = [wallet.reserved_e6, wallet.pending_e6, wallet.free_e6]
        for token in {*wallet.held, *wallet.reserved_shares, *wallet.pending_shares}:
            parts += [wallet.free_shares(token), wallet.reserved_shares.get(token, 0)]
            parts.append(wallet.pending_shares.get(token, 0))
        if min(parts) < 0:
            raise ArithmeticError(f"wallet {wallet.address or 'of the crowd'} is below zero")

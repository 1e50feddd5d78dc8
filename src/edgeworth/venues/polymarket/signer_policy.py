"""What the signer process signs: orders and logins of one wallet, for pinned contracts, up to stated amounts.

Everything else has no form in which it could be asked for: there is no request for a hash, a message, an approval or a
transaction. An order counts with all it gives away: the dollars it spends, or a dollar for every share it sells. The
same order again costs nothing, because its signature is the same. What was signed is remembered across restarts.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.errors import AccessError
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND
from edgeworth.venues.polymarket.order_amounts import LARGEST_SALT
from edgeworth.venues.polymarket.signing import Wallet
from edgeworth.venues.polymarket.typed_data import PINNED, ZERO, Exchange, OrderData, exchange_of, order_id

OLDEST: Final = 15 * MINUTE  # an order's own time may lie this far back, and hardly ahead
AHEAD: Final = MINUTE
_LOGIN_OFF: Final = 5 * MINUTE
_LOGINS_AN_HOUR: Final = 30
_WORD: Final = 1 << 256
_PIECE: Final = 5 * MINUTE


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wallet orders must be of, the most they may give away (1e-6 dollars), and the tokens they may be about.

    Where the wallet's `owner` is "", the signer process fills in the address of the key it has loaded.
    """

    wallet: Wallet
    order_e6: int
    hour_e6: int
    day_e6: int
    tokens: tuple[str, ...] = ()


class Signed(msgspec.Struct, frozen=True):
    """What was signed: when, which order, what it gives away at most."""

    at: int
    name: str
    amount_e6: int


class Memory(Protocol):
    """Keep what was signed within the last day."""

    def load(self) -> list[Signed]:
        """Return what is remembered."""

    def save(self, signed: Sequence[Signed]) -> None:
        """Remember this; has returned only when it is durable."""


class Gate:
    """Decide request by request; raises AccessError signer-refused with the reason, and then nothing is signed."""

    def __init__(self, policy: Policy, memory: Memory, clock: Clock) -> None:
        self.policy, self._memory, self._clock = policy, memory, clock
        self._signed = deque(sorted(memory.load(), key=lambda one: one.at))
        self._logins: deque[int] = deque()

    def order(self, order: OrderData, exchange: Exchange) -> None:
        """Let an order pass, and count it before it is signed."""
        self._check_form(order, exchange)
        self._check_wallet(order)
        self._check_time(order)
        self._count(order, exchange)

    def login(self, timestamp: int, nonce: int) -> None:
        """Let a login pass: now, with the nonce zero, and not too often."""
        now = self._clock.now()
        _need(nonce == 0, "a login has the nonce zero")
        _need(abs(timestamp * SECOND - now) <= _LOGIN_OFF, "a login is of now")
        while self._logins and self._logins[0] <= now - HOUR:
            self._logins.popleft()
        _need(len(self._logins) < _LOGINS_AN_HOUR, "too many logins within an hour")
        self._logins.append(now)

    def _check_form(self, order: OrderData, exchange: Exchange) -> None:
        _need(exchange in PINNED, "the contract is not one of the venue's exchanges")
        _need(0 < order.token < _WORD, "a token id has 256 bits")
        neg_risk = exchange == PINNED[1]
        _need(exchange_of(order.token, neg_risk=neg_risk) == exchange, "another contract trades this token")
        _need(0 < order.salt < LARGEST_SALT, "a salt has 53 bits")
        _need(order.metadata == order.builder == ZERO, "an order is attributed to nobody")
        _need(0 < order.maker_e6 < _WORD and 0 < order.taker_e6 < _WORD, "amounts are positive")
        cash, shares = (order.maker_e6, order.taker_e6) if order.is_buy else (order.taker_e6, order.maker_e6)
        _need(cash < shares, "a share costs less than a dollar")
        tokens = self.policy.tokens
        _need(not tokens or str(order.token) in tokens, "the token is not on the list")

    def _check_wallet(self, order: OrderData) -> None:
        wallet = self.policy.wallet
        _need(order.signature_type == wallet.signature_type, "the wallet is of another kind")
        _need(order.maker.lower() == wallet.funder.lower(), "the money is another wallet's")
        _need(order.signer.lower() == wallet.signer.lower(), "the signer is another one")

    def _check_time(self, order: OrderData) -> None:
        age = self._clock.now() - order.timestamp * 1_000
        _need(age <= OLDEST, "the order is too old")
        _need(age >= -AHEAD, "the order is of a time to come")

    def _count(self, order: OrderData, exchange: Exchange) -> None:
        now, amount, name = self._clock.now(), order.maker_e6, order_id(order, exchange)
        while self._signed and self._signed[0].at <= now - DAY:
            self._signed.popleft()
        if any(one.name == name for one in self._signed):
            return
        hour = sum(one.amount_e6 for one in self._signed if one.at > now - HOUR)
        day = sum(one.amount_e6 for one in self._signed)
        _need(amount <= self.policy.order_e6, "the order is larger than one may be")
        _need(hour + amount <= self.policy.hour_e6, "the amount of the hour is used up")
        _need(day + amount <= self.policy.day_e6, "the amount of the day is used up")
        self._signed.append(Signed(now, name, amount))
        self._signed = deque(_merged(self._signed, now - HOUR))
        try:
            self._memory.save(self._signed)
        except BaseException:  # what cannot be remembered is not signed, so it does not count either
            self._signed.pop()
            raise


def _merged(signed: Iterable[Signed], before: int) -> list[Signed]:
    """Add up what is older than an hour in pieces of five minutes, each as old as its youngest: so little is written.

    Names are needed no longer than an order may be signed again, which is less.
    """
    found: list[Signed] = []
    for one in signed:
        last = found[-1] if found else None
        if last is not None and one.at <= before and one.at // _PIECE == last.at // _PIECE:
            found[-1] = Signed(one.at, "", last.amount_e6 + one.amount_e6)
        else:
            found.append(one)
    return found


def _need(condition: bool, words: str) -> None:
    if not condition:
        raise AccessError("signer-refused", words)

"""Rows of the Data API (version 2, and dumps of version 1) as typed integers; pure, and never raises for a payload.

Prices are 1e-4 dollars, shares and dollars 1e-6, instants UTC microseconds. A trade has no id of its own: its key is
transaction, token, wallet, side, size and price, with a counter within the answer, because one transaction can hold
equal fills (those that an answer's end happens to part are taken for one).
Everything about wallets is as of now and hindsight for any earlier instant.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from edgeworth.core.records import Rejected, ResolutionRecord
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import ONE_USD
from edgeworth.venues import answers, convert
from edgeworth.venues.polymarket.data_rows import Activity, Amount, Holder, Position, PublicTrade, TokenFact
from edgeworth.venues.polymarket.parse import market_ids

SOURCE: Final = "polymarket-data"
_UNKNOWN_INDEX: Final = 999
_SIDES: Final = frozenset({"BUY", "SELL"})
_STATES: Final = {
    "proposed": ResolutionState.PROPOSED,
    "reproposed": ResolutionState.PROPOSED,
    "challenged": ResolutionState.DISPUTED,
    "disputed": ResolutionState.DISPUTED,
    "arbitration": ResolutionState.DISPUTED,
    "resolved": ResolutionState.FINAL,
}
_OPEN: Final = frozenset({"initialized", "posed", "active"})
_PAYOUTS: Final[dict[tuple[int | None, ...], Payout]] = {
    (0, ONE_USD): Payout.NO,
    (ONE_USD, 0): Payout.YES,
    (ONE_USD // 2, ONE_USD // 2): Payout.HALF,
}
_PRICES: Final = {Decimal(0): Payout.NO, Decimal(1): Payout.YES, Decimal("0.5"): Payout.HALF}
_UNSET: Final = Decimal(69)

T = TypeVar("T")


class TradeWire(msgspec.Struct):
    """A trade or deed: only the fields named here are read."""

    proxy_wallet: Any = None
    token_id: Any = None
    condition_id: Any = None
    side: Any = None
    size: Any = None
    price: Any = None
    usdc_size: Any = None
    timestamp: Any = None
    transaction_hash: Any = None
    outcome_index: Any = None
    type: Any = None


class PositionWire(msgspec.Struct):
    """A position: only the fields named here are read."""

    proxy_wallet: Any = None
    token_id: Any = None
    condition_id: Any = None
    current_size: Any = None
    avg_price: Any = None
    current_price: Any = None
    total_cost_usdc: Any = None
    current_value: Any = None
    realized_pnl: Any = None
    unrealized_pnl: Any = None
    status: Any = None
    event_id: Any = None
    outcome_index: Any = None


class HolderWire(msgspec.Struct):
    """A holder: only the fields named here are read."""

    proxy_wallet: Any = None
    token_id: Any = None
    amount: Any = None
    outcome_index: Any = None
    total_pnl: Any = None


class HoldersWire(msgspec.Struct):
    """The holders of one token."""

    token_id: Any = None
    holders: Any = None


class ResolutionWire(msgspec.Struct):
    """A resolution: only the fields named here are read."""

    question_id: Any = None
    condition_id: Any = None
    status: Any = None
    was_disputed: Any = None
    proposed_price: Any = None
    reproposed_price: Any = None
    price: Any = None
    payouts: Any = None
    resolved_at: Any = None
    last_update_timestamp: Any = None


class TokenWire(msgspec.Struct):
    """A token: only the fields named here are read."""

    token_id: Any = None
    condition_id: Any = None
    opposite_token_id: Any = None
    clob_index: Any = None
    outcome_index: Any = None
    outcome: Any = None
    module: Any = None
    resolved: Any = None
    final_price: Any = None


class AmountWire(msgspec.Struct):
    """Open interest or a wallet's value: only the fields named here are read."""

    condition_id: Any = None
    proxy_wallet: Any = None
    value: Any = None


_OLD_NAMES: Final = {
    "proxyWallet": "proxy_wallet",
    "asset": "token_id",
    "conditionId": "condition_id",
    "transactionHash": "transaction_hash",
    "outcomeIndex": "outcome_index",
    "usdcSize": "usdc_size",
    "avgPrice": "avg_price",
    "curPrice": "current_price",
    "currentValue": "current_value",
    "initialValue": "total_cost_usdc",
    "realizedPnl": "realized_pnl",
    "cashPnl": "unrealized_pnl",
    "eventId": "event_id",
}


class Refused(Exception):
    """A row that cannot be used; the message is its reason code."""


class Reading:
    """What reading one answer needs: when it was seen, and how often each key has come in it."""

    def __init__(self, known_at: int, *, backfill: bool = False) -> None:
        self.known_at, self.backfill = known_at, backfill
        self._keys: Counter[str] = Counter()

    def key(self, *parts: object) -> str:
        """Return a key that tells equal rows apart by the order they came in."""
        base = "|".join(str(part) for part in parts)
        count = self._keys[base]
        self._keys[base] += 1
        return f"{base}|{count}"


def row(raw: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Return the declared fields of a row, under the names of either version; raises Refused `not-an-object`."""
    value = answers.value(raw)
    if not isinstance(value, dict):
        raise Refused("not-an-object")
    named = {_OLD_NAMES.get(key, key): inner for key, inner in value.items()}
    if "size" in named:
        named.setdefault("current_size", named["size"])
    fields = kind.__struct_fields__  # type: ignore[attr-defined]
    return kind(**{name: named[name] for name in fields if name in named})


def trade(raw: bytes | msgspec.Raw, reading: Reading) -> PublicTrade:
    """Return a public trade; raises Refused."""
    found = row(raw, TradeWire)
    side, size, price = convert.text(found.side).upper(), convert.money_e6(found.size), convert.price_e4(found.price)
    wallet, token, condition = (
        _wallet(found.proxy_wallet),
        _token(found.token_id),
        convert.condition(found.condition_id),
    )
    if side not in _SIDES:
        raise Refused("side-unknown")
    if not size or price is None:
        raise Refused("size-unreadable" if not size else "price-out-of-range")
    cash = convert.decimal(found.size) or Decimal(0)
    cash *= convert.decimal(found.price) or Decimal(0)
    transaction = _hash(found.transaction_hash)
    return PublicTrade(
        key=reading.key(transaction, token, wallet, side, _plain(found.size), _plain(found.price)),
        wallet=wallet,
        token=token,
        condition=condition,
        side=side,
        price_e4=price,
        size_e6=size,
        cash_e6=convert.money_e6(cash) or 0,
        event_time=_time(found.timestamp),
        known_at=reading.known_at,
        transaction=transaction,
        outcome_index=_index(found.outcome_index),
    )


def activity(raw: bytes | msgspec.Raw, reading: Reading) -> Activity:
    """Return a deed; raises Refused."""
    found = row(raw, TradeWire)
    kind = convert.text(found.type).upper()
    if not kind:
        raise Refused("type-missing")
    wallet, transaction = _wallet(found.proxy_wallet), _hash(found.transaction_hash)
    token = convert.token(convert.text(found.token_id))
    side, size = convert.text(found.side).upper(), convert.money_e6(found.size)
    if kind == "TRADE" and not (token and side in _SIDES and size):
        raise Refused("trade-incomplete")
    sizes = (_plain(found.size), _plain(found.price), _plain(found.usdc_size))
    return Activity(
        key=reading.key(kind, transaction, token, wallet, side, *sizes),
        kind=kind,
        wallet=wallet,
        condition=convert.condition(found.condition_id),
        token=token,
        side=side,
        price_e4=convert.price_e4(found.price),
        size_e6=size,
        cash_e6=convert.money_e6(found.usdc_size),
        event_time=_time(found.timestamp),
        known_at=reading.known_at,
        transaction=transaction,
    )


def position(raw: bytes | msgspec.Raw, reading: Reading) -> Position:
    """Return a position; raises Refused."""
    found = row(raw, PositionWire)
    size = convert.money_e6(found.current_size)
    if size is None:
        raise Refused("size-unreadable")
    return Position(
        wallet=_wallet(found.proxy_wallet),
        token=_token(found.token_id),
        condition=convert.condition(found.condition_id),
        size_e6=size,
        average_e4=convert.price_e4(found.avg_price),
        price_e4=convert.price_e4(found.current_price),
        cost_e6=_signed(found.total_cost_usdc),
        value_e6=_signed(found.current_value),
        realized_e6=_signed(found.realized_pnl),
        unrealized_e6=_signed(found.unrealized_pnl),
        status=convert.text(found.status).upper(),
        event_id=convert.text(found.event_id),
        outcome_index=_index(found.outcome_index),
        known_at=reading.known_at,
    )


def holders(raw: bytes | msgspec.Raw, reading: Reading) -> list[Holder | Rejected]:
    """Return the holders of one token, those set aside among them; raises Refused for the whole."""
    found = row(raw, HoldersWire)
    if not isinstance(found.holders, list):
        raise Refused("holders-missing")
    result: list[Holder | Rejected] = []
    for item in found.holders:
        part = convert.json_text(item).encode()
        result.append(kept(holder, part, reading, "holder"))
    return result


def holder(raw: bytes | msgspec.Raw, reading: Reading) -> Holder:
    """Return one holder; raises Refused."""
    found = row(raw, HolderWire)
    size = convert.money_e6(found.amount)
    if size is None:
        raise Refused("size-unreadable")
    return Holder(
        wallet=_wallet(found.proxy_wallet),
        token=_token(found.token_id),
        size_e6=size,
        outcome_index=_index(found.outcome_index),
        profit_e6=_signed(found.total_pnl),
        known_at=reading.known_at,
    )


def resolution(raw: bytes | msgspec.Raw, reading: Reading) -> ResolutionRecord | None:
    """Return what is said of a market's end, None while nothing is; raises Refused where the words do not agree.

    Payouts count outcomes as on the chain, which is the venue's order of tokens except where a token's `place` differs.
    """
    found = row(raw, ResolutionWire)
    ids = market_ids(condition=found.condition_id)
    if not ids:
        raise Refused("id-missing")
    status = convert.text(found.status).lower()
    if status in _OPEN:
        return None
    if status not in _STATES:
        raise Refused("status-unknown")
    state = _STATES[status]
    final = state is ResolutionState.FINAL
    payout = _final(found) if final else _proposed(found)
    decided = convert.instant(found.resolved_at) or convert.instant(found.last_update_timestamp)
    if final and decided is None:
        raise Refused("time-missing")
    return ResolutionRecord(
        source=SOURCE,
        ids=ids,
        payout=payout,
        state=state,
        resolved_at=decided if final else None,
        known_at=decided if reading.backfill else reading.known_at,
        disputed=bool(convert.flag(found.was_disputed)) or state is ResolutionState.DISPUTED,
    )


def token(raw: bytes | msgspec.Raw, reading: Reading) -> TokenFact:
    """Return what is said of a token; raises Refused."""
    found = row(raw, TokenWire)
    resolved = convert.flag(found.resolved)
    if resolved is None:
        raise Refused("resolved-missing")
    final = convert.price_e4(found.final_price) if resolved else None
    if resolved and final is None:
        raise Refused("price-out-of-range")
    place = _index(found.clob_index)
    return TokenFact(
        token=_token(found.token_id),
        condition=convert.condition(found.condition_id),
        opposite=convert.token(convert.text(found.opposite_token_id)),
        place=_index(found.outcome_index) if place is None else place,
        label=convert.text(found.outcome),
        module=convert.text(found.module),
        resolved=resolved,
        final_e4=final,
        known_at=reading.known_at,
    )


def amount(raw: bytes | msgspec.Raw, reading: Reading) -> Amount:
    """Return dollars under the id of a market, or of a wallet; raises Refused."""
    found = row(raw, AmountWire)
    value = convert.money_e6(found.value)
    name = convert.condition(found.condition_id) or convert.text(found.condition_id or found.proxy_wallet).lower()
    if value is None or not name:
        raise Refused("value-unreadable" if name else "id-missing")
    return Amount(name=name, value_e6=value, known_at=reading.known_at)


def kept(
    read: Callable[[bytes | msgspec.Raw, Reading], T],
    raw: bytes | msgspec.Raw,
    reading: Reading,
    kind: str,
    where: str = "",
) -> T | Rejected:
    """Return what a reader makes of a row, or the row set aside with the reader's reason."""
    try:
        return read(raw, reading)
    except Refused as refusal:
        shown = bytes(raw).decode("utf-8", "replace")
        return Rejected(source=SOURCE, kind=kind, reason=str(refusal), raw=shown, where=where)


def _final(found: ResolutionWire) -> Payout:
    listed = found.payouts
    if not isinstance(listed, list) or len(listed) != 2:
        raise Refused("outcomes-not-two")
    shares = tuple(convert.scaled(item, 1) for item in listed)
    payout = _PAYOUTS.get(shares)
    stated = convert.decimal(found.price)
    if payout is None:
        raise Refused("resolution-unclear")
    if stated is not None and stated != _UNSET and _PRICES.get(stated) is not payout:
        raise Refused("resolution-conflict")
    return payout


def _proposed(found: ResolutionWire) -> Payout:
    for value in (found.reproposed_price, found.proposed_price):
        stated = convert.decimal(value)
        if stated is not None and stated in _PRICES:
            return _PRICES[stated]
    raise Refused("resolution-unclear")


def _wallet(value: object) -> str:
    text = convert.text(value).lower()
    if not text.startswith("0x"):
        raise Refused("wallet-missing")
    return text


def _token(value: object) -> str:
    found = convert.token(convert.text(value))
    if not found:
        raise Refused("token-missing")
    return found


def _hash(value: object) -> str:
    text = convert.text(value).lower()
    if not text.startswith("0x"):
        raise Refused("transaction-missing")
    return text


def _time(value: object) -> int:
    found = convert.instant(value)
    if found is None:
        raise Refused("time-out-of-range")
    return found


def _index(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _UNKNOWN_INDEX else None


def _signed(value: object) -> int | None:
    return None if value is None else convert.scaled(value, ONE_USD)


def _plain(value: object) -> str:
    """Return a number's digits without exponent or trailing zeros: 25000.0 and "25000" make one key."""
    found = convert.decimal(value)
    return "" if found is None else f"{found.normalize():f}"

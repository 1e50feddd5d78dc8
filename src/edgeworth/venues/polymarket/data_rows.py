"""What the Data API says, in integers: prices 1e-4 dollars, shares and dollars 1e-6, instants UTC microseconds.

Everything about wallets is as of now (`known_at`) and hindsight for any earlier instant.
"""

import msgspec


class PublicTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A fill of anyone: `side` is the wallet's, `cash_e6` size x price before fees; `key` tells it from all others."""

    key: str
    wallet: str
    token: str
    condition: str
    side: str
    price_e4: int
    size_e6: int
    cash_e6: int
    event_time: int
    known_at: int
    transaction: str
    outcome_index: int | None = None


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A deed of a wallet: TRADE, SPLIT, MERGE, REDEEM and others; what a deed does not have is empty or None."""

    key: str
    kind: str
    wallet: str
    condition: str
    token: str
    side: str
    price_e4: int | None
    size_e6: int | None
    cash_e6: int | None
    event_time: int
    known_at: int
    transaction: str


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet holds of one token, and what that has earned so far; profits may be negative."""

    wallet: str
    token: str
    condition: str
    size_e6: int
    average_e4: int | None
    price_e4: int | None
    cost_e6: int | None
    value_e6: int | None
    realized_e6: int | None
    unrealized_e6: int | None
    status: str
    event_id: str
    outcome_index: int | None
    known_at: int


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet among the largest holders of a token."""

    wallet: str
    token: str
    size_e6: int
    outcome_index: int | None
    profit_e6: int | None
    known_at: int


class TokenFact(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of a token: its market, its place there, and its final price once resolved (hindsight)."""

    token: str
    condition: str
    opposite: str
    place: int | None
    label: str
    module: str
    resolved: bool
    final_e4: int | None
    known_at: int


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars of a market (open interest), an event or a wallet, under its id."""

    name: str
    value_e6: int
    known_at: int

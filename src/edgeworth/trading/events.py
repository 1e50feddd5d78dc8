"""What the journal remembers, one struct per kind of event; everything else about trading is folded from these.

Events are only ever added. Their JSON carries a `kind` and a version, so that a later edgeworth can still read them.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from edgeworth.core.orders import FillReport, Intent, OrderReport, PreparedOrder
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6
from edgeworth.trading.halts import Halt, Lift

VERSION: Final = 1

Proof = Literal["denied", "illegal", "never-sent", "withheld", "refused", "absent"]
"""Why an order certainly does not exist at the venue.

`illegal`: it could not be built; `never-sent`: found signed at start-up; `withheld`: stopped before the first byte;
`refused`: every attempt was answered by a refusal; `absent`: a complete account long after the last attempt lacks it.
"""


class Recorded(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """Something that was written down at `at`."""

    at: Micros
    v: int = VERSION


class Reserved(Recorded, frozen=True, tag="reserved"):
    """An intent passed every check and its money or shares are set aside; `salt` makes its bytes reproducible."""

    intent: Intent
    salt: int


class Denied(Recorded, frozen=True, tag="denied"):
    """An intent did not pass: nothing was set aside."""

    intent: Intent
    code: str
    text: str = ""


class Signed(Recorded, frozen=True, tag="signed"):
    """The bytes of an order exist; they have not been sent."""

    order: PreparedOrder


class Sending(Recorded, frozen=True, tag="sending"):
    """The next thing that happens to the order's bytes is that they leave; from here on they may have left."""

    order_id: str


class Unsure(Recorded, frozen=True, tag="unsure"):
    """An attempt ended without an answer that proves anything.

    `refused`: it was answered by a refusal, which says nothing about the attempts before it; it is not sent again.
    """

    order_id: str
    code: str
    text: str = ""
    refused: bool = False


class Refused(Recorded, frozen=True, tag="refused"):
    """The order certainly does not exist at the venue."""

    intent_id: str
    proof: Proof
    code: str
    text: str = ""


class Reported(Recorded, frozen=True, tag="reported"):
    """The venue said something about an order; `source` says on which way we heard."""

    report: OrderReport
    source: str


class Filled(Recorded, frozen=True, tag="filled"):
    """The venue said something about a fill, of an order of ours or of one made outside."""

    fill: FillReport
    source: str


class CancelWanted(Recorded, frozen=True, tag="cancel-wanted"):
    """Somebody wants the order gone; it is cancelled as soon as it is known to exist."""

    order_id: str
    reason: str = ""


class Ended(Recorded, frozen=True, tag="ended"):
    """The order rests no longer, by our own conclusion: `evidence` says which; its last fills may still come."""

    order_id: str
    how: Literal["cancelled", "expired"]
    evidence: str


class Swept(Recorded, frozen=True, tag="swept"):
    """A complete account of `taken_at` was folded in: what these orders matched is final, fills before it are known.

    `agreed`: the ledger equalled it, after what was booked for it.
    """

    taken_at: Micros
    orders: tuple[str, ...] = ()
    agreed: bool = False


class Halted(Recorded, frozen=True, tag="halted"):
    """Trading was stopped or restricted; it stays so until this very halt is lifted."""

    halt: Halt


class Lifted(Recorded, frozen=True, tag="lifted"):
    """A halt was lifted."""

    lift: Lift


class Noted(Recorded, frozen=True, tag="noted"):
    """A named fact that must survive a restart: a daily baseline, a lock, a counter; "" removes it."""

    name: str
    value: str


class OpeningHolding(msgspec.Struct, frozen=True, kw_only=True):
    """Shares that were there before the journal began, at what they were worth then."""

    token: str
    shares_e6: SharesE6
    cost_e6: UsdE6


class Opened(Recorded, frozen=True, tag="opened"):
    """The account as it was found when the journal began."""

    cash_e6: UsdE6
    holdings: tuple[OpeningHolding, ...] = ()


class Moved(Recorded, frozen=True, tag="moved"):
    """Money came or went outside trades; negative amounts went. `from_suspense` explains an earlier difference."""

    move_id: str
    what: Literal["deposit", "reward", "realised"]
    usd_e6: UsdE6
    from_suspense: bool = False
    text: str = ""


class Redeemed(Recorded, frozen=True, tag="redeemed"):
    """Shares were paid out at `payout_e4` per share (0, 5000 or 10000)."""

    move_id: str
    token: str
    shares_e6: SharesE6
    payout_e4: PriceE4
    event_time: Micros


class Merged(Recorded, frozen=True, tag="merged"):
    """Equal shares of both legs became dollars; negative shares: dollars became both legs."""

    move_id: str
    yes_token: str
    no_token: str
    shares_e6: SharesE6
    event_time: Micros


class Decided(Recorded, frozen=True, tag="decided"):
    """A tick was decided, before anything of it is sent: `digest` is of the recorded line with all that was seen,
    thought and wanted at `tick`, `opinions` and `wanted` how many there were.
    """

    run: str
    tick: Micros
    opinions: int
    wanted: int
    digest: str


class Suspended(Recorded, frozen=True, tag="suspended"):
    """The venue differs from us and nobody knows why: the venue is believed, the difference is set aside."""

    cash_e6: UsdE6
    token: str = ""
    shares_e6: SharesE6 = SharesE6(0)
    text: str = ""


Event: TypeAlias = (
    Reserved
    | Denied
    | Signed
    | Sending
    | Unsure
    | Refused
    | Reported
    | Filled
    | CancelWanted
    | Ended
    | Swept
    | Halted
    | Lifted
    | Noted
    | Opened
    | Moved
    | Redeemed
    | Merged
    | Suspended
    | Decided
)

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Return the event as JSON; equal events give equal bytes."""
    return _ENCODER.encode(event)


def decode(body: bytes) -> Event:
    """Read an event; raises msgspec.ValidationError where it is none."""
    return _DECODER.decode(body)


def subject(event: Event) -> str:
    """Return whom an event is about, for looking it up: an order, an intent, or ""."""
    match event:
        case Reserved() | Denied():
            return event.intent.intent_id
        case Refused():
            return event.intent_id
        case Signed():
            return event.order.intent_id
        case Reported():
            return event.report.order_id
        case Filled():
            return event.fill.order_id
        case Sending() | Unsure() | CancelWanted() | Ended():
            return event.order_id
        case _:
            return ""

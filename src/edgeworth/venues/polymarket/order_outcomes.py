"""What an answer to a posted order proves: that it was taken, that it was refused, or nothing.

Taken: success, no error, the order's own id and a known status; or the refusal of a duplicate. Refused: an explicit
refusal with status 200, or one of the venue's documented refusals. Everything else proves nothing, above all any 5xx,
an answer that cannot be read, a success without an id, and a delayed match. So Rejected, Retryable and Fatal all say
that this attempt was certainly not taken (detail `refused`), Unknown says nothing; its detail `restriction` names a
state of the whole venue.
"""

from typing import Any, Final, NamedTuple

import msgspec

from edgeworth.core.errors import Fatal, Rejected, Retryable, Unknown, VenueError
from edgeworth.venues import answers, convert
from edgeworth.venues.http.classify import read_problem, retry_after
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket.order_wire import Terms
from edgeworth.venues.polymarket.typed_data import OrderData
from edgeworth.venues.polymarket.ws_wire import as_texts, size_e6

TAKEN: Final = frozenset({"live", "matched", "delayed"})
_SHOWN: Final = 300
_DUPLICATED: Final = "is invalid. duplicated"
_OPEN_QUESTION: Final = "match delayed"
_REFUSALS: Final[tuple[tuple[str, type[VenueError], str], ...]] = (
    # fragments of the venue's words, lower case; the first that fits says what was meant
    ("breaks minimum tick size", Rejected, "order-off-tick"),
    ("lower than the minimum", Rejected, "order-too-small"),
    ("not enough balance", Rejected, "order-no-money"),
    ("invalid expiration", Rejected, "order-bad-expiry"),
    ("invalid nonce", Rejected, "order-malformed"),
    ("invalid order payload", Rejected, "order-malformed"),
    ("order crosses book", Rejected, "order-would-cross"),
    ("fully filled or killed", Rejected, "order-not-filled"),
    ("no orders found to match", Rejected, "order-not-filled"),
    ("no orderbook exists", Rejected, "order-no-market"),
    ("market not found", Rejected, "order-no-market"),
    ("not yet ready", Retryable, "venue-restarting"),
    ("owner of the api key", Fatal, "venue-unauthorised"),
    ("address of the api key", Fatal, "wallet-mismatch"),
    ("maker address not allowed", Fatal, "wallet-mismatch"),
    ("invalid signature", Fatal, "wallet-mismatch"),
    ("order_version_mismatch", Fatal, "venue-protocol"),
    ("address banned", Fatal, "account-restricted"),
    ("closed only mode", Fatal, "account-restricted"),
    ("restricted in your region", Fatal, "venue-forbidden"),
    ("invalid api key", Fatal, "venue-unauthorised"),
    ("invalid l1 request headers", Fatal, "venue-unauthorised"),
)
_RESTRICTIONS: Final = (
    ("post-only", "post-only"),
    ("cancel-only", "cancel-only"),
    ("trading is currently disabled", "disabled"),
)
_MAY_REFUSE: Final = frozenset({400, 401, 403, 404})


class Taken(NamedTuple):
    """The venue has the order: its word for it (`duplicate` when it had it before), and what matched at once."""

    status: str
    taking_e6: int = 0
    making_e6: int = 0
    trade_ids: tuple[str, ...] = ()


class _Answer(NamedTuple):
    success: object
    words: str
    order_id: str
    status: str
    row: dict[str, Any]


def read_answer(payload: Payload, order_id: str) -> Taken:
    """Return how an order was taken; raises Rejected, Retryable or Fatal (refused), Unknown (proves nothing)."""
    body = answers.value(payload.body)
    row = as_texts(body) if isinstance(body, dict) else None
    if 200 <= payload.status < 300:
        return _success(payload, row, order_id)
    if payload.status == 429:
        wait = retry_after(payload.headers, read_problem(payload.body), payload.observed_at)
        details: dict[str, Any] = {} if wait is None else {"retry_after_s": wait}
        raise Retryable("venue-rate-limited", "the venue asks for fewer orders", status=429, refused=True, **details)
    words = _error_words(row)
    if row is not None and payload.status in _MAY_REFUSE:
        if _DUPLICATED in words.lower():
            return Taken("duplicate")
        _refuse(words, payload.status)
        if payload.status == 401:
            raise Fatal("venue-unauthorised", f"the venue answered 401: {words}", status=401, refused=True)
    raise _uncertain(payload, words)


def _success(payload: Payload, row: dict[str, Any] | None, order_id: str) -> Taken:
    if row is None:
        raise _uncertain(payload, "")
    found = _Answer(
        row.get("success"), convert.text(row.get("errorMsg")), convert.text(row.get("orderID")).lower(),
        convert.text(row.get("status")).lower(), row,
    )  # fmt: skip
    if found.success is True and not found.words and found.order_id and found.status in TAKEN:
        if found.order_id != order_id:
            words = f"signed as {order_id}, taken as {found.order_id[:80]}"
            raise Unknown("order-id-differs", words, status=payload.status, refused=False)
        return _taken(found)
    if _DUPLICATED in found.words.lower():
        return Taken("duplicate")
    open_question = _OPEN_QUESTION in found.words.lower()
    if found.success is False and found.words and not found.order_id and not open_question:
        _refuse(found.words, payload.status)
        raise Rejected("order-refused", f"the venue refuses: {found.words[:_SHOWN]}", status=200, refused=True)
    raise _uncertain(payload, found.words)


def _taken(found: _Answer) -> Taken:
    listed = found.row.get("tradeIDs")
    names = tuple(convert.text(name) for name in listed) if isinstance(listed, list) else ()
    taking, making = (size_e6(convert.text(found.row.get(key))) or 0 for key in ("takingAmount", "makingAmount"))
    return Taken(found.status, taking, making, names)


def _refuse(words: str, status: int) -> None:
    """Raise the refusal that the venue's words stand for, if they are documented ones."""
    said = words.lower()
    if _OPEN_QUESTION in said:
        return
    for fragment, kind, code in _REFUSALS:
        if fragment in said:
            raise kind(code, f"the venue refuses: {words[:_SHOWN]}", status=status, refused=True)


def _uncertain(payload: Payload, words: str) -> Unknown:
    details: dict[str, Any] = {"status": payload.status, "refused": False}
    restriction = restriction_of(payload.status, words)
    if restriction:
        details["restriction"] = restriction
    wait = retry_after(payload.headers, read_problem(payload.body), payload.observed_at)
    if wait is not None:
        details["retry_after_s"] = wait
    said = words[:_SHOWN] or "nothing readable"
    return Unknown("order-uncertain", f"the venue answered {payload.status}: {said}", **details)


def restriction_of(status: int, words: str) -> str:
    """Return which orders an answer says the whole venue takes: restarting, post-only, cancel-only, disabled, or ''."""
    if status == 425:
        return "restarting"
    said = words.lower()
    return next((name for fragment, name in _RESTRICTIONS if status == 503 and fragment in said), "")


def _error_words(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    found = next((row[name] for name in ("error", "errorMsg", "error_msg") if isinstance(row.get(name), str)), "")
    return "".join(char if char.isprintable() else " " for char in found)


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the bytes of an order, which outlive the process that made them."""

    token: str
    is_buy: bool
    maker_e6: int
    taker_e6: int
    kind: str
    post_only: bool
    owner: str

    @property
    def size_e6(self) -> int:
        """Shares it asks for or gives."""
        return self.taker_e6 if self.is_buy else self.maker_e6

    @property
    def price_e4(self) -> int:
        """Its limit; rounding made that of an order to spend dollars a hair too high, never a whole step."""
        cash, shares = (self.maker_e6, self.taker_e6) if self.is_buy else (self.taker_e6, self.maker_e6)
        return cash * 10_000 // shares if self.is_buy else -(-cash * 10_000 // shares)


def posted_of(order: OrderData, terms: Terms) -> Posted:
    """Return what will stand in an order's bytes: what `read_body` finds in them."""
    return Posted(
        token=str(order.token),
        is_buy=order.is_buy,
        maker_e6=order.maker_e6,
        taker_e6=order.taker_e6,
        kind=terms.time_in_force.value,
        post_only=terms.post_only,
        owner=terms.owner,
    )


def read_body(body: bytes) -> Posted:
    """Return what an order's bytes say; raises Rejected order-malformed when they are no order of ours."""
    try:
        row = msgspec.json.decode(body)
        order = row["order"]
        return Posted(
            token=order["tokenId"],
            is_buy=order["side"] == "BUY",
            maker_e6=int(order["makerAmount"]),
            taker_e6=int(order["takerAmount"]),
            kind=row["orderType"],
            post_only=row.get("postOnly", False) is True,
            owner=row["owner"],
        )
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise Rejected("order-malformed", "these bytes are no order") from error

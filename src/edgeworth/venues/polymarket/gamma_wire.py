"""Gamma's market and event payloads as typed structs: only the fields named here are ever read.

One struct serves markets, events and pages, because a stream may mix them. Scalars are left as they came (`Any`) and
converted tolerantly later; only nesting is typed, which is what makes decoding fast. A payload whose nesting drifted
is decoded generically and picked over field by field.
"""

from typing import Any

import msgspec

from edgeworth.venues import convert


class GammaTag(msgspec.Struct, gc=False):
    """A tag of a market or event."""

    label: Any = None
    slug: Any = None


class GammaStub(msgspec.Struct, rename="camel", gc=False):
    """The event a market says it belongs to."""

    id: Any = None
    slug: Any = None
    title: Any = None
    category: Any = None
    neg_risk: Any = None
    enable_neg_risk: Any = None
    updated_at: Any = None
    tags: list[GammaTag | None] | None = None


class GammaObject(msgspec.Struct, rename="camel", gc=False):
    """A market, an event or a page of either; see `is_market`, `is_event`."""

    id: Any = None
    version: Any = None
    condition_id: Any = None
    slug: Any = None
    question: Any = None
    title: Any = None
    description: Any = None
    category: Any = None
    market_type: Any = None
    outcomes: Any = None
    outcome_prices: Any = None
    clob_token_ids: Any = None
    position_ids: Any = None
    closed: Any = None
    start_date: Any = None
    end_date: Any = None
    end_date_iso: Any = None
    created_at: Any = None
    creation_date: Any = None
    updated_at: Any = None
    closed_time: Any = None
    uma_end_date: Any = None
    uma_resolution_status: Any = None
    uma_resolution_statuses: Any = None
    volume: Any = None
    volume_num: Any = None
    volume24hr: Any = None
    liquidity: Any = None
    liquidity_num: Any = None
    best_bid: Any = None
    best_ask: Any = None
    last_trade_price: Any = None
    order_price_min_tick_size: Any = None
    order_min_size: Any = None
    neg_risk: Any = None
    enable_neg_risk: Any = None
    fees_enabled: Any = None
    fee_type: Any = None
    fee_schedule: Any = None
    events: "list[GammaStub | None] | None" = None
    tags: list[GammaTag | None] | None = None
    markets: "list[GammaObject | None] | None" = None

    @property
    def is_market(self) -> bool:
        """A question is asked, or a condition named."""
        return self.question is not None or self.condition_id is not None

    @property
    def is_event(self) -> bool:
        """A title, or nested markets under an id or slug."""
        return not self.is_market and (
            self.title is not None or (self.markets is not None and (self.id is not None or self.slug is not None))
        )


class GammaPage(msgspec.Struct):
    """The wrappers around elements: listing pages and recorders' lines."""

    id: Any = None
    slug: Any = None
    title: Any = None
    question: Any = None
    condition_id: Any = msgspec.field(default=None, name="conditionId")
    markets: list[msgspec.Raw] | None = None
    events: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    gamma_events: list[msgspec.Raw] | None = None
    gamma_markets: list[msgspec.Raw] | None = None
    meta: Any = msgspec.field(default=None, name="_meta")

    def elements(self) -> list[msgspec.Raw] | None:
        """Return what a page wraps; None when this is a market or event itself."""
        if any(value is not None for value in (self.id, self.slug, self.title, self.question, self.condition_id)):
            return None
        lists = [self.gamma_events, self.gamma_markets, self.events, self.markets, self.data]
        found = [items for items in lists if items is not None]
        if not found and self.meta is None:
            return None
        return [item for items in found for item in items]


_DECODER = msgspec.json.Decoder(GammaObject)
_PAGE_DECODER = msgspec.json.Decoder(GammaPage)
_SCALARS = [f for f in msgspec.structs.fields(GammaObject) if f.name not in {"events", "tags", "markets"}]
_STUB_SCALARS = [f for f in msgspec.structs.fields(GammaStub) if f.name != "tags"]


def decode(raw: bytes | msgspec.Raw) -> GammaObject | None:
    """Decode a market or event; None when the bytes hold no JSON object."""
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    try:
        return from_object(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def decode_page(raw: bytes | msgspec.Raw) -> list[msgspec.Raw] | None:
    """Return the elements a page wraps, None when the bytes are an element themselves."""
    try:
        return _PAGE_DECODER.decode(raw).elements()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def from_object(value: object) -> GammaObject | None:
    """Pick the declared fields from a decoded object of any nesting; None when it is no object."""
    if not isinstance(value, dict):
        return None
    found = GammaObject(**{f.name: value.get(f.encode_name) for f in _SCALARS})
    found.tags = _tags(value.get("tags"))
    found.events = [_stub(item) for item in _listed(value.get("events")) if isinstance(item, dict)] or None
    children = value.get("markets")
    if isinstance(children, list):
        found.markets = [from_object(item) for item in children]
    return found


def _listed(value: object) -> list[Any]:
    if isinstance(value, str):
        value = convert.embedded(value)
    return value if isinstance(value, list) else []


def _stub(value: dict[str, Any]) -> GammaStub:
    found = GammaStub(**{f.name: value.get(f.encode_name) for f in _STUB_SCALARS})
    found.tags = _tags(value.get("tags"))
    return found


def _tags(value: object) -> list[GammaTag | None] | None:
    tags: list[GammaTag | None] = []
    for item in _listed(value):
        if isinstance(item, str):
            tags.append(GammaTag(label=item))
        elif isinstance(item, dict):
            tags.append(GammaTag(label=item.get("label"), slug=item.get("slug")))
    return tags or None


class _Children(msgspec.Struct):
    markets: list[msgspec.Raw] | None = None


def children(raw: bytes | msgspec.Raw) -> list[msgspec.Raw] | None:
    """Return the bytes of each market nested in an event, None when there are none."""
    try:
        return msgspec.json.decode(raw, type=_Children).markets
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None

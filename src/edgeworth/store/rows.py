"""Turn records into database rows: content hashes, label statements, first choice of a text id. Pure."""

import hashlib
from typing import Any

import msgspec

from edgeworth.core.records import EventRecord, Ids, MarketRecord, Record, ResolutionRecord, SnapshotRecord

Row = dict[str, Any]

MAX_ID = 255
_ID_ORDER = ("condition", "gamma", "slug", "token", "key", "token1")
_DEFAULT_LABELS = ("yes", "no")


def market_id(ids: Ids) -> str:
    """Choose the stable text id: condition id, else venue id, else slug, token or import key."""
    names = dict(reversed(ids))
    return next((names[kind] for kind in _ID_ORDER if names.get(kind)), ids[0][1])


def slug_of(ids: Ids) -> str:
    """Return the slug among the ids, or an empty text."""
    return next((value for kind, value in ids if kind == "slug"), "")


def usable_ids(ids: Ids) -> Ids:
    """Leave out ids that are empty or longer than any venue gives out."""
    if all(value and len(value) <= MAX_ID for _, value in ids):
        return ids
    return tuple((kind, value) for kind, value in ids if value and len(value) <= MAX_ID)


def labels_stated(record: MarketRecord) -> bool:
    """Tell whether the outcome labels are a statement: anything but the default, or both legs named by their tokens."""
    return not same_labels(record.outcomes, _DEFAULT_LABELS) or any(kind == "token1" for kind, _ in record.ids)


def same_labels(left: tuple[str, str], right: tuple[str, str]) -> bool:
    """Compare two label pairs without regard to case and outer spaces."""
    return [text.strip().casefold() for text in left] == [text.strip().casefold() for text in right]


def text_list(values: tuple[str, ...]) -> str:
    """Encode labels as a JSON array, empty text for none."""
    return msgspec.json.encode(values).decode() if values else ""


def raw_text(record: Record) -> str:
    """Return a record as JSON, for the quarantine."""
    return msgspec.json.encode(record).decode()


def digest(*parts: str) -> str:
    """Return 128 bits of blake2b over length-prefixed texts, as hex."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def version_row(record: MarketRecord, market_no: int) -> Row:
    """Return a row of market_versions, without its number."""
    facts: Row = {
        "slug": slug_of(record.ids),
        "question": record.question,
        "event_title": record.event_title,
        "scheduled_end": record.scheduled_end,
        "created_at": record.created_at,
        "tick_e4": record.tick_e4,
        "min_size_e6": record.min_size_e6,
        "fee_rate_e6": record.fee.rate_e6,
        "fee_exponent": record.fee.exponent,
        "neg_risk": record.neg_risk,
        "tags": text_list(record.tags),
        "publisher_category": record.publisher_category,
        "description": record.description,
    }
    content = hashlib.blake2b(msgspec.msgpack.encode(list(facts.values())), digest_size=16).hexdigest()
    return {
        "market_no": market_no,
        "source": record.source,
        "known_at": record.known_at,
        "backdated": record.backdated,
        "content_hash": content,
        **facts,
    }


def event_row(record: EventRecord, event_no: int) -> Row:
    """Return a row of events."""
    return {
        "event_no": event_no,
        "venue": record.venue,
        "native_id": record.native_id,
        "source": record.source,
        "slug": record.slug,
        "title": record.title,
        "neg_risk": record.neg_risk,
        "tags": text_list(record.tags),
        "known_at": record.known_at,
        "bare": False,
    }


def resolution_row(record: ResolutionRecord, market_no: int) -> Row:
    """Return a row of market_resolutions."""
    return {
        "market_no": market_no,
        "source": record.source,
        "payout_e4": int(record.payout),
        "state": str(record.state),
        "resolved_at": record.resolved_at,
        "known_at": record.known_at if record.known_at is not None else record.resolved_at,
        "proposed_at": record.proposed_at,
        "disputed": record.disputed,
    }


def snapshot_row(record: SnapshotRecord, market_no: int, event_time: int) -> Row:
    """Return a row of market_snapshots; nobody scheduled it, so its own instant stands for the slot."""
    return {
        "slot": event_time,
        "market_no": market_no,
        "source": record.source,
        "event_time": event_time,
        "known_at": record.known_at if record.known_at is not None else event_time,
        "bid_e4": record.bid_e4,
        "ask_e4": record.ask_e4,
        "last_e4": record.last_e4,
        "volume_e6": record.volume_e6,
        "volume_24h_e6": record.volume_24h_e6,
        "liquidity_e6": record.liquidity_e6,
    }

"""The facts beside a price history: which market it is, its terms, and how it ended where that is said."""

from collections.abc import Mapping
from typing import Any, Final

from edgeworth.core.records import Ids, MarketRecord, Record, Rejected, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.venues import convert
from edgeworth.venues.polymarket import fees, outcome, parse
from edgeworth.venues.polymarket.parse import Origin

POINT_KEYS: Final = ("price_history", "priceHistory", "history", "prices")
_OWN_IDS: Final = ("id", "market_id", "marketId", "key")
_SCHEDULED: Final = ("end_date", "endDate", "scheduled_end", "end_date_iso", "endDateIso")
_CREATED: Final = ("created_at", "createdAt", "start_date", "startDate")
_DECIDED: Final = (
    "resolved_at",
    "resolvedAt",
    "resolution_date",
    "resolved_date",
    "closed_time",
    "closedTime",
    "umaEndDate",
)
_WINNER: Final = ("winner", "winning_outcome", "winningOutcome", "resolved_outcome", "resolution")
_PAYOUT: Final = ("payout", "y0", "y")
_YES_WORDS: Final = frozenset({"yes", "true", "1", "1.0"})
_NO_WORDS: Final = frozenset({"no", "false", "0", "0.0"})
_HALF_WORDS: Final = frozenset({"0.5", "50-50", "split"})


def ids_of(value: str, source: str) -> Ids:
    """Return the id a text is by its form: 0x… condition, 30 digits or more token, fewer Gamma id, else key."""
    cleaned = value.strip()
    condition = convert.condition(cleaned)
    if condition:
        return (("condition", condition),)
    if cleaned.isascii() and cleaned.isdigit():
        if len(cleaned) >= 30:
            return (("token", cleaned),)
        return (("gamma", cleaned),)
    return (("key", f"{source}:{cleaned}"),) if cleaned else ()


def market_records(meta: Mapping[str, Any], origin: Origin) -> tuple[list[Record], Ids]:
    """Return the records of a market's facts and its ids; no ids when the market is refused."""
    labels = _labels(meta)
    ids = _ids(meta, origin.source)
    reason = "outcomes-not-two" if labels is None else "id-missing" if not ids else ""
    if labels is None or reason:
        return [_rejected(meta, origin, "market", reason)], ()
    records: list[Record] = [_market(meta, ids, labels, origin)]
    resolution = _resolution(meta, ids, labels, origin)
    if resolution is not None:
        records.append(resolution)
    return records, ids


def _ids(meta: Mapping[str, Any], source: str) -> Ids:
    tokens = convert.strings(convert.first(meta, ("clobTokenIds", "clob_token_ids", "token_ids"))) or ()
    found = dict(
        parse.market_ids(
            condition=convert.first(meta, ("condition_id", "conditionId")),
            gamma=convert.first(meta, ("gamma_id", "gammaId")),
            slug=convert.first(meta, ("slug", "market_slug", "marketSlug")),
            tokens=tokens,
        )
    )
    single = convert.token(convert.text(convert.first(meta, ("token_id", "tokenId", "asset_id", "token0"))))
    if single:
        found.setdefault("token", single)
    for key in _OWN_IDS:
        for kind, value in ids_of(convert.text(meta.get(key)), source):
            found.setdefault(kind, value)
    order = ("condition", "gamma", "slug", "token", "token1", "key")
    return tuple((kind, found[kind]) for kind in order if kind in found)


def _labels(meta: Mapping[str, Any]) -> tuple[str, str] | None:
    stated = meta.get("outcomes")
    if stated is None:
        return ("Yes", "No")
    labels = convert.strings(stated)
    return (labels[0].strip(), labels[1].strip()) if labels is not None and len(labels) == 2 else None


def _market(meta: Mapping[str, Any], ids: Ids, labels: tuple[str, str], origin: Origin) -> MarketRecord:
    created_at = _instant(meta, _CREATED)
    tags = convert.strings(meta.get("tags")) or ()
    category = convert.text(meta.get("category"))
    enabled = convert.flag(meta.get("feesEnabled"))
    fee_type = convert.text(meta.get("feeType"))
    return MarketRecord(
        source=origin.source,
        venue=parse.VENUE,
        ids=ids,
        question=convert.text(convert.first(meta, ("question", "title", "market_question"))),
        outcomes=labels,
        event_native_id=convert.text(convert.first(meta, ("event_id", "eventId"))),
        event_title=convert.text(convert.first(meta, ("event_title", "eventTitle"))),
        scheduled_end=_instant(meta, _SCHEDULED),
        created_at=created_at,
        known_at=_instant(meta, ("updated_at", "updatedAt")),
        backdated=True,
        tick_e4=parse.tick_e4(convert.first(meta, ("tick_size", "orderPriceMinTickSize"))),
        min_size_e6=parse.min_size_e6(convert.first(meta, ("min_size", "orderMinSize"))),
        fee=fees.market_fee(enabled, meta.get("feeSchedule"), fee_type, (category, *tags), created_at),
        neg_risk=bool(convert.flag(convert.first(meta, ("neg_risk", "negRisk")))),
        tags=tags,
        publisher_category=category,
        description=convert.text(meta.get("description")),
    )


def _resolution(meta: Mapping[str, Any], ids: Ids, labels: tuple[str, str], origin: Origin) -> Record | None:
    flags = [convert.flag(meta.get(key)) for key in ("resolved", "closed")]
    said = any(flags)
    if not said and False in flags:
        return None
    payout = _payout(meta, labels, said=said)
    if payout is None:
        return _rejected(meta, origin, "resolution", "resolution-unclear") if said else None
    decided_at = _instant(meta, _DECIDED)
    return ResolutionRecord(source=origin.source, ids=ids, payout=payout, resolved_at=decided_at, known_at=decided_at)


def _payout(meta: Mapping[str, Any], labels: tuple[str, str], *, said: bool) -> Payout | None:
    paid = convert.number(convert.first(meta, _PAYOUT))
    if paid is not None:
        return {0.0: Payout.NO, 0.5: Payout.HALF, 1.0: Payout.YES}.get(paid)
    names = (*_WINNER, "outcome") if said else _WINNER
    winner = convert.first(meta, names)
    if winner is not None:
        return _payout_of_label(winner, labels)
    if said:
        return outcome.payout_of_prices(convert.strings(convert.first(meta, ("outcomePrices", "outcome_prices"))))
    return None


def _payout_of_label(winner: object, labels: tuple[str, str]) -> Payout | None:
    word = ("yes" if winner else "no") if isinstance(winner, bool) else str(winner).strip().casefold()
    known = (labels[0].casefold(), labels[1].casefold())
    if word in known:
        return Payout.YES if word == known[0] else Payout.NO
    if word in _YES_WORDS:
        return Payout.YES
    if word in _NO_WORDS:
        return Payout.NO
    return Payout.HALF if word in _HALF_WORDS else Payout.VOID if word in {"void", "cancelled", "canceled"} else None


def _instant(meta: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((at for name in names if (at := convert.instant(meta.get(name))) is not None), None)


def _rejected(meta: Mapping[str, Any], origin: Origin, kind: str, reason: str) -> Rejected:
    return Rejected(
        source=origin.source, kind=kind, reason=reason, raw=convert.json_text(dict(meta)), where=origin.where
    )

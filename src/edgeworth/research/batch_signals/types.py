"""What a batch says, as documents whose JSON schema ships with the package (`batch.schema.json`).

Prices, costs, edges and rates are dollars or shares of 1 of the side named; instants are RFC 3339 texts in UTC.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

SCHEMA_VERSION: Final = "edgeworth.signals/1"
SMALLEST_BATCH, LARGEST_BATCH = 50, 300
MOST_CLUSTERS, MOST_QUEUED, MOST_ENTITIES, LONGEST_SUMMARY = 40, 50, 5, 240

StopReason = Literal["ok", "too_many_candidates", "rate_limit_risk", "stale_data", "halted", "budget_used"]
Band = Literal["AUTO-TRADE", "ALERT", "WATCH", "IGNORE"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class WinRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule's win rate: `won` of `events` independent resolved events bought at `price_paid` on average.

    `win_rate` is that shrunk towards the price, with its 95 % interval; what a side is worth follows from it.
    """

    rule: str
    version: int
    exhibit: bool
    fired: Count
    events: Count
    price_paid: Share | None
    won: Share | None
    win_rate: Share | None
    low: Share | None
    high: Share | None


class ModelNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The saved model that was asked: it speaks, or `code` and `why` say what keeps it silent.

    `gain` over the price in nats a row with its 95 % interval, out of fold on `events`, as its card says.
    """

    model: str
    asked: str
    speaks: bool
    code: str
    why: str
    events: Count
    gain: float | None
    gain_low: float | None
    gain_high: float | None


class Driver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feature's share of a model's change of the log-odds of YES against the price."""

    feature: str
    log_odds: float


class DedupeSummary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the batch held: `unique_items` = input - duplicates; the others never entered it.

    `reduction` is the share of the input that needs no review.
    """

    input_items: Count
    unique_items: Count
    duplicates_exact: Count
    duplicates_fuzzy: Count
    clusters: Count
    candidates: Count
    reduction: Share
    quarantined: Count
    without_price: Count
    stale: Count
    decided: Count
    ended: Count
    unchanged: Count


class ClusterEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Markets of one event, or of one category where an event has a single market in the batch."""

    cluster_id: str
    event_type: str
    entities: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_ENTITIES)]
    timestamp_utc: str
    canonical_summary: Annotated[str, msgspec.Meta(max_length=LONGEST_SUMMARY)]
    supporting_ids: tuple[str, ...]
    confidence: Share


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the side is believed: the rule's resolved past, and which other rules spoke on this market."""

    events: Count
    win_rate: Share
    win_rate_low: Share
    win_rate_high: Share
    price_paid: Share
    agree: tuple[str, ...]
    disagree: tuple[str, ...]


class Size(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the engine's sizing suggests with the configured bankroll, after what stands higher in this queue."""

    stake: Annotated[float, msgspec.Meta(ge=0)]
    shares: Annotated[float, msgspec.Meta(ge=0)]
    kelly: Share


class ReviewEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One market worth a look.

    `mid` and `price` (executable) are of the side, `cost` is all-in, `fair` its win probability; `edge` = fair - cost.
    `edge` is the expected value of a share, `per_day` that by the day and dollar of capital until the scheduled end.
    `priority` is the posterior probability that the edge is positive, `gate` the engine's code, `action` BUY only when
    the gate allows it and the near end of the fair value's interval clears the cost; `decided_by` says which of the two
    it was. `drivers` are a model's.
    """

    pair_id: str
    market_id: str
    market_no: int
    question: str
    category: str
    cluster_id: str
    rule: str
    side: Literal["YES", "NO"]
    priority: Share
    band: Band
    action: Literal["BUY YES", "BUY NO", "PASS"]
    mid: Share
    price: Share
    cost: float
    fair: Share
    fair_se: float
    fair_low: float
    fair_high: float
    edge: float
    edge_low: float
    edge_high: float
    per_day: float | None
    gate: str
    decided_by: str
    size: Size
    evidence: Evidence
    price_at: str
    age_seconds: Count
    fidelity: Literal["quoted", "stated-spread"]
    analysis_question: str
    cache_key: str
    reasoning: str
    drivers: tuple[Driver, ...]


class NextBatchPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the scheduler does next; `wait_seconds` already includes any back-off, which ends at `back_off_until`."""

    stop_reason: StopReason
    recommended_batch_size: Annotated[int, msgspec.Meta(ge=SMALLEST_BATCH, le=LARGEST_BATCH)]
    recommended_ordering: str
    what_to_include_next_pass: str
    dedupe_on: tuple[str, ...]
    remaining: Count
    wait_seconds: Annotated[float, msgspec.Meta(ge=0)]
    back_off_until: str | None


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One batch: `as_of` is the instant nothing later was used of, `recorded_at` when it was computed.

    `point_in_time` marks a scan of the past (`--as-of`): a replay, no forward evidence.
    """

    schema: Literal["edgeworth.signals/1"]
    batch_id: str
    number: Count
    as_of: str
    recorded_at: str
    point_in_time: bool
    source: str
    newest_price: str | None
    stop_reason: StopReason
    message: str
    rules: tuple[WinRate, ...]
    model: ModelNote | None
    dedupe_summary: DedupeSummary
    clusters: Annotated[tuple[ClusterEntry, ...], msgspec.Meta(max_length=MOST_CLUSTERS)]
    review_queue: Annotated[tuple[ReviewEntry, ...], msgspec.Meta(max_length=MOST_QUEUED)]
    next_batch_plan: NextBatchPlan

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        done: dict[str, Any] = msgspec.to_builtins(self)
        return done


def band_of(priority: float) -> Band:
    """Return the band of a priority: AUTO-TRADE from .90, ALERT from .75, WATCH from .60, else IGNORE."""
    if priority >= 0.90:
        return "AUTO-TRADE"
    if priority >= 0.75:
        return "ALERT"
    return "WATCH" if priority >= 0.60 else "IGNORE"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a batch, made from the documents above."""
    whole = msgspec.json.schema(Batch)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_VERSION, **whole}

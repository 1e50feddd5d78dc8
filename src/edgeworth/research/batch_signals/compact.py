"""The compact form of a batch: the same parts in few words, always below 900 tokens.

Tokens are estimated from above, since every tokeniser differs: a run of letters counts one token per three characters,
a run of digits or of punctuation one per two, a letter outside ASCII one per byte, a space nothing. Entries are added
from the most important on while they fit; what did not fit is counted.
"""

import json
import re
from typing import Any, Final, TypeVar

from edgeworth.research.batch_signals.types import Batch, ClusterEntry, ReviewEntry

T = TypeVar("T")
MOST_TOKENS: Final = 899
LEAST_PRIORITY: Final = 0.60  # only what is at least WATCH: the others are counted
_PIECES: Final = re.compile(r"[a-zA-Z]+|[0-9]+|[!-/:-@\[-`{-~]+|\S")
_ENVELOPE: Final = 100  # what the envelope of a command adds around the data
_QUESTION, _SUMMARY = 56, 60
_FEWEST_CLUSTERS: Final = 3


def tokens(text: str) -> int:
    """Return an upper estimate of the tokens of a text."""
    return sum(_cost(piece) for piece in _PIECES.findall(text))


def _cost(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode())
    return -(-len(piece) // (3 if piece.isalpha() else 2))


def compact(batch: Batch, most: int = MOST_TOKENS - _ENVELOPE) -> dict[str, Any]:
    """Return a batch in at most `most` tokens of JSON: the queue first, then clusters; `omitted` counts the rest.

    Entries carry the market's number (`edgeworth data show '#17'`), not its long id.
    """
    worthy = [entry for entry in batch.review_queue if entry.priority >= LEAST_PRIORITY]
    summary, plan = batch.dedupe_summary, batch.next_batch_plan
    head: dict[str, Any] = {
        "batch_id": batch.batch_id,
        "as_of": batch.as_of[:19] + "Z",
        "stop_reason": batch.stop_reason,
        "dedupe_summary": {
            "input_items": summary.input_items,
            "unique_items": summary.unique_items,
            "clusters": summary.clusters,
            "candidates": summary.candidates,
            "quarantined": summary.quarantined,
            "without_price": summary.without_price,
            "stale": summary.stale,
        },
        "next_batch_plan": {
            "recommended_batch_size": plan.recommended_batch_size,
            "remaining": plan.remaining,
            "wait_seconds": round(plan.wait_seconds),
            "dedupe_on": list(plan.dedupe_on),
        },
    }
    clusters = [_cluster(cluster) for cluster in batch.clusters]
    queue = [_entry(entry) for entry in worthy]
    frame = {"clusters": [], "review_columns": COLUMNS, "review_queue": [], "omitted": {"clusters": 40, "queue": 50}}
    left = most - _size({**head, **frame}) - 2  # brackets that close around what is added
    few = _fitting(clusters[:_FEWEST_CLUSTERS], left // 4)
    used = sum(_size(cluster) + 1 for cluster in few)
    first = _fitting(queue, left - used)
    used += sum(_size(entry) + 1 for entry in first)
    rest = _fitting(clusters[len(few) :], left - used)
    omitted = {
        "clusters": summary.clusters - len(few) - len(rest), "review_queue": len(batch.review_queue) - len(first)
    }  # fmt: skip
    return {**head, "clusters": few + rest, "review_columns": list(COLUMNS), "review_queue": first, "omitted": omitted}


def _fitting(items: list[T], room: int) -> list[T]:
    """Return the first items that fit into some tokens."""
    kept = []
    for item in items:
        room -= _size(item) + 1
        if room < 0:
            break
        kept.append(item)
    return kept


COLUMNS: Final = (
    "market", "cluster", "rule", "side", "priority", "price", "fair", "edge", "gate", "stake", "question",
)  # fmt: skip


def _entry(entry: ReviewEntry) -> list[Any]:
    """Return the values of COLUMNS; certainty is never claimed, so .9999 reads .99."""
    priority = min(round(entry.priority, 2), 0.99)
    return [
        entry.market_no, entry.cluster_id, entry.rule, entry.side, priority, round(entry.price, 3),
        round(entry.fair, 3), round(entry.edge, 3), entry.gate, round(entry.size.stake, 2),
        _cut(entry.question, _QUESTION),
    ]  # fmt: skip


def _cluster(cluster: ClusterEntry) -> dict[str, Any]:
    return {
        "cluster_id": cluster.cluster_id,
        "event_type": cluster.event_type,
        "items": len(cluster.supporting_ids),
        "summary": _cut(cluster.canonical_summary, _SUMMARY),
    }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _size(value: Any) -> int:
    return tokens(json.dumps(value, ensure_ascii=False))

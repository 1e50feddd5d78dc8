"""Terms of price contracts: days of 23 and 25 hours, titles never decide alone, recorded rules agree with their titles."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.contract import ContractKind
from edgeworth.core.instants import parse_instant
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.fairvalue.terms import Listing, parse_terms
from edgeworth.features.questions import parse_question

RULE = (
    'This market will resolve to "Up" if the Binance 1 minute candle for BTC/USDT {after} 12:00 in the ET timezone has a '
    'final "Close" price higher than the final "Close" price for the {before} 12:00 in the ET timezone candle. '
    'This market will resolve to "Down" if it is lower. '
    "If they are exactly equal, this market will resolve 50-50."
)


@pytest.mark.parametrize(
    ("before", "after", "title", "hours"),
    [
        ("October 31, 2026", "November 1, 2026", "Bitcoin Up or Down on November 1?", 25),
        ("March 7, 2026", "March 8, 2026", "Bitcoin Up or Down on March 8?", 23),
        ("June 7, 2026", "June 8, 2026", "Bitcoin Up or Down on June 8?", 24),
    ],
)
def test_days_are_new_york_days(before, after, title, hours):
    listed = Listing(created_at=parse_instant("2026-02-01") if hours == 23 else parse_instant("2026-06-01"))
    terms = parse_terms(title, RULE.format(before=before, after=after), listed)
    assert terms.kind is ContractKind.DAILY_UPDOWN
    assert terms.window_end - terms.window_start == hours * HOUR
    assert dict(terms.payouts)["equal"] == 5_000


def test_a_title_alone_is_never_enough():
    for title in ("Will Bitcoin reach $90,000 by May 31, 2026?", "Bitcoin Up or Down - May 6, 3PM ET"):
        assert parse_question(title) is not None
        assert parse_terms(title, "", Listing(parse_instant("2026-05-01"))).kind is ContractKind.NONE


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_gives_terms_or_a_reason(title, description):
    terms = parse_terms(title, description)
    assert terms.kind is ContractKind.NONE
    assert terms.reason


def markets(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a recorded answer that has a question and a description."""
    if isinstance(value, dict):
        if isinstance(value.get("question"), str) and isinstance(value.get("description"), str):
            yield value
        for inner in value.values():
            yield from markets(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from markets(inner)


@pytest.mark.recorded
def test_no_recorded_rule_contradicts_its_title(recorded):
    understood = seen = 0
    texts = set()
    for path in sorted((recorded / "api_fixtures").rglob("*.gz")):
        raw = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        rows = raw.splitlines() if ".ndjson" in path.name else [raw]
        for row in rows:
            try:
                found = json.loads(row)
            except ValueError:
                continue
            for market in markets(found):
                texts.add((market["question"], market["description"], market.get("endDate"), market.get("createdAt")))
    for question, description, end, created in sorted(texts, key=str):
        seen += 1
        dates = (parse_instant(text) if isinstance(text, str) and text else None for text in (created, end))
        terms = parse_terms(question, description, Listing(*dates))
        if terms.kind is ContractKind.NONE:
            continue
        understood += 1
        asked = parse_question(question)
        assert asked is not None
        assert asked.asset == terms.underlying
        assert terms.levels == pytest.approx(asked.thresholds, rel=5e-4)
        assert "50-50" not in description or terms.tie == "half"
        if end:
            assert abs(parse_instant(end) - terms.window_end) < 2 * DAY
    assert seen > 200
    assert understood >= 8

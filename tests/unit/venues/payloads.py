"""Invented payloads in the shapes the venues send."""

import json
from typing import Any

YES_TOKEN = "71" + "3" * 75
NO_TOKEN = "82" + "4" * 75
CONDITION = "0x" + "aB" * 32


def gamma_market(**changes: Any) -> dict[str, Any]:
    market = {
        "id": "900001",
        "version": "v1",
        "question": "Will the lantern festival be held outdoors?",
        "conditionId": CONDITION,
        "slug": "lantern-festival-outdoors",
        "description": "Resolves Yes when it is.",
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.61", "0.39"]',
        "clobTokenIds": json.dumps([YES_TOKEN, NO_TOKEN]),
        "active": True,
        "closed": False,
        "startDate": "2026-05-01T10:00:00.5Z",
        "endDate": "2026-06-01T12:00:00Z",
        "createdAt": "2026-05-01T09:00:00.123456Z",
        "updatedAt": "2026-05-20T00:00:00Z",
        "volume": "1234.567891",
        "volume24hr": 12.5,
        "liquidity": "88.25",
        "bestBid": 0.6,
        "bestAsk": 0.62,
        "lastTradePrice": 0.61,
        "orderPriceMinTickSize": 0.001,
        "orderMinSize": 5,
        "negRisk": False,
        "feesEnabled": True,
        "feeType": "culture_fees",
        "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25},
        "umaResolutionStatuses": "[]",
        "events": [{"id": "7001", "slug": "lantern-festival", "title": "Lantern festival", "negRisk": False}],
        "tags": [{"id": "1", "label": "Culture", "slug": "culture"}],
    }
    return {**market, **changes}


def resolved_market(**changes: Any) -> dict[str, Any]:
    ended = {
        "closed": True,
        "outcomePrices": '["0", "1"]',
        "closedTime": "2026-06-02 16:31:01+00",
        "umaEndDate": "2026-06-03 00:00:00+00",
        "umaResolutionStatus": "resolved",
        "umaResolutionStatuses": '["proposed", "disputed", "proposed", "resolved"]',
    }
    return gamma_market(**{**ended, **changes})


def gamma_event(markets: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    event = {
        "id": "7001",
        "slug": "lantern-festival",
        "title": "Lantern festival",
        "negRisk": True,
        "createdAt": "2026-05-01T08:00:00Z",
        "updatedAt": "2026-05-20T00:00:00Z",
        "tags": [{"id": "1", "label": "Culture", "slug": "culture"}, {"id": "2", "label": "Asia", "slug": "asia"}],
        "markets": markets,
    }
    return {**event, **changes}


def clob_market(**changes: Any) -> dict[str, Any]:
    market = {
        "condition_id": CONDITION,
        "question": "Will the lantern festival be held outdoors?",
        "market_slug": "lantern-festival-outdoors",
        "end_date_iso": "2026-06-01T00:00:00Z",
        "closed": False,
        "minimum_order_size": 15,
        "minimum_tick_size": 0.001,
        "neg_risk": True,
        "is_50_50_outcome": False,
        "tags": ["Culture", "All"],
        "tokens": [
            {"token_id": YES_TOKEN, "outcome": "Outdoors", "price": 0.6, "winner": False},
            {"token_id": NO_TOKEN, "outcome": "Indoors", "price": 0.4, "winner": False},
        ],
    }
    return {**market, **changes}


def history_market(**changes: Any) -> dict[str, Any]:
    market = {
        "id": "900001",
        "question": "Will the lantern festival be held outdoors?",
        "slug": "lantern-festival-outdoors",
        "end_date": "2026-06-01T12:00:00Z",
        "resolved": True,
        "outcome": "Yes",
        "resolved_at": "2026-06-02T00:00:00Z",
        "price_history": [{"t": 1_780_000_000, "p": 0.5}, {"t": 1_780_003_600, "p": 0.5125}],
    }
    return {**market, **changes}


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]

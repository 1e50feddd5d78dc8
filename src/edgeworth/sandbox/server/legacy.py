"""Three markets of 2020 and 2021 that no importer may mistake for a plain yes or no: scalar, two zeros, 50-50."""

from typing import Any

import msgspec

from edgeworth.sandbox.server.protocol import Request, Response, json_response

_COMMON: dict[str, Any] = {
    "active": True,
    "closed": True,
    "archived": False,
    "restricted": False,
    "startDate": "2020-12-01T00:00:00Z",
    "createdAt": "2020-12-01T00:00:00.5Z",
    "updatedAt": "2021-03-02T10:00:00.25Z",
    "closedTime": "2021-03-01 18:00:00+00",
    "description": "A market of the first years.",
    "feesEnabled": False,
    "category": "Crypto",
}

ROWS: tuple[dict[str, Any], ...] = (
    {
        "id": "17",
        "question": "What will the gas price be on March 1, 2021?",
        "conditionId": "0x" + "17" * 32,
        "slug": "what-will-the-gas-price-be-on-march-1-2021",
        "questionID": "0x" + "71" * 32,
        "outcomes": '["Long", "Short"]',
        "outcomePrices": '["0.3725", "0.6275"]',
        "clobTokenIds": "[]",
        "marketType": "scalar",
        "lowerBound": "0",
        "upperBound": "400",
        "endDate": "2021-03-01T00:00:00Z",
        "volume": "3120.5",
        **_COMMON,
    },
    {
        "id": "23",
        "question": "Will the token trade above $1 on March 1, 2021?",
        "conditionId": "0x" + "23" * 32,
        "slug": "will-the-token-trade-above-1-on-march-1-2021",
        "questionID": "0x" + "32" * 32,
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0", "0"]',
        "marketType": "normal",
        "endDate": "2021-03-01T00:00:00Z",
        "volume": "812.25",
        **_COMMON,
    },
    {
        "id": "29",
        "question": "Will the first race of 2021 be held?",
        "conditionId": "0x" + "29" * 32,
        "slug": "will-the-first-race-of-2021-be-held",
        "questionID": "0x" + "92" * 32,
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.5", "0.5"]',
        "clobTokenIds": f'["{29 * 10**75}", "{29 * 10**75 + 1}"]',
        "marketType": "normal",
        "endDate": "2021-03-01T00:00:00Z",
        "volume": "99.75",
        "umaResolutionStatus": "resolved",
        "umaResolutionStatuses": '["proposed", "resolved"]',
        **_COMMON,
    },
)

_FILTERS = frozenset(
    {
        "slug",
        "id",
        "condition_ids",
        "question_ids",
        "clob_token_ids",
        "position_ids",
        "request_ids",
        "tag_id",
        "uma_resolution_status",
        "game_id",
        "version",
        "sports_market_types",
        "liquidity_num_min",
        "volume_num_min",
        "start_date_min",
        "end_date_min",
        "resolution_status",
    }
)


def matching(request: Request) -> list[tuple[int, bytes]]:
    """Return (id, row) of the old markets a listing of closed ones shows: all of them, or those asked for by id."""
    wanted = request.every("id", "id[]")
    filters = {key.removesuffix("[]") for key, _ in request.query} & _FILTERS
    versions = request.every("version", "version[]")
    if filters - {"id", "version"} or (versions and "v1" not in versions):
        return []
    return [(int(row["id"]), msgspec.json.encode(row)) for row in ROWS if not wanted or row["id"] in wanted]


def single(market_id: str) -> Response | None:
    """Return one old market."""
    row = next((row for row in ROWS if row["id"] == market_id), None)
    return json_response(row) if row else None

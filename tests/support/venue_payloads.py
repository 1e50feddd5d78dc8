"""Invented answers and messages in every shape the venues send; ids are made of repeated digits."""

import json
from typing import Any

YES, NO = "5" * 40 + "1" * 37, "6" * 40 + "2" * 37
_SECOND = b"\x01" + b"\xc4" * 18 + bytes(8) + b"\0\0\0\7"  # module, and the zeros that tell the second version
YES_2, NO_2 = (str(int.from_bytes(_SECOND + leg, "big")) for leg in (b"\0", b"\1"))
CONDITION_2 = "0x" + _SECOND.hex()
CONDITION, OTHER = "0x" + "c4" * 32, "0x" + "d5" * 32
WALLET, TRANSACTION, ORDER = "0x" + "77" * 20, "0x" + "9e" * 32, "0x" + "0f" * 32
SECONDS, MILLIS = 1_795_176_000, 1_795_176_000_123


def gamma_market(**changes: Any) -> dict[str, Any]:
    return {
        "id": "880001", "version": "v1", "question": "Will the harbour ferry run on Sunday?", "conditionId": CONDITION,
        "slug": "harbour-ferry-sunday", "questionID": "0x" + "ab" * 32, "description": "Resolves Yes if it runs.",
        "resolutionSource": "", "outcomes": '["Yes", "No"]', "outcomePrices": '["0.375", "0.625"]',
        "clobTokenIds": json.dumps([YES, NO]), "active": True, "closed": False, "archived": False,
        "acceptingOrders": True, "enableOrderBook": True, "startDate": "2026-11-01T09:30:00.5Z",
        "endDate": "2026-12-06T18:00:00Z", "endDateIso": "2026-12-06", "createdAt": "2026-11-01T09:00:00Z",
        "updatedAt": "2026-11-20T11:59:00.25Z", "volume": "4021.75", "volumeNum": 4021.75, "volume24hr": 310.5,
        "liquidity": "950.125", "liquidityNum": 950.125, "bestBid": 0.37, "bestAsk": 0.38, "lastTradePrice": 0.37,
        "spread": 0.01, "oneDayPriceChange": -0.015, "orderPriceMinTickSize": 0.01, "orderMinSize": 5,
        "secondsDelay": 0, "negRisk": False, "groupItemTitle": "", "feesEnabled": True, "feeType": "culture_fees",
        "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25}, "umaResolutionStatuses": "[]",
        "events": [{"id": "6100", "slug": "harbour-ferry", "title": "Harbour ferry"}],
        "tags": [{"id": "9", "label": "Travel", "slug": "travel"}],
        **changes,
    }  # fmt: skip


def gamma_market_v2(**changes: Any) -> dict[str, Any]:
    second = gamma_market(
        id="880002", version="v2", conditionId=CONDITION_2, slug="harbour-ferry-second", resolutionStatus="active",
        positionIds=[YES_2, NO_2], requestId=CONDITION_2 + "00",
    )  # fmt: skip
    del second["clobTokenIds"]
    return {**second, **changes}


def gamma_resolved(**changes: Any) -> dict[str, Any]:
    return gamma_market(
        id="880003", closed=True, outcomePrices='["0", "1"]', closedTime="2026-11-18 16:31:01+00",
        umaEndDate="2026-11-18 18:00:00+00", umaResolutionStatus="resolved",
        umaResolutionStatuses='["proposed", "disputed", "proposed", "resolved"]', **changes,
    )  # fmt: skip


def gamma_event(**changes: Any) -> dict[str, Any]:
    return {
        "id": "6100", "slug": "harbour-ferry", "title": "Harbour ferry", "version": "v1", "active": True, "closed": False,
        "negRisk": True, "startDate": "2026-11-01T09:30:00Z", "endDate": "2026-12-06T18:00:00Z", "volume": 4021.75,
        "tags": [{"id": "9", "label": "Travel", "slug": "travel"}],
        "markets": [gamma_market(), gamma_market_v2()],
        **changes,
    }  # fmt: skip


def book(**changes: Any) -> dict[str, Any]:
    return {
        "market": CONDITION, "asset_id": YES, "timestamp": str(MILLIS), "hash": "a1" * 20,
        "bids": [{"price": "0.35", "size": "200"}, {"price": "0.37", "size": "61.5"}],
        "asks": [{"price": "0.42", "size": "150"}, {"price": "0.38", "size": "33.25"}],
        "min_order_size": "5", "tick_size": "0.01", "neg_risk": False, "last_trade_price": "0.37",
        **changes,
    }  # fmt: skip


def clob_market(**changes: Any) -> dict[str, Any]:
    return {
        "condition_id": CONDITION, "question_id": "0x" + "ab" * 32, "question": "Will the harbour ferry run on Sunday?",
        "description": "Resolves Yes if it runs.", "market_slug": "harbour-ferry-sunday",
        "end_date_iso": "2026-12-06T00:00:00Z", "game_start_time": None, "seconds_delay": 0, "active": True, "closed": True,
        "archived": False, "accepting_orders": False, "enable_order_book": False, "minimum_order_size": 5,
        "minimum_tick_size": 0.01, "neg_risk": False, "is_50_50_outcome": False, "tags": ["Travel"],
        "rewards": {"rates": None, "min_size": 50, "max_spread": 3.5},
        "tokens": [
            {"token_id": YES, "outcome": "Yes", "price": 0, "winner": False},
            {"token_id": NO, "outcome": "No", "price": 1, "winner": True},
        ],
        **changes,
    }  # fmt: skip


def trade(**changes: Any) -> dict[str, Any]:
    return {
        "proxy_wallet": WALLET, "side": "BUY", "token_id": YES, "condition_id": CONDITION, "size": 120.5, "price": 0.38,
        "timestamp": SECONDS, "title": "Will the harbour ferry run on Sunday?", "slug": "harbour-ferry-sunday", "icon": "",
        "event_slug": "harbour-ferry", "outcome": "Yes", "outcome_index": 0, "name": "ferryman", "pseudonym": "Grey-Gull",
        "bio": "", "transaction_hash": TRANSACTION, **changes,
    }  # fmt: skip


def old_trade(**changes: Any) -> dict[str, Any]:
    return {
        "proxyWallet": WALLET, "side": "SELL", "asset": NO, "conditionId": CONDITION, "size": 12, "price": 0.62,
        "timestamp": SECONDS, "outcomeIndex": 1, "transactionHash": TRANSACTION, "name": "ferryman", **changes,
    }  # fmt: skip


def deed(**changes: Any) -> dict[str, Any]:
    return {
        "type": "REDEEM", "is_combo": False, "proxy_wallet": WALLET, "timestamp": SECONDS, "transaction_hash": TRANSACTION,
        "condition_id": CONDITION, "usdc_size": 40.25, "outcome": "", "outcome_index": 999, "title": "", **changes,
    }  # fmt: skip


def position(**changes: Any) -> dict[str, Any]:
    return {
        "proxy_wallet": WALLET, "token_id": YES, "condition_id": CONDITION, "current_size": 120.5, "avg_price": 0.36,
        "entry_cost_usdc": 43.38, "total_cost_usdc": 43.38, "current_price": 0.375, "current_value": 45.1875,
        "total_size": 120.5, "realized_pnl": -1.5, "unrealized_pnl": 1.8075, "total_pnl": 0.3075, "status": "OPEN",
        "redeemable": False, "negative_risk": False, "event_id": "6100", "outcome": "Yes", "outcome_index": 0,
        "opposite_token_id": NO, "end_date": "2026-12-06", "first_entry_at": SECONDS - 900, "last_event_at": SECONDS, **changes,
    }  # fmt: skip


def holders(**changes: Any) -> dict[str, Any]:
    row = {
        "proxy_wallet": WALLET,
        "token_id": YES,
        "amount": 120.5,
        "outcome_index": 0,
        "name": "ferryman",
        "total_pnl": -2.5,
    }
    return {"token_id": YES, "holders": [row, {**row, "proxy_wallet": "0x" + "78" * 20}], **changes}


def resolution(**changes: Any) -> dict[str, Any]:
    return {
        "question_id": "0x" + "ab" * 32, "condition_id": CONDITION, "status": "resolved", "extended_review": False,
        "was_disputed": True, "proposed_price": "1", "reproposed_price": "0", "price": "0", "transaction_hash": TRANSACTION,
        "log_index": 7, "last_update_timestamp": str(SECONDS), "market_type": "BINARY", "payouts": [0, 1_000_000],
        "resolution_source": "reported", "resolved_at": "2026-11-20T11:00:00Z", **changes,
    }  # fmt: skip


def token(**changes: Any) -> dict[str, Any]:
    return {
        "token_id": YES, "condition_id": CONDITION, "structural_condition_id": None, "module": "v1_ctf", "outcome_index": 0,
        "clob_index": 0, "outcome": "Yes", "opposite_token_id": NO, "resolved": True, "final_price": 0.0,
        "market_slug": "harbour-ferry-sunday", "closed": True, "neg_risk": False, "event_id": 6100, **changes,
    }  # fmt: skip


def paged(rows: list[Any], cursor: str | None = None) -> dict[str, Any]:
    return {
        "data": rows,
        "pagination": {"limit": 100, "offset": 0, "has_more": cursor is not None, "next_cursor": cursor},
    }


def kline(hour: int = 0, **changes: Any) -> list[Any]:
    start = 1_795_168_800_000 + hour * 3_600_000
    row = [
        start,
        "101.5",
        "103.25",
        "100.75",
        "102.0",
        "812.5",
        start + 3_599_999,
        "82875.0",
        1_543,
        "400.5",
        "40851.0",
        "0",
    ]
    for place, value in changes.items():
        row[int(place[1:])] = value
    return row


def day_ticker(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "priceChange": "1250.5", "priceChangePercent": "1.250", "weightedAvgPrice": "100900.1",
        "prevClosePrice": "100000", "lastPrice": "101250.50000000", "lastQty": "0.01", "bidPrice": "101250.4",
        "bidQty": "1", "askPrice": "101250.6", "askQty": "2", "openPrice": "100000.00000000", "highPrice": "102000",
        "lowPrice": "99500.5", "volume": "15000.5", "quoteVolume": "1515000000.25", "openTime": MILLIS - 86_400_000,
        "closeTime": MILLIS, "firstId": 1, "lastId": 9, "count": 8, **changes,
    }  # fmt: skip


def exchange_info() -> dict[str, Any]:
    return {
        "timezone": "UTC", "serverTime": MILLIS,
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
        "symbols": [
            {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"},
            {"symbol": "OLDUSDT", "status": "BREAK", "baseAsset": "OLD", "quoteAsset": "USDT"},
        ],
    }  # fmt: skip


def price_change(**changes: Any) -> dict[str, Any]:
    part = {"price": "0.37", "size": "60", "side": "BUY", "hash": "b2" * 20, "best_bid": "0.37", "best_ask": "0.38"}
    mirror = {"price": "0.63", "size": "60", "side": "SELL", "hash": "b3" * 20, "best_bid": "0.62", "best_ask": "0.63"}
    return {
        "event_type": "price_change", "market": CONDITION, "timestamp": str(MILLIS),
        "price_changes": [{"asset_id": YES, **part}, {"asset_id": NO, **mirror}], **changes,
    }  # fmt: skip


def printed_trade(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "last_trade_price", "market": CONDITION, "asset_id": YES, "price": "0.38", "size": "15.5",
        "side": "BUY", "fee_rate_bps": "0", "timestamp": str(MILLIS), "transaction_hash": TRANSACTION, **changes,
    }  # fmt: skip


def tick_change(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "tick_size_change", "market": CONDITION, "asset_id": YES, "old_tick_size": "0.01",
        "new_tick_size": "0.001", "timestamp": str(MILLIS), **changes,
    }  # fmt: skip


def best_prices(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "best_bid_ask", "market": CONDITION, "asset_id": YES, "best_bid": "0.37", "best_ask": "0.38",
        "spread": "0.01", "timestamp": str(MILLIS), **changes,
    }  # fmt: skip


def new_market(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "new_market", "id": "880009", "question": "Will it run on Monday?", "market": OTHER,
        "condition_id": OTHER, "slug": "harbour-ferry-monday", "description": "", "assets_ids": [YES, NO],
        "clob_token_ids": [YES, NO], "outcomes": ["Yes", "No"], "event_message": {"id": "6100", "title": "Harbour ferry"},
        "tags": ["travel"], "active": True, "order_price_min_tick_size": "0.01", "timestamp": str(MILLIS), **changes,
    }  # fmt: skip


def market_resolved(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "market_resolved", "id": "880001", "market": CONDITION, "assets_ids": [YES, NO],
        "winning_asset_id": NO, "winning_outcome": "No", "timestamp": str(MILLIS), "tags": ["travel"], **changes,
    }  # fmt: skip


def own_order(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "order", "type": "PLACEMENT", "id": ORDER, "owner": "0000-1111", "order_owner": "0000-1111",
        "market": CONDITION, "asset_id": YES, "side": "BUY", "original_size": "100", "size_matched": "0", "price": "0.36",
        "associate_trades": None, "outcome": "Yes", "created_at": str(SECONDS), "expiration": "0", "order_type": "GTC",
        "status": "LIVE", "maker_address": WALLET, "timestamp": str(MILLIS), **changes,
    }  # fmt: skip


def own_trade(**changes: Any) -> dict[str, Any]:
    maker = {
        "order_id": "0x" + "0a" * 32, "owner": "2222-3333", "maker_address": "0x" + "22" * 20, "matched_amount": "25",
        "price": "0.36", "fee_rate_bps": "0", "asset_id": YES, "outcome": "Yes", "side": "SELL",
    }  # fmt: skip
    return {
        "event_type": "trade", "type": "TRADE", "id": "7a0f-0001", "taker_order_id": ORDER, "market": CONDITION,
        "asset_id": YES, "side": "BUY", "size": "25", "price": "0.36", "fee_rate_bps": "0", "status": "MATCHED",
        "match_time": str(SECONDS), "last_update": str(SECONDS), "outcome": "Yes", "bucket_index": 0, "owner": "0000-1111",
        "trade_owner": "0000-1111", "maker_address": WALLET, "trader_side": "TAKER", "transaction_hash": "",
        "timestamp": str(MILLIS), "maker_orders": [maker], **changes,
    }  # fmt: skip

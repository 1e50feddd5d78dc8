"""Rows of the data service as it prints them."""

import hashlib
from typing import Any

from edgeworth.core.types import Payout
from edgeworth.core.units import HOUR, ONE_PRICE, SECOND
from edgeworth.sandbox.protocol import PublicPrint
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.feed import cash_e6
from edgeworth.sandbox.server.gamma_people import name_of
from edgeworth.sandbox.server.holdings import Holding, Holdings
from edgeworth.sandbox.server.live import LiveWorld, Phase

SORTS = {
    "CURRENT_VALUE": "current_value",
    "PRICE": "current_price",
    "TOKENS": "current_size",
    "UNREALIZED_PNL": "unrealized_pnl",
    "REALIZED_PNL": "realized_pnl",
    "TOTAL_PNL": "total_pnl",
    "TIMESTAMP": "last_event_at",
}
_UNSET = "69"
_ZERO = "0x" + 64 * "0"


class DataRows:
    """Print trades, positions, tokens and resolutions of one world."""

    def __init__(self, live: LiveWorld, holdings: Holdings) -> None:
        self.live, self.holdings = live, holdings

    def _titles(self, market: int) -> dict[str, Any]:
        numbering = self.live.names.numbering
        return {
            "title": self.live.text(market).question,
            "slug": numbering.market_slug(market),
            "icon": "",
            "event_slug": numbering.event_slug(self.live.event_of(market)),
        }

    def _person(self, wallet: str) -> dict[str, Any]:
        name, pseudonym = name_of(self.live, wallet)
        return {"name": name, "pseudonym": pseudonym, "bio": "", "profile_image": "", "profile_image_optimized": ""}

    def trade(self, row: PublicPrint) -> dict[str, Any]:
        """Return a public trade."""
        return {
            "proxy_wallet": row.wallet,
            "side": row.side,
            "token_id": self.live.names.tokens(row.market)[row.leg],
            "condition_id": self.live.names.condition_id(row.market),
            "size": row.shares_e6 / 1e6,
            "price": row.price_e4 / ONE_PRICE,
            "timestamp": row.at // SECOND,
            **self._titles(row.market),
            "outcome": self.live.text(row.market).outcomes[row.leg],
            "outcome_index": row.leg,
            **self._person(row.wallet),
            "transaction_hash": row.transaction,
        }

    def activity(self, row: PublicPrint) -> dict[str, Any]:
        """Return a trade as a line of somebody's activity."""
        return {"type": "TRADE", "is_combo": False, **self.trade(row), "usdc_size": cash_e6(row) / 1e6}

    def _standing(self, row: Holding, now: int) -> str:
        if self.live.phase(row.market, now) is not Phase.RESOLVED:
            return "OPEN"
        return "REDEEMABLE" if self.holdings.price_e4(row, now) > 0 else "REDEEMABLE_LOST"

    def position(self, row: Holding, now: int) -> dict[str, Any]:
        """Return a holding with its figures."""
        live, market, leg = self.live, row.market, row.leg
        tokens, outcomes = live.names.tokens(market), live.text(market).outcomes
        price = self.holdings.price_e4(row, now)
        value, cost = row.shares_e6 * price // ONE_PRICE, row.shares_e6 * row.average_e4 // ONE_PRICE
        status, end = self._standing(row, now), live.scheduled(market)
        entered = int(live.created_at[market]) + HOUR
        return {
            "proxy_wallet": row.wallet,
            "token_id": tokens[leg],
            "condition_id": live.names.condition_id(market),
            "current_size": row.shares_e6 / 1e6,
            "avg_price": row.average_e4 / ONE_PRICE,
            "entry_cost_usdc": cost / 1e6,
            "entry_fees_usdc": 0.0,
            "total_cost_usdc": cost / 1e6,
            "current_price": price / ONE_PRICE,
            "current_value": value / 1e6,
            "total_size": row.shares_e6 / 1e6,
            "realized_pnl": 0.0,
            "unrealized_pnl": (value - cost) / 1e6,
            "total_pnl": (value - cost) / 1e6,
            "percent_pnl": round(100 * (value - cost) / cost, 4) if cost else 0.0,
            "percent_realized_pnl": 0.0,
            "status": status,
            "redeemable": status.startswith("REDEEMABLE"),
            "mergeable": False,
            "negative_risk": live.kind(market).neg_risk,
            "archived": False,
            "verified": False,
            **self._titles(market),
            "event_id": live.names.event_id(live.event_of(market)),
            "outcome": outcomes[leg],
            "outcome_index": leg,
            "opposite_outcome": outcomes[1 - leg],
            "opposite_token_id": tokens[1 - leg],
            "end_date": text.iso(end)[:10] if end is not None else "",
            "first_entry_at": entered // SECOND,
            "last_event_at": max(min(now, int(live.proposed_at[market])) // HOUR * HOUR, entered) // SECOND,
            "name": name_of(live, row.wallet)[0],
            "profile_image": "",
        }

    def holder(self, row: Holding, now: int, *, pnl: bool) -> dict[str, Any]:
        """Return a holder of an outcome, with profit where asked for."""
        body = {
            "proxy_wallet": row.wallet,
            "token_id": self.live.names.tokens(row.market)[row.leg],
            "amount": row.shares_e6 / 1e6,
            "outcome_index": row.leg,
            "display_username_public": True,
            "verified": False,
            **self._person(row.wallet),
        }
        if not pnl:
            return body
        price = self.holdings.price_e4(row, now)
        value, cost = row.shares_e6 * price // ONE_PRICE, row.shares_e6 * row.average_e4 // ONE_PRICE
        return body | {
            "avg_price": row.average_e4 / ONE_PRICE,
            "entry_cost_usdc": cost / 1e6,
            "current_price": price / ONE_PRICE,
            "current_value": value / 1e6,
            "realized_pnl": 0.0,
            "unrealized_pnl": (value - cost) / 1e6,
            "total_pnl": (value - cost) / 1e6,
        }

    def standing(self, wallet: str, profit_e6: int, shares_e6: int) -> dict[str, Any]:
        """Return a wallet's line in the leaderboard, without its rank."""
        return {
            "user_id": wallet,
            "user_name": name_of(self.live, wallet)[0] or wallet,
            "pnl": profit_e6 / 1e6,
            "volume": shares_e6 / 1e6,
            "profile_image": "",
            "x_username": "",
            "verified": False,
        }

    def winner(self, rank: int, gain_e6: int, row: Holding) -> dict[str, Any]:
        """Return one of the biggest wins."""
        cost = row.shares_e6 * row.average_e4 // ONE_PRICE
        return {
            "win_rank": rank,
            "user_id": row.wallet,
            "pnl": gain_e6 / 1e6,
            "initial_value": cost / 1e6,
            "final_value": (cost + gain_e6) / 1e6,
            "resolved_at": int(self.live.resolved_at[row.market]) // SECOND,
            "kind": "market",
            "user_name": name_of(self.live, row.wallet)[0],
            "condition_id": self.live.names.condition_id(row.market),
            "position_id": self.live.names.tokens(row.market)[row.leg],
            "event_id": int(self.live.names.event_id(self.live.event_of(row.market))),
            **self._titles(row.market),
        }

    def token(self, market: int, leg: int, now: int) -> dict[str, Any]:
        """Return an outcome token with its final price, once there is one."""
        live, names = self.live, self.live.names
        resolved = live.phase(market, now) is Phase.RESOLVED
        payout = int(live.world.final_e4[market])
        tokens, event = names.tokens(market), live.event_of(market)
        second, neg_risk = names.version(market) == "v2", live.kind(market).neg_risk
        final = (payout if leg == 0 else ONE_PRICE - payout) / ONE_PRICE if payout != Payout.VOID else None
        return {
            "token_id": tokens[leg],
            "condition_id": names.condition_id(market),
            "structural_condition_id": names.condition_id(market) if second else None,
            "module": ("neg_risk" if neg_risk else "binary") if second else "v1_ctf",
            "outcome_index": leg,
            "clob_index": leg,
            "outcome": live.text(market).outcomes[leg],
            "opposite_token_id": tokens[1 - leg],
            "resolved": resolved,
            "final_price": final if resolved else None,
            "title": live.text(market).question,
            "market_slug": names.numbering.market_slug(market),
            "closed": resolved,
            "neg_risk": neg_risk,
            "neg_risk_market_id": names.group_id(event) if neg_risk else None,
            "question_index": market - names.numbering.first[event] if neg_risk else None,
            "event_id": int(names.event_id(event)),
            "event_slug": names.numbering.event_slug(event),
        }

    def resolution(self, market: int, now: int) -> dict[str, Any]:
        """Return how far the oracle is with a market; a disputed first proposal said the opposite of the outcome."""
        live, names = self.live, self.live.names
        status = live.status(market, now)
        payout = int(live.world.final_e4[market])
        disputed = "disputed" in status.history
        right = {int(Payout.YES): "1", int(Payout.NO): "0"}.get(payout, "0.5")
        wrong = {"1": "0", "0": "1"}.get(right, "1")
        resolved = status.phase is Phase.RESOLVED
        steps = (live.created_at, live.proposed_at, live.disputed_at, live.reproposed_at, live.resolved_at)
        changed = max(int(step[market]) for step in steps if step[market] <= now)
        void = payout == Payout.VOID
        micro = [0, 0] if void else [payout * 100, (ONE_PRICE - payout) * 100]
        return {
            "question_id": names.question_id(market),
            "condition_id": names.condition_id(market),
            "status": _oracle_word(status.history),
            "extended_review": False,
            "expected_settlement_time": None,
            "settlement_time_basis": None,
            "was_disputed": disputed,
            "new_version_q": False,
            "proposed_price": (wrong if live.world.disputed[market] else right) if status.history else _UNSET,
            "reproposed_price": right if status.history.count("proposed") > 1 else _UNSET,
            "price": right if resolved else _UNSET,
            "transaction_hash": _hash(names.question_id(market)) if status.history else _ZERO,
            "log_index": market % 400,
            "last_update_timestamp": str(changed // SECOND),
            "market_type": "BINARY",
            "payouts": micro if resolved else None,
            "resolution_source": "reported" if resolved else None,
            "reporter": "CHAINLINK" if live.kind(market).settles == "venue" else "UMA_OO",
            "was_arbitrated": False,
            "resolved_block": 60_000_000 + changed // (2 * SECOND) % 40_000_000 if resolved else None,
            "resolved_at": text.iso_seconds(int(live.resolved_at[market])) if resolved else None,
        }


def _oracle_word(history: tuple[str, ...]) -> str:
    if not history:
        return "posed"
    if history[-1] == "proposed" and history.count("proposed") > 1:
        return "reproposed"
    return history[-1]


def _hash(words: str) -> str:
    return "0x" + hashlib.sha256(words.encode()).hexdigest()

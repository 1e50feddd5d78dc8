"""The review queue: one entry per market that a rule fires on, with fair value, cost, edge, size, gate code, reasons.

Money goes through the engine's own functions: executable price, fee, Kelly share shrunk by the error, caps in their
order. What stands higher in the queue uses up the room that its event, its category and the whole account have.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from edgeworth.core.config import Settings
from edgeworth.core.instants import to_iso
from edgeworth.core.panel import UNKNOWN_TIME, Floats, Int64s
from edgeworth.core.units import DAY, HOUR, SECOND, Micros
from edgeworth.engine.account import affordable_lots
from edgeworth.engine.fees import FeeTable, taker_fee_e6
from edgeworth.engine.fills import ask_e4, half_spread_e4
from edgeworth.engine.gate import GateCode, blocked, gate
from edgeworth.engine.sizing import decide, exclusive_stakes, kelly, part, probability_e6
from edgeworth.engine.types import LOT_E6, EngineConfig, EngineMarkets
from edgeworth.forecasting.odds import Odds, joined
from edgeworth.forecasting.speaking import Said
from edgeworth.research.batch_signals.lookout import Board
from edgeworth.research.batch_signals.panels import NO_QUOTE
from edgeworth.research.batch_signals.types import Driver, Evidence, ReviewEntry, Size, band_of

_CONFIDENCE: Final = 0.95
_SUREST: Final = 0.9999  # no finite past makes anything certain


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every (market, speaker) that fires, C rows: `at` place on the board, `who` the speaker's number.

    `mid_e4`, `price_e4` (executable), `cost_e6` (all-in, one share) are of the side; `quoted` where a quote was seen.
    `stated_low`, `stated_high`: the side's interval as a model states it, NaN where it follows from the odds.
    """

    at: Int64s
    who: Int64s
    side: Int64s
    reason: tuple[str, ...]
    mid_e4: Int64s
    price_e4: Int64s
    cost_e6: Int64s
    quoted: Int64s
    odds: Odds
    priority: Floats
    stated_low: Floats
    stated_high: Floats


def find(board: Board, settings: Settings) -> Candidates:
    """Return all candidates of a board, with the posterior probability that each one's edge is positive."""
    parts = [said for said in board.said if len(said.index)]
    at = np.concatenate([said.index for said in parts]) if parts else np.empty(0, np.int64)
    numbers = [number for number, said in enumerate(board.said) if len(said.index)]
    who = np.repeat(np.array(numbers, np.int64), [len(said.index) for said in parts])
    side = np.concatenate([said.side.astype(np.int64) for said in parts]) if parts else np.empty(0, np.int64)
    mid, price, cost, quoted = executable(board, at, side, settings)
    none = Odds(*(np.empty(0, kind) for kind in (float, float, float, np.int64, float)))
    odds = joined([said.odds for said in parts]) if parts else none
    reasons = tuple(reason for said in parts for reason in said.reason)
    spans = [said.interval() for said in parts]
    low, high = (np.concatenate([span[end] for span in spans]) if spans else np.empty(0) for end in (0, 1))
    priority = odds.exceeds(cost / 1e6)
    keep = np.flatnonzero(priority > 0.0)  # who is certain that nothing clears the costs proposes nothing
    return Candidates(
        at=at[keep],
        who=who[keep],
        side=side[keep],
        reason=tuple(reasons[k] for k in keep),
        mid_e4=mid[keep],
        price_e4=price[keep],
        cost_e6=cost[keep],
        quoted=quoted[keep],
        odds=odds.take(keep),
        priority=np.minimum(priority[keep], _SUREST),
        stated_low=low[keep],
        stated_high=high[keep],
    )


def executable(board: Board, at: Int64s, side: Int64s, settings: Settings) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Return mid, executable price and all-in cost of one share of each side, and whether a quote was seen."""
    config = EngineConfig.of_settings(settings.costs, settings.risk)
    panel, count = board.panel, len(at)
    fees = FeeTable.of_panel(panel).scaled(config.fee_multiplier)
    ticks = np.clip(panel.markets["tick_e4"].to_numpy(), 1, 1_000).astype(np.int64)
    yes = panel.price_e4[board.row[at]].astype(np.int64)
    mid = np.where(side > 0, yes, 10_000 - yes)
    quote = np.where(side > 0, board.ask_e4[at], np.where(board.bid_e4[at] > 0, 10_000 - board.bid_e4[at], NO_QUOTE))
    quoted = (quote > 0) & (quote < 10_000)
    price, cost = np.empty(count, np.int64), np.empty(count, np.int64)
    for k, market in enumerate(board.market[at].tolist()):
        stated = ask_e4(
            int(mid[k]), half_spread_e4(int(mid[k]), config.half_e8, config.spread_share), int(ticks[market])
        )
        price[k] = quote[k] if quoted[k] else stated
        fee = taker_fee_e6(1_000_000, int(price[k]), int(fees.rate_e6[market]), int(fees.exponent[market]))
        cost[k] = price[k] * 100 + fee
    return mid, price, cost, quoted.astype(np.int64)


def best_of_each(found: Candidates, allowed: Int64s) -> list[tuple[int, list[int]]]:
    """Return per market of `allowed` (places on the board) its best candidate and the others, best markets first."""
    groups: dict[int, list[int]] = defaultdict(list)
    places = set(allowed.tolist())
    for k, place in enumerate(found.at.tolist()):
        if place in places:
            groups[place].append(k)
    edge = found.odds.fair() - found.cost_e6 / 1e6 if len(found.at) else np.empty(0)

    def rank(k: int) -> tuple[float, float, int]:
        return -float(found.priority[k]), -float(edge[k]), int(found.who[k])

    chosen = [(min(group, key=rank), group) for group in groups.values()]
    ordered = sorted(chosen, key=lambda pair: (*rank(pair[0]), int(found.at[pair[0]])))
    return [(best, [k for k in group if k != best]) for best, group in ordered]


@dataclass(slots=True)
class _Account:
    """What is left of a bankroll while the queue is sized from the top."""

    config: EngineConfig
    cash: int
    spent: int
    event: dict[int, int]
    category: dict[str, int]

    def rooms(self, event: int, category: str, depth_e6: int) -> tuple[int, int, int, int, int, int, int]:
        """Return the dollars left under each cap, in the order of `gate.CAPS`."""
        c, worth = self.config, self.config.bankroll_e6
        return (
            c.max_order_e6,
            depth_e6,
            part(worth, c.max_market),
            part(worth, c.max_event) - self.event.get(event, 0),
            part(worth, c.max_category) - self.category.get(category, 0),
            part(worth, c.max_total) - self.spent,
            self.cash,
        )

    def take(self, event: int, category: str, amount: int) -> None:
        """Reserve an amount."""
        self.cash -= amount
        self.spent += amount
        self.event[event] = self.event.get(event, 0) + amount
        self.category[category] = self.category.get(category, 0) + amount


@dataclass(frozen=True, slots=True)
class Sized:
    """What the engine says about one candidate: its gate code and the suggested size."""

    code: GateCode
    stake_e6: int
    lots: int
    share_ppm: int


class Desk:
    """Size candidates in the order of the queue, as one account would."""

    def __init__(self, board: Board, found: Candidates, settings: Settings, min_edge: float) -> None:
        self._board, self._found = board, found
        self._config = EngineConfig.of_settings(settings.costs, settings.risk)
        self._least = max(self._config.min_edge_e6, round(min_edge * 1e6), 1)
        self._fees = FeeTable.of_panel(board.panel).scaled(self._config.fee_multiplier)
        self._markets = EngineMarkets.of_panel(board.panel, np.zeros(board.panel.market_count, np.int32), self._fees)
        self._event = board.panel.markets["event_no"].to_numpy()
        self._account = _Account(self._config, self._config.bankroll_e6, 0, {}, {})
        self._fair = found.odds.fair() if len(found.at) else np.empty(0)
        self._error = found.odds.error() if len(found.at) else np.empty(0)

    def size(self, queue: Sequence[int]) -> list[Sized]:
        """Return what is suggested for each candidate of the queue."""
        joint = self._joint(queue)
        return [self._size(k, joint.get(k)) for k in queue]

    def _edge(self, k: int) -> int:
        return probability_e6(float(self._fair[k])) - int(self._found.cost_e6[k])

    def _joint(self, queue: Sequence[int]) -> dict[int, float]:
        """Return joint Kelly shares of the YES legs of events of which exactly one market wins."""
        legs: dict[int, list[int]] = defaultdict(list)
        for k in queue:
            market = int(self._board.market[self._found.at[k]])
            if self._found.side[k] > 0 and self._markets.exclusive[market] and self._edge(k) >= self._least:
                legs[int(self._event[market])].append(k)
        shares: dict[int, float] = {}
        for group in legs.values():
            p = np.array([probability_e6(float(self._fair[k])) / 1e6 for k in group])
            c = np.array([int(self._found.cost_e6[k]) / 1e6 for k in group])
            shares.update(zip(group, exclusive_stakes(p, c).tolist(), strict=True))
        return shares

    def _size(self, k: int, joint: float | None) -> Sized:
        found, at = self._found, int(self._found.at[k])
        market = int(self._board.market[at])
        if self._edge(k) < self._least:
            return Sized(GateCode.MIN_EDGE, 0, 0, 0)
        depth = int(self._board.depth_e6[at])
        # a quoted depth counts both sides of the book
        limit = self._config.depth_e6 if depth == NO_QUOTE or not found.quoted[k] else min(depth // 2, 10**15)
        event, category = int(self._event[market]), self._board.category[at]
        rooms = self._account.rooms(event, category, limit)
        code = blocked(rooms)
        if code:
            return Sized(GateCode(code), 0, 0, 0)
        alone = kelly(probability_e6(float(self._fair[k])) / 1e6, int(found.cost_e6[k]) / 1e6)
        share = alone if joint is None else joint
        if share <= 0.0:
            return Sized(GateCode.BETTER_SIBLING, 0, 0, 0)
        ppm = decide(share, self._edge(k), float(self._error[k]), self._config.kelly)
        if ppm <= 0:
            return Sized(GateCode.UNPROVEN, 0, 0, 0)
        stake, cap = gate(part(self._config.bankroll_e6, ppm), rooms)
        price, rate = int(found.price_e4[k]), int(self._fees.rate_e6[market])
        exponent = int(self._fees.exponent[market])
        lots = affordable_lots(stake, price, rate, exponent)
        if lots < self._markets.min_lots[market]:
            return Sized(GateCode(cap) if cap else GateCode.MIN_SIZE, 0, 0, ppm)
        spent = lots * price + taker_fee_e6(lots * LOT_E6, price, rate, exponent)
        self._account.take(event, category, spent)
        return Sized(GateCode.ALLOWED, spent, lots, ppm)


def entries(
    board: Board, found: Candidates, queue: Sequence[tuple[int, list[int]]], clusters: dict[int, str],
    desk: Desk,
) -> list[ReviewEntry]:  # fmt: skip
    """Write the entries of a queue (best candidate, others of the market); `clusters` by place on the board."""
    if not queue:
        return []
    best = np.array([k for k, _ in queue], np.int64)
    odds = found.odds.take(best)
    low, high = odds.interval(_CONFIDENCE)
    low = np.where(np.isnan(found.stated_low[best]), low, found.stated_low[best])
    high = np.where(np.isnan(found.stated_high[best]), high, found.stated_high[best])
    beliefs = np.column_stack([odds.fair(), odds.error(), odds.mean, low, high, odds.shift, odds.paid])
    sized = desk.size(best.tolist())
    drivers = _explained(board, found, best)
    facts = board.panel.markets
    result = []
    for place, (who, size) in enumerate(zip(queue, sized, strict=True)):
        market = int(board.market[found.at[who[0]]])
        about = {name: facts[name][market] for name in ("market_id", "market_no", "question")}
        about["cluster"] = clusters[int(found.at[who[0]])]
        about["drivers"] = drivers.get(who[0], ())
        result.append(_entry(board, found, who, (about, size, _Belief(*beliefs[place].tolist()))))
    return result


@dataclass(frozen=True, slots=True)
class _Belief:
    """One candidate's odds in numbers: `rate` in [low, high] is the win rate, `shift` what today's price adds."""

    fair: float
    error: float
    rate: float
    low: float
    high: float
    shift: float
    paid: float


def _entry(
    board: Board, found: Candidates, who: tuple[int, list[int]], what: tuple[dict[str, Any], Sized, _Belief]
) -> ReviewEntry:
    k, (about, size, belief) = who[0], what
    at, said = int(found.at[k]), board.said[int(found.who[k])]
    side: Literal["YES", "NO"] = "YES" if found.side[k] > 0 else "NO"
    cost, price, priority = int(found.cost_e6[k]) / 1e6, int(found.price_e4[k]) / 1e4, float(found.priority[k])
    near, far = _inside(belief.low + belief.shift), _inside(belief.high + belief.shift)
    action: Literal["BUY YES", "BUY NO", "PASS"] = "PASS"
    decided_by = size.code.text if size.code is not GateCode.ALLOWED or near > cost else "interval"
    edge = belief.fair - cost
    if size.code is GateCode.ALLOWED and near > cost:
        action = "BUY YES" if side == "YES" else "BUY NO"
    pair = f"{about['cluster']}|{said.speaker}"
    return ReviewEntry(
        pair_id=pair,
        market_id=about["market_id"],
        market_no=about["market_no"],
        question=about["question"],
        category=board.category[at],
        cluster_id=about["cluster"],
        rule=said.speaker,
        side=side,
        priority=round(priority, 4),
        band=band_of(priority),
        action=action,
        mid=int(found.mid_e4[k]) / 1e4,
        price=price,
        cost=cost,
        fair=round(belief.fair, 5),
        fair_se=round(belief.error, 5),
        fair_low=round(near, 5),
        fair_high=round(far, 5),
        edge=round(edge, 5),
        edge_low=round(near - cost, 5),
        edge_high=round(far - cost, 5),
        per_day=_per_day(board, at, edge / cost if cost > 0 else 0.0),
        gate=size.code.text,
        decided_by=decided_by,
        size=Size(stake=size.stake_e6 / 1e6, shares=size.lots * LOT_E6 / 1e6, kelly=size.share_ppm / 1e6),
        evidence=_evidence(board, found, who, belief),
        price_at=to_iso(Micros(int(board.panel.t[board.row[at]]))),
        age_seconds=int(board.age[at]) // SECOND,
        fidelity="quoted" if found.quoted[k] else "stated-spread",
        analysis_question=f"Is {side} at {price:.3f} worth more than {cost:.4f}? {about['question']}",
        cache_key=f"{pair}|{about['market_id']}|v1",  # one entry per market, so the market is part of its name
        reasoning=_reasoning(said, found.reason[k], int(found.odds.events[k]), belief),
        drivers=about["drivers"],
    )


def _per_day(board: Board, at: int, per_dollar: float) -> float | None:
    """Return what a dollar is expected to earn by the day until the scheduled end, None where there is none."""
    end = int(board.end[at])
    return None if end == UNKNOWN_TIME else round(per_dollar * DAY / max(end - board.as_of, HOUR), 6)


def _explained(board: Board, found: Candidates, best: Int64s) -> dict[int, tuple[Driver, ...]]:
    """Return what drives the forecasts among some candidates, each model asked once."""
    drivers: dict[int, tuple[Driver, ...]] = {}
    for number, said in enumerate(board.said):
        own = best[found.who[best] == number]
        if said.stated is None or not len(own):
            continue
        told = said.stated.explain(found.at[own])
        drivers |= {
            k: tuple(Driver(feature=name, log_odds=share) for name, share in each)
            for k, each in zip(own.tolist(), told, strict=True)
        }
    return drivers


def _evidence(board: Board, found: Candidates, who: tuple[int, list[int]], belief: _Belief) -> Evidence:
    k, others = who
    with_it = tuple(board.said[int(found.who[o])].speaker for o in others if found.side[o] == found.side[k])
    against = tuple(board.said[int(found.who[o])].speaker for o in others if found.side[o] != found.side[k])
    return Evidence(
        events=int(found.odds.events[k]),
        win_rate=round(belief.rate, 5),
        win_rate_low=round(belief.low, 5),
        win_rate_high=round(belief.high, 5),
        price_paid=round(_inside(belief.paid), 5),
        agree=with_it,
        disagree=against,
    )


def _inside(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _reasoning(said: Said, reason: str, events: int, belief: _Belief) -> str:
    speaker = said.speaker
    if said.stated is not None:
        span = f"{belief.rate:.1%} [{belief.low:.1%}, {belief.high:.1%}]"
        return f"{speaker} ({reason}): {span} where the price says {belief.paid:.1%}"
    if not events:
        return f"{speaker} ({reason}): no resolved event of its own yet, so the price stands"
    return (
        f"{speaker} ({reason}): wins {belief.rate:.1%} [{belief.low:.1%}, {belief.high:.1%}] after {events} "
        f"independent events bought at {belief.paid:.3f}"
    )

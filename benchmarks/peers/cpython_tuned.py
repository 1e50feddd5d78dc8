"""The rules of the walk as a CPython loop tuned as far as it goes; fills must be equal bit for bit.

It passes over points of markets that are not held without looking at the account, holds state in lists by number, and
knows beforehand at which points an opinion or a resolution is due. `cpython_loop` says the same without such tricks.
"""

import math
from typing import Any

from edgeworth.engine.fills import quote_table
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, Tape

NEVER = 1 << 62


def prepare(tape: Tape, terms: EngineMarkets, opinions: EngineOpinions, config: EngineConfig) -> dict[str, Any]:
    """Turn arrays into lists, opinions into tape order; not part of what is timed."""
    order = opinions.position.argsort()
    ticks = sorted(set(terms.tick_e4.tolist()))
    tables = [
        quote_table(terms.tick_e4[[terms.tick_e4.tolist().index(tick)]], config.half_e8, config.spread_share, buy)
        for tick in ticks
        for buy in (True, False)
    ]
    class_of = [ticks.index(tick) for tick in terms.tick_e4.tolist()]
    return {
        "t": tape.t.tolist(), "market": tape.market.tolist(), "price": tape.price_e4.tolist(),
        "ends": list(zip(tape.end_position.tolist(), tape.end_market.tolist(), tape.end_t.tolist(),
                         tape.end_payout_e4.tolist(), strict=True)),
        "opinions": list(zip(opinions.position[order].tolist(), opinions.side[order].tolist(),
                             opinions.p[order].tolist(), opinions.se[order].tolist(), strict=True)),
        "ask": [tables[2 * c][0].tolist() for c in class_of], "bid": [tables[2 * c + 1][0].tolist() for c in class_of],
        "event": terms.event.tolist(), "category": terms.category.tolist(), "min_lots": terms.min_lots.tolist(),
        "rate": terms.fees.scaled(config.fee_multiplier).rate_e6.tolist(), "config": config,
    }  # fmt: skip


def fee(lots: int, price: int, rate: int) -> int:
    """Return the taker fee in micro-dollars, steps of ten, rounded up."""
    exact = lots * rate * price * (10_000 - price)
    steps = exact // 10**11
    return 0 if not steps else (steps + (exact % 10**11 > 0)) * 10


def affordable(budget: int, price: int, rate: int) -> int:
    """Return the most lots whose price and fee the budget pays."""
    most = min(budget // price, 2_000_000_000)
    lots = min(most, int(budget / (price + rate * 1e-10 * price * (10_000 - price))))
    while lots > 0 and lots * price + fee(lots, price, rate) > budget:
        lots -= 1
    while lots < most and (lots + 1) * price + fee(lots + 1, price, rate) <= budget:
        lots += 1
    return lots


def replay(data: dict[str, Any]) -> tuple[list[Any], int, int]:  # noqa: C901, PLR0912, PLR0915
    """Return fills (t, market, side, kind, price, lots, fee), final equity and the worst decline, micro-dollars."""
    t, market, price = data["t"], data["market"], data["price"]
    ask_of, bid_of, event_of, category_of = data["ask"], data["bid"], data["event"], data["category"]
    rate_of, min_lots, c = data["rate"], data["min_lots"], data["config"]
    opinions, ends = [*data["opinions"], (NEVER, 0, 0.0, 0.0)], [*data["ends"], (NEVER, 0, 0, 0)]
    count = len(event_of)
    flag, lots_of, bid_now, paid, side_of, stop_of = ([0] * count for _ in range(6))
    order: list[Any] = [None] * count
    blocked = [False] * count
    by_event, by_category = [0] * (max(event_of) + 1), [0] * (max(category_of) + 1)
    cash = peak = trough = c.bankroll_e6
    reserved = positions = value = worst = next_opinion = next_end = 0
    fills = []
    due, ended = opinions[0][0], ends[0][0]
    for k in range(len(t) + 1):
        while ended <= k:
            _, m, when, payout = ends[next_end]
            if flag[m] == 2:
                budget = order[m][1]
                cash, reserved = cash + budget, reserved - budget
                by_event[event_of[m]] -= budget
                by_category[category_of[m]] -= budget
            elif flag[m]:
                lots, cost = lots_of[m], lots_of[m] * paid[m]
                each = payout if side_of[m] > 0 else 10_000 - payout
                cash, positions, value = cash + lots * each, positions - cost, value - lots * bid_now[m]
                by_event[event_of[m]] -= cost
                by_category[category_of[m]] -= cost
                fills.append((when, m, side_of[m], 1, each, lots, 0))
                now = cash + reserved + value
                if now > peak:
                    worst, peak, trough = max(worst, peak - trough), now, now
                elif now < trough:
                    trough = now
            flag[m], blocked[m] = 0, True
            next_end += 1
            ended = ends[next_end][0]
        if k == len(t):
            break
        m = market[k]
        state = flag[m]
        if state:
            p, filled = price[k], False
            if state == 2 and t[k] > order[m][0]:
                _, budget, fair, side = order[m]
                leg = p if side > 0 else 10_000 - p
                ask, rate = ask_of[m][leg], rate_of[m]
                lots = affordable(budget, ask, rate)
                cash, reserved = cash + budget, reserved - budget
                if ask * 100 + fee(100, ask, rate) > fair or lots < min_lots[m]:
                    cost, flag[m], blocked[m] = 0, 0, False
                else:
                    cost, paid_fee = lots * ask, fee(lots, ask, rate)
                    cash, positions = cash - cost - paid_fee, positions + cost
                    flag[m], lots_of[m], paid[m], side_of[m] = 1, lots, ask, side
                    bid_now[m] = bid_of[m][leg]
                    value += lots * bid_now[m]
                    stop_of[m] = ask * (1_000_000 - c.stop_loss) // 1_000_000 if c.stop_loss else -1
                    fills.append((t[k], m, side, 0, ask, lots, paid_fee))
                    filled = True
                by_event[event_of[m]] += cost - budget
                by_category[category_of[m]] += cost - budget
            elif state == 3 and t[k] > order[m][0]:
                leg = p if side_of[m] > 0 else 10_000 - p
                bid = bid_of[m][leg]
                lots = min(lots_of[m], c.depth_e6 // bid) if bid > 0 else 0
                if lots:
                    taken, cost = min(fee(lots, bid, rate_of[m]), lots * bid), lots * paid[m]
                    cash, positions, value = cash + lots * bid - taken, positions - cost, value - lots * bid_now[m]
                    by_event[event_of[m]] -= cost
                    by_category[category_of[m]] -= cost
                    lots_of[m] -= lots
                    order[m] = (t[k],)
                    fills.append((t[k], m, side_of[m], 3, bid, lots, taken))
                    if not lots_of[m]:
                        flag[m] = 0
            if flag[m] in {1, 3}:
                bid = bid_of[m][p if side_of[m] > 0 else 10_000 - p]
                value += lots_of[m] * (bid - bid_now[m])
                bid_now[m] = bid
                if flag[m] == 1 and not filled and bid <= stop_of[m]:
                    flag[m], order[m] = 3, (t[k],)
            now = cash + reserved + value
            if now > peak:
                worst, peak, trough = max(worst, peak - trough), now, now
            elif now < trough:
                trough = now
        if k == due:
            _, side, chance, se = opinions[next_opinion]
            next_opinion += 1
            due = opinions[next_opinion][0]
            if blocked[m]:
                continue
            p, fair, rate = price[k], math.floor(chance * 1e6), rate_of[m]
            ask = ask_of[m][p if side > 0 else 10_000 - p]
            all_in = ask * 100 + fee(100, ask, rate)
            if fair - all_in < max(c.min_edge_e6, 1):
                continue
            worth = cash + reserved + value
            drawdown = (peak - worth) * 1_000_000 // peak
            rooms = (
                c.max_order_e6, c.depth_e6, worth * c.max_market // 1_000_000,
                worth * c.max_event // 1_000_000 - by_event[event_of[m]],
                worth * c.max_category // 1_000_000 - by_category[category_of[m]],
                worth * c.max_total // 1_000_000 - reserved - positions, cash,
            )  # fmt: skip
            if drawdown >= c.drawdown_stop or min(rooms) <= 0:
                continue
            edge = (fair - all_in) / 1e6
            share = (fair / 1e6 - all_in / 1e6) / (1.0 - all_in / 1e6)
            ppm = math.floor(share * (edge * edge / (edge * edge + se * se)) * c.kelly * 1e6)
            if ppm <= 0:
                continue
            scale = 1_000_000
            if drawdown > c.drawdown_start:
                scale = (c.drawdown_stop - drawdown) * 1_000_000 // (c.drawdown_stop - c.drawdown_start)
            stake = min(worth * ppm // 1_000_000 * scale // 1_000_000, *rooms)
            if affordable(stake, ask, rate) < min_lots[m]:
                continue
            order[m], flag[m], blocked[m] = (t[k], stake, fair, side), 2, True
            cash, reserved = cash - stake, reserved + stake
            by_event[event_of[m]] += stake
            by_category[category_of[m]] += stake
    return fills, cash + reserved + value, max(worst, peak - trough)

"""Wire fair values: a market explained, fair values scored against prices, and the study on the home's own candles."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgeworth.app.homes import need_data
from edgeworth.core.clock import Clock
from edgeworth.core.config import Config
from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.instants import parse_bound, to_iso
from edgeworth.core.units import DAY, Micros

if TYPE_CHECKING:
    from edgeworth.core.contract import ContractTerms
    from edgeworth.research.fairvalue_columns import FairValueColumns
    from edgeworth.research.fairvalue_score import Scored
    from edgeworth.research.fairvalue_study import Study

_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class MarketRequest:
    """Which market, as of when (text, None = now, or its last stored price when that was earlier), and how.

    `rate` is the yearly interest for long waits, None the configured one; with `proxy`, candles of another venue stand
    in for the rule's.
    """

    market: str
    at: str | None = None
    rate: float | None = None
    proxy: bool = False


def explain(config: Config, request: MarketRequest, clock: Clock) -> dict[str, Any]:
    """Return a market's terms with their evidence, and its fair value with interval and sensitivities, JSON-ready.

    Raises UsageError unknown-market | bad-date, DataError store-empty.
    """
    need_data(config.home)
    from edgeworth.features.fairvalue.value import Options
    from edgeworth.research.fairvalue_columns import load_columns
    from edgeworth.store.lookup import find_market, market_prices

    number = find_market(config.home, request.market)
    columns = load_columns(config.home, options=Options(proxy=request.proxy))
    if number not in columns.terms:
        raise DataError("no-rule", f"no description of '{request.market}' is stored")
    prices = market_prices(config.home, number)
    now = clock.now()
    known = prices["event_time"].dt.epoch("us").to_list() if prices.height else []
    at = parse_bound(request.at, now) if request.at else Micros(min([now, *known[-1:]]))
    place = int(np.searchsorted(np.sort(np.array(known, dtype=np.int64)), at, side="right")) - 1
    price = float(prices.sort("event_time")["price"][place]) if place >= 0 else None
    settings = config.settings.fair_value
    rate, dated = (settings.rate, settings.rate_date) if request.rate is None else (request.rate, "")
    value = _value(columns, number, at, (rate, dated))
    terms = columns.terms[number]
    return {"market_no": number, "as_of": to_iso(at), "terms": _terms(terms), "market_price": price, **value}


def _terms(terms: "ContractTerms") -> dict[str, Any]:
    found = asdict(terms)
    for name in ("window_start", "window_end"):
        found[name] = None if found[name] is None else to_iso(found[name])
    return {**found, "kind": terms.kind.value, "confidence": terms.confidence, "payouts": dict(terms.payouts)}


def _value(columns: "FairValueColumns", number: int, at: Micros, rate: tuple[float, str]) -> dict[str, Any]:
    from edgeworth.features.fairvalue.value import DRIFTS, carry_note

    found, sigma, spread = columns.at(number, np.array([at], dtype=np.int64))
    names = ("p", "low", "high", "se", "per_sigma", "per_spot", "distance", "so_far", "spot")
    values = {name: _number(getattr(found, name)[0]) for name in names}
    drifts = {f"{drift:+.0%}": _number(v) for drift, v in zip(DRIFTS, found.drifts[0], strict=True)}
    left = int(found.left[0])
    refused = columns.refused.get(columns.terms[number].underlying)
    return {
        "fair_value": {
            **values, "drifts": drifts, "sigma": _number(sigma[0]), "spread": _number(spread[0]),
            "days_left": left / DAY if left >= 0 else None, "reason": refused or str(found.reason[0]),
            "carry": _carry(carry_note(float(found.p[0]), left, rate[0]), rate[1]),
        }
    }  # fmt: skip


def _carry(note: str, dated: str) -> str:
    return f"{note} (rate of {dated})" if note and dated else note


def _number(value: Any) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None


def scoreboard(config: Config, source: str | None) -> "tuple[Scored, FairValueColumns]":
    """Return fair values scored against the home's prices, and the columns used; raises what the store raises,
    DataError too-few-rows without rules or candles.
    """
    need_data(config.home)
    from edgeworth.research.fairvalue_columns import load_columns
    from edgeworth.research.fairvalue_score import score
    from edgeworth.store.asof import load_panel

    columns = load_columns(config.home)
    panel, outcomes = load_panel(config.home, source=source)
    return score(panel, outcomes, columns), columns


def study(config: Config, days: float, every: float) -> "tuple[Study, dict[str, str]]":
    """Return which variance forecast gives the best touch probabilities on the home's candles, and refused symbols.

    Raises UsageError bad-option, DataError too-few-rows | implausible-candles.
    """
    from edgeworth.research.candle_gate import sound
    from edgeworth.research.fairvalue_columns import load_histories
    from edgeworth.research.fairvalue_study import compare
    from edgeworth.research.virtual_contracts import cut_touches

    if not (0 < days <= 365 and 0 < every <= 365):
        raise UsageError("bad-option", "--days and --every are between 0 and 365")
    passed, refused = sound(load_histories(config.home))
    if not passed:
        if refused:
            symbol, why = next(iter(refused.items()))
            raise DataError("implausible-candles", f"{symbol}: {why}", symbols=sorted(refused))
        raise DataError("too-few-rows", "there are no candles in this home")
    contracts = cut_touches({symbol: history.bars for symbol, history in passed.items()}, days, every, _SEED)
    return compare(contracts, days), refused

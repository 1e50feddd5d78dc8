"""The taker fee of a market: its own schedule, else the venue's published history.

Formula: fee per share = rate x (p(1-p))**exponent dollars, takers only. Sources: the venue's fee page and change log,
2026. Until 2026-03-30 markets were free, except the 15-minute crypto markets of the type `crypto_15_min` (rate 0.25,
exponent 2). From then on the categories pay the rates below; sports paid 0.03 when listed before 2026-07-10.
Maker rebates and volume tiers are left out: they only ever lower the cost.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Final

from edgeworth.core.types import FeeSchedule
from edgeworth.core.units import ONE_PRICE
from edgeworth.venues import convert

FEES_BEGIN: Final = 1_774_828_800_000_000  # 2026-03-30
SPORTS_RAISED: Final = 1_783_641_600_000_000  # 2026-07-10
FREE: Final = FeeSchedule()
_LEGACY_CRYPTO: Final = FeeSchedule(250_000, 2)
_GENERAL: Final = 50_000
_STEP_E6: Final = 10  # the venue charges in 0.00001 dollars
_RATES: Final = (
    # words in the fee type, category or tags; first match wins
    (("zero_fees", "geopolitics"), 0),
    (("crypto",), 70_000),
    (("sports",), 50_000),
    (("finance", "politics", "mentions", "tech"), 40_000),
    (("economics", "economy", "culture", "weather", "general"), _GENERAL),
)


def market_fee(
    enabled: bool | None, schedule: object, fee_type: str, words: Sequence[str], listed_at: int | None
) -> FeeSchedule:
    """Return the fee schedule of a market listed at `listed_at` (microseconds).

    `words` are category and tags, used only where fees are enabled and the payload names neither schedule nor type.
    """
    if enabled is False:
        return FREE
    stated = _stated(schedule)
    if stated is not None:
        return stated
    if enabled is None and not fee_type and schedule is None:
        return FREE
    return historic_fee(fee_type, words, listed_at)


def historic_fee(fee_type: str, words: Sequence[str], listed_at: int | None) -> FeeSchedule:
    """Return what the published history says for a market of this type and listing date (None: today)."""
    if fee_type == "crypto_15_min":
        return _LEGACY_CRYPTO
    if listed_at is not None and listed_at < FEES_BEGIN:
        return FREE
    names = [fee_type.lower()] if fee_type else [word.lower() for word in words]
    for keys, rate in _RATES:
        if any(key in name for name in names for key in keys):
            early_sports = keys == ("sports",) and listed_at is not None and listed_at < SPORTS_RAISED
            return FeeSchedule(30_000 if early_sports else rate, 1)
    return FeeSchedule(_GENERAL, 1)


def taker_fee_e6(shares_e6: int, price_e4: int, rate_e6: int, exponent_e6: int) -> int:
    """Return what a taker pays for one trade, 1e-6 dollars in steps of 10: below one step nothing, else rounded up.

    The venue does not document the direction of the rounding, so it is the one against us.
    """
    if rate_e6 <= 0 or shares_e6 <= 0:
        return 0
    exponent = Decimal(exponent_e6) / 1_000_000
    with localcontext() as context:
        context.prec = 60
        share = Decimal(price_e4 * (ONE_PRICE - price_e4)) / ONE_PRICE**2
        steps = shares_e6 * Decimal(rate_e6) / 1_000_000 * share**exponent / _STEP_E6
        return 0 if steps < 1 else int(steps.to_integral_value(rounding=ROUND_CEILING)) * _STEP_E6


def _stated(schedule: object) -> FeeSchedule | None:
    if isinstance(schedule, str):
        schedule = convert.embedded(schedule)
    if not isinstance(schedule, Mapping):
        return None
    rate = convert.scaled(schedule.get("rate"), 1_000_000)
    exponent = convert.number(schedule.get("exponent", 1))
    if rate is None or not 0 <= rate <= 1_000_000 or exponent not in {1.0, 2.0}:
        return None
    return FeeSchedule(rate, int(exponent))

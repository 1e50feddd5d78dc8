"""The sandbox's own dated fee table: a market keeps the schedule of the day it was listed.

Modelled on the venue: free before 2026-03-30, category rates from then on, sports dearer from 2026-07-10.
"""

from edgeworth.core.instants import parse_instant
from edgeworth.core.types import FeeSchedule

_FREE = FeeSchedule()
_CATEGORY_FEES = parse_instant("2026-03-30")
_SPORTS_RISE = parse_instant("2026-07-10")

# top category -> (fee type on the wire, rate in millionths, maker rebate share)
_RATES = {
    "crypto": ("crypto_fees_v2", 70_000, 0.20),
    "sports": ("sports_fees_v3", 50_000, 0.15),
    "politics": ("politics_fees", 40_000, 0.25),
    "tech": ("tech_fees", 40_000, 0.25),
    "government": ("economics_fees", 50_000, 0.25),
    "weather": ("weather_fees", 50_000, 0.25),
}
_OLD_SPORTS = ("sports_fees_v2", 30_000, 0.25)


def fee_row(category: str, listed_at: int) -> tuple[str, int, float] | None:
    """Return (fee type, rate in millionths, rebate share) of a category on its listing day, None when free."""
    top = category.partition("/")[0]
    if listed_at < _CATEGORY_FEES or top not in _RATES:
        return None
    if top == "sports" and listed_at < _SPORTS_RISE:
        return _OLD_SPORTS
    return _RATES[top]


def fee_schedule(category: str, listed_at: int) -> FeeSchedule:
    """Return the taker fee schedule of a category on its listing day."""
    row = fee_row(category, listed_at)
    return _FREE if row is None else FeeSchedule(row[1], 1)

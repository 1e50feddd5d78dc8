"""Amounts in questions: `$100k`, `$1.5M`, `62,000`, `0.25`, `69¢`; anything with a doubtful grouping is refused."""

import re
from typing import Final

_PLAIN = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_SUFFIX = r"k|m|mm|b|bn|t|tn|thousand|million|billion|trillion"
AMOUNT: Final = rf"\$?(?:{_PLAIN})(?: ?(?:{_SUFFIX}))?(?![\w.,]*\d)\$?|(?:\d+(?:\.\d+)?)¢"
_PARSE = re.compile(rf"^\$?(?P<number>{_PLAIN})(?: ?(?P<suffix>{_SUFFIX}))?\$?$")
_CENTS = re.compile(r"^(\d+(?:\.\d+)?)¢$")
_SCALE: Final = {
    "": 1.0, "k": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9,
    "t": 1e12, "tn": 1e12, "trillion": 1e12,
}  # fmt: skip


def amount(text: str) -> float | None:
    """Return an amount in dollars (or plain units), or None when it is not one."""
    cleaned = text.strip().lower()
    cents = _CENTS.match(cleaned)
    if cents:
        return float(cents[1]) / 100
    match = _PARSE.match(cleaned)
    if not match:
        return None
    value = float(match["number"].replace(",", "")) * _SCALE[match["suffix"] or ""]
    return round(value, 8)


def amount_pair(low: str, high: str) -> tuple[float, float] | None:
    """Return two ascending amounts; a suffix given once counts for both (`60-70k`), None when they do not ascend."""
    suffix = re.search(rf"({_SUFFIX})$", high.strip().lower())
    first, second = amount(low), amount(high)
    if first is None or second is None:
        return None
    if suffix and not re.search(rf"({_SUFFIX})$", low.strip().lower()):
        first *= _SCALE[suffix[1]]
    return (first, second) if first < second else None

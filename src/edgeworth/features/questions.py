"""Parse questions to numbers: asset, kind, levels, direction, window; None unless every word is understood.

Each pattern must match the whole text, so a clause that changes the rule ("… before the next halving") is a refusal,
not something overlooked. The parse says what the text says; the rule by which a venue decides lies in its description.
"""

import re
from collections.abc import Callable
from typing import Final

from edgeworth.features.question_measures import parse_measure
from edgeworth.features.question_prices import parse_price
from edgeworth.features.question_types import Direction, Kind, Moment, Question
from edgeworth.features.taxonomy_text import normalise

__all__ = ["Direction", "Kind", "Moment", "Question", "parse_question"]

_SPACES = re.compile(r"\s+")
_YEAR = re.compile(r"\b(20\d\d)\b")
_MAX_LENGTH: Final = 300
_PARSERS: Final[tuple[Callable[[str, int | None], Question | None], ...]] = (parse_price, parse_measure)


def parse_question(text: str, event_title: str = "", year_hint: int | None = None) -> Question | None:
    """Return the parsed question, or None when its rule is not understood.

    The year comes from the text, else from the event title, else from `year_hint` (the year of the start, for a window
    that turns the year); with none of them the moments carry no year.
    """
    if len(text) > _MAX_LENGTH:
        return None
    cleaned = _SPACES.sub(" ", normalise(text)).strip().rstrip("?").strip()
    titled = set(_YEAR.findall(event_title))
    year = int(titled.pop()) if len(titled) == 1 else year_hint
    for parser in _PARSERS:
        found = parser(cleaned, year)
        if found is not None:
            return found
    return None

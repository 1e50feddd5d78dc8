"""Fixtures: who plays whom, read from the shape of a question rather than from memory where that is possible."""

import re
from typing import Final

from edgeworth.features.taxonomy_teams import (
    ABROAD_PLACES,
    BASKETBALL_WORDS,
    CLUB_SUFFIXES,
    CLUB_WORDS,
    FULL_NAMES,
    LEAGUES,
    NATION_NAMES,
    NICKNAMES,
    STATES,
    is_college,
)

# What a fixture can say; each is a bit in the mask of a question.
SIGNS: Final = (
    "fixture", "spread", "total", "fx-nba", "fx-nhl", "fx-nfl", "fx-mlb", "fx-college", "fx-soccer", "fx-nations",
    "fx-basketball", "fx-persons", "fx-prefix", "fx-draw", "win-on-date", "total-low", "total-mid", "total-runs",
    "total-football", "total-college", "total-nba", "spread-wide", "spread-big",
    "best-of", "map-winner", "set-winner", "bout",
)  # fmt: skip
_VERSUS = re.compile(
    r"^(?:will )?(?:(?P<prefix>.{2,90}): )?(?P<a>[^:]+?) (?:vs?\.?|@) (?P<b>.+?)"
    r"(?P<draw> end in a draw)?\s*(?:\?.*| - .*| \(.*|: .*)?$"
)
_BEAT = re.compile(
    r"^(?:.{2,60}: )?will (?P<a>[\w.& '-]+?) (?:beat|defeat) (?P<b>[\w.& '-]+?)"
    r"(?: (?:in|by|on|at|during|to) .*)?\??\s*$"
)
_SPREAD = re.compile(r"^(?:\w+ )?(?:spread|handicap): (?P<a>.+?) \([+-](?P<points>\d+(?:\.\d+)?)")
_TOTAL = re.compile(r"\bo/u (\d+(?:\.\d+)?)")
_WIN_ON = re.compile(r"^will (?P<a>.+) (?:win|lose) on (?:\d{4}-\d\d-\d\d)")
_BEST_OF = re.compile(r"\(bo\d\)")
_MAP = re.compile(
    r"\b(?:map|game) \d(?: winner|:|$| -)|\b(?:map|game) handicap\b|\bgames total: o/u|\btotal (?:kills|maps)\b"
)
_SET = re.compile(
    r"\bset \d (?:winner|games)|\bset handicap\b|\btotal sets\b|\bset \d\b.*\bo/u\b|\bmatch o/u\b|\btotal games\b"
)
_BOUT = re.compile(r"\((?:[\w' ]*weight|main card|prelims)[,)]|\bo/u \d\.5 rounds\b")
_BANDS = ((4.6, "total-low"), (7.6, "total-mid"), (14.0, "total-runs"), (70.0, "total-football"),
          (178.0, "total-college"), (290.0, "total-nba"))  # fmt: skip
_NAME = re.compile(r"^[a-z][a-z'.-]*(?: [a-z][a-z'.-]*){1,3}$")
_NOT_A_PERSON = frozenset(
    ["the", "of", "and", "team", "esports", "gaming", "women", "men", "end", "in", "a", "draw", "win"]
)


def signs(text: str) -> set[str]:
    """Return what a normalised question says about a fixture; empty for anything else."""
    found: set[str] = set()
    if "vs" in text or " v " in text or " v. " in text or " @ " in text:
        _versus(text, found)
    if " beat " in text or " defeat " in text:
        _beat(text, found)
    if "spread:" in text or "handicap:" in text:
        _spread(text, found)
    if "o/u" in text:
        _total(text, found)
    if "end in a draw" in text:
        found.add("fx-draw")
    if " on 20" in text:
        _win_on(text, found)
    if "(" in text or "map" in text or "game" in text or "set" in text or "round" in text or "match" in text:
        _contest(text, found)
    return found


def _versus(text: str, found: set[str]) -> None:
    match = _VERSUS.match(text)
    if not match:
        return
    found.add("fixture")
    if match["prefix"]:
        found.add("fx-prefix")
    if match["draw"]:
        found.add("fx-draw")
    _sides(found, match["a"].strip(), match["b"].strip())
    if match["prefix"] and "fx-college" in found and _is_person(match["a"].strip()) and _is_person(match["b"].strip()):
        found.discard("fx-college")
        found.add("fx-persons")


def _beat(text: str, found: set[str]) -> None:
    match = _BEAT.match(text)
    if match:
        _sides(found, match["a"].removeprefix("the ").strip(), match["b"].removeprefix("the ").strip())
        if found & {"fx-nations", "fx-college", "fx-soccer", "fx-nba", "fx-nhl", "fx-nfl", "fx-mlb"}:
            found.add("fixture")


def _spread(text: str, found: set[str]) -> None:
    match = _SPREAD.search(text)
    if match:
        found.add("spread")
        if float(match["points"]) > 2:
            found.add("spread-wide")
        if float(match["points"]) > 5:
            found.add("spread-big")
        _sides(found, match["a"].strip())


def _total(text: str, found: set[str]) -> None:
    found.add("total")
    match = _TOTAL.search(text)
    if match:
        value = float(match[1])
        found.add(next((name for bound, name in _BANDS if value <= bound), _BANDS[-1][1]))


def _win_on(text: str, found: set[str]) -> None:
    match = _WIN_ON.match(text)
    if match:
        found.add("win-on-date")
        _sides(found, match["a"].strip())


def _contest(text: str, found: set[str]) -> None:
    for pattern, name in ((_BEST_OF, "best-of"), (_MAP, "map-winner"), (_SET, "set-winner"), (_BOUT, "bout")):
        if pattern.search(text):
            found.add(name)


def _sides(found: set[str], *sides: str) -> None:
    kinds = [_side(side) for side in sides]
    leagues = [kind & set(LEAGUES) for kind in kinds if kind & set(LEAGUES)]
    if leagues:
        common = set.intersection(*leagues)
        found.update(f"fx-{league}" for league in common)
    rest = set().union(*kinds) - set(LEAGUES)
    if rest == {"nation"} and all("nation" in kind for kind in kinds):
        found.add("fx-nations")
    found.update(f"fx-{kind}" for kind in rest & {"college", "soccer", "basketball"})
    if len(sides) == 2 and not rest and not leagues and all(_is_person(side) for side in sides):
        found.add("fx-persons")


def _side(side: str) -> set[str]:
    name = side.removeprefix("the ")
    if name in FULL_NAMES:
        return {FULL_NAMES[name]}
    if name in NICKNAMES:
        return set(NICKNAMES[name])
    if name in STATES or name.endswith(" state"):
        return {"college"} if name != "georgia" else {"college", "nation"}
    if name in NATION_NAMES or name.removesuffix(" women") in NATION_NAMES:
        return {"nation"}
    parts = name.replace(".", "").split()
    if not parts:
        return set()
    if parts[0] in ABROAD_PLACES and not CLUB_WORDS & set(parts) and len(parts) > 1:
        return {"basketball"}
    kinds = set()
    if CLUB_SUFFIXES & set(parts):
        return {"soccer"}
    if BASKETBALL_WORDS & set(parts):
        kinds.add("basketball")
    if (is_college(" ".join(parts)) and not (CLUB_WORDS - {"city", "united"}) & set(parts)) or (
        parts[0] in STATES and len(parts) > 1 and "fc" not in parts
    ):
        kinds.add("college")
    elif CLUB_WORDS & set(parts) or any(part.endswith("spor") for part in parts) or parts[-1].isdigit():
        kinds.add("soccer")
    return kinds


def _is_person(side: str) -> bool:
    if "/" in side:  # doubles
        return all(part.strip() for part in side.split("/"))
    return bool(_NAME.match(side)) and not _NOT_A_PERSON & set(side.split())

"""Schemes of splits by name: `walk-forward-N`, `purged-N`, `cpcv` and `cpcv-N-K`, with what each needs to be scored."""

import re
from typing import Final

from edgeworth.core.errors import UsageError
from edgeworth.models.crossfit import Folds, Scheme
from edgeworth.models.examples import Examples
from edgeworth.research.splits import Rows, combinatorial, path_counts, walk_forward

WORDS: Final = "--cv is walk-forward-N, purged-N, cpcv or cpcv-N-K"
_NAME: Final = re.compile(r"(walk-forward|purged|cpcv)(?:-(\d{1,3}))?(?:-(\d{1,3}))?")
_MOST: Final = {"walk-forward": 50, "purged": 16, "cpcv": 12}
_MOST_SPLITS: Final = 300
CPCV: Final = (6, 2)


def parse(cv: str) -> tuple[str, int, int]:
    """Return (name, N, k) of a scheme's name; k is the number of groups tested at a time.

    Raises UsageError bad-option. `cpcv` alone is six groups, two tested.
    """
    found = _NAME.fullmatch(cv)
    if not found:
        raise UsageError("bad-option", f"{WORDS}, not '{cv}'")
    name, first, second = found.groups()
    if name == "cpcv" and first is None:
        return (name, *CPCV)
    if (name == "cpcv") != (second is not None):
        raise UsageError("bad-option", f"{WORDS}, not '{cv}'")
    size, tested = int(first or 0), int(second or 1)
    if not 2 <= size <= _MOST[name]:
        raise UsageError("bad-option", f"N of {name} is 2 to {_MOST[name]}, not {size}")
    if name == "cpcv" and not (2 <= tested <= size - 2 and path_counts(size, tested)[0] <= _MOST_SPLITS):
        words = f"K of cpcv is 2 to N - 2, with at most {_MOST_SPLITS} splits"
        raise UsageError("bad-option", f"{words}; '{cv}' asks for something else")
    return name, size, tested


def make_folds(examples: Examples, cv: str, embargo: int) -> Folds:
    """Return the (train, test) folds of a scheme; raises UsageError bad-option for an unknown one."""
    rows = Rows(examples.t, examples.event, examples.known_at)
    name, size, tested = parse(cv)
    if name == "walk-forward":
        return list(walk_forward(rows, size, embargo))
    return list(combinatorial(rows, size, tested, embargo))


def make_scheme(examples: Examples, cv: str, embargo: int, folds: Folds | None = None) -> Scheme:
    """Return folds with what scoring them needs; raises UsageError bad-option.

    A purged scheme of single groups gets the pairs of groups as well: their folds only teach the stack of a scored
    group what models that knew nothing of it say of the others. That is N(N + 1)/2 fits of every learner.
    """
    from itertools import combinations

    own = make_folds(examples, cv, embargo) if folds is None else folds
    name, size, tested = parse(cv)
    if name == "walk-forward":
        return Scheme(cv, own, scored=len(own))
    rows = Rows(examples.t, examples.event, examples.known_at)
    single = own if tested == 1 else list(combinatorial(rows, size, 1, embargo))
    pairs = list(combinatorial(rows, size, 2, embargo)) if tested == 1 else []
    names = list(combinations(range(size), tested)) + (list(combinations(range(size), 2)) if pairs else [])
    groups, clear = tuple(test for _, test in single), tuple(train for train, _ in single)
    return Scheme(cv, [*own, *pairs], groups, clear, tuple(names), len(own))

"""What a feature is: a named, documented definition, and the decorators that register one.

Two kinds can be added. An *expression* is elementwise over the columns it names, and the framework compares it with its
own value on single rows. A *kernel* is a plain numeric function that numba compiles and that cannot look ahead, because
of what it is handed:

    window         f(t, x, parameter) -> value         the points of its market in (row - lookback, row], oldest first
    recurrence     f(state, t, x) -> value             its state array and one point at a time, in order
    cross-section  f(prices, listed, own) -> value     the latest price of each market of the event as of the row

A kernel returns NaN for "no value". The third kind of definition, *panel*, reads a column of the panel itself.
"""

import difflib
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from edgeworth.core.errors import LeakError, UsageError
from edgeworth.core.schema import Era, is_hindsight

Function = TypeVar("Function", bound=Callable[..., Any])


class Kind(StrEnum):
    """How a feature is computed."""

    PANEL = "panel"
    EXPRESSION = "expression"
    WINDOW = "window"
    RECURRENCE = "recurrence"
    CROSS_SECTION = "cross-section"


KERNELS = frozenset({Kind.WINDOW, Kind.RECURRENCE, Kind.CROSS_SECTION})


@dataclass(frozen=True, slots=True)
class Feature:
    """Define one feature.

    `inputs` are features it reads. `lookback` (microseconds) or `points` bound a window; neither means the whole path.
    `parameter` is handed to a window kernel, `state` is the size of a recurrence's state. `provenance` names the
    version of anything the function relies on besides its own source.
    """

    name: str
    group: str
    unit: str
    doc: str
    kind: Kind
    function: Callable[..., Any]
    inputs: tuple[str, ...] = ()
    era: Era = Era.AS_OF
    dtype: str = "Float64"
    nullable: bool = True
    version: int = 1
    lookback: int | None = None
    points: int | None = None
    parameter: int = 0
    state: int = 0
    provenance: Callable[[], str] | None = None

    @property
    def static(self) -> bool:
        """One value per market."""
        return self.era is Era.STATIC

    def describe(self) -> dict[str, Any]:
        """Return everything that decides the feature's values, JSON-ready; the source text stands in for the code."""
        return {
            "name": self.name,
            "version": self.version,
            "kind": self.kind.value,
            "dtype": self.dtype,
            "unit": self.unit,
            "inputs": list(self.inputs),
            "lookback": self.lookback,
            "points": self.points,
            "parameter": self.parameter,
            "state": self.state,
            "source": inspect.getsource(self.function),
            "provenance": self.provenance() if self.provenance else "",
        }


FEATURES: dict[str, Feature] = {}


def register(feature: Feature) -> Feature:
    """Add a feature; raises LeakError for a hindsight name, ValueError for a taken one or an unknown input."""
    if is_hindsight(feature.name):
        raise LeakError("hindsight-column", f"'{feature.name}' names something known only afterwards")
    known = FEATURES.get(feature.name)
    if known is not None and known.describe() != feature.describe():
        raise ValueError(f"a feature named '{feature.name}' exists already")
    missing = [name for name in feature.inputs if name not in FEATURES]
    if missing:
        raise ValueError(f"'{feature.name}' reads {', '.join(missing)}, which no feature is called")
    FEATURES[feature.name] = feature
    return feature


def panel_feature(name: str, **fields: Any) -> Callable[[Function], Function]:
    """Register a column read from the panel: static f(panel) -> M values, else f(panel, rows, market) -> R values."""
    return _decorator(Kind.PANEL, name, fields)


def expression_feature(name: str, *, inputs: Sequence[str], **fields: Any) -> Callable[[Function], Function]:
    """Register f(*input expressions) -> polars expression, elementwise."""
    return _decorator(Kind.EXPRESSION, name, {**fields, "inputs": tuple(inputs)})


def kernel_feature(
    name: str, kind: str = "window", *, inputs: Sequence[str] = ("price",), **fields: Any
) -> Callable[[Function], Function]:
    """Register a kernel of one of the three kinds; window and recurrence read exactly one input.

    A window needs `lookback` (microseconds) or `points`, or sees the whole path; a recurrence needs `state`.
    """
    chosen = Kind(kind)
    if chosen not in KERNELS or len(inputs) != 1:
        raise ValueError("a kernel is a window, recurrence or cross-section and reads one input")
    return _decorator(chosen, name, {**fields, "inputs": tuple(inputs)})


def _decorator(kind: Kind, name: str, fields: dict[str, Any]) -> Callable[[Function], Function]:
    def add(function: Function) -> Function:
        register(Feature(name=name, kind=kind, function=function, **fields))
        return function

    return add


def feature(name: str) -> Feature:
    """Return a feature by name; raises UsageError `unknown-feature` with a suggestion."""
    if name in FEATURES:
        return FEATURES[name]
    close = difflib.get_close_matches(name, FEATURES, n=1, cutoff=0.5)
    raise UsageError(
        "unknown-feature", f"no feature is called '{name}'", f"did you mean '{close[0]}'?" if close else ""
    )


def closure(names: Iterable[str]) -> list[Feature]:
    """Return the features and all they read, inputs first, without repetition."""
    ordered: dict[str, Feature] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            found = feature(name)
            for source in found.inputs:
                visit(source)
            ordered[name] = found

    for name in names:
        visit(name)
    return list(ordered.values())


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """A set of features; its fingerprint goes into whatever is computed from it."""

    names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Return the sha256 over the definitions and sources of the features and of all they read."""
        parts = sorted(json.dumps(found.describe(), sort_keys=True) for found in closure(self.names))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

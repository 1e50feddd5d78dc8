"""What a strategy is: a frozen dataclass with a rule over one row.

    @strategy
    @dataclass(frozen=True)
    class FadeHigh:
        \"\"\"Take NO where YES trades above `threshold`.\"\"\"

        name, version, needs = "fade-high", 1, ("price",)
        threshold: float = 0.70

        def opinions(self, row):
            return no(when=row.price > self.threshold, reason="too high")

`row.price` is a polars expression over the feature of that name. The rule names a side; what that side is worth is
learned from the rule's own resolved past unless it states `p`, the probability that its side wins.
"""

import dataclasses
import difflib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

from edgeworth.core.errors import DataError, LeakError, UsageError
from edgeworth.core.schema import is_hindsight
from edgeworth.core.types import Side
from edgeworth.features.definitions import FEATURES, feature

if TYPE_CHECKING:
    import polars as pl

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PARAMETER_TYPES = (bool, int, float, str)
Class = TypeVar("Class", bound=type)


@dataclass(frozen=True, slots=True)
class Call:
    """One thing a rule says: buy `side` where `when` holds. `p` and `se` are of that side winning."""

    side: Side
    when: "pl.Expr"
    reason: str
    p: "pl.Expr | None" = None
    se: "pl.Expr | None" = None


class Strategy(Protocol):
    """What `forecasting` needs of a rule; `exhibit` marks one that live trading refuses without an override."""

    @property
    def name(self) -> str:
        """Kebab name."""

    @property
    def version(self) -> int:
        """Counts up with every change of the rule."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Features the rule reads."""

    @property
    def exhibit(self) -> bool:
        """Ships as a worked example of an error."""

    def opinions(self, row: "Row") -> Call | Sequence[Call]:
        """Return what the rule says about a row; the first call that holds counts."""


class Row:
    """One row of features: every attribute is the expression of a feature the strategy declared in `needs`."""

    def __init__(self, needs: Sequence[str], strategy_name: str) -> None:
        self._needs = tuple(needs)
        self._strategy = strategy_name

    def __getattr__(self, name: str) -> "pl.Expr":
        import polars as pl

        if name in self._needs:
            return pl.col(name)
        if name.startswith("__"):
            raise AttributeError(name)
        if name in FEATURES:
            hint = f"add '{name}' to `needs`"
        else:
            close = difflib.get_close_matches(name, [*self._needs, *FEATURES], n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'?" if close else ""
        raise UsageError("unknown-feature", f"'{self._strategy}' reads row.{name}, which it does not declare", hint)


def yes(when: Any, reason: str, p: Any = None, se: Any = None) -> Call:
    """Say: buy YES where `when` holds; `p` (optional) is the probability of YES, `se` its standard error."""
    return _call(Side.YES, (when, p, se), reason)


def no(when: Any, reason: str, p: Any = None, se: Any = None) -> Call:
    """Say: buy NO where `when` holds; `p` (optional) is the probability of NO, `se` its standard error."""
    return _call(Side.NO, (when, p, se), reason)


def _call(side: Side, values: tuple[Any, Any, Any], reason: str) -> Call:
    import polars as pl

    when, p, se = (value if value is None or isinstance(value, pl.Expr) else pl.lit(value) for value in values)
    if when is None:
        raise TypeError("`when` is missing")
    return Call(side, when, reason, p, se)


def strategy(cls: Class) -> Class:
    """Check and mark a class as a strategy; raises DataError `strategy-broken` or UsageError `unknown-feature`."""
    problem = _problem(cls)
    if problem:
        raise DataError("strategy-broken", f"{cls.__name__}: {problem}")
    for name in cast("Any", cls).needs:
        import edgeworth.features.registry  # noqa: F401  (what ships is registered before names are looked up)

        if is_hindsight(name) and name not in FEATURES:
            raise LeakError("hindsight-column", f"'{name}' is known only afterwards; a rule cannot read it")
        feature(name)
    if not hasattr(cls, "exhibit"):
        cls.exhibit = False  # type: ignore[attr-defined]
    cls.__edgeworth_strategy__ = True  # type: ignore[attr-defined]
    return cls


def is_strategy(value: object) -> bool:
    """Tell whether a module's attribute is a class marked by `@strategy`."""
    return inspect.isclass(value) and "__edgeworth_strategy__" in vars(value)


def _problem(cls: type) -> str:
    if not dataclasses.is_dataclass(cls) or not getattr(cls, "__dataclass_params__").frozen:  # noqa: B009
        return "write @strategy above @dataclass(frozen=True)"
    name, version, needs = (getattr(cls, attribute, None) for attribute in ("name", "version", "needs"))
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if {"name", "version", "needs", "exhibit"} & fields.keys():
        return "name, version, needs and exhibit are class attributes: write them without annotations"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "`name` must be a lower-case name with dashes"
    if not isinstance(version, int):
        return "`version` must be a whole number"
    if not isinstance(needs, tuple) or not all(isinstance(need, str) for need in needs):
        return "`needs` must be a tuple of feature names"
    if not callable(getattr(cls, "opinions", None)):
        return "it has no method `opinions(self, row)`"
    for field in fields.values():
        if not isinstance(field.default, _PARAMETER_TYPES):
            return f"parameter '{field.name}' needs a default that is a number, a text or a truth value"
    return ""


def parameters(rule: Strategy) -> dict[str, Any]:
    """Return the parameters of a strategy with their values, in the order of its fields."""
    inner = rule.inner if isinstance(rule, Reversed) else rule
    return {field.name: getattr(inner, field.name) for field in dataclasses.fields(cast("Any", inner))}


def label(rule: Strategy) -> str:
    """Return the name with the parameters that differ from their defaults, such as `fade-high threshold=0.8`."""
    inner = cast("Any", rule.inner if isinstance(rule, Reversed) else rule)
    changed = [
        f"{field.name}={getattr(inner, field.name)}"
        for field in dataclasses.fields(inner)
        if getattr(inner, field.name) != field.default
    ]
    return " ".join([rule.name, *changed])


def identity(rule: Strategy) -> dict[str, Any]:
    """Return what tells one trial from another, JSON-ready: name, version, parameters."""
    return {"name": rule.name, "version": rule.version, "parameters": parameters(rule)}


@dataclass(frozen=True)
class Reversed:
    """The control of a strategy: the same rows, the other side, one minus any stated probability."""

    inner: Any
    suffix: ClassVar[str] = "-reverse"

    @property
    def name(self) -> str:
        """Return the inner name with the suffix."""
        return f"{self.inner.name}{self.suffix}"

    @property
    def version(self) -> int:
        """Return the inner version."""
        return int(self.inner.version)

    @property
    def needs(self) -> tuple[str, ...]:
        """Return what the inner rule reads."""
        return tuple(self.inner.needs)

    @property
    def exhibit(self) -> bool:
        """Return whether the inner rule is an exhibit."""
        return bool(self.inner.exhibit)

    def opinions(self, row: Row) -> tuple[Call, ...]:
        """Return the inner calls with their sides swapped."""
        return tuple(
            dataclasses.replace(call, side=Side(-call.side), p=None if call.p is None else 1.0 - call.p)
            for call in as_calls(self.inner.opinions(row))
        )


def reverse(rule: Strategy) -> Strategy:
    """Return the reverse control of a strategy; reversing twice gives the strategy back."""
    return cast("Strategy", rule.inner) if isinstance(rule, Reversed) else Reversed(rule)


def as_calls(said: Any) -> tuple[Call, ...]:
    """Return what `opinions` gave as a tuple of calls; raises TypeError for anything else."""
    calls = (said,) if isinstance(said, Call) else tuple(said or ())
    if not all(isinstance(call, Call) for call in calls):
        raise TypeError("`opinions` must return what yes(...) or no(...) made, or a tuple of those")
    return calls

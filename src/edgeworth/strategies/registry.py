"""Find strategies: those that ship, a user's file, an installed package; and make variants of them."""

import dataclasses
import difflib
import hashlib
import importlib
import importlib.util
import itertools
import math
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, cast

from edgeworth.core.errors import DataError, EdgeworthError, UsageError
from edgeworth.features.forecasts import reads_forecasts
from edgeworth.strategies.base import Reversed, Strategy, is_strategy, reverse
from edgeworth.strategies.evaluate import broken

GROUP = "edgeworth.strategies"
_MOST_VARIANTS = 10_000


def find(name_or_path: str) -> Strategy:
    """Return a strategy by name, by name with `-reverse`, or from a file `./my_rule.py`.

    Upper case and underscores are taken as the name's own form. Raises UsageError `unknown-strategy`, DataError
    `file-not-found` or `strategy-broken`.
    """
    text = name_or_path.strip()
    if text.endswith(".py") or "/" in text:
        return _only(from_file(Path(text)), text)
    name = text.lower().replace("_", "-")
    if name.endswith(Reversed.suffix):
        return reverse(find(name.removesuffix(Reversed.suffix)))
    known = shipped() | speaking_for_models()
    if name not in known:
        known = known | installed()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'?" if close else ""
    raise UsageError("unknown-strategy", f"no strategy is called '{text}'", hint)


def all_strategies() -> list[Strategy]:
    """Return every shipped and installed strategy that speaks by itself, sorted by name."""
    named = shipped() | installed()
    return [rule for _, rule in sorted(named.items()) if not reads_forecasts(rule.needs)]


def shipped() -> dict[str, Strategy]:
    """Return the strategies of this package by name, without those that need a model to say anything."""
    return {name: rule for name, rule in _own().items() if not reads_forecasts(rule.needs)}


def speaking_for_models() -> dict[str, Strategy]:
    """Return the strategies of this package that read forecasts, by name."""
    return {name: rule for name, rule in _own().items() if reads_forecasts(rule.needs)}


def _own() -> dict[str, Strategy]:
    rules = importlib.import_module("edgeworth.strategies.rules")
    found = [
        importlib.import_module(f"{rules.__name__}.{module.name}") for module in pkgutil.iter_modules(rules.__path__)
    ]
    return {rule.name: rule for module in found for rule in _strategies(module)}


def installed() -> dict[str, Strategy]:
    """Return the strategies that installed packages offer under the entry point group `edgeworth.strategies`."""
    result: dict[str, Strategy] = {}
    for point in entry_points(group=GROUP):
        try:
            offered = point.load()
            rules = _strategies(offered) if isinstance(offered, ModuleType) else [cast("Strategy", offered())]
        except EdgeworthError:
            raise
        except Exception as error:  # the edge to foreign code: whatever it raises is told with its own line
            raise broken(f"installed strategy '{point.name}'", error) from error
        result.update((rule.name, rule) for rule in rules)
    return result


def from_file(path: Path) -> list[Strategy]:
    """Return the strategies a file defines; the file is read anew each time and nothing is written beside it."""
    if not path.is_file():
        raise DataError("file-not-found", f"no strategy file at {path}")
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"edgeworth_user_{path.stem}_{key}"
    loader = _FreshLoader(name, str(path.resolve()))
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(cast("Any", spec))
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        loader.exec_module(module)
    except EdgeworthError:
        sys.modules.pop(name, None)
        raise
    except (Exception, SystemExit) as error:  # the edge to a user's code: told with its own line
        sys.modules.pop(name, None)
        raise broken(f"strategy file {path.name}", error) from error
    return _strategies(module)


class _FreshLoader(SourceFileLoader):
    """Compile the source as it is now: no stale byte code is read, none is written."""

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _strategies(module: ModuleType) -> list[Strategy]:
    own = [value for value in vars(module).values() if is_strategy(value) and value.__module__ == module.__name__]
    return [cast("Strategy", cls()) for cls in own]


def _only(rules: list[Strategy], where: str) -> Strategy:
    if len(rules) != 1:
        names = ", ".join(rule.name for rule in rules) or "none"
        raise DataError("strategy-broken", f"{where} must define one class marked @strategy; it defines {names}")
    return rules[0]


def with_params(rule: Strategy, values: Mapping[str, Any]) -> Strategy:
    """Return the strategy with parameters set; texts are read as the type of the parameter's default.

    Raises UsageError `unknown-parameter` with a suggestion, or `bad-parameter`.
    """
    if isinstance(rule, Reversed):
        return Reversed(with_params(rule.inner, values))
    fields = {field.name: field for field in dataclasses.fields(cast("Any", rule))}
    changes = {}
    for name, value in values.items():
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=1, cutoff=0.4)
            known = ", ".join(fields) or "none"
            hint = f"did you mean '{close[0]}'?" if close else f"it has: {known}"
            raise UsageError("unknown-parameter", f"'{rule.name}' has no parameter '{name}'", hint)
        changes[name] = _typed(rule.name, name, value, type(fields[name].default))
    try:
        return cast("Strategy", dataclasses.replace(cast("Any", rule), **changes))
    except ValueError as error:
        raise UsageError("bad-parameter", f"'{rule.name}': {error}") from error


def _typed(rule: str, name: str, value: Any, kind: type) -> Any:
    text = str(value).strip()
    try:
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        if kind is int:
            return int(Decimal(text)) if Decimal(text) == int(Decimal(text)) else int(text)
        if kind is float:
            number = float(text)
            if not math.isfinite(number):
                raise ValueError(text)
            return number
    except (ValueError, KeyError, ArithmeticError) as error:
        expected = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise UsageError("bad-parameter", f"'{rule}': {name}={text} is not {expected}") from error
    return text


def expand_grid(*specs: str) -> list[dict[str, str]]:
    """Return the product of sweeps: `threshold=0.55:0.95:0.05` (both ends included) or `tz=UTC,Europe/Oslo`.

    Raises UsageError `bad-grid`.
    """
    axes: dict[str, list[str]] = {}
    for spec in specs:
        name, mark, text = spec.partition("=")
        name = name.strip()
        if not mark or not name or not text.strip():
            raise UsageError("bad-grid", f"'{spec}' is not of the form name=start:end:step or name=a,b,c")
        if name in axes:
            raise UsageError("bad-grid", f"'{name}' is swept twice")
        axes[name] = _range(spec, text) if text.count(":") == 2 else _items(spec, text)
    total = math.prod(len(values) for values in axes.values())
    if total > _MOST_VARIANTS:
        raise UsageError("bad-grid", f"{total} variants are more than {_MOST_VARIANTS}", "take wider steps")
    return [dict(zip(axes, choice, strict=True)) for choice in itertools.product(*axes.values())]


def _range(spec: str, text: str) -> list[str]:
    try:
        start, end, step = (Decimal(part.strip()) for part in text.split(":"))
    except InvalidOperation as error:
        raise UsageError("bad-grid", f"'{spec}': start, end and step must be numbers") from error
    if not (start.is_finite() and end.is_finite() and step.is_finite()) or step <= 0 or end < start:
        raise UsageError("bad-grid", f"'{spec}': the step must be positive and the end not below the start")
    if (end - start) / step > _MOST_VARIANTS:
        raise UsageError("bad-grid", f"'{spec}' has more than {_MOST_VARIANTS} steps", "take wider steps")
    return [f"{start + step * number:f}" for number in range(int((end - start) / step) + 1)]


def _items(spec: str, text: str) -> list[str]:
    items = [item.strip() for item in text.split(",")]
    if not all(items) or ":" in text.replace("://", ""):
        raise UsageError("bad-grid", f"'{spec}' is not of the form name=start:end:step or name=a,b,c")
    return items


def variants(rule: Strategy, specs: Sequence[str]) -> list[Strategy]:
    """Return one strategy per combination of the sweeps; each is a trial. No sweep gives the strategy itself."""
    unique: dict[Any, Strategy] = {}
    for values in expand_grid(*specs):
        variant = with_params(rule, values)
        unique.setdefault(variant, variant)
    return list(unique.values())

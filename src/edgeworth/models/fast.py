"""One row, now: a fitted model compiled to arrays, and the whole reaction to a changed book in one call.

A model is a sum in log-odds (see `models.stack`), so boosted trees of both libraries become one kind of node and their
leaves add up. The compiled form is compared with the model itself when it is made; one that disagrees is not handed
out. For batches the libraries are as fast; this is for the microseconds between a message and an order.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.engine.compiled import STAMP as ENGINE_STAMP
from edgeworth.features.drivers import stamped
from edgeworth.features.live import STAMP as LIVE_STAMP
from edgeworth.models.crossfit import Model
from edgeworth.models.examples import PRICE_FLOOR
from edgeworth.models.linear import FURTHEST, LinearFitted
from edgeworth.models.trees import LgbmFitted, XgbFitted

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint64]
TOLERANCE: Final = 1e-6
_CHECKED: Final = 512
_ZERO: Final = 1.1e-35
_ABREAST: Final = 4  # trees walked side by side: one waits for memory while another goes on
_STAMP: Final = hashlib.sha256(Path(__file__).read_bytes() + (ENGINE_STAMP + LIVE_STAMP).encode()).hexdigest()


class Compiled(NamedTuple):
    """A model as arrays. Trees: node n asks whether column `column[n]` exceeds `limit[n]`; `child[2n]` if not,
    `child[2n + 1]` if so; an unknown value goes to `child[2n + unknown[n]]`; a leaf is its own child with `value[n]`.

    `roots` (T, 3): first node, depth, member. `linear` (J, 3 K + 1) per member: centre | width | slope | intercept,
    `is_linear` (J,). `weights` (J + 1,) of the stack with the level, `covariance` (J + 1, J + 1).
    """

    roots: Numbers
    column: Numbers
    limit: Floats
    child: Numbers
    unknown: Numbers
    value: Floats
    linear: Floats
    is_linear: Int64s
    weights: Floats
    covariance: Floats


def _compile(function: Any) -> Any:
    return stamped(numba.njit(function, cache=True, nogil=True, error_model="numpy"), _STAMP)


@dataclass(slots=True)
class _Nodes:
    """Nodes on their way into arrays."""

    column: list[int]
    limit: list[float]
    child: list[tuple[int, int]]
    unknown: list[int]
    value: list[float]

    def add(self) -> int:
        """Add a leaf and return its number."""
        number = len(self.value)
        self.column.append(0)
        self.limit.append(math.inf)
        self.child.append((number, number))
        self.unknown.append(0)
        self.value.append(0.0)
        return number


def _xgb(nodes: _Nodes, tree: dict[str, Any]) -> tuple[int, int]:
    """Add one tree of XGBoost's dump; return (its root, its depth). It asks `x < limit` of 32-bit floats."""
    number = nodes.add()
    if "leaf" in tree:
        nodes.value[number] = float(np.float32(tree["leaf"]))
        return number, 0
    kids = {kid["nodeid"]: kid for kid in tree["children"]}
    (left, one), (right, two) = (_xgb(nodes, kids[tree[name]]) for name in ("yes", "no"))
    nodes.column[number] = int(tree["split"].removeprefix("f"))
    nodes.limit[number] = float(np.nextafter(np.float32(tree["split_condition"]), np.float32(-np.inf)))
    nodes.child[number] = (left, right)
    nodes.unknown[number] = int(tree["missing"] != tree["yes"])
    return number, 1 + max(one, two)


def _lgbm(nodes: _Nodes, tree: dict[str, Any]) -> tuple[int, int]:
    """Add one tree of LightGBM's dump; return (its root, its depth). It asks `x <= limit`."""
    number = nodes.add()
    if "leaf_value" in tree:
        nodes.value[number] = float(tree["leaf_value"])
        return number, 0
    if tree["decision_type"] != "<=" or tree["missing_type"] == "Zero":
        raise DataError("model-not-compiled", f"a split of kind {tree['decision_type']}, {tree['missing_type']}")
    (left, one), (right, two) = (_lgbm(nodes, tree[name]) for name in ("left_child", "right_child"))
    nodes.column[number] = int(tree["split_feature"])
    nodes.limit[number] = float(tree["threshold"])
    nodes.child[number] = (left, right)
    # without a sense of missing values it takes them for zero
    blind = int(float(tree["threshold"]) < 0.0) if tree["missing_type"] == "None" else None
    nodes.unknown[number] = int(not tree["default_left"]) if blind is None else blind
    return number, 1 + max(one, two)


def _abreast(nodes: _Nodes, trees: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return a member's trees so that those of a block are about equally deep, and empty ones at the end."""
    ordered = sorted(trees, key=lambda tree: -tree[1])
    while len(ordered) % _ABREAST:
        ordered.append((nodes.add(), 0, trees[0][2]))
    return ordered


def _dumped(member: XgbFitted | LgbmFitted) -> Iterator[dict[str, Any]]:
    if isinstance(member, XgbFitted):
        for text in member.dump():
            yield json.loads(text)
        return
    yield from (row["tree_structure"] for row in member.dump())


def compile_model(model: Model, seed: int = 0) -> Compiled:
    """Return the compiled form of a model; raises DataError model-not-compiled.

    It is compared with the model on random rows, some values unknown: at most 1e-6 apart.
    """
    count, columns, stack = len(model.members), len(model.names), model.stack
    nodes = _Nodes([], [], [], [], [])
    roots: list[tuple[int, int, int]] = []
    linear, is_linear = np.zeros((count, 3 * columns + 1)), np.zeros(count, np.int64)
    for number, (name, member) in enumerate(model.members.items()):
        if isinstance(member, LinearFitted):
            *parts, intercept = member.line()
            linear[number] = np.concatenate([*parts, [intercept]])
            is_linear[number] = 1
        elif isinstance(member, XgbFitted | LgbmFitted):
            add = _xgb if isinstance(member, XgbFitted) else _lgbm
            if stack.weights[number] or stack.covariance[number].any():  # else it has no say
                roots += _abreast(nodes, [(*add(nodes, tree), number) for tree in _dumped(member)])
        else:
            raise DataError("model-not-compiled", f"the member '{name}' is neither linear nor trees")
    found = Compiled(
        np.array(roots, np.uint64).reshape(-1, 3),
        np.array(nodes.column, np.uint64),
        np.array(nodes.limit, np.float64),
        np.array(nodes.child, np.uint64).reshape(-1),
        np.array(nodes.unknown, np.uint64),
        np.array(nodes.value, np.float64),
        linear,
        is_linear,
        np.append(stack.weights, stack.level),
        np.ascontiguousarray(stack.covariance),
    )
    _compare(model, found, seed)
    return found


def _compare(model: Model, found: Compiled, seed: int) -> None:
    from edgeworth.core.random import stream

    rng = stream(seed, "compiled-model")
    size = (_CHECKED, len(model.names))
    x = (rng.normal(size=size) * 10.0 ** rng.integers(-3, 3, size)).astype(np.float32)
    for row in range(_CHECKED):  # near the places where it splits
        if len(found.limit):
            node = int(rng.integers(0, len(found.limit)))
            if math.isfinite(found.limit[node]):
                # LightGBM takes what is closer to zero than that for zero; no feature is
                near = 0.0 if abs(found.limit[node]) <= _ZERO else found.limit[node]
                x[row, found.column[node]] = np.float32(near)
    x[rng.random(size) < 0.1] = np.nan
    price = rng.uniform(0.01, 0.99, _CHECKED)
    theirs = model.forecast(x, price)
    for row in range(_CHECKED):
        p, se = predict(found, x[row].astype(np.float64), float(price[row]))
        if abs(p - theirs.p[row]) > TOLERANCE or abs(se - theirs.se[row]) > TOLERANCE:
            raise DataError("model-not-compiled", f"it says {p:.9f} where the model says {theirs.p[row]:.9f}")


def predict(model: Compiled, x: Floats, price: float) -> tuple[float, float]:
    """Return (P(YES), its standard error) of one row (K,) of 64-bit floats that hold 32-bit ones."""
    found: tuple[float, float] = _predict(model, x, price)
    return found


def _turn_of(value: float, limit: float, unknown: int) -> int:
    """Return which child: 1 above the limit, else 0; for an unknown value what the node says. Without a branch."""
    over: Any = np.uint64(value > limit) | (np.uint64(value != value) & unknown)  # noqa: PLR0124
    return over  # type: ignore[no-any-return]


_turn = _compile(_turn_of)


def _sum(model: Any, x: Any, told: Any) -> None:
    """Write every member's correction to `told` (J,)."""
    columns = len(x)
    for member in range(len(told)):
        total = 0.0
        if model.is_linear[member]:
            line = model.linear[member]
            total = line[3 * columns]
            for k in range(columns):
                z = (x[k] - line[k]) / line[columns + k]
                if math.isfinite(z):
                    total += min(max(z, -FURTHEST), FURTHEST) * line[2 * columns + k]
        told[member] = total
    column, limit, child, unknown = model.column, model.limit, model.child, model.unknown
    for block in range(len(model.roots) // _ABREAST):
        first = _ABREAST * block
        one, two, three, four = (
            model.roots[first, 0],
            model.roots[first + 1, 0],
            model.roots[first + 2, 0],
            model.roots[first + 3, 0],
        )
        for _ in range(model.roots[first, 1]):  # the deepest of them; a leaf is its own child
            one = child[2 * one + _turn(x[column[one]], limit[one], unknown[one])]
            two = child[2 * two + _turn(x[column[two]], limit[two], unknown[two])]
            three = child[2 * three + _turn(x[column[three]], limit[three], unknown[three])]
            four = child[2 * four + _turn(x[column[four]], limit[four], unknown[four])]
        value = model.value
        told[model.roots[first, 2]] += (value[one] + value[two]) + (value[three] + value[four])


_members = _compile(_sum)


def _predict_row(model: Any, x: Any, price: float) -> tuple[float, float]:
    count = len(model.is_linear)
    told = np.ones(count + 1)
    _members(model, x, told[:count])
    clipped = min(max(price, PRICE_FLOOR), 1.0 - PRICE_FLOOR)
    z, variance = math.log(clipped / (1.0 - clipped)), 0.0
    for i in range(count + 1):
        z += told[i] * model.weights[i]
        for j in range(count + 1):
            variance += told[i] * model.covariance[i, j] * told[j]
    p = 1.0 / (1.0 + math.exp(-z))
    return p, p * (1.0 - p) * math.sqrt(max(variance, 0.0))


_predict = _compile(_predict_row)

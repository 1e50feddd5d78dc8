"""Training: the pipeline beside the bare library calls of the same fits, the histogram limit, searches, predictions.

"Bare" is what somebody would write around the libraries alone: slice the fold, make the library's matrix, train,
predict the fold. It makes exactly the fits that the pipeline makes: every tree learner on every fold and on all rows,
the three shuffled canaries and the five random folds of the lint. All the rest is the pipeline's overhead: checks of
rows and splits, stacks, scores with intervals, calibration, card. The histogram limit adds gradient and hessian of the
rows a tree samples into the bins of the columns it samples, at the root and for the smaller child of every split that
is split again or beside one that is, with the sizes of the very trees that were fitted, and does nothing else.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numba
import numpy as np
import polars as pl

from benchmarks.measure import against, best, options, say
from edgeworth.core.random import stream
from edgeworth.core.units import DAY
from edgeworth.models.crossfit import cross_fit, fit_model
from edgeworth.models.examples import Examples, expit, market_logit
from edgeworth.models.learners import make
from edgeworth.models.trees import LgbmLearner, XgbLearner
from edgeworth.research import schemes, training, tuning
from edgeworth.research.dataset import Dataset

WORK: Final = "W5"
TREES: Final = ("xgb", "lgbm")
_SHUFFLES, _RANDOM = 3, 5


def build(rows: int, columns: int = 60, seed: int = 7, per: int = 2) -> Dataset:
    """Return invented rows, `per` of each event, 5 % of the values unknown, two columns that matter."""
    draw, events = stream(seed, "bench-training"), rows // per
    rows = events * per
    start = np.sort(draw.uniform(0, 900 * DAY, events)).astype(np.int64)
    price = np.repeat(np.clip(draw.beta(1.2, 1.2, events), 0.03, 0.97), per)
    x = draw.normal(size=(rows, columns)).astype(np.float32)
    x[draw.random((rows, columns), dtype=np.float32) < 0.05] = np.nan
    said = np.nan_to_num(x[::per])
    truth = expit(market_logit(price[::per]) + 0.5 * (np.tanh(said[:, 0]) + (said[:, 1] > 0.5) - 0.3))
    t = np.repeat(start, per) + np.tile(np.arange(per) * DAY, events)
    known = np.repeat(start + 10 * DAY, per)
    event = np.repeat(np.arange(events), per)
    frame = pl.DataFrame(
        {
            "market_id": np.char.add("m", event.astype(str)), "event": event, "t": t,
            "point": np.tile(np.arange(per) + 1.0, events), "price": price,
            "label": np.repeat((draw.random(events) < truth).astype(np.float64), per),
            "weight": np.full(rows, 1 / per), "known_at": known, "resolved_at": known - DAY,
            "event_known_at": known - DAY, "scheduled_end": known - 2 * DAY,
            **{f"f{column}": x[:, column] for column in range(columns)},
        }
    )  # fmt: skip
    return Dataset(frame, tuple(f"f{column}" for column in range(columns)), {"features": "bench", "panel": "bench"})


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def bare_fit(kind: str, examples: Examples, rows: "np.ndarray[Any, Any]", label: "np.ndarray[Any, Any]") -> Any:
    """Fit a default learner on some rows by the library's own calls."""
    x, y, weight = examples.x[rows], label[rows], examples.weight[rows]
    offset = market_logit(examples.price[rows])
    if kind == "xgb":
        import xgboost

        chosen = XgbLearner()
        parameters: dict[str, Any] = {
            "objective": "binary:logistic", "tree_method": "hist", "base_score": 0.5, "eta": chosen.rate,
            "max_depth": chosen.depth, "min_child_weight": chosen.least_weight / 4, "lambda": chosen.ridge,
            "subsample": chosen.rows, "colsample_bytree": chosen.columns, "max_bin": chosen.bins, "seed": 7,
            "nthread": 1, "verbosity": 0,
        }  # fmt: skip
        matrix = xgboost.QuantileDMatrix(x, y, weight=weight, base_margin=offset, max_bin=chosen.bins, nthread=1)
        return xgboost.train(parameters, matrix, chosen.rounds)
    import lightgbm

    other = LgbmLearner()
    parameters = {
        "objective": "binary", "boost_from_average": False, "learning_rate": other.rate, "num_leaves": other.leaves,
        "min_data_in_leaf": other.least_rows, "lambda_l2": other.ridge, "bagging_fraction": other.rows,
        "bagging_freq": 1, "feature_fraction": other.columns, "max_bin": other.bins, "seed": 7, "deterministic": True,
        "force_row_wise": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(
        x, y, weight=weight, init_score=offset, params={"max_bin": other.bins, "verbosity": -1, "num_threads": 1}
    )
    return lightgbm.train(parameters, data, other.rounds)


def bare_predict(kind: str, booster: Any, x: "np.ndarray[Any, Any]") -> Any:
    """Predict margins by the library's own call."""
    if kind == "xgb":
        import xgboost

        return booster.predict(xgboost.DMatrix(x, nthread=1), output_margin=True)
    return booster.predict(x, raw_score=True, num_threads=1)


def bare(examples: Examples, folds: Sequence[tuple[Any, Any]], kinds: Sequence[str]) -> int:
    """Make the fits of the pipeline and nothing else; returns how many."""
    fits = 0
    for train, test in folds:
        for kind in kinds:
            bare_predict(kind, bare_fit(kind, examples, train, examples.label), examples.x[test])
            fits += 1
    draw = stream(7, "bench-canary")
    for _ in range(_SHUFFLES):
        label = (draw.random(len(examples)) < examples.price).astype(np.float64)
        for train, test in folds:
            bare_predict("xgb", bare_fit("xgb", examples, train, label), examples.x[test])
            fits += 1
    order = draw.permutation(len(examples))
    for part in np.array_split(order, _RANDOM):
        train = np.setdiff1d(order, part)
        bare_predict("xgb", bare_fit("xgb", examples, train, examples.label), examples.x[part])
        fits += 1
    for kind in kinds:
        bare_fit(kind, examples, np.arange(len(examples)), examples.label)
        fits += 1
    return fits


def in_turn(first: Callable[[], Any], second: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Return the least CPU seconds of two pieces of work, measured one after the other `rounds` times."""
    cpu = [float("inf"), float("inf")]
    for _ in range(rounds):
        for number, work in enumerate((first, second)):
            begun = time.process_time()
            work()
            cpu[number] = min(cpu[number], time.process_time() - begun)
    return cpu[0], cpu[1]


def pipeline(rows: int, rounds: int) -> None:
    """Compare the whole training with its bare fits, and time it at 2,500 examples."""
    dataset = build(rows)
    chosen = training.Options(TREES, "walk-forward-5")
    development, _ = training.split_holdout(dataset.examples(), chosen.holdout)
    folds = training.make_folds(development, chosen)
    bare(development.choose(np.arange(400)), [(np.arange(200), np.arange(200, 400))], TREES)  # loads the libraries
    ours, theirs = in_turn(
        lambda: training.train(dataset, chosen, quiet), lambda: bare(development, folds, TREES), rounds
    )
    say(WORK, f"bare library calls, same fits, {len(development):,} rows", theirs, "s CPU")
    say(WORK, "training pipeline, 5 folds, trees", ours, "s CPU")
    say(WORK, "pipeline / bare calls of the same fits", ours / theirs, "x", 1.15)


def small(rows: int) -> None:
    """Time the whole of 2,500 examples: all tree models, logistic and stack, folds, lint, calibration and card."""
    dataset = build(rows)
    timed = best(lambda: training.train(dataset, training.Options(("logistic", *TREES), "walk-forward-5"), quiet), 2)
    say(WORK, f"{rows:,} examples to a card, 3 learners", timed.wall, "s", 60.0)


@numba.njit(cache=False, boundscheck=False, fastmath=False)  # type: ignore[untyped-decorator, unused-ignore]
def add_up(bins: Any, columns: Any, rows: Any, gradient: Any, out: Any) -> None:
    """Add gradient and hessian of some rows into the bins of some columns; row-major, as the libraries do."""
    for i in range(rows.shape[0]):
        row = rows[i]
        g, h = gradient[row, 0], gradient[row, 1]
        for j in range(columns.shape[0]):
            cell = j * 64 + bins[row, columns[j]]
            out[cell, 0] += g
            out[cell, 1] += h


def histogram_sizes(text: str, sampled: int) -> list[list[int]]:
    """Return per tree how many rows each histogram that it needs adds up, from a saved model's text.

    That is the root, and the smaller child of every split but the last one; its sibling comes by subtraction.
    """
    import lightgbm

    found = []
    for tree in lightgbm.Booster(model_str=text).dump_model()["tree_info"]:
        splits: list[tuple[int, int]] = []
        _smaller(tree["tree_structure"], splits)
        splits.sort()  # in the order they were made
        found.append([sampled, *(size for _, size in splits[:-1])])
    return found


def _smaller(node: Mapping[str, Any], splits: list[tuple[int, int]]) -> int:
    """Return a node's rows, noting (number of the split, rows of its smaller child) of every split below."""
    if "split_index" not in node:
        return int(node.get("leaf_count", 0))
    sides = [_smaller(node[side], splits) for side in ("left_child", "right_child")]
    splits.append((int(node["split_index"]), min(sides)))
    return sum(sides)


def limit(rows: int, rounds: int) -> None:
    """Compare fits of the default learner, bins and all, with the additions that no histogram tree can do without.

    The goal is for every row and column, as a limit is usually stated. As shipped the learner samples both: the limit
    then shrinks to a third, while bins, gradients and the scores of all rows stay; that ratio is shown without a goal.
    """
    examples = build(rows).examples()
    draw = stream(7, "bench-limit")
    bins = draw.integers(0, 63, examples.x.shape).astype(np.uint8)
    gradient = draw.normal(size=(rows, 2)).astype(np.float32)
    for words, settings, goal in (
        ("every row and column", {"rows": 1.0, "columns": 1.0}, 2.3),
        ("as shipped", {}, None),
    ):
        learner = make("lgbm", 1, settings)
        assert isinstance(learner, LgbmLearner)
        kernel = additions(learner, examples, bins, gradient)
        kernel()
        ours, least = in_turn(partial(learner.fit, examples, 7), kernel, rounds)
        say(WORK, f"histogram limit, {rows:,} rows, {learner.rounds} trees, {words}", least, "s CPU")
        say(WORK, f"default learner (lgbm), {words}", ours, "s CPU")
        say(WORK, f"default learner / histogram limit, {words}", ours / least, "x", goal)


def additions(learner: LgbmLearner, examples: Examples, bins: Any, gradient: Any) -> Callable[[], None]:
    """Return the histogram additions of the trees that a learner fits."""
    rows, columns = examples.x.shape
    draw = stream(7, "bench-additions")
    sampled, used = round(learner.rows * rows), round(learner.columns * columns)
    passes = histogram_sizes(learner.fit(examples, 7).save()["lgbm.txt"].decode(), sampled)
    subsets = [
        (np.sort(draw.choice(columns, used, replace=False)), np.flatnonzero(draw.random(rows) < learner.rows))
        for _ in range(8)
    ]
    out = np.zeros((columns * 64, 2))

    def kernel() -> None:
        for tree, sizes in enumerate(passes):
            chosen, taken = subsets[tree % len(subsets)]
            for size in sizes:
                out[:] = 0.0
                begin = (tree * 997) % max(len(taken) - size, 1)
                add_up(bins, chosen, taken[begin : begin + size], gradient, out)

    return kernel


def searches(rows: int, trials: int) -> None:
    """Compare later configurations of a search with the first, which makes the bins; equal settings."""
    examples = build(rows).examples()
    for kind in TREES:
        shares = []
        for _ in range(3):
            bench, seconds = tuning.Bench(kind, examples, tuning.Plan(trials)), []
            for _ in range(trials):
                begun = time.process_time()
                bench.gain({})
                seconds.append(time.process_time() - begun)
            shares.append((seconds[0], statistics.median(seconds[1:])))
        first, later = min(a for a, _ in shares), min(b for _, b in shares)
        say(WORK, f"search, {kind}: first configuration", first, "s CPU")
        say(WORK, f"search, {kind}: later / first", later / first, "x", 0.9)


def predictions(rows: int) -> None:
    """Time forecasts with intervals of one row and of a batch, beside the libraries' own calls."""
    examples = build(rows).examples()
    folds = schemes.make_folds(examples, "walk-forward-3", DAY)
    members = {kind: make(kind) for kind in TREES}
    model = fit_model(members, examples, cross_fit(members, examples, folds, 7), 7)
    raw: Mapping[str, Any] = {
        kind: bare_fit(kind, examples, np.arange(len(examples)), examples.label) for kind in TREES
    }
    batch = min(len(examples), 10_000)
    for name, size, repeats in (("one row", 1, 300), ("a batch", batch, 5)):
        x, price = examples.x[:size], examples.price[:size]

        def ours(x: Any = x, price: Any = price, repeats: int = repeats) -> None:
            for _ in range(repeats):
                model.forecast(x, price)

        def theirs(x: Any = x, repeats: int = repeats) -> None:
            for _ in range(repeats):
                for kind, booster in raw.items():
                    bare_predict(kind, booster, x)

        mine, libraries = in_turn(ours, theirs, 3)
        scale = 1e6 / (repeats * size)
        against(
            WORK, f"forecast with interval, {name}", mine * scale, "us a row",
            peer="library calls of the same models", theirs=libraries * scale,
        )  # fmt: skip


def main() -> None:
    """Run all parts."""
    size = options(__doc__)
    rows, rounds = (600, 1) if size.tiny else (12_000, 2) if size.quick else (40_000, 2)
    pipeline(rows, rounds)
    small(rows if size.tiny else 2_500)
    limit(rows if rows < 40_000 else 69_000, rounds)
    searches(rows // 2, 3 if size.tiny else 6)
    predictions(min(rows, 12_000))


if __name__ == "__main__":
    main()

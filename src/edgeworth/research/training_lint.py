"""The leak lint of a training: before any fit on the rows, and after the cross-fit on what it learned.

Each line is a code of `research.leaks.catalogue`, or one of a training's own: `leak-settled-price`,
`leak-resolution-anchor`, `leak-shuffle-canary`, `leak-random-gap`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.models.crossfit import Scheme, cross_fit, forecast_paths
from edgeworth.models.examples import Examples
from edgeworth.models.learners import Learner
from edgeworth.models.scores import cluster_mean, dense, log_loss_gain
from edgeworth.research.leaks import claims, prices, samples
from edgeworth.research.splits import Rows
from edgeworth.research.types import LintLine

if TYPE_CHECKING:
    from edgeworth.research.dataset import Dataset

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_ENOUGH: Final = 40
_CANARY_SHUFFLES: Final = 3
_STRONG: Final = 4.0
_RANDOM_FOLDS: Final = 5


def lint_rows(dataset: "Dataset") -> tuple[LintLine, ...]:
    """Look at the rows alone: columns of hindsight, prices after the event, anchored times, mirrored markets."""
    frame = dataset.frame
    t, price, label = (frame[name].to_numpy() for name in ("t", "price", "label"))
    event = dense(frame["event"].to_numpy())[0]
    _, market = np.unique(frame["market_id"].to_numpy(), return_inverse=True)
    known = frame["event_known_at"].to_numpy() if "event_known_at" in frame.columns else frame["known_at"].to_numpy()
    lines = [
        claims.hindsight_column(dataset.names),
        prices.post_event(t, known, "every row lies before its event was known"),
        settled_price(price, label, event),
        _mirror(dataset, market.astype(np.int64)),
    ]
    if {"resolved_at", "scheduled_end"} <= set(frame.columns):
        ends = frame["scheduled_end"].to_numpy()
        lines.append(resolution_anchor(t, frame["resolved_at"].to_numpy(), ends, market.astype(np.int64)))
    return tuple(lines)


def _mirror(dataset: "Dataset", market: Ints) -> LintLine:
    """Look for markets that are each other's complement: same event and instant, prices that add up to 1."""
    frame = dataset.frame
    event = dense(frame["event"].to_numpy())[0]
    return samples.mirror(event, market, frame["t"].to_numpy(), frame["price"].to_numpy())


def settled_price(price: Floats, label: Floats, event: Ints) -> LintLine:
    """Fail when prices know the outcome better than calibrated ones can: they were taken after it.

    Under calibration the mean log-loss is the mean entropy of the price; a sample far below it knows more.
    """
    code = "leak-settled-price"
    if len(np.unique(event)) < _ENOUGH:
        return LintLine(code, None, "too few events")
    p = np.clip(price, 1e-3, 1 - 1e-3)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    surprise = -(label * np.log(p) + (1 - label) * np.log(1 - p))
    gap = cluster_mean(surprise - entropy, event)
    certain = float((np.abs(price - label) < 0.02).mean())
    if certain > 0.9:
        return LintLine(code, False, f"{certain:.0%} of the prices equal the outcome: they were taken after it")
    if gap.value < -_STRONG * max(gap.error, 1e-9) and gap.value < -0.2 * float(entropy.mean()):
        return LintLine(code, False, f"prices know {-gap.value:.3f} nats more of the outcome than calibrated ones can")
    return LintLine(code, True, f"prices are no better than calibrated ({gap.value:+.4f} nats)")


def resolution_anchor(t: Ints, resolved_at: Ints, scheduled_end: Ints, market: Ints) -> LintLine:
    """Fail when rows lie at fixed distances before the resolution, which nobody knew, and not before the schedule."""
    code = "leak-resolution-anchor"
    if len(np.unique(market)) < _ENOUGH:
        return LintLine(code, None, "too few markets")
    dated = scheduled_end != UNKNOWN_TIME
    early = ~dated | (np.abs(scheduled_end - resolved_at) > 2 * HOUR)  # elsewhere both clocks say the same
    if int(early.sum()) < _ENOUGH:
        return LintLine(code, None, "nearly every market resolved on schedule, so the two cannot be told apart")
    gap, ahead = resolved_at[early] - t[early], (scheduled_end - t)[early & dated]
    strangers = stream(0, "strangers").permutation(resolved_at[early]) - t[early]
    actual = _concentration(gap)
    planned = _concentration(ahead) if len(ahead) >= _ENOUGH else 0.0
    words = f"{actual:.0%} of the rows lie whole days before the resolution, {planned:.0%} before the scheduled end"
    if _concentration(strangers) > 0.75:
        # times of whole days lie whole days before everything: a rule that counted back shows in a few common gaps
        few, chance = _commonest(gap), _commonest(strangers)
        few_planned = _commonest(ahead) if len(ahead) >= _ENOUGH else 0.0
        words = (
            f"times are whole days; {few:.0%} of the rows share five gaps to the resolution, {few_planned:.0%} to the "
            f"scheduled end, {chance:.0%} to others' resolutions"
        )
        return LintLine(code, not (few > 0.5 and few > max(chance, few_planned) + 0.25), words)
    return LintLine(code, not (actual > 0.5 and actual > planned + 0.25), words)


def _concentration(gap: Ints) -> float:
    """Return the share of gaps within half an hour of a whole number of days."""
    rest = np.mod(gap, DAY)
    return float((np.minimum(rest, DAY - rest) < HOUR // 2).mean())


def _commonest(gap: Ints) -> float:
    """Return the share of rows whose gap, in days, is one of the five commonest."""
    _, counts = np.unique(np.rint(gap / DAY), return_counts=True)
    return float(np.sort(counts)[-5:].sum() / len(gap))


def lint_folds(examples: Examples, scheme: Scheme) -> tuple[LintLine, ...]:
    """Look at the splits: no event on both sides, and no label that training must not have known.

    Folds that follow each other may train on labels known before testing began; combinatorial ones train on both sides
    of what they test, so there no training event may overlap a tested one.
    """
    lines = []
    for train, test in scheme.folds:
        if not len(train) or not len(test):
            continue
        line = samples.split_random(examples.event, train, test)
        late = samples.label_open(examples.known_at[train], examples.t[test])
        lines += [line, overlap(examples, train, test) if scheme.groups else late]
    worst: dict[str, LintLine] = {}
    for line in lines:
        if line.code not in worst or line.passed is False:
            worst[line.code] = line
    return tuple(worst.values())


def overlap(examples: Examples, train: Ints, test: Ints) -> LintLine:
    """Fail when an event that trains was open at the same time as one that is tested (row indices)."""
    code = "leak-label-open"
    numbers, opened, known = Rows(examples.t, examples.event, examples.known_at).spans()
    taught, tested = np.unique(numbers[train]), np.unique(numbers[test])
    order = tested[np.argsort(opened[tested], kind="stable")]
    reach = np.maximum.accumulate(known[order])
    before = np.searchsorted(opened[order], known[taught], side="right") - 1
    open_too = (before >= 0) & (reach[np.maximum(before, 0)] >= opened[taught])
    if open_too.any():
        return LintLine(code, False, f"{open_too.mean():.0%} of the training events overlap a tested one")
    return LintLine(code, True, "no training event overlaps a tested one")


def canary(examples: Examples, scheme: Scheme, seed: int, learner: Learner) -> LintLine:
    """Fail when a model finds skill in shuffled outcomes: whatever it finds then comes from the pipeline.

    Outcomes are drawn anew from each row's market price, so that the price is right by construction; the rows of one
    event share the draw, so they stay one piece of evidence (a market whose price moved may pay both ways).
    """
    code = "leak-shuffle-canary"
    gains = []
    for number in range(_CANARY_SHUFFLES):
        drawn = _redraw(examples, stream(seed, "canary", number).random(len(examples)))
        out = cross_fit({learner.kind: learner}, drawn, scheme.folds, seed)
        told = [(path.p, np.isfinite(path.p)) for path in forecast_paths(out, scheme, drawn, [0])]
        if not any(scored.any() for _, scored in told):
            return LintLine(code, None, "too few rows")
        each = [log_loss_gain(p[rows], drawn.price[rows], drawn.label[rows]) for p, rows in told]
        events = np.concatenate([drawn.event[rows] for _, rows in told])
        gains.append(cluster_mean(np.concatenate(each), events))
    worst = max(gains, key=lambda gain: gain.value / gain.error if gain.error else 0.0)
    words = f"outcomes redrawn from the price: gain {worst.value:+.5f} [{worst.low:+.5f}, {worst.high:+.5f}]"
    return LintLine(code, not (worst.value > _STRONG * worst.error), words)


def _redraw(examples: Examples, draws: Floats) -> Examples:
    first: dict[int, int] = {}
    owner = np.array([first.setdefault(int(event), row) for row, event in enumerate(examples.event)], dtype=np.int64)
    label = (draws[owner] < examples.price).astype(np.float64)
    return Examples(
        examples.x,
        examples.names,
        examples.price,
        label,
        examples.event,
        examples.weight,
        examples.t,
        examples.known_at,
    )


def random_gap(examples: Examples, purged_gain: float, seed: int, learner: Learner) -> LintLine:
    """State what random folds would have claimed; nobody is offered that number, it only shows the size of the lie."""
    code = "leak-random-gap"
    order = stream(seed, "random-folds").permutation(len(examples))
    parts = np.array_split(order, _RANDOM_FOLDS)
    gains = np.full(len(examples), np.nan)
    for number, test in enumerate(parts):
        train = np.concatenate([part for other, part in enumerate(parts) if other != number])
        fitted = learner.fit(examples.choose(np.sort(train)), seed)
        z = examples.offset[test] + fitted.correct(examples.x[test])
        p = 1.0 / (1.0 + np.exp(-z))
        gains[test] = log_loss_gain(p, examples.price[test], examples.label[test])
    shuffled = float(np.mean(gains))
    words = f"shuffled folds would claim {shuffled:+.5f} nats a row, purged ones say {purged_gain:+.5f}"
    return LintLine(code, True, words)


def failed(lines: Sequence[LintLine]) -> list[LintLine]:
    """Return the lines that forbid saving a model."""
    return [line for line in lines if line.passed is False]

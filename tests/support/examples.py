"""Invented examples: calibrated prices, or prices that miss what two features say."""

import numpy as np

from edgeworth.core.random import stream
from edgeworth.core.units import DAY
from edgeworth.models.examples import Examples, expit, market_logit

COLUMNS = 12


def planted_examples(seed: int, events: int = 1_500, planted: float = 0.5, per: int = 2) -> tuple[Examples, np.ndarray]:
    """Rows of `events` events, `per` each, and the true probabilities; with planted 0 the price is the truth."""
    draw, n = stream(seed, "planted-examples"), events * per
    start = np.sort(draw.uniform(0, 700 * DAY, events)).astype(np.int64)
    price = np.repeat(np.clip(draw.beta(1.2, 1.2, events), 0.03, 0.97), per)
    x = draw.normal(size=(n, COLUMNS)).astype(np.float32)
    x[:, :3] = np.repeat(x[::per, :3], per, axis=0)
    x[draw.random((n, COLUMNS)) < 0.03] = np.nan
    said = np.nan_to_num(x[::per])
    truth = expit(market_logit(price[::per]) + planted * (np.tanh(said[:, 0]) + (said[:, 1] > 0.5) - 0.3))
    examples = Examples(
        x,
        tuple(f"f{column}" for column in range(COLUMNS)),
        price,
        np.repeat((draw.random(events) < truth).astype(float), per),
        np.repeat(np.arange(events), per),
        np.full(n, 1 / per),
        np.repeat(start, per) + np.tile(np.arange(per) * DAY, events),
        np.repeat(start + 10 * DAY, per),
    )
    return examples, np.repeat(truth, per)

"""What a careless pipeline reports with no information at all: the simulated sizes of each leak, fixed seeds.

Tolerance .02 on rates, .01 on AUC, as the recipes state.
"""

import numpy as np
import pytest
from scipy.stats import norm

from edgeworth.core.random import stream
from edgeworth.models.scores import cluster_mean

RATE, AREA = 0.02, 0.01
POINTS = 5


def sd_steps(q, y, p, rng, points=POINTS):
    """Walk a logit by steps that point to the true side with probability p: an efficient price."""
    step = np.log(p / (1 - p))
    right = rng.random((len(q), points - 1)) < p
    up = np.where(right == (y[:, None] == 1), step, -step)
    start = np.log(q / (1 - q))
    return np.column_stack([start, start[:, None] + np.cumsum(up, axis=1)])


def scores(p, y):
    """(AUC, log-loss, Brier)."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    _, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    rank = (ends - (counts - 1) / 2)[inverse]
    won = y == 1
    area = (rank[won].sum() - won.sum() * (won.sum() + 1) / 2) / (won.sum() * (~won).sum())
    return area, -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)), np.mean((p - y) ** 2)


def boosted(seed):
    """One run of recipe a: scores of the market, of random folds and of folds by market."""
    import lightgbm as lgb

    rng = stream(seed, "recipe-a")
    markets = 500
    q = np.clip(rng.uniform(0, 1, markets), 0.03, 0.97)
    y = (rng.random(markets) < q).astype(float)
    logit = sd_steps(q, y, 0.57, rng)
    static = np.repeat(rng.normal(size=(markets, 4)), POINTS, axis=0)
    noise = rng.normal(size=(markets * POINTS, 5))
    price = 1 / (1 + np.exp(-logit.ravel()))
    index = np.tile(np.arange(POINTS), markets)
    table = np.column_stack([price, logit.ravel(), index, static, noise])
    label, group = np.repeat(y, POINTS), np.repeat(np.arange(markets), POINTS)
    settings = {
        "objective": "binary", "max_depth": 4, "num_leaves": 16, "learning_rate": 0.08, "verbosity": -1, "seed": seed,
        "num_threads": 1, "deterministic": True, "min_data_in_leaf": 5,
    }  # fmt: skip

    def folds(fold):
        out = np.empty(len(label))
        for k in range(5):
            train = lgb.Dataset(table[fold != k], label[fold != k])
            out[fold == k] = lgb.train(settings, train, 120).predict(table[fold == k])
        return scores(out, label)

    by_row = rng.permutation(np.arange(len(label)) % 5)
    by_market = rng.permutation(np.arange(markets) % 5)[group]
    return scores(price, label), folds(by_row), folds(by_market)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_random_folds_invent_skill():
    """Random folds reach an AUC near .97 where the market has .85; folds by market are worse than the market."""
    market, random, grouped = np.mean([boosted(seed) for seed in range(3)], axis=0)
    for found, area, loss, brier in (
        (market, 0.8472, 0.4826, 0.1593),
        (random, 0.9700, 0.2648, 0.0754),
        (grouped, 0.8003, 0.5759, 0.1900),
    ):
        assert found[0] == pytest.approx(area, abs=AREA)
        assert found[1:] == pytest.approx([loss, brier], abs=RATE)


def fires(repetitions, sample):
    """Return how often a nominal 5 % test fires with independent rows and with clusters."""
    naive = clustered = 0
    for repetition in range(repetitions):
        d, group = sample(stream(3, "iid", repetition))
        naive += abs(d.mean()) > 1.96 * d.std(ddof=1) / np.sqrt(len(d))
        found = cluster_mean(d, group)
        clustered += abs(found.value) > 1.96 * found.error
    return naive / repetitions, clustered / repetitions


def test_b_snapshots_are_not_rows():
    def sample(rng):
        q = rng.uniform(0.1, 0.9, 200)
        y = (rng.random(200) < q).astype(float)
        price = 1 / (1 + np.exp(-sd_steps(q, y, 0.6, rng)))
        return (y[:, None] - price).ravel(), np.repeat(np.arange(200), POINTS)

    naive, clustered = fires(4_000, sample)
    assert naive == pytest.approx(0.377, abs=RATE)
    assert clustered == pytest.approx(0.059, abs=RATE)


@pytest.mark.parametrize(("k", "rate"), [(10, 0.57), (100, 0.85), (1000, 0.95)])
def test_c_fills_are_not_rows(k, rate):
    def sample(rng):
        q = rng.uniform(0.1, 0.9, 300)
        y = (rng.random(300) < q).astype(float)
        size = rng.poisson(k, 300) + 1
        return np.repeat(y - q, size), np.repeat(np.arange(300), size)

    naive = 0
    repetitions = 2_500 if k < 1_000 else 1_200
    for repetition in range(repetitions):
        d, _ = sample(stream(5, "fills", k, repetition))
        naive += abs(d.mean()) > 1.96 * d.std(ddof=1) / np.sqrt(len(d))
    assert naive / repetitions == pytest.approx(rate, abs=RATE)


def test_d_resolved_so_far_is_mostly_yes():
    rng = stream(7, "recipe-d")
    count = 400_000
    horizon, opened, q = rng.uniform(30, 365, count), rng.uniform(-365, 0, count), rng.beta(1, 2, count)
    happens = opened + rng.exponential(1.0, count) * horizon / -np.log1p(-q)
    end = opened + horizon
    yes = happens < end
    seen = np.where(yes, happens, end) < 0
    assert yes[seen].mean() == pytest.approx(0.452, abs=0.01)
    assert q[seen].mean() == pytest.approx(0.367, abs=0.01)
    assert 100 * (yes[seen].mean() - q[seen].mean()) == pytest.approx(8.6, abs=0.6)
    matured = end < 0
    assert 100 * (yes[matured].mean() - q[matured].mean()) == pytest.approx(-0.25, abs=0.6)


def test_e_exclusive_legs_are_not_bets():
    rng = stream(9, "recipe-e")
    scores_ = []
    for _ in range(2_000):
        p = rng.dirichlet(np.full(7, 0.6), 400)
        won = np.arange(7) == (p.cumsum(axis=1) < rng.random((400, 1))).sum(axis=1)[:, None]
        legs = p < 0.3
        variance = (p * (1 - p))[legs].sum()
        scores_.append((won[legs].sum() - p[legs].sum()) / np.sqrt(variance))
    assert np.std(scores_) == pytest.approx(0.66, abs=0.03)


def test_f_the_best_five_of_24_hours_of_a_fair_coin():
    rng = stream(13, "recipe-f")
    wins = rng.binomial(112, 0.5, (20_000, 24)) / 112
    away = np.sort(np.abs(wins - 0.5), axis=1)[:, -5:]
    best = 0.5 + away.mean(axis=1)
    assert best.mean() == pytest.approx(0.5798, abs=0.002)
    assert np.quantile(best, [0.05, 0.95]) == pytest.approx([0.561, 0.600], abs=0.003)


def test_the_mirrored_set_rejects_too_often():
    exact = 2 * (1 - norm.cdf(1.96 / np.sqrt(2)))
    assert exact == pytest.approx(0.166, abs=0.0005)
    rng = stream(15, "mirror")
    z = rng.normal(size=200_000)  # one market's z; both its sides double the rows and keep the deviation
    assert (np.abs(z) * np.sqrt(2) > 1.96).mean() == pytest.approx(exact, abs=0.005)


@pytest.mark.parametrize(("k", "rho", "size"), [(15, 0.9, 1.10), (12, 0.5, 1.85)])
def test_the_effective_size_of_correlated_rows(k, rho, size):
    assert k / (1 + (k - 1) * rho) == pytest.approx(size, abs=0.005)

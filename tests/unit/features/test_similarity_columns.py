"""Nearest resolved questions: what is near, only outcomes known by then, prices at comparable horizons."""

import dataclasses

import numpy as np
import pytest
from tests.support.panels import START, day, make_panel, random_panel

from edgeworth.core.panel import NEVER
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.similarity import NAMES, SimilarityColumns, reference, vectors


def cosine(left: str, right: str) -> float:
    found = vectors([left, right])
    parts = [
        dict(zip(found.place[a:b].tolist(), found.weight[a:b].tolist(), strict=True))
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    return sum(weight * parts[1].get(place, 0.0) for place, weight in parts[0].items())


def test_vectors_are_of_unit_length_and_stateless():
    texts = ["Will Bitcoin reach $110,000 in March?", "", "of the", "Côte d'Ivoire?"]
    found = vectors(texts)
    assert np.diff(found.offsets)[1:3].tolist() == [0, 0]
    again = vectors(texts[:1])
    assert np.array_equal(again.place, found.place[: len(again.place)])
    assert (again.weight**2).sum() == pytest.approx(1)


def test_near_is_what_people_call_near():
    near = cosine("Will Bitcoin reach $110,000 in March?", "Will Bitcoin reach $95,500 in April?")
    assert 0.5 < near < 1
    assert cosine("Will Bitcoin reach $110,000?", "will bitcoin  reach $250,000") == pytest.approx(1, abs=1e-6)
    assert cosine("Will team 3 win game 4?", "Will the Fed cut rates in June?") < 0.1
    assert cosine("Will it rain in Oslo?", "Will it snow in Oslo?") < near + 0.2


def question(number, text="Will Bitcoin reach ${n},000 in week {i}?", **options):
    base = {
        "question": text.format(n=90 + number, i=number), "prices": [(day(number) + k * HOUR, 0.4) for k in range(0, 144, 6)],
        "end": day(number + 7), "payout": number % 2, "resolved_at": day(number + 7), "created_at": day(number),
    }  # fmt: skip
    return base | options


def test_counts_outcomes_and_gaps_by_hand():
    panel, outcomes = make_panel([*(question(n) for n in range(6)), question(9, text="Will the Fed cut rates?")])
    columns = SimilarityColumns(reference(panel, outcomes))
    last = panel.offsets[1:] - 1
    frame = columns(panel, last)
    assert frame.columns == list(NAMES)
    # week 5's last point lies on day 10.75: weeks 0 to 3 are known (days 7 to 10), week 4 on day 11 is not
    assert frame["similar_count"].to_list() == [0, 0, 1, 2, 3, 4, 0]
    assert frame["similar_mean_outcome"].to_list()[2:6] == pytest.approx([0, 0.5, 1 / 3, 0.5])
    assert frame["similar_mean_gap"].to_list()[5] == pytest.approx(0.5 - 0.4)
    assert frame["similar_best_similarity"].to_list()[5] > 0.5
    assert frame["similar_mean_outcome"].to_list()[0] is None
    assert frame["similar_mean_gap"].to_list()[6] is None


def test_outcomes_not_known_by_then_change_nothing():
    panel, outcomes = random_panel(4, markets=150, points=40)
    rows = np.arange(0, panel.point_count, 5)
    before = SimilarityColumns(reference(panel, outcomes), least=0.3)(panel, rows)
    assert before["similar_count"].sum() > 500
    for number, cut in enumerate(np.quantile(panel.t, (0.3, 0.5, 0.8)).astype(np.int64)):
        later = (outcomes.known_at > cut) & (outcomes.known_at != NEVER)
        payout, known = outcomes.payout_e4.copy(), outcomes.known_at.copy()
        draw = stream(number, "permute")
        payout[later] = draw.permutation(payout[later])
        known[later] = cut + 1 + draw.integers(0, 9 * DAY, int(later.sum()))
        assert later.sum() > 10
        changed = dataclasses.replace(outcomes, payout_e4=payout, known_at=known)
        price = np.where(panel.t > cut, 10_000 - panel.price_e4, panel.price_e4).astype(np.int32)
        other = reference(dataclasses.replace(panel, price_e4=price), changed)
        inside = panel.t[rows] <= cut
        after = SimilarityColumns(other, least=0.3)(panel, rows[inside])
        assert after.equals(before.filter(inside))


def test_one_row_is_as_many_and_another_panel_as_this_one():
    panel, outcomes = random_panel(5, markets=60, points=30)
    columns = SimilarityColumns(reference(panel, outcomes), nearest=3, least=0.3)
    rows = np.arange(0, panel.point_count, 7)
    whole = columns(panel, rows)
    for place in range(0, len(rows), 9):
        assert columns(panel, rows[place : place + 1]).equals(whole[place])
    assert columns.lacks(START - DAY).startswith("no resolved")
    assert columns.lacks(day(300)) == ""
    assert columns.fingerprint != SimilarityColumns(columns.reference).fingerprint


def test_the_search_agrees_with_a_slow_one():
    panel, outcomes = random_panel(6, markets=120, points=20)
    own = reference(panel, outcomes)
    rows = np.arange(0, panel.point_count, 11)
    found = SimilarityColumns(own, nearest=4, least=0.3)(panel, rows)
    texts = panel.markets["question"].to_list()
    dense = np.zeros((len(own.vectors), 1 << 18), np.float32)
    for k in range(len(own.vectors)):
        a, b = own.vectors.offsets[k : k + 2]
        dense[k, own.vectors.place[a:b]] = own.vectors.weight[a:b]
    market = panel.market_of_point()[rows]
    for place, (index, t) in enumerate(zip(market, panel.t[rows], strict=True)):
        asked = vectors([texts[index]])
        score = dense[:, asked.place] @ asked.weight
        fits = (score >= 0.3) & (own.known_at <= t) & (own.market_no != index + 1)
        best = sorted(np.flatnonzero(fits), key=lambda k: (-round(float(score[k]), 5), k))[:4]
        assert found["similar_count"][place] == len(best)
        if best:
            assert found["similar_best_similarity"][place] == pytest.approx(score[best[0]], abs=1e-5)
            assert found["similar_mean_outcome"][place] == pytest.approx(own.outcome[best].mean())
            assert found["similar_best_outcome"][place] == own.outcome[best[0]]

"""A small study in CI: seeds are fixed, so the outcome is too; the full one is `edgeworth report evidence`."""

from pathlib import Path

import pytest

from edgeworth.core.config import ProofSettings, Settings
from edgeworth.research.study import PLANS, Study, is_found
from edgeworth.research.study_tables import worlds_with_claim

SETTINGS = Settings(proof=ProofSettings(bootstraps=300))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path, SETTINGS, workers=0)


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["null", "null-free"])
def test_where_nothing_is_planted_nothing_is_claimed(study: Study, plan: str) -> None:
    rows = study.run(PLANS[plan], 12)
    assert worlds_with_claim(rows).hits <= 1
    for row in rows:
        market = next(rule for rule in row["rules"] if rule["strategy"] == "follow-the-market")
        assert market["true_edge"] == pytest.approx(0.0, abs=1e-3) if plan == "null-free" else market["true_edge"] < 0


def test_a_planted_edge_is_found_in_most_worlds(study: Study) -> None:
    rows = study.run(PLANS["power"], 6)
    assert worlds_with_claim(rows).hits >= 5
    assert worlds_with_claim(rows, before=True).hits < worlds_with_claim(rows).hits
    for row in rows:
        assert [rule["strategy"] for rule in row["rules"]] == ["first-teams-too-dear"]
        assert row["rules"][0]["true_edge"] == pytest.approx(0.05, abs=0.006)
        assert row["rules"][0]["events"] == 1000
        assert not is_found(row["reverses"][0])


def test_one_null_world_claims_nothing_for_any_rule_or_its_reverse(study: Study) -> None:
    (row,) = study.run(PLANS["null"], 1)
    assert len(row["rules"]) == len(row["reverses"]) == 7
    assert not any(is_found(rule) for rule in (*row["rules"], *row["reverses"]))
    assert row["lenses"]["lenses"] >= row["lenses"]["beyond"]

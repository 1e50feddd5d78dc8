"""Golden fingerprints: the opinions of every shipped strategy on one invented panel. A change here is a changed rule.

After a deliberate change, raise the strategy's version and write the new value: run this file as a module.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.panels import random_panel

from edgeworth.forecasting.firing import fire_all
from edgeworth.forecasting.learning import learn
from edgeworth.strategies.base import reverse
from edgeworth.strategies.registry import all_strategies

GOLDEN = Path(__file__).with_name("opinions.json")
DIGITS = 9


def fingerprints() -> dict[str, str]:
    """Name and version of each strategy and its control -> sha256 of its opinions, rounded."""
    panel, outcomes = random_panel(2024, markets=200, points=50)
    rules = [variant for rule in all_strategies() for variant in (rule, reverse(rule))]
    result = {}
    for rule, found in zip(rules, fire_all(panel, rules), strict=True):
        said = learn(found, panel, outcomes, half_spread=0.01)
        digest = hashlib.sha256()
        for values in (said.row, said.side, said.p.round(DIGITS), said.se.round(DIGITS), said.evidence):
            digest.update(json.dumps(values.tolist()).encode())
        result[f"{rule.name} {rule.version}"] = f"{len(found)} {digest.hexdigest()[:16]}"
    return result


def test_opinions_are_what_they_were():
    assert fingerprints() == json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.parametrize("seed", ["1", "77"])
def test_opinions_do_not_depend_on_the_hash_seed(seed):
    code = "import json; from tests.golden.test_opinions import fingerprints; print(json.dumps(fingerprints()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == json.loads(GOLDEN.read_text("utf-8"))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(fingerprints(), indent=2) + "\n", "utf-8")

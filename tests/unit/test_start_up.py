"""What a fresh process does: variables set before numeric libraries, nothing heavy on the way to --help."""

import json
import os
import subprocess
import sys

HEAVY = {
    "polars", "numpy", "numba", "scipy", "sqlalchemy", "aiosqlite", "alembic", "pydantic", "pydantic_settings", "matplotlib",
    "httpx2", "fastapi", "sklearn", "xgboost", "lightgbm", "torch", "msgspec", "rich", "jinja2", "optuna", "mlflow",
}  # fmt: skip


def loaded_after(code: str, **environment: str) -> tuple[set[str], str]:
    probe = f"import sys, json\n{code}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    variables = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, env={**variables, **environment}
    )
    lines = done.stdout.splitlines()
    return set(json.loads(lines[-1])), "\n".join(lines[:-1])


def test_importing_the_package_sets_the_environment_and_loads_nothing_heavy() -> None:
    modules, out = loaded_after("import edgeworth, os; print(os.environ['OMP_WAIT_POLICY'])")
    assert out == "PASSIVE"
    assert not modules & HEAVY


def test_a_users_own_choice_is_kept() -> None:
    _, out = loaded_after("import edgeworth, os; print(os.environ['OMP_WAIT_POLICY'])", OMP_WAIT_POLICY="ACTIVE")
    assert out == "ACTIVE"


def test_help_loads_nothing_heavy() -> None:
    code = "from edgeworth.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0"
    modules, out = loaded_after(code)
    assert "backtest" in out
    assert not modules & HEAVY


def test_core_words_are_light() -> None:
    modules, _ = loaded_after(
        "import edgeworth.core.errors, edgeworth.core.units, edgeworth.core.instants, edgeworth.core.paths"
    )
    assert not modules & HEAVY

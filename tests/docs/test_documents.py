"""The documents are a contract: generated pages match the code, and every code block runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from edgeworth.app.docs import PAGES
from edgeworth.cli.main import VERBS, cli
from edgeworth.cli.reference import cli_page

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CLI_PAGE = "reference/cli.md"
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """Return (name, code) of each runnable block; one marked `no-run` is shown to readers only."""
    found = []
    for path in DOCUMENTS:
        for number, match in enumerate(FENCE.finditer(path.read_text("utf-8"))):
            if match.group(1) == language and "no-run" not in match.group(2):
                found.append((f"{path.relative_to(ROOT)}#{number}", match.group(3)))
    return found


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small simulated world in it, as after `edgeworth demo`."""
    home = tmp_path_factory.mktemp("home")
    run("edgeworth demo --scenario tiny --quiet", home, home)
    return home


@pytest.fixture
def demo_home(finished_demo: Path, tmp_path: Path) -> Path:
    """A private copy, so that no block sees what another imported."""
    return Path(shutil.copytree(finished_demo, tmp_path / "home"))


def run(command: str, home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "EDGEWORTH_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.parametrize("name", [*PAGES, CLI_PAGE])
def test_generated_pages_match_the_code(name: str) -> None:
    path = ROOT / "docs" / name
    render = cli_page if name == CLI_PAGE else PAGES[name]
    assert path.read_text("utf-8") == render(), f"run: python -m edgeworth.cli.reference docs ({name} is out of date)"


@pytest.mark.parametrize(("name", "code"), blocks("python"), ids=lambda value: value if "#" in value else "")
def test_python_blocks_run(name: str, code: str, demo_home: Path, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(code)
    run(f"python {script}", demo_home, tmp_path)


def shell_blocks() -> list[Any]:
    """Return the shell blocks; those that make a whole demo anew take long, except the README's."""
    return [
        pytest.param(name, code, marks=pytest.mark.slow)
        if re.search(r"^edgeworth demo(?!.*--files)", code, re.MULTILINE) and not name.startswith("README") else (name, code)
        for name, code in blocks("sh")
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "code"), shell_blocks(), ids=lambda value: value if "#" in value else "")
def test_shell_blocks_run(name: str, code: str, demo_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    run(code, demo_home, folder)


def test_every_document_is_in_the_navigation() -> None:
    navigation = (ROOT / "zensical.toml").read_text("utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        assert str(path.relative_to(ROOT / "docs")) in navigation, f"{path.name} is not in zensical.toml"


def test_links_between_documents_lead_somewhere() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+\.md)[^)]*\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"


def test_every_verb_and_subcommand_is_documented() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert f"edgeworth {verb}" in page
        for name, leaf in getattr(command, "commands", {}).items():
            if not leaf.hidden and name != getattr(command, "default", None):
                assert f"edgeworth {verb} {name}" in page, f"edgeworth {verb} {name} is not in docs/reference/cli.md"


def test_the_help_fits_a_screen() -> None:
    text = cli.get_help(click.Context(cli, info_name="edgeworth"))
    assert len(text.splitlines()) <= 24

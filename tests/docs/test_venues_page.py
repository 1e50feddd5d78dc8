"""What the page on venues says about limits, statuses, hosts and paths is what the code does."""

import ast
import re
from pathlib import Path

import pytest

from edgeworth.core.error_codes import CODES
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.classify import STATUSES
from edgeworth.venues.http.limits import DOCUMENTED, ROUTES, Bucket, Limits
from edgeworth.venues.payloads import Kind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/venues.md").read_text("utf-8")
SOURCES = (
    "polymarket/gamma.py",
    "polymarket/clob_reads.py",
    "polymarket/data_api.py",
    "binance/rest.py",
    "binance/bulk.py",
)


def rows(header):
    """The rows of the table whose header line begins with these words, cells without their backticks."""
    lines = PAGE.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {header} |")) + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return found


def test_limits():
    limits = Limits()
    stated = {row[0]: (row[1], row[2]) for row in rows("bucket")}
    assert stated == {
        name: (f"{rate.calls:,} in {rate.seconds:g} s", f"{Bucket(rate, limits.share, limits.burst).size:,}")
        for name, rate in DOCUMENTED.items()
    }


def test_routes():
    stated = {row[0]: row[1] for row in rows("route class")}
    assert stated == {
        route: ", ".join(f"{draw.bucket} ×{draw.cost}" if draw.cost > 1 else draw.bucket for draw in draws)
        for route, draws in ROUTES.items()
    }


def test_statuses():
    stated = {int(row[0]): (row[1], row[2]) for row in rows("status")}
    assert stated == {status: (found.kind.__name__, found.code) for status, found in STATUSES.items()}


def test_hosts():
    assert [row[0] for row in rows("host")] == list(Endpoints().hosts())


@pytest.mark.parametrize("source", SOURCES)
def test_every_path_that_is_asked_for_is_named(source):
    tree = ast.parse((ROOT / "src/edgeworth/venues" / source).read_text("utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    paths = [text for text in texts if re.fullmatch(r"/[a-z0-9/-]*[a-z0-9][a-z0-9/-]*", text)]
    assert paths
    for path in paths:
        assert path.rstrip("/") in PAGE, path


def test_numbers_and_words_in_the_text():
    limits = Limits()
    for said in (
        f"{limits.share:.0%}".replace("%", " %"), f"at most {limits.tries} times", f"{limits.backoff_s:g} s",
        f"{limits.backoff_cap_s:g} s", f"connect {limits.connect_s:g} s", f"read {limits.read_s:g} s",
        f"{limits.max_bytes // 10**6} MB", f"{limits.failures_to_open} failures", f"{limits.open_cap_s:g} s",
        f"{limits.closed_by_refusal_s / 60:g} minutes", f"{limits.weight_share:.0%}".replace("%", " %"),
        f"{limits.longest_wait_s / 60:g} minutes",
    ):  # fmt: skip
        assert said in PAGE, said
    for kind in Kind:
        assert f"`{kind}`" in PAGE, kind
    for code in re.findall(r"`((?:venue|egress)-[a-z-]+|not-listed|checksum-mismatch)`", PAGE):
        assert code in CODES
    raised = "".join(path.read_text("utf-8") for path in (ROOT / "src/edgeworth/venues/http").glob("*.py"))
    assert all(f"`{code}`" in PAGE for code in CODES if f'"{code}"' in raised)

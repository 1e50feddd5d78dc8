"""The recorded folder: every file imports or is refused with a code, counts add up, and repetition changes nothing."""

import shutil

import polars as pl
import pytest

from edgeworth.collect.importing.pipeline import import_paths
from edgeworth.core.clock import SystemClock
from edgeworth.core.error_codes import CODES
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent

pytestmark = pytest.mark.recorded


@pytest.fixture(scope="module")
def imported(recorded, tmp_path_factory):
    """The whole folder, imported once."""
    home = Home(tmp_path_factory.mktemp("recorded") / "home")
    report = import_paths([recorded], home, recorded=True, progress=Silent(), clock=SystemClock())
    return report, home


def test_counts_add_up_for_every_file(imported):
    report, _ = imported
    assert report.adds_up()
    for file in report.files:
        assert file.counts.adds_up(), file.path
        assert file.read or file.refused or file.skipped or "empty" in file.path, file.path


def test_only_what_must_be_refused_is_refused(imported):
    report, _ = imported
    refused = {file.path.rsplit("/", 1)[-1]: file.refused for file in report.refused}
    assert all(code in CODES for code in refused.values())
    assert set(refused.values()) == {"price-label", "look-ahead"}
    assert {name for name, code in refused.items() if code == "price-label"} == {"outcomes_2026_02_LEAK_TRAP.parquet"}
    assert all(not file.read for file in report.refused)


def test_nothing_of_ours_is_skipped(imported):
    report, _ = imported
    for file in report.files:
        if file.skipped and file.path.endswith(".parquet"):
            assert "no market" in file.skipped or "no price series" in file.skipped


def test_every_row_of_the_tables_is_accounted_for(imported, recorded):
    report, _ = imported
    by_path = {file.path: file for file in report.files}
    for path in sorted(recorded.rglob("*.parquet")):
        file = by_path[str(path.relative_to(recorded))]
        if not file.refused and not file.skipped:
            assert file.rows == pl.scan_parquet(path).select(pl.len()).collect().item()


def test_prices_of_a_table_are_stored_whole(imported, recorded):
    report, _ = imported
    by_path = {file.path: file for file in report.files}
    for name in ("polymarket/resolved_prices_1d", "polymarket_10m/prices", "weather/prices_1h"):
        path = f"{name}.parquet"
        rows = pl.scan_parquet(recorded / path).select(pl.len()).collect().item()
        assert by_path[path].stored == {"price": rows}


def test_markets_and_resolutions_of_the_resolved_table_are_stored_whole(imported, recorded):
    report, _ = imported
    path = "polymarket/resolved_markets.parquet"
    rows = pl.scan_parquet(recorded / path).select(pl.len()).collect().item()
    file = next(file for file in report.files if file.path == path)
    assert file.stored == {"market": rows, "resolution": rows}


def test_again_everything_is_a_duplicate(imported, recorded):
    first, home = imported
    second = import_paths([recorded], home, recorded=True, progress=Silent(), clock=SystemClock())
    assert second.adds_up()
    assert not second.totals.stored
    assert second.totals.read == first.totals.read


def test_read_anew_nothing_is_stored_twice(imported, recorded, tmp_path):
    _, home = imported
    copy = tmp_path / "weather"
    shutil.copytree(recorded / "weather", copy)  # other times, other place, same content
    report = import_paths([copy], home, progress=Silent(), clock=SystemClock())
    assert report.adds_up()
    assert not report.totals.stored

"""What people read: SQL, look-up, lists, verification, export."""

import json

import polars as pl
import pytest
from tests.store_world import T0, ids_of, market, write_all

from edgeworth.core.errors import AccessError, DataError, UsageError
from edgeworth.core.records import Rejected
from edgeworth.store.export import EXPORTS, export_frame, format_of, formula_safe, write_frame
from edgeworth.store.lake import Lake
from edgeworth.store.lookup import MarketFilter, find_market, list_markets, market_prices, show_market
from edgeworth.store.query import sql
from edgeworth.store.relations import TABLES
from edgeworth.store.verify import verify


def test_sql_over_markets_and_lake_together(filled):
    query = """
        SELECT m.slug, count(*) AS n, max(p.price) AS top FROM markets m
        JOIN prices p ON p.market_no = m.market_no
        WHERE p.source = 'alpha' AND p.event_time >= '2020-01-01' GROUP BY m.slug ORDER BY m.slug LIMIT 2
    """
    assert sql(filled, query).rows() == [("will-it-rain-in-town-1", 48, 0.99), ("will-it-rain-in-town-2", 48, 0.99)]
    assert sql(filled, "with a as (select * from resolutions) select count(*) as n from a;").item() == 4
    assert sql(filled, "select ';' as a, 'read_csv(' as b -- drop table markets").rows() == [(";", "read_csv(")]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_read(filled, name):
    assert sql(filled, f"SELECT * FROM {name} LIMIT 1").width >= 5 - {"aliases": 2, "api_usage": 1}.get(name, 0)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("drop table markets", "only SELECT"),
        ("DELETE FROM markets", "only SELECT"),
        ("", "empty"),
        ("-- nothing", "empty"),
        ("select 1; select 2", "one statement"),
        ("select * from read_csv('/etc/hostname')", "not allowed"),
        ("select * from markts", "no table 'markts'"),
        ("select nope from markets", "nope"),
        ("select from where", ""),
        ("select market_no + from markets", ""),
        ("with x as (delete from markets) select 1", ""),
    ],
)
def test_bad_queries_say_why(filled, query, words):
    with pytest.raises(UsageError) as failure:
        sql(filled, query)
    assert failure.value.code == "bad-query"
    assert words in failure.value.message
    assert failure.value.hint


def test_a_misspelt_table_gets_a_suggestion(filled):
    with pytest.raises(UsageError) as failure:
        sql(filled, "select * from markts")
    assert "did you mean 'markets'" in failure.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "will-it-rain-in-town-3",
        "WILL-IT-RAIN-IN-TOWN-3",
        ids_of(3)[0][1],
        ids_of(3)[0][1][:10],
        "5003",
        "#3",
        "https://polymarket.com/event/rain/will-it-rain-in-town-3?tid=1",
        "rain town 3?",
    ],
)
def test_finding_a_market(filled, text):
    assert find_market(filled, text) == 3


@pytest.mark.parametrize(
    ("text", "candidates"), [("rain", 2), ("will-it", 5), ("https://polymarket.com/event/rain", 2)]
)
def test_ambiguous_markets(filled, text, candidates):
    with pytest.raises(UsageError) as failure:
        find_market(filled, text)
    assert failure.value.code == "ambiguous-market"
    assert len(failure.value.details["candidates"]) == candidates


@pytest.mark.parametrize("text", ["#99", "zzz", "will-it-rayn-in-town-3", "", "%", "#x", "https://"])
def test_unknown_markets(filled, text):
    with pytest.raises(UsageError) as failure:
        find_market(filled, text)
    assert failure.value.code == "unknown-market"
    if "rayn" in text:
        assert "will-it-rain-in-town-3" in failure.value.hint


def test_lists(filled):
    def numbers(*args, **options):
        return list_markets(filled, *args, **options)["market_no"].to_list()

    assert numbers() == [1, 2, 3, 4, 5, 6]
    assert numbers(sort="-market_no", limit=2) == [6, 5]
    assert numbers(MarketFilter(search="town 4")) == [4]
    assert numbers(MarketFilter(state="active")) == [5, 6]
    assert numbers(MarketFilter(state="resolved"), sort="question") == [1, 2, 3, 4]
    assert numbers(MarketFilter(source="beta")) == [5]

    def classify(frame):
        return pl.Series(["weather/rain" if n % 2 else "other" for n in frame["market_no"]])

    assert numbers(MarketFilter(category="weather", classify=classify)) == [1, 3, 5]
    with pytest.raises(UsageError):
        numbers(sort="volume")


def test_showing_one_market(filled):
    shown = show_market(filled, 5)
    assert shown["market"]["question"] == "Will it rain in Town 5?"
    assert {row["source"]: row["points"] for row in shown["prices"]} == {"alpha": 48, "beta": 2}
    assert len(shown["ids"]) == 3
    assert show_market(filled, 1)["resolutions"][0]["payout_e4"] == 10_000
    assert market_prices(filled, 5, "beta")["price"].to_list() == [0.01, 0.02]
    with pytest.raises(UsageError):
        show_market(filled, 99)


def test_verification_adds_up(filled):
    write_all(filled, [Rejected(source="alpha", kind="price", reason="nan", raw="x", rows=3), market(7)])
    found = verify(filled)
    assert found.sound
    assert found.coverage["resolved"] == found.coverage["resolved_with_prices"] == 4
    assert (found.coverage["markets"], found.coverage["with_prices"]) == (7, 6)
    assert found.quarantine == [{"source": "alpha", "kind": "price", "reason": "nan", "rows": 3, "records": 1}]
    assert [source["name"] for source in found.sources] == ["alpha", "beta"]
    json.dumps(found.to_dict())


def test_verification_finds_damage(filled):
    part = Lake(filled.lake).manifest("prices").parts[0]
    path = filled.lake / "prices" / part.name
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    assert [problem.code for problem in verify(filled).problems] == ["store-corrupt"]
    path.write_bytes(good)
    data = bytearray(filled.market_db.read_bytes())
    data[4096 * 2 : 4096 * 6] = b"\xff" * 4096 * 4
    filled.market_db.write_bytes(data)
    found = verify(filled)
    assert not found.sound
    assert {problem.code for problem in found.problems} == {"store-corrupt"}


def test_verification_of_nothing(place):
    with pytest.raises(DataError) as failure:
        verify(place)
    assert failure.value.code == "store-empty"


@pytest.mark.parametrize("suffix", ["csv", "json", "ndjson", "parquet"])
def test_exports(filled, tmp_path, suffix):
    readers = {"csv": pl.read_csv, "json": pl.read_json, "ndjson": pl.read_ndjson, "parquet": pl.read_parquet}
    for what in EXPORTS:
        path = tmp_path / f"{what}.{suffix}"
        rows = write_frame(export_frame(filled, what), path)
        if rows:
            assert readers[suffix](path).height == rows
    assert write_frame(export_frame(filled, "prices", [5]), tmp_path / f"prices.{suffix}", force=True) == 50
    with pytest.raises(UsageError) as failure:
        write_frame(export_frame(filled, "markets"), tmp_path / f"markets.{suffix}")
    assert failure.value.code == "file-exists"
    assert [path.name for path in tmp_path.glob("*.tmp")] == []


def test_csv_holds_no_formulas(tmp_path):
    frame = pl.DataFrame({"a": ["=1+1", "+x", "-x", "@x", "x", None], "n": [-1] * 6, "l": [["=a"]] * 6})
    assert formula_safe(frame)["a"].to_list() == ["'=1+1", "'+x", "'-x", "'@x", "x", None]
    write_frame(frame, tmp_path / "a.csv")
    assert pl.read_csv(tmp_path / "a.csv")["n"].to_list() == [-1] * 6


def test_export_refusals(filled, tmp_path):
    with pytest.raises(UsageError):
        export_frame(filled, "everything")
    with pytest.raises(UsageError):
        format_of(tmp_path / "a.xlsx")
    with pytest.raises(AccessError) as failure:
        write_frame(export_frame(filled, "markets"), tmp_path / "no" / "folder" / "a.csv")
    assert failure.value.code == "output-unwritable"
    assert T0 > 0

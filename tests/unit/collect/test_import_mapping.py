"""The mapping language: what it says, and what it answers to a misspelt word."""

from pathlib import Path

import polars as pl
import pytest

from edgeworth.collect.importing import fields
from edgeworth.collect.importing.mapping import load_mapping, parse_mapping, shipped_mappings
from edgeworth.collect.importing.tables import Piece, apply
from edgeworth.collect.importing.values import Context, as_text
from edgeworth.core.errors import UsageError
from edgeworth.core.records import MarketRecord, Rejected, ResolutionRecord
from edgeworth.core.types import Payout

HEAD = 'source = "mine"\n'
IDS = 'ids = [{ kind = "key", column = "id" }]\n'
DAY = 86_400_000_000


def run(text, columns, **context):
    spec = parse_mapping(HEAD + text, "test.toml")
    return apply(Piece(spec, pl.DataFrame(columns), 0, "test", Context(spec.nulls, **context), "1h"))


def times(unit, values):
    piece = run(
        f'[price]\n{IDS}t = {{ column = "t", unit = "{unit}" }}\nprice = "p"',
        {"id": list(range(len(values))), "t": values, "p": [0.5] * len(values)},
    )
    return sorted(piece.prices[0].t.tolist()) if piece.prices else []


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("s", 1_700_000_000),
        ("s", 1_700_000_000.0),
        ("s", "1700000000"),
        ("ms", 1_700_000_000_000),
        ("us", 1_700_000_000_000_000),
        ("ns", 1_700_000_000_000_000_000),
        ("iso", "2023-11-14T22:13:20Z"),
        ("iso", "2023-11-14 22:13:20+00"),
        ("iso", "2023-11-15T00:13:20+02:00"),
        ("auto", "2023-11-14T22:13:20.000000000"),
        ("auto", 1_700_000_000),
        ("auto", 1_700_000_000_000),
        ("auto", "1700000000"),
    ],
)
def test_times(unit, value):
    assert times(unit, [value]) == [1_700_000_000_000_000]


def test_dates_and_unreadable_times():
    assert times("date", ["2023-11-14"]) == [19_675 * DAY]
    assert times("iso", ["yesterday"]) == []
    assert times("s", [-5]) == []


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [("probability", 0.515, 5150), ("usd", "0.5", 5000), ("percent", "51.5%", 5150), ("cents", 7, 700), ("e4", 5, 5)],
)
def test_price_units(unit, value, expected):
    piece = run(
        f'[price]\n{IDS}t = "t"\nprice = {{ column = "p", unit = "{unit}" }}',
        {"id": [1], "t": [1_700_000_000], "p": [value]},
    )
    assert piece.prices[0].price_e4.tolist() == [expected]


def test_inverted_price():
    piece = run(
        f'[price]\n{IDS}t = "t"\nprice = {{ column = "p", invert = true }}',
        {"id": [1], "t": [1_700_000_000], "p": [0.3]},
    )
    assert piece.prices[0].price_e4.tolist() == [7000]


def test_lag_and_order():
    text = f'[price]\n{IDS}t = {{ column = "d", unit = "date" }}\nprice = "p"\norder = "n"\nlag = "24h"'
    piece = run(text, {"id": [1, 1], "d": ["2024-01-01"] * 2, "n": [0, 1], "p": [0.1, 0.2]})
    table = piece.prices[0]
    assert table.lag_us == DAY
    assert (table.t[1] - table.t[0]) == 1


def test_rows_that_cannot_be_prices_are_set_aside():
    columns = {
        "id": [1, 1, 1, 1, None],
        "t": [1_700_000_000, None, 1_700_000_060, 1_700_000_120, 1_700_000_180],
        "p": [0.5, 0.5, float("nan"), 1.5, 0.5],
    }
    piece = run(f'[price]\n{IDS}t = {{ column = "t", unit = "s" }}\nprice = "p"', columns)
    assert piece.points() == 1
    reasons = sorted(record.reason for record in piece.records)
    assert reasons == ["id-missing", "price-nan", "price-out-of-range", "time-missing"]


def test_market_fields():
    text = """
[market]
ids = [{ kind = "auto", column = "id" }, { kind = "token", column = "tokens", item = 0 }]
question = { template = "Will {who} win {what}?" }
outcome0 = { column = "names", item = 0 }
outcome1 = { column = "names", item = 1 }
category = { column = "kind", lower = true, prefix = "x-" }
tags = "tags"
neg_risk = { constant = true }
tick = { constant = 0.001 }
scheduled_end = { column = "end", unit = "date", plus = "24h" }
"""
    row = {
        "id": ["0x" + "AB" * 32],
        "tokens": ['["' + "7" * 77 + '", "8"]'],
        "who": ["Ada"],
        "what": ["the cup"],
        "names": ['["Ada", "Bo"]'],
        "kind": ["Sport"],
        "tags": ["a, b"],
        "end": ["2024-01-01"],
    }
    (market,) = run(text, row).records
    assert isinstance(market, MarketRecord)
    assert market.ids == (("condition", "0x" + "ab" * 32), ("token", "7" * 77))
    assert market.question == "Will Ada win the cup?"
    assert market.outcomes == ("Ada", "Bo")
    assert (market.publisher_category, market.tags, market.neg_risk, market.tick_e4) == (
        "x-sport",
        ("a", "b"),
        True,
        10,
    )
    assert market.scheduled_end == 19_724 * DAY
    assert market.backdated


@pytest.mark.parametrize(
    ("value", "kind"),
    [("0x" + "ab" * 32, "condition"), ("512", "gamma"), ("7" * 77, "token"), ("will-it-rain", "slug")],
)
def test_id_kinds_by_form(value, kind):
    (market,) = run('[market]\nids = [{ kind = "auto", column = "id" }]', {"id": [value]}).records
    assert market.ids == ((kind, value),)


def test_keys_carry_their_source():
    (market,) = run(f"[market]\n{IDS}", {"id": [7.0]}).records
    assert market.ids == (("key", "mine:7"),)


def test_payouts():
    text = f'[resolution]\n{IDS}payout = "y"\nresolved_at = {{ column = "t", unit = "s", plus = "1h" }}\nlag = "1h"'
    piece = run(text, {"id": [1, 2, 3, 4, 5], "y": [0.0, 0.5, 1.0, 0.37, None], "t": [1_700_000_000] * 5})
    good = [record for record in piece.records if isinstance(record, ResolutionRecord)]
    assert [record.payout for record in good] == [Payout.NO, Payout.HALF, Payout.YES]
    assert good[0].resolved_at == 1_700_003_600_000_000
    assert good[0].known_at == 1_700_007_200_000_000
    assert sorted(r.reason for r in piece.records if isinstance(r, Rejected)) == ["payout-missing", "payout-not-final"]


def test_payout_by_words_and_by_label():
    words = run(
        f'[resolution]\n{IDS}payout = {{ column = "w", values = {{ yes = 1, no = 0, draw = 0.5, off = "void" }} }}',
        {"id": [1, 2, 3, 4, 5], "w": ["YES", "no", "Draw", "OFF", "?"]},
    )
    assert [r.payout for r in words.records if isinstance(r, ResolutionRecord)] == [1e4, 0, 5e3, -2]
    label = run(
        f'[resolution]\n{IDS}payout = {{ column = "w", equals_column = "a", other_column = "b" }}',
        {"id": [1, 2, 3], "w": ["Ada", "bo", "Cy"], "a": ["Ada"] * 3, "b": ["Bo"] * 3},
    )
    assert [r.payout for r in label.records if isinstance(r, ResolutionRecord)] == [1e4, 0]


def test_row_filter():
    text = f'[resolution]\n{IDS}payout = "y"\nwhere = [{{ column = "s", equals = ["Final", true] }}, {{ column = "y", present = true }}]'
    piece = run(text, {"id": [1, 2, 3], "y": [1, 0, None], "s": ["final", "open", "final"]})
    assert len(piece.records) == 1


def test_explode():
    text = '[explode]\ncolumn = "all"\nkey = "bucket"\nvalue = "p"\n[price]\nids = [{ kind = "key", template = "{day}|{bucket}" }]\nt = "day"\nprice = "p"'
    piece = run(text, {"day": ["2024-01-01", "2024-01-02"], "all": ['{"low": 0.25, "high": 0.75}', "{}"]})
    table = piece.prices[0]
    assert [table.ids[code] for code in table.code] == [
        (("key", "mine:2024-01-01|low"),),
        (("key", "mine:2024-01-01|high"),),
    ]


def test_repeated_market_rows_count_as_duplicates():
    piece = run(f'[market]\n{IDS}question = "q"', {"id": [1, 1, 2], "q": ["a", "a", "b"]})
    assert len(piece.records) == 2
    assert piece.repeated == {"market": 1}


def test_file_time_is_the_time_of_the_file():
    piece = run(
        f'[snapshot]\n{IDS}t = {{ constant = "file-time" }}\nbid = "b"', {"id": [1], "b": [0.4]}, file_time=5 * DAY
    )
    assert piece.records[0].event_time == 5 * DAY


def test_long_numbers_stay_text():
    assert as_text(pl.Series([1.0, 2.5])).to_list() == ["1", "2.5"]
    assert as_text(pl.Series(["  ", "N/A", "x "]), ("N/A",)).to_list() == [None, None, "x"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("source = ", "mapping-unreadable", "test.toml"),
        ('[market]\nids = [{kind = "key", column = "id"}]', "mapping-bad-field", "'source' is missing"),
        (HEAD, "mapping-bad-field", "no table"),
        (HEAD + "[markets]\n", "mapping-bad-field", "no field 'markets'"),
        (HEAD + f'[market]\n{IDS}questoin = "q"', "mapping-bad-field", "'questoin'"),
        (HEAD + '[market]\nquestion = "q"', "mapping-bad-field", "'ids' is missing"),
        (HEAD + '[market]\nids = [{ kind = "conditon", column = "c" }]', "mapping-bad-field", "conditon"),
        (HEAD + f'[price]\n{IDS}t = "t"', "mapping-bad-field", "'price' is missing"),
        (HEAD + f'[price]\n{IDS}t = {{ column = "t", unit = "sec" }}\nprice = "p"', "mapping-bad-unit", "'sec'"),
        (HEAD + f'[price]\n{IDS}t = "t"\nprice = {{ column = "p", unit = "percnt" }}', "mapping-bad-unit", "percnt"),
        (HEAD + f'[price]\n{IDS}t = "t"\nprice = "p"\nlag = "soon"', "mapping-bad-unit", "soon"),
        (HEAD + f'[price]\n{IDS}t = "t"\nprice = {{ colum = "p" }}', "mapping-bad-field", "'colum'"),
        (HEAD + f'[price]\n{IDS}t = "t"\nprice = {{ column = "p", constant = 1 }}', "mapping-bad-field", "exactly one"),
        (HEAD + f'[price]\n{IDS}t = "t"\nprice = 5', "mapping-bad-field", "expected dict"),
        (
            HEAD + f'[price]\n{IDS}t = "t"\nprice = {{ column = "p", invert = "yes" }}',
            "mapping-bad-field",
            "expected bool",
        ),
        (HEAD + f'[market]\n{IDS}question = {{ template = "{{open" }}', "mapping-bad-field", "template"),
        (HEAD + f'[market]\n{IDS}where = {{ column = "a" }}', "mapping-bad-field", "'where'"),
        (HEAD + f'[market]\n{IDS}\n[explode]\ncolumn = "a"', "mapping-bad-field", "explode"),
        (HEAD + f'[market]\n{IDS}\n[detect]\ncolumns = "a"', "mapping-bad-field", "list of texts"),
    ],
)
def test_misspelt_words_are_named(text, code, words):
    with pytest.raises(UsageError) as caught:
        parse_mapping(text, "test.toml")
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f'[market]\n{IDS}questoin = "q"', "question"),
        (f'[price]\n{IDS}t = "t"\nprice = {{ column = "p", unit = "percnt" }}', "percent"),
        ('[market]\nids = [{ kind = "conditon", column = "c" }]', "condition"),
    ],
)
def test_the_nearest_word_is_suggested(text, hint):
    with pytest.raises(UsageError) as caught:
        parse_mapping(HEAD + text, "test.toml")
    assert f"did you mean '{hint}'" in caught.value.hint


def test_a_missing_mapping_file_is_reported(tmp_path):
    with pytest.raises(UsageError) as caught:
        load_mapping(tmp_path / "none.toml")
    assert caught.value.code == "mapping-unreadable"


def test_shipped_mappings_parse_and_are_told_apart():
    specs = shipped_mappings()
    assert len(specs) > 20
    shapes = [(spec.detect.table, spec.detect.beside, spec.detect.columns) for spec in specs]
    assert len(set(shapes)) == len(shapes)
    for spec in specs:
        assert spec.detect.columns
        assert spec.skip or spec.look_ahead or spec.tables


def test_no_shipped_mapping_lets_hindsight_into_metadata():
    forbidden = {"volume_usd", "n_bars", "last_bar", "winner", "closed", "closed_at_unix", "date_close", "volume"}
    for spec in shipped_mappings():
        market = spec.tables.get("market")
        if market is not None:
            assert not market.columns() & forbidden, spec.name


ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["my-prices", "my-resolutions"])
def test_examples_for_users_parse(name):
    assert load_mapping(ROOT / "examples" / "mappings" / f"{name}.toml").tables


def test_every_word_of_the_language_is_documented():
    page = (ROOT / "docs/how-to/import-own-data.md").read_text("utf-8")
    words = [*fields.OPTIONS, *fields.TOP_KEYS, *fields.TABLE_KEYS, *fields.DETECT_KEYS, *fields.ID_KINDS]
    words += [field for table in fields.FIELDS.values() for field in table]
    words += [unit for units in fields.UNITS.values() for unit in units]
    assert not [word for word in words if word not in page and word not in {"look_ahead", "skip"}]

"""Finding strategies, setting parameters, sweeping them; every user's mistake has a code and a sentence."""

import sys

import pytest

from edgeworth.core.errors import DataError, EdgeworthError, UsageError
from edgeworth.core.types import Side
from edgeworth.strategies.base import identity, parameters
from edgeworth.strategies.evaluate import calls_of, sides
from edgeworth.strategies.registry import expand_grid, find, from_file, variants, with_params
from edgeworth.strategies.scaffold import scaffold

GOOD = '''
from dataclasses import dataclass
from edgeworth.strategies.base import no, strategy

@strategy
@dataclass(frozen=True)
class Mine:
    """Take NO above a threshold."""
    name, version, needs = "mine", 3, ("price",)
    threshold: float = 0.7
    count: int = 2
    loud: bool = False
    tag: str = "x"

    def opinions(self, row):
        return no(when=row.price > self.threshold, reason="high")
'''


def write(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def test_a_file_is_a_strategy_and_leaves_nothing_beside_it(tmp_path):
    rule = find(write(tmp_path, GOOD))
    assert identity(rule) == {
        "name": "mine",
        "version": 3,
        "parameters": {"threshold": 0.7, "count": 2, "loud": False, "tag": "x"},
    }
    assert sides(rule, [{"price": 0.8}, {"price": 0.7}]) == [Side.NO, None]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_changed_file_is_read_anew_and_two_files_of_one_name_do_not_meet(tmp_path):
    (tmp_path / "other").mkdir()
    first = find(write(tmp_path, GOOD))
    second = find(write(tmp_path / "other", GOOD.replace('"mine", 3', '"mine", 4')))
    assert (first.version, second.version) == (3, 4)
    assert find(write(tmp_path, GOOD.replace('"mine", 3', '"mine", 5'))).version == 5
    assert "mine" not in sys.modules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:\n    pass\n", "mine.py:1"),
        ("x = 1\ny = 1 / 0\n", "mine.py:2 `y = 1 / 0`: ZeroDivisionError"),
        ("import a_module_that_is_not_there\n", "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("x = 1\n", "it defines none"),
        (GOOD + GOOD.replace("Mine", "Second").replace('"mine"', '"second"'), "mine, second"),
        (GOOD.replace("(frozen=True)", ""), "above @dataclass(frozen=True)"),
        (GOOD.replace("@strategy\n@dataclass(frozen=True)", "@dataclass(frozen=True)\n@strategy"), "write @strategy"),
        (GOOD.replace('"mine", 3', '"My Rule", 3'), "`name` must be"),
        (GOOD.replace('"mine", 3', '"mine", "a"'), "`version` must be"),
        (GOOD.replace('("price",)', '"price"'), "`needs` must be"),
        (GOOD.replace("opinions", "opine"), "no method `opinions"),
        (GOOD.replace("count: int = 2", "count: list | None = None"), "parameter 'count'"),
        (GOOD.replace("count: int = 2", "exhibit: bool = True"), "class attributes"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(tmp_path, text, said):
    with pytest.raises(DataError) as caught:
        find(write(tmp_path, text))
    assert caught.value.code == "strategy-broken"
    assert said in caught.value.message


def test_an_unknown_need_is_named_with_a_suggestion(tmp_path):
    with pytest.raises(UsageError, match="momentum_1hh") as caught:
        find(write(tmp_path, GOOD.replace('("price",)', '("price", "momentum_1hh")')))
    assert (caught.value.code, caught.value.hint) == ("unknown-feature", "did you mean 'momentum_1h'?")


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [("logit", "add 'logit' to `needs`"), ("prise", "did you mean 'price'?"), ("winner_of_all", "")],
)
def test_a_row_has_only_what_was_declared(tmp_path, attribute, hint):
    rule = find(write(tmp_path, GOOD.replace("row.price", f"row.{attribute}")))
    with pytest.raises(UsageError, match=f"row.{attribute}") as caught:
        calls_of(rule)
    assert caught.value.code == "unknown-feature"
    assert caught.value.hint.startswith(hint) if hint else caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("self.nothing", "AttributeError"),
        ("row.price > self.threshold and row.price < 1", "TypeError"),
        ("row.price.no_such_method()", "AttributeError"),
    ],
)
def test_a_rule_that_raises_is_told_with_its_own_line(tmp_path, text, said):
    rule = find(write(tmp_path, GOOD.replace("row.price > self.threshold", text)))
    with pytest.raises(DataError) as caught:
        calls_of(rule)
    assert caught.value.code == "strategy-broken"
    assert "mine.py:16" in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("return no(when=row.price, reason='x')", "not a condition"),
        ("return no(when=row.price > 0.5, reason='x', p=row.price * 3)", "outside [0, 1]"),
        ("return no(when=row.price > 0.5, reason='x', p='high')", "not a number"),
        ("return no(when=row.price.str.len_chars() > 2, reason='x')", "fails"),
        ("return 7", "fails"),
        ("return [7]", "must return"),
        ("return no(when=None, reason='x')", "`when` is missing"),
    ],
)
def test_a_rule_that_says_nonsense_is_told_what(tmp_path, text, said):
    rule = find(write(tmp_path, GOOD.replace('return no(when=row.price > self.threshold, reason="high")', text)))
    with pytest.raises(DataError) as caught:
        sides(rule, [{"price": 0.8}])
    assert caught.value.code == "strategy-broken"
    assert said in caught.value.message


def test_a_rule_may_say_nothing_or_say_a_constant(tmp_path):
    line = 'return no(when=row.price > self.threshold, reason="high")'
    assert sides(find(write(tmp_path, GOOD.replace(line, "return ()"))), [{"price": 0.8}]) == [None]
    always = find(write(tmp_path, GOOD.replace(line, "return no(when=True, reason='x', p=0.5)")))
    assert sides(always, [{"price": 0.8}, {"price": 0.1}]) == [Side.NO, Side.NO]


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("crypto-favourite-fade", "unknown-strategy", "did you mean 'crypto-favorite-fade'?"),
        ("zzz", "unknown-strategy", "edgeworth backtest --list"),
        ("./nowhere.py", "file-not-found", "check the path"),
    ],
)
def test_what_is_not_there(name, code, hint):
    with pytest.raises(EdgeworthError) as caught:
        find(name)
    assert (caught.value.code, caught.value.hint) == (code, hint)


def test_old_names_are_understood():
    assert find("CRYPTO_FAVORITE_FADE") == find("crypto-favorite-fade")


def test_parameters_take_the_type_of_their_default(tmp_path):
    rule = from_file(tmp_path / write(tmp_path, GOOD))[0]
    changed = with_params(rule, {"threshold": "0.9", "count": "5", "loud": "true", "tag": "y"})
    assert parameters(changed) == {"threshold": 0.9, "count": 5, "loud": True, "tag": "y"}
    assert parameters(rule)["threshold"] == 0.7
    assert parameters(with_params(rule, {"count": "5.00"}))["count"] == 5


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("treshold", "1", "unknown-parameter"),
        ("threshold", "high", "bad-parameter"),
        ("threshold", "nan", "bad-parameter"),
        ("count", "2.5", "bad-parameter"),
        ("loud", "maybe", "bad-parameter"),
        ("name", "x", "unknown-parameter"),
    ],
)
def test_wrong_parameters(tmp_path, name, value, code):
    with pytest.raises(UsageError) as caught:
        with_params(find(write(tmp_path, GOOD)), {name: value})
    assert caught.value.code == code
    if name == "treshold":
        assert caught.value.hint == "did you mean 'threshold'?"


def test_a_grid_includes_both_ends_without_rounding_error():
    values = [choice["threshold"] for choice in expand_grid("threshold=0.55:0.95:0.05")]
    assert values == ["0.55", "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90", "0.95"]
    assert [choice["x"] for choice in expand_grid("x=1:2:0.4")] == ["1.0", "1.4", "1.8"]
    assert [choice["x"] for choice in expand_grid("x=-2:2:2")] == ["-2", "0", "2"]
    assert expand_grid() == [{}]


def test_several_sweeps_multiply_and_lists_are_taken_as_they_are():
    grid = expand_grid("low=0.5:0.6:0.1", "tz=UTC, America/New_York")
    assert grid == [
        {"low": "0.5", "tz": "UTC"},
        {"low": "0.5", "tz": "America/New_York"},
        {"low": "0.6", "tz": "UTC"},
        {"low": "0.6", "tz": "America/New_York"},
    ]


@pytest.mark.parametrize(
    "specs",
    [
        ["threshold"],
        ["=1:2:1"],
        ["x="],
        ["x=1:2:0"],
        ["x=1:2:-1"],
        ["x=2:1:1"],
        ["x=a:b:c"],
        ["x=1:2"],
        ["x=1,,2"],
        ["x=0:inf:1"],
        ["x=0:1:0.00000001"],
        ["x=1:2:1", "x=3:4:1"],
        ["x=1:200:1", "y=1:200:1"],
    ],
)
def test_bad_grids(specs):
    with pytest.raises(UsageError) as caught:
        expand_grid(*specs)
    assert caught.value.code == "bad-grid"


def test_variants_are_distinct_strategies():
    rules = variants(find("crypto-favorite-fade"), ["threshold=0.55:0.95:0.05"])
    assert [parameters(rule)["threshold"] for rule in rules] == [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert len(variants(find("crypto-favorite-fade"), ["threshold=0.5,0.50"])) == 1
    with pytest.raises(UsageError, match="ceiling"):
        variants(find("crypto-favorite-fade"), ["ceiling=1:2:1"])


def test_a_scaffolded_strategy_loads_and_its_test_passes(tmp_path):
    files = scaffold("my-fade")
    assert sorted(files) == ["my_fade.py", "test_my_fade.py"]
    for name, text in files.items():
        write(tmp_path, text, name)
    assert find(str(tmp_path / "my_fade.py")).name == "my-fade"
    assert (
        pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "--rootdir", str(tmp_path), str(tmp_path)])
        == 0
    )


@pytest.mark.parametrize("name", ["", "My Fade", "1st", "../x", "a--b", "fade.py"])
def test_names_that_cannot_be_scaffolded(name):
    with pytest.raises(UsageError) as caught:
        scaffold(name)
    assert caught.value.code == "bad-name"

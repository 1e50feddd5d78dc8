"""The taxonomy's promises: labels, precision on a sample labelled beforehand, coverage, speed of meaning, fallbacks."""

import csv
from collections import Counter
from math import sqrt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.features.draw_sample import SIZE, draw

from edgeworth.features.taxonomy import LABELS, TAXONOMY_VERSION, classify, classify_frame, taxonomy_table
from edgeworth.features.taxonomy_lexicon import CONCEPTS
from edgeworth.features.taxonomy_rules import BITS, RULES, first_rule
from edgeworth.features.taxonomy_tags import label_of_tags
from edgeworth.features.taxonomy_text import PhraseIndex, normalise, words

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "reference" / "taxonomy.md"
EARLIER_CLASSES = """crypto/btc-updown crypto/btc-price crypto/eth crypto/altcoins weather/temperature tech/musk
    tech/companies politics/trump politics/biden politics/election government/fed government/shutdown sports/nfl
    sports/nba sports/soccer economy/spx celebrities/people"""


def _wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    share, scale = hits / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def _sample() -> dict[str, str]:
    with (HERE / "taxonomy_sample.csv").open(newline="") as file:
        return {row["market_id"]: row["label"] for row in csv.DictReader(file)}


def test_labels_have_two_levels_and_a_line_each():
    assert 45 <= len(LABELS) <= 80
    assert set(EARLIER_CLASSES.split()) <= set(LABELS)
    assert all(label == "other" or label.count("/") == 1 for label in LABELS)
    assert all(text and "\n" not in text for text in LABELS.values())
    assert isinstance(TAXONOMY_VERSION, int)


def test_every_rule_gives_a_known_label_and_every_leaf_has_a_rule():
    assert {rule.label for rule in RULES} <= set(LABELS)
    assert set(LABELS) - {rule.label for rule in RULES} == {"other"}
    assert len({(rule.label, rule.name) for rule in RULES}) == len(RULES)


def test_every_concept_decides_something():
    used = 0
    for rule in RULES:
        used |= rule.forbidden
        for term in rule.required:
            used |= term
    assert [name for name in CONCEPTS if not used & BITS[name]] == []


def test_nothing_known_means_no_rule():
    assert first_rule(0) is None


def test_the_page_shows_the_labels():
    assert taxonomy_table() in PAGE.read_text(encoding="utf-8")


def test_a_category_names_its_parts_and_its_rule():
    category = classify("Will the price of Bitcoin be above $91,000 on May 3?")
    assert (category.top, category.leaf, category.label, category.rule) == (
        "crypto",
        "btc-price",
        "crypto/btc-price",
        "btc-price",
    )


@pytest.mark.parametrize("question", ["", "?", "Will it?", "↑ 100", "\u0000", "Zzyzx quux?"])
def test_what_says_nothing_is_other(question):
    assert classify(question).label == "other"


def test_the_event_title_is_asked_when_the_question_is_silent():
    assert classify("↑ 140,000", "What price will Bitcoin hit in May?").label == "crypto/btc-price"
    assert classify("Norvik", "Highest temperature in Oslo on May 4?").label == "weather/temperature"
    assert classify("Will Bitcoin reach $99,000 on May 4?", "Stanley Cup").label == "crypto/btc-price"


def test_tags_are_asked_last():
    assert classify("Norvik", "", ["NBA", "Sports"]).label == "sports/nba"
    assert classify("Norvik", "", ["sports", "all"]).label == "sports/other"
    assert classify("Norvik vs. Sudborg", "", ["soccer"]).label == "sports/soccer"
    assert classify("Will Bitcoin reach $99,000 on May 4?", "", ["nba"]).label == "crypto/btc-price"
    assert label_of_tags(["unheard"]) is None
    assert label_of_tags(["pop-culture"]) == "culture/other"


def test_a_frame_is_classified_row_by_row():
    rows = [
        ("Thunder vs. Heat", "", []),
        ("↑ 140,000", "What price will Bitcoin hit in May?", None),
        ("?", None, ["nba"]),
    ]
    frame = pl.DataFrame(
        rows, schema={"question": pl.String, "event_title": pl.String, "tags": pl.List(pl.String)}, orient="row"
    )
    labels = classify_frame(frame)
    assert labels.name == "category"
    assert labels.dtype == pl.String
    assert labels.to_list() == ["sports/nba", "crypto/btc-price", "sports/nba"]
    assert classify_frame(frame.select("question")).to_list() == ["sports/nba", "other", "other"]
    assert classify_frame(frame.clear()).to_list() == []


@given(st.text(max_size=200), st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_gets_a_known_label(question, title, tags):
    assert classify(question, title, tags).label in LABELS


@given(st.sampled_from(["Lakers vs. Celtics", "Will BTC reach $99k in May?", "Will Élan FC win on 2031-05-04?"]))
def test_case_and_blanks_do_not_matter(question):
    label = classify(question).label
    assert label != "other"
    assert classify(question.upper()).label == classify(f"  {question} ").label == label


def test_words_are_cut_at_their_borders():
    assert words(normalise("Uber's U.S. O/U 2.5: S&P 500—Köln’s $1.5M")) == [
        "uber", "us", "o/u", "2.5", "s&p", "500", "koln", "$1.5m",
    ]  # fmt: skip


def test_the_longest_phrase_uses_up_its_words():
    index = PhraseIndex(
        [("hurricanes", 1), ("carolina hurricanes", 2), ("golden state", 0), ("state", 4), ("map #", 8)]
    )
    assert index.scan(["the", "carolina", "hurricanes"]) == [2]
    assert index.scan(["hurricanes", "in", "golden", "state"]) == [1, 0]
    assert index.scan(["map", "12", "of", "state"]) == [8, 4]


@pytest.mark.recorded
def test_the_sample_is_the_draw(recorded):
    ids = draw(recorded / "polymarket" / "catalog_2026_04.parquet")
    assert list(_sample()) == ids
    assert len(set(ids)) == SIZE
    assert set(_sample().values()) <= set(LABELS)


@pytest.mark.recorded
def test_precision_on_the_sample(recorded, record_property):
    catalog = pl.read_parquet(recorded / "polymarket" / "catalog_2026_04.parquet", columns=["market_id", "question"])
    questions = dict(catalog.rows())
    pairs = [(truth, classify(questions[market]).label) for market, truth in _sample().items()]
    said = [(truth, label) for truth, label in pairs if label != "other"]
    hits = sum(truth == label for truth, label in said)
    low, high = _wilson(hits, len(said))
    record_property("precision", f"{hits}/{len(said)} [{low:.4f}, {high:.4f}]")
    known = [(truth, label) for truth, label in pairs if truth != "other"]
    record_property("recall", f"{sum(truth == label for truth, label in known)}/{len(known)}")
    confusion = Counter((truth.split("/")[0], label.split("/")[0]) for truth, label in pairs)
    record_property("confusion", {f"{a}->{b}": n for (a, b), n in sorted(confusion.items())})
    assert hits / len(said) >= 0.95
    assert low >= 0.93


@pytest.mark.recorded
def test_few_markets_of_the_catalogue_stay_uncategorised(recorded):
    catalog = pl.read_parquet(recorded / "polymarket" / "catalog_2026_04.parquet", columns=["question"])
    assert (classify_frame(catalog) == "other").mean() <= 0.15


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["catalog_wom", "resolved_markets", "uma_resolutions", "outcomes_2026_02_LEAK_TRAP"])
def test_few_markets_of_other_files_stay_uncategorised(recorded, name):
    frame = pl.read_parquet(recorded / "polymarket" / f"{name}.parquet", columns=["question"]).drop_nulls()
    assert (classify_frame(frame) == "other").mean() <= 0.15

"""Wordings of price rules, invented in the style of real ones: what each means, or why it is refused."""

import json
from pathlib import Path

import pytest

from edgeworth.core.contract import ContractKind
from edgeworth.core.instants import parse_instant, to_iso
from edgeworth.features.fairvalue.terms import PARSER_VERSION, Listing, parse_terms

ROWS = json.loads((Path(__file__).parent / "contract_wordings.json").read_text("utf-8"))


def listing(row):
    stated = (row["created_at"], row["scheduled_end"])
    return Listing(*(parse_instant(text) if text else None for text in stated))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_wording(row):
    terms = parse_terms(row["title"], row["description"], listing(row))
    for name, expected in row["expected"].items():
        found = getattr(terms, name)
        if name == "reason":
            assert expected in found
        elif name.startswith("window_"):
            assert to_iso(found) == expected, name
        else:
            assert json.loads(json.dumps(found)) == expected, name
    understood = terms.kind is not ContractKind.NONE
    assert terms.confidence == (1 if understood else 0)
    assert bool(terms.reason) is not understood
    assert terms.parser_version == PARSER_VERSION
    assert bool(terms.evidence) is understood


def test_the_file_holds_enough_of_both():
    refused = [row for row in ROWS if row["expected"]["kind"] == "none"]
    assert len(ROWS) - len(refused) >= 35
    assert len(refused) >= 12
    assert {row["expected"]["kind"] for row in ROWS} == {kind.value for kind in ContractKind}


@pytest.mark.parametrize("row", [row for row in ROWS if row["expected"]["kind"] != "none"], ids=lambda row: row["name"])
def test_one_sentence_more_is_a_refusal(row):
    for clause in ("The committee may decide otherwise.", "In any other case this market will resolve 50-50."):
        terms = parse_terms(row["title"], f"{row['description']} {clause}", listing(row))
        assert terms.kind is ContractKind.NONE

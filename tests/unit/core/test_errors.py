"""The error tree and its catalogue."""

import re

import pytest

from edgeworth.core import errors
from edgeworth.core.error_codes import CODES


def tree(root: type[errors.EdgeworthError]) -> list[type[errors.EdgeworthError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in tree(child))]


def test_every_class_is_drawn_in_the_docstring() -> None:
    for cls in tree(errors.EdgeworthError):
        assert cls.__name__ in (errors.__doc__ or "")


def test_exit_codes_match_the_drawing() -> None:
    drawn = dict(re.findall(r"(\w+Error)\s+(\d+)", errors.__doc__ or ""))
    for cls in tree(errors.EdgeworthError)[1:]:
        if cls.__name__ in drawn:
            assert cls.exit_code == int(drawn[cls.__name__]), cls


def test_codes_are_kebab_and_documented() -> None:
    for code, doc in CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert doc.meaning.endswith(".")
        assert doc.hint


def test_an_unregistered_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        errors.DataError("no-such-code", "x")


def test_the_hint_defaults_to_the_catalogue() -> None:
    assert errors.UsageError("bad-date", "x").hint == CODES["bad-date"].hint
    assert errors.UsageError("bad-date", "x", "y").hint == "y"

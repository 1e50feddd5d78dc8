"""Dropping duplicates: what is the same, what is not, and the laws any input must obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.research.batch_signals.dedupe import Item, dedupe, reading, same


def pair(left: str, right: str, **changes: object) -> tuple[Item, Item]:
    return Item("a", left, 1, 5), Item("b", right, **({"event": 1, "end": 5} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Will Bitcoin reach $100k by Jan 31?", "will bitcoin  reach $100,000 by January 31st"),
        ("Will Trump win, in 2024?", "WILL TRUMP WIN IN 2024"),
        ("Will the presidential debate happen in March?", "Will the presidental debate happen in March?"),
        ("Will inflation be above 3.50%?", "Will the inflation be above 3.5%?"),
        ("Will it rain in Oslo?", "Will it rain in Oslo"),
    ],
)
def test_spellings_of_one_question_are_the_same(left: str, right: str) -> None:
    assert same(*pair(left, right))
    assert same(*reversed(pair(left, right)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Will Alcaraz beat Sinner?", "Will Sinner beat Alcaraz?"),
        ("Will Hanson win?", "Will Hansen win?"),
        ("Will it reach 5°C?", "Will it reach -5°C?"),
        ("Will Bitcoin be above $70,000?", "Will Bitcoin be below $70,000?"),
        ("Will Bitcoin be above $70,000?", "Will Bitcoin be above $75,000?"),
        ("Will the Fed cut rates?", "Will the Fed not cut rates?"),
        ("Will X happen before May?", "Will X happen after May?"),
        ("Will prices rise quickly?", "Will prices rise slowly?"),
    ],
)
def test_questions_that_differ_in_what_matters_are_not(left: str, right: str) -> None:
    assert not same(*pair(left, right))


def test_the_same_words_about_another_event_end_or_label_are_another_market() -> None:
    text = "Bitcoin Up or Down?"
    assert same(*pair(text, text))
    assert not same(*pair(text, text, event=2))
    assert not same(*pair(text, text, end=6))
    assert same(*pair(text, text, event=0))
    assert not same(*pair(text, text, event=0, end=None))
    assert not same(*pair(text, text, outcomes=("Up", "Down")))


def test_an_item_without_words_is_never_the_same_as_another() -> None:
    assert not same(*pair("?", "!"))


def test_the_smallest_order_stands_for_the_others_and_ids_count_exactly() -> None:
    items = [
        Item("b", "Will it rain?", 1, 5, order=(3,)),
        Item("a", "will it RAIN", 1, 5, order=(9,)),
        Item("b", "Will it rain?", 1, 5, order=(3,)),
        Item("c", "Will it snow?", 1, 5),
    ]
    done = dedupe(items)
    assert [item.market_id for item in done.items] == ["b", "c"]
    assert done.stands_for == {"b": ("b", "a"), "c": ("c",)}
    assert (done.exact, done.fuzzy) == (1, 1)


WORDS = st.sampled_from(
    ["Will", "will", "the", "Bitcoin", "bitcoin", "reach", "reaches", "100k", "100,000", "$", "by", "May"]
)
ITEMS = st.lists(
    st.builds(
        Item,
        market_id=st.sampled_from([f"m{k}" for k in range(12)]),
        question=st.lists(WORDS, max_size=6).map(" ".join),
        event=st.integers(0, 2),
        end=st.sampled_from([None, 5, 6]),
        order=st.tuples(st.integers(0, 2)),
    ),
    max_size=25,
)


@given(ITEMS)
def test_twice_is_once(items: list[Item]) -> None:
    once = dedupe(items)
    again = dedupe(once.items)
    assert again.items == once.items
    assert again.exact == again.fuzzy == 0
    assert len(items) == len(once.items) + once.exact + once.fuzzy
    assert sorted(name for group in once.stands_for.values() for name in group) == sorted({i.market_id for i in items})


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(items: list[Item], random) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    first, second = dedupe(items), dedupe(shuffled)
    assert set(first.items) == set(second.items)
    assert first.stands_for == second.stands_for


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert reading(text).plain == reading(text.strip()).plain

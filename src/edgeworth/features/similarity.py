"""How alike questions ended: the nearest questions resolved by then, found by stateless hashed word vectors.

A question is a unit vector of its words and neighbouring pairs, each hashed to one of 2^18 places; nothing is fitted,
so a vector never depends on other questions. A number of three or more digits counts by its length, and five stand for
more, so that `$95,000` is near `$110,000`. Neighbours of a row are up to `nearest` questions whose outcome was known by
the row's instant, by cosine, ties to the one known first. What is not known yet is not in the sum: no outcome after t
can change a row at t.
Source of hashed features: Weinberger et al., Proceedings of ICML 26, 2009.
"""

import itertools
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import NEVER, Floats, Int64s, Outcomes, Panel
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.providers import digest
from edgeworth.features.taxonomy_text import normalise, words

if TYPE_CHECKING:
    import polars as pl

MEANING: Final = {
    "similar_count": ("questions", "Neighbours found, at most ten."),
    "similar_mean_outcome": ("0..1", "Share of them that ended YES."),
    "similar_mean_gap": ("$", "Mean of their outcomes minus their prices at a comparable time before the end."),
    "similar_best_similarity": ("0..1", "Cosine of the nearest one."),
    "similar_best_outcome": ("0 or 1", "How the nearest one ended."),
}
NAMES: Final = tuple(MEANING)
PLACES: Final = 1 << 18
HORIZONS: Final = (0.25, 1.0, 3.0, 7.0, 14.0, 30.0)  # days before the scheduled end at which prices are compared
NEAREST: Final = 10
LEAST: Final = 0.45
DECIDED_E4: Final = 300
_PAIR: Final = 0.6  # weight of two neighbouring words beside that of one word
_LONG: Final = 3  # digits from which a number counts by its length only
_LONGEST: Final = 5
_SLACK: Final = 0.5  # of a horizon: an older price than that far before it is not compared
_VERSION: Final = 1
_DIGIT = re.compile(r"\D")
_FILLERS: Final = frozenset(
    (
        "a", "an", "the", "will", "be", "is", "are", "of", "in", "on", "to", "for", "by", "at", "it", "its", "this",
        "that", "and", "or", "as", "with", "who",
    )
)  # fmt: skip

Int32s = npt.NDArray[np.int32]
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Sparse unit vectors of M texts: text i has places `place[offsets[i]:offsets[i + 1]]` (ascending) with weights."""

    offsets: Int64s
    place: Int32s
    weight: Float32s

    def __len__(self) -> int:
        return len(self.offsets) - 1


def vectors(texts: Sequence[str]) -> Vectors:
    """Return the hashed unit vectors of texts; an empty text has none."""
    parts = [_vector(text) for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)
    pairs = [pair for part in parts for pair in part]
    places, weights = zip(*pairs, strict=True) if pairs else ((), ())
    return Vectors(offsets, np.array(places, np.int32), np.array(weights, np.float32))


@lru_cache(maxsize=65_536)
def _vector(text: str) -> tuple[tuple[int, float], ...]:
    tokens = [_token(word) for word in words(normalise(text))]
    kept = [token for token in tokens if token not in _FILLERS]
    found: dict[int, float] = {}
    for token in kept:
        found[_place(token)] = 1.0
    for left, right in itertools.pairwise(kept):
        found.setdefault(_place(f"{left} {right}"), _PAIR)
    norm = sum(weight * weight for weight in found.values()) ** 0.5
    return tuple(sorted((place, weight / norm) for place, weight in found.items()))


def _token(word: str) -> str:
    digits = _DIGIT.sub("", word)
    return f"#{min(len(digits), _LONGEST)}" if len(digits) >= _LONG else word


def _place(token: str) -> int:
    return zlib.crc32(token.encode()) % PLACES


@dataclass(frozen=True, slots=True)
class Reference:
    """Resolved questions in the order in which their outcome became known, K of them.

    `market_no`, `known_at`, `outcome` 1 or 0, `price` (K, len(HORIZONS)) of YES so long before the scheduled end as it
    was known then, NaN where there was none; `vectors` of the questions.
    """

    market_no: Int64s
    known_at: Int64s
    outcome: Floats
    price: Floats
    vectors: Vectors


def reference(panel: Panel, outcomes: Outcomes) -> Reference:
    """Return the markets of a panel that ended YES or NO, with what they cost at each horizon."""
    paid = outcomes.payout_e4
    binary = ((paid == Payout.YES) | (paid == Payout.NO)) & (outcomes.known_at != NEVER)
    chosen = np.flatnonzero(binary)
    number = panel.markets["market_no"].to_numpy().astype(np.int64)
    order = chosen[np.lexsort((number[chosen], outcomes.known_at[chosen]))]
    prices = _prices_before(panel, outcomes)
    texts = panel.markets["question"].gather(order).to_list()
    return Reference(
        number[order], outcomes.known_at[order].astype(np.int64), (paid[order] == Payout.YES).astype(np.float64),
        prices[order], vectors(texts),
    )  # fmt: skip


def _prices_before(panel: Panel, outcomes: Outcomes) -> Floats:
    """Return each market's last price so long before the end as known when quoted, NaN if too old; (M, HORIZONS).

    A price outside [0.03, 0.97] is no forecast any more; which prices these are, each of them says itself.
    """
    from edgeworth.features.columns import ends_known

    market = panel.market_of_point()
    open_ = (panel.t < outcomes.known_at[market]) & (np.abs(panel.price_e4 - 5_000) <= 5_000 - DECIDED_E4)
    rows = np.flatnonzero(open_)
    market = market[rows]
    left = ends_known(panel, rows, market) - panel.t[rows]
    out = np.full((panel.market_count, len(HORIZONS)), np.nan)
    for column, days in enumerate(HORIZONS):
        lag = round(days * DAY)
        fits = (left >= lag) & (left <= lag * (1 + _SLACK))
        out[market[fits], column] = panel.price_e4[rows[fits]] / 10_000.0  # rows ascend: the last one stays
    return out


@dataclass(frozen=True, slots=True)
class SimilarityColumns:
    """Columns on the nearest resolved questions of each panel row; see the module for what counts as near.

    `similar_mean_gap` is the neighbours' mean of outcome minus price at the horizon of HORIZONS nearest to the row's
    own time to its scheduled end (in ratio), over those that had a price then.
    """

    reference: Reference = field(repr=False)
    nearest: int = NEAREST
    least: float = LEAST
    _index: list[tuple[Int64s, Int32s, Float32s]] = field(default_factory=list, repr=False, compare=False)

    @property
    def key(self) -> str:
        """Return `similarity`."""
        return "similarity"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return NAMES

    @property
    def fingerprint(self) -> str:
        """Return what decides the columns' meaning."""
        settings = (_VERSION, PLACES, HORIZONS, self.nearest, self.least, _PAIR, _LONG, _LONGEST, _SLACK, DECIDED_E4)
        return digest([*NAMES, *map(str, settings), *sorted(_FILLERS)])

    def lacks(self, as_of: int) -> str:
        """Say when no outcome was known as of an instant."""
        return "" if bool((self.reference.known_at <= as_of).any()) else "no resolved question is known by then"

    def __call__(self, panel: Panel, rows: Int64s) -> "pl.DataFrame":
        """Return the columns for ascending points of a panel, one row per point; unknown is null."""
        import polars as pl

        from edgeworth.features.columns import ends_known, owners

        rows = np.asarray(rows, np.int64)
        owner = owners(panel, rows)
        market, first = np.unique(owner, return_index=True)
        asked = vectors(panel.markets["question"].gather(market).to_list())
        number = panel.markets["market_no"].to_numpy().astype(np.int64)[market]
        bounds = np.append(first, len(rows)).astype(np.int64)
        values = self._search(asked, number, (bounds, panel.t[rows], _horizon(panel, rows, owner, ends_known)))
        return pl.DataFrame({name: pl.Series(values[:, i], nan_to_null=True) for i, name in enumerate(NAMES)})

    def _search(self, asked: Vectors, number: Int64s, rows: tuple[Int64s, Int64s, Int64s]) -> Floats:
        from edgeworth.features.similarity_search import search

        own = self.reference
        out = np.full((len(rows[1]), len(NAMES)), np.nan)
        if len(own.known_at) and len(asked):
            if not self._index:
                self._index.append(_postings(own.vectors))
            known = (own.market_no, own.known_at, own.outcome, own.price)
            texts = (asked.offsets, asked.place, asked.weight, number)
            search(self._index[0], known, texts, rows, (self.nearest, self.least), out)
        return out


def _horizon(panel: Panel, rows: Int64s, owner: npt.NDArray[Any], ends_known: Any) -> Int64s:
    """Return per row the horizon nearest in ratio to the time left, -1 where no end is known or it has passed, (R,)."""
    left = (ends_known(panel, rows, owner) - panel.t[rows]) / HOUR
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.log(left[:, None] / (24.0 * np.array(HORIZONS))))
    return np.where(left > 0, np.argmin(np.nan_to_num(apart, nan=np.inf), axis=1), -1).astype(np.int64)


def _postings(found: Vectors) -> tuple[Int64s, Int32s, Float32s]:
    """Return the inverted index: texts and weights by place, texts ascending within a place."""
    text = np.repeat(np.arange(len(found), dtype=np.int32), np.diff(found.offsets))
    order = np.argsort(found.place, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(np.bincount(found.place, minlength=PLACES)))).astype(np.int64)
    return offsets, text[order], found.weight[order]

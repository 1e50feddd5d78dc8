"""Wire columns from beyond the panel: which stores each provider reads, and when it has to read them again.

One shelf serves a training, a backtest and a watch of signals alike: what a model learned from and what it is handed
live come from the same objects. A provider is made anew when its stores have changed; in a watch, resolved questions
and rules at most once an hour, which can only mean that an outcome or a market of the last hour does not count yet.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.providers import Bundle, Provider

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.features.flow import FlowColumns, FlowTail
    from edgeworth.research.fairvalue_columns import FairValueColumns

KEYS: Final = ("spot", "fair-value", "similarity", "flow")
_LATE: Final = (
    HOUR  # how much later than its slot a snapshot may be written and still be seen before all are read again
)
_TAIL_LASTS: Final = 6 * HOUR  # how long only new snapshots are read before all are read again
_ROWS_AGE: Final = 6 * DAY  # oldest newest price of an open market


def parse_keys(words: Sequence[str]) -> tuple[str, ...]:
    """Return provider keys, `all` spelled out, in the order of KEYS; raises UsageError bad-option."""
    asked = {word.strip() for text in words for word in text.split(",") if word.strip()}
    if unknown := asked - {*KEYS, "all"}:
        raise UsageError("bad-option", f"there are no columns called '{min(unknown)}'", f"{', '.join(KEYS)} or all")
    return KEYS if "all" in asked else tuple(key for key in KEYS if key in asked)


@dataclass(frozen=True, slots=True)
class _Tail:
    """Snapshots of a watch: those worked up, `new` rows, when all were read, and the last look."""

    old: "FlowTail"
    new: "pl.DataFrame"
    loaded_at: int
    until: int


@dataclass(slots=True)
class Shelf:
    """The providers of a home, `source` of prices as in a backtest (for resolved questions)."""

    home: Home
    source: str | None = None
    _kept: dict[str, tuple[str, Provider]] = field(default_factory=dict)
    _history_at: int | None = None
    _facts_at: tuple[str, int] | None = None
    _tail: "_Tail | None" = None

    def columns(self, keys: Sequence[str], as_of: int | None = None) -> Bundle:
        """Return providers by key; `as_of` is the instant of a live look, None means all of the past.

        Raises DataError columns-missing for one whose data are not there at all, UsageError bad-option.
        """
        parts, stamps = [], []
        for key in keys:
            if key not in KEYS:
                raise UsageError("bad-option", f"there are no columns called '{key}'", ", ".join(KEYS))
            stamp, provider = self._provider(key, as_of)
            parts.append(provider)
            stamps.append(f"{key} {stamp}")
        return Bundle(tuple(parts), hashlib.blake2b(json.dumps(stamps).encode(), digest_size=12).hexdigest())

    def flow(self) -> "FlowColumns":
        """Return the volume columns of all of the past; raises DataError columns-missing."""
        return self._flow(None)[1]

    def _provider(self, key: str, as_of: int | None) -> tuple[str, Provider]:
        if key == "flow":
            return self._flow(as_of)
        if key == "similarity":
            return self._similarity(as_of)
        return self._spot() if key == "spot" else self._fair_value(as_of)

    def _spot(self) -> tuple[str, Provider]:
        from edgeworth.features.spot import SpotColumns
        from edgeworth.research.candle_gate import sound
        from edgeworth.research.fairvalue_columns import load_histories

        def make() -> Provider:
            passed, refused = sound(load_histories(self.home))
            if not passed:
                raise _missing("spot", "; ".join(f"{name}: {why}" for name, why in refused.items()) or "no candles")
            return SpotColumns(passed)

        return self._once("spot", self._candles(), make)

    def _fair_value(self, as_of: int | None) -> tuple[str, Provider]:
        from edgeworth.research.fairvalue_columns import load_columns

        def make() -> Provider:
            kept = self._kept.get("fair-value")
            before: FairValueColumns | None = kept[1] if kept else None  # type: ignore[assignment]
            found = load_columns(self.home, before=before)
            if not found.volatility.histories:
                why = "; ".join(f"{name}: {words}" for name, words in found.refused.items())
                raise _missing("fair-value", why or "no candles, or no understood rule that needs them")
            return found

        return self._once("fair-value", f"{self._candles()} {self._facts(as_of)}", make)

    def _similarity(self, as_of: int | None) -> tuple[str, Provider]:
        from edgeworth.features.similarity import SimilarityColumns, reference
        from edgeworth.store.asof import load_panel

        kept = self._kept.get("similarity")
        if kept and as_of is not None and self._history_at is not None and 0 <= as_of - self._history_at < HOUR:
            return kept
        try:
            panel, outcomes = load_panel(self.home, source=self.source)
        except DataError as error:
            if error.code != "no-prices":
                raise
            raise _missing("similarity", "no prices of resolved markets") from error
        self._history_at = as_of
        state = hashlib.blake2b(panel.fingerprint.encode(), digest_size=12)
        for array in (outcomes.payout_e4, outcomes.known_at):
            state.update(array.tobytes())
        return self._once("similarity", state.hexdigest(), lambda: SimilarityColumns(reference(panel, outcomes)))

    def _flow(self, as_of: int | None) -> "tuple[str, FlowColumns]":
        from edgeworth.features.flow import read_flow
        from edgeworth.store.lake_snapshots import read_snapshots

        found = read_flow(read_snapshots(self.home)) if as_of is None else self._live_flow(as_of)
        if found.newest < 0:
            raise _missing("flow", "no snapshots")
        return found.stamp if as_of is None else "", found

    def _live_flow(self, as_of: int) -> "FlowColumns":
        """Return the columns that a look at `as_of` can need; of snapshots only what came since the last look is read.

        What was known shortly before all were read may have been written after it, and is read again.
        """
        import polars as pl

        from edgeworth.features.flow import REACH, begin_flow
        from edgeworth.store.lake_snapshots import KEY, Wanted, read_snapshots

        kept = self._tail
        if kept is None or not kept.until <= as_of < kept.loaded_at + _TAIL_LASTS:
            rows = read_snapshots(self.home, Wanted(start=as_of - REACH - _ROWS_AGE, as_of=as_of))
            cut = as_of - _LATE
            kept = _Tail(begin_flow(rows, cut), rows.filter(pl.col("known_at") > cut), as_of, as_of)
        else:
            fresh = read_snapshots(self.home, Wanted(start=kept.until - _LATE, as_of=as_of))
            new = pl.concat([kept.new, fresh]).unique(KEY, keep="first", maintain_order=True)
            kept = replace(kept, new=new, until=as_of)
        self._tail = kept
        return kept.old.followed_by(kept.new)

    def _facts(self, as_of: int | None) -> str:
        from edgeworth.store.asof import facts_digest

        kept = self._facts_at
        if kept is None or as_of is None or not 0 <= as_of - kept[1] < HOUR:
            self._facts_at = kept = (facts_digest(self.home), as_of or 0)
        return kept[0]

    def _candles(self) -> str:
        from edgeworth.store import manifest

        return manifest.identity(self.home.lake / "candles")

    def _once(self, key: str, stamp: str, make: Callable[[], Provider]) -> tuple[str, Provider]:
        """Return the provider of a state of the stores, made anew only when the state is another."""
        kept = self._kept.get(key)
        if kept is None or kept[0] != stamp:
            kept = self._kept[key] = (stamp, make())
        return kept


def _missing(key: str, why: str) -> DataError:
    hint = "edgeworth data collect keeps snapshots" if key == "flow" else ""
    return DataError("columns-missing", f"columns '{key}' cannot be made: {why}", hint)

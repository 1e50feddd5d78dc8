"""By what names venues know the markets of a home: condition and token ids, Gamma ids."""

from collections.abc import Iterable
from typing import Final

from edgeworth.core.paths import Home
from edgeworth.store.frames import read_tables

KINDS: Final = ("condition", "token", "token1", "gamma")


def names_of(home: Home, market_nos: Iterable[int]) -> dict[int, dict[str, str]]:
    """Return, by market number, its names by kind (see KINDS), as known; raises DataError store-empty."""
    import polars as pl

    wanted = list(market_nos)
    table = read_tables(home, {"market_aliases": ()})["market_aliases"]
    rows = table.filter(pl.col("market_no").is_in(wanted), pl.col("kind").is_in(KINDS)).sort(
        "market_no", "kind", "value"
    )
    found: dict[int, dict[str, str]] = {}
    for row in rows.select("market_no", "kind", "value").iter_rows():
        found.setdefault(int(row[0]), {}).setdefault(str(row[1]), str(row[2]))
    return found

"""Find markets as people name them (slug, id prefix, URL, words), list them, and show one."""

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgeworth.core.errors import UsageError
from edgeworth.core.paths import Home
from edgeworth.core.types import ResolutionState
from edgeworth.store.frames import read_tables
from edgeworth.store.relations import readable, relations

if TYPE_CHECKING:
    import polars as pl

Classify = Callable[["pl.DataFrame"], "pl.Series"]
SORTS = ("market_no", "question", "slug", "created_at", "scheduled_end", "resolved_at", "points")
_SHORTEST_PREFIX = 4
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class MarketFilter:
    """Which markets to list: words in question or slug, a category with the function that assigns it, a state.

    `classify` takes the listed frame (question, event_title, tags) and returns labels; `state` is active, resolved or
    None; `with_prices` keeps only markets that have points.
    """

    search: str = ""
    category: str = ""
    classify: Classify | None = None
    state: str | None = None
    source: str = ""
    with_prices: bool = False


def find_market(home: Home, text: str) -> int:
    """Return the market_no of a slug, any id or its prefix, a URL, `#number`, or words of the question.

    Raises UsageError unknown-market (with close matches) | ambiguous-market (with candidates).
    """
    wanted = text.strip()
    tables = read_tables(
        home,
        {
            "market_aliases": (),
            "markets": ("market_no", "market_id", "event_no", "slug", "question"),
            "events": ("event_no", "slug", "native_id"),
        },
    )
    if "/" in wanted:
        parts = [part for part in urlsplit(wanted if "//" in wanted else f"//{wanted}").path.split("/") if part]
        wanted = parts[-1] if parts else wanted
    for step in (_by_number, _by_id, _by_event, _by_prefix, _by_words):
        found = step(tables, wanted)
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(tables["markets"], wanted, found)
    raise _unknown(tables["markets"], wanted)


def list_markets(
    home: Home, wanted: MarketFilter | None = None, *, sort: str = "market_no", limit: int | None = 50
) -> "pl.DataFrame":
    """Return markets that pass the filter, with resolution (if any) and number of stored points.

    `sort` is one of SORTS, a leading minus reverses. Raises UsageError bad-option for another.
    """
    import polars as pl

    chosen = wanted or MarketFilter()
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    if column not in SORTS:
        raise UsageError("bad-option", f"cannot sort by '{column}'", f"one of: {', '.join(SORTS)}")
    frames = relations(home, ["markets", "resolutions", "prices"])
    markets = frames["markets"].collect().join(_final(frames["resolutions"].collect()), on="market_no", how="left")
    points = frames["prices"]
    if chosen.source:
        points = points.filter(pl.col("source") == chosen.source)
    counted = points.group_by("market_no").agg(pl.len().alias("points").cast(pl.Int64)).collect()
    markets = markets.join(counted, on="market_no", how="left").with_columns(pl.col("points").fill_null(0))
    markets = markets.with_columns(pl.col("tags").replace("", "[]").fill_null("[]").str.json_decode(pl.List(pl.String)))
    if chosen.classify is not None:
        markets = markets.with_columns(chosen.classify(markets).alias("category"))
    for condition in _conditions(chosen, markets.columns):
        markets = markets.filter(condition)
    ordered = markets.sort(column, descending=descending, nulls_last=True, maintain_order=True)
    return ordered if limit is None else ordered.head(limit)


def show_market(home: Home, market_no: int) -> dict[str, Any]:
    """Return everything stored about one market, JSON-ready but for datetimes: facts, ids, versions, ends, prices."""
    import polars as pl

    from edgeworth.store.lake import Lake

    names = ("markets", "aliases", "market_versions", "resolutions", "coverage")
    frames = {name: frame.filter(pl.col("market_no") == market_no) for name, frame in relations(home, names).items()}
    market = frames["markets"].collect()
    if market.is_empty():
        raise UsageError("unknown-market", f"no market has number {market_no}")
    by_source = (
        readable(Lake(home.lake).scan_prices(None, [market_no], with_source=True))
        .group_by("source")
        .agg(
            pl.len().alias("points"),
            pl.col("event_time").min().alias("first_t"),
            pl.col("event_time").max().alias("last_t"),
            pl.col("price").sort_by("event_time").first().alias("first_price"),
            pl.col("price").sort_by("event_time").last().alias("last_price"),
        )
        .sort("source")
    )
    facts = market.row(0, named=True)
    return {
        "market": {**facts, "tags": json.loads(facts["tags"] or "[]")},
        "ids": frames["aliases"].select("kind", "value").collect().to_dicts(),
        "versions": frames["market_versions"].drop("description", "content_hash").collect().to_dicts(),
        "resolutions": frames["resolutions"].collect().to_dicts(),
        "coverage": frames["coverage"].collect().to_dicts(),
        "prices": by_source.collect().to_dicts(),
    }


def market_prices(home: Home, market_no: int, source: str | None = None) -> "pl.DataFrame":
    """Return the points of one market with readable times, ascending."""
    import polars as pl

    from edgeworth.store.lake import Lake

    points = Lake(home.lake).scan_prices(None if source is None else [source], [market_no], with_source=True)
    return readable(points).sort("source", pl.col("event_time")).collect()


# inside


def _by_number(tables: "dict[str, pl.DataFrame]", text: str) -> list[int]:
    import polars as pl

    if not (text.startswith("#") and text[1:].isdigit() and len(text) < 11):
        return []
    return tables["markets"].filter(pl.col("market_no") == int(text[1:]))["market_no"].to_list()


def _by_id(tables: "dict[str, pl.DataFrame]", text: str) -> list[int]:
    import polars as pl

    value, wanted = pl.col("value").str.to_lowercase(), text.lower()
    own_key = (pl.col("kind") == "key") & value.str.ends_with(f":{wanted}") if wanted else pl.lit(False)
    hits = tables["market_aliases"].filter((value == wanted) | own_key)
    return sorted(set(hits["market_no"].to_list()))


def _by_event(tables: "dict[str, pl.DataFrame]", text: str) -> list[int]:
    import polars as pl

    named = tables["events"].filter((pl.col("slug") == text.lower()) | (pl.col("native_id") == text))
    if not text or named.is_empty():
        return []
    return tables["markets"].join(named, on="event_no", how="semi")["market_no"].to_list()


def _by_prefix(tables: "dict[str, pl.DataFrame]", text: str) -> list[int]:
    import polars as pl

    if len(text) < _SHORTEST_PREFIX:
        return []
    starts = pl.col("value").str.to_lowercase().str.starts_with(text.lower())
    return sorted(set(tables["market_aliases"].filter(starts)["market_no"].to_list()))


def _by_words(tables: "dict[str, pl.DataFrame]", text: str) -> list[int]:
    words = text.lower().split()
    return tables["markets"].filter(_has_words(words))["market_no"].to_list() if words else []


def _has_words(words: list[str]) -> "pl.Expr":
    import polars as pl

    haystack = pl.concat_str("question", pl.lit(" "), "slug").str.to_lowercase()
    return pl.all_horizontal(*(haystack.str.contains(word, literal=True) for word in words))


def _ambiguous(markets: "pl.DataFrame", text: str, found: list[int]) -> UsageError:
    import polars as pl

    rows = markets.filter(pl.col("market_no").is_in(found[:_SHOWN])).to_dicts()
    names = [row["slug"] or row["question"] or row["market_id"] for row in rows]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    message = f"'{text}' matches {len(found)} markets: {'; '.join(names)}{more}"
    return UsageError("ambiguous-market", message, candidates=names, matches=len(found))


def _unknown(markets: "pl.DataFrame", text: str) -> UsageError:
    slugs = [slug for slug in markets["slug"].to_list() if slug]
    close = difflib.get_close_matches(text.lower(), slugs, n=3, cutoff=0.6)
    if not close:
        questions = {q.lower(): q for q in markets["question"].to_list() if q}
        close = [questions[key] for key in difflib.get_close_matches(text.lower(), questions, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
    return UsageError("unknown-market", f"no market matches '{text}'", hint, close=close)


def _final(resolutions: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    final = resolutions.filter(pl.col("state") == str(ResolutionState.FINAL))
    best = final.sort("resolution_known_at", "source", nulls_last=True).unique("market_no", keep="first")
    return best.select("market_no", "payout_e4", "resolved_at")


def _conditions(wanted: MarketFilter, columns: list[str]) -> "list[pl.Expr]":
    import polars as pl

    result = []
    if wanted.search.split():
        result.append(_has_words(wanted.search.lower().split()))
    if wanted.category and "category" in columns:
        label = pl.col("category")
        result.append((label == wanted.category) | label.str.starts_with(f"{wanted.category}/"))
    if wanted.state == "resolved":
        result.append(pl.col("payout_e4").is_not_null())
    if wanted.state == "active":
        result.append(pl.col("payout_e4").is_null())
    if wanted.with_prices or wanted.source:
        result.append(pl.col("points") > 0)
    return result

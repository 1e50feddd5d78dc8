"""Read-only SQL over markets and lake together (polars SQL): one SELECT, the tables of `relations.TABLES`."""

import difflib
import re
from typing import TYPE_CHECKING

from edgeworth.core.errors import UsageError
from edgeworth.core.paths import Home
from edgeworth.store.relations import TABLES, relations

if TYPE_CHECKING:
    import polars as pl

_QUOTED = re.compile(r"'(?:[^']|'')*'")
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS_FILES = re.compile(r"\b(read_\w+|scan_\w+)\s*\(", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def sql(home: Home, text: str) -> "pl.DataFrame":
    """Run one SELECT and return its rows; raises UsageError bad-query with what is wrong and what there is.

    Also raises DataError store-empty when there is no database yet.
    """
    import polars as pl

    bare = _QUOTED.sub("''", _COMMENTS.sub(" ", text)).strip().rstrip(";").strip()
    _check(bare)
    words = {word.lower() for word in _WORD.findall(bare)}
    frames = relations(home, [name for name in TABLES if name in words])
    try:
        with pl.SQLContext(frames=frames) as context:
            return context.execute(_COMMENTS.sub(" ", text).strip().rstrip(";")).collect()
    except pl.exceptions.PolarsError as error:
        raise UsageError("bad-query", _explain(str(error), bare), _hint(str(error), frames)) from error
    except (ValueError, TypeError, NotImplementedError) as error:
        raise UsageError("bad-query", str(error)) from error


def _check(bare: str) -> None:
    first = _WORD.match(bare.lstrip("( "))
    verb = first.group(0).lower() if first else ""
    if verb not in {"select", "with"}:
        raise UsageError("bad-query", "only SELECT and WITH … SELECT are allowed" if verb else "the query is empty")
    if ";" in bare:
        raise UsageError("bad-query", "one statement at a time")
    found = _READS_FILES.search(bare)
    if found:
        raise UsageError("bad-query", f"{found.group(1)} is not allowed: only the stored tables can be read")


def _explain(message: str, bare: str) -> str:
    missing = re.search(r"relation '([^']*)' was not found", message)
    if missing:
        return f"there is no table '{missing.group(1)}'"
    line = message.split("\n", 1)[0].strip()
    return line or f"cannot run: {bare}"


def _hint(message: str, frames: "dict[str, pl.LazyFrame]") -> str:
    missing = re.search(r"relation '([^']*)' was not found", message)
    if missing:
        close = difflib.get_close_matches(missing.group(1).lower(), TABLES, n=1)
        return (f"did you mean '{close[0]}'? " if close else "") + "tables: " + ", ".join(TABLES)
    if "unable to find column" in message and frames:
        lists = [f"{name}({', '.join(frame.collect_schema().names())})" for name, frame in frames.items()]
        return "columns: " + "; ".join(lists)
    return ""

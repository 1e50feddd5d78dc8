"""Write frames where people want them: CSV that no spreadsheet executes, JSON, NDJSON, Parquet; whole or not at all."""

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgeworth.core.errors import AccessError, UsageError
from edgeworth.core.paths import Home
from edgeworth.store.durable import TEMPORARY, sync_folder
from edgeworth.store.engines import storage_error
from edgeworth.store.relations import relations

if TYPE_CHECKING:
    import polars as pl

FORMATS = {"csv": ".csv", "json": ".json", "ndjson": ".ndjson", "parquet": ".parquet"}
EXPORTS = ("markets", "prices", "resolutions", "candles", "market_versions", "snapshots", "quarantine", "coverage")
_FORMULA = r"^[=+\-@\t\r]"


def export_frame(home: Home, what: str, market_nos: list[int] | None = None) -> "pl.LazyFrame":
    """Return one of EXPORTS as a lazy frame; raises UsageError bad-option for another name."""
    import polars as pl

    if what not in EXPORTS:
        raise UsageError("bad-option", f"cannot export '{what}'", f"one of: {', '.join(EXPORTS)}")
    frame = relations(home, [what])[what]
    if market_nos is None or "market_no" not in frame.collect_schema().names():
        return frame
    return frame.filter(pl.col("market_no").is_in(market_nos))


def format_of(path: Path, chosen: str | None = None) -> str:
    """Return the format by name, else by the path's suffix; raises UsageError bad-option."""
    suffixes = {suffix: name for name, suffix in FORMATS.items()} | {".jsonl": "ndjson"}
    name = chosen or suffixes.get(path.suffix.lower(), "")
    if name not in FORMATS:
        raise UsageError("bad-option", f"unknown format '{chosen or path.suffix}'", f"one of: {', '.join(FORMATS)}")
    return name


def write_frame(
    frame: "pl.DataFrame | pl.LazyFrame", path: Path, kind: str | None = None, *, force: bool = False
) -> int:
    """Write a frame and return its number of rows; the file appears whole or not at all.

    Raises UsageError file-exists | bad-option, AccessError output-unwritable | disk-full.
    """
    chosen = format_of(path, kind)
    if path.exists() and not force:
        raise UsageError("file-exists", f"{path} exists already")
    whole = frame.lazy().collect()
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        _write(whole, temporary, chosen)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise _output_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return whole.height


def formula_safe(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Prefix texts that a spreadsheet would take for a formula with an apostrophe; lists become JSON texts."""
    import polars as pl

    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    if lists:
        texts = [pl.Series(name, [_json_text(row) for row in frame[name].to_list()], dtype=pl.String) for name in lists]
        frame = frame.with_columns(texts)
    column = pl.col(pl.String)
    return frame.with_columns(pl.when(column.str.contains(_FORMULA)).then("'" + column).otherwise(column).name.keep())


def _json_text(values: list[object] | None) -> str | None:
    return None if values is None else json.dumps(values, default=str)


def _write(frame: "pl.DataFrame", path: Path, kind: str) -> None:
    if kind == "csv":
        formula_safe(frame).write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
    elif kind == "parquet":
        frame.write_parquet(path, compression="zstd")
    elif kind == "ndjson":
        frame.write_ndjson(path)
    else:
        frame.write_json(path)


def _output_error(error: OSError, path: Path) -> AccessError:
    translated = storage_error(error, path)
    code = "disk-full" if translated.code == "disk-full" else "output-unwritable"
    return AccessError(code, translated.message, path=str(path))

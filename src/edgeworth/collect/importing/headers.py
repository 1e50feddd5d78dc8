"""Column names of tables, from as few bytes as possible."""

from pathlib import Path

import polars as pl


def file_columns(path: Path) -> list[str]:
    """Return the column names of a Parquet or CSV file, an empty list when it is none or not there."""
    try:
        with path.open("rb") as file:
            head = file.read(65_536)
        if head[:4] == b"PAR1":
            return list(pl.read_parquet_schema(path))
        return header_of(head)[0]
    except (OSError, pl.exceptions.PolarsError):
        return []


def header_of(head: bytes) -> tuple[list[str], str]:
    """Return the column names in the first line of a text table and its separator; no names when it is none."""
    line = head.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    separator = max(",;\t|", key=line.count)
    if not line.count(separator):
        return [], ","
    names = [name.strip().strip('"').strip() for name in line.split(separator)]
    usable = all(name and not name.replace(".", "").isdigit() for name in names) and len(set(names)) == len(names)
    return (names, separator) if usable else ([], separator)

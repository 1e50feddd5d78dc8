"""Read a mapping: which columns of a table become which fields of which records. See docs/how-to/import-own-data.md.

A mapping is TOML. Every misspelt word is an error with the nearest right one; nothing is ignored silently.
"""

import difflib
import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

from edgeworth.collect.importing import fields
from edgeworth.collect.importing.fields import Type
from edgeworth.collect.importing.headers import file_columns
from edgeworth.core.errors import DataError, EdgeworthError, UsageError
from edgeworth.core.instants import parse_duration

_DOCS = "docs/how-to/import-own-data.md lists them"


@dataclass(frozen=True, slots=True)
class Entry:
    """Say where a value comes from: a column, a constant or a template of columns, and how it is changed on the way."""

    kind: Type
    column: str = ""
    constant: Any = None
    template: str = ""
    unit: str = ""
    plus: int = 0
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str) -> Any:
        """Return an option's value, or None."""
        return dict(self.options).get(name)

    def columns(self) -> set[str]:
        """Return the names of the columns read."""
        names = {self.column, self.option("equals_column"), self.option("other_column")}
        return {str(name) for name in names | set(_placeholders(self.template)) if name}


@dataclass(frozen=True, slots=True)
class Condition:
    """Choose rows: those whose column equals one of `values` (as text, without regard to case), or is present."""

    column: str
    values: tuple[str, ...] = ()
    present: bool | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """What one kind of record is made of."""

    kind: str
    entries: dict[str, Entry]
    ids: tuple[tuple[str, Entry], ...] = ()
    where: tuple[Condition, ...] = ()
    lag_us: int = 0

    def columns(self) -> set[str]:
        """Return the names of the columns read."""
        names = {condition.column for condition in self.where}
        for entry in (*self.entries.values(), *(entry for _, entry in self.ids)):
            names |= entry.columns()
        return names


@dataclass(frozen=True, slots=True)
class Detect:
    """Recognise a table by its columns, by columns it lacks, by a file beside it, by its name inside a database."""

    columns: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    beside: str = ""
    beside_columns: frozenset[str] = frozenset()
    table: str = ""

    @property
    def weight(self) -> int:
        """Prefer the mapping that knows more of the table."""
        return len(self.columns) + 2 * len(self.beside_columns) + bool(self.beside) + bool(self.table)


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """A whole mapping. `look_ahead` or `skip`, if given, say why such a table is refused or holds nothing to import."""

    name: str
    source: str
    venue: str
    tables: dict[str, Table]
    detect: Detect = Detect()
    nulls: tuple[str, ...] = ()
    explode: tuple[str, str, str] | None = None  # column with a JSON object, names of its key and of its value
    look_ahead: str = ""
    skip: str = ""
    digest: str = field(default="", compare=False)

    def columns(self) -> set[str]:
        """Return the names of the file's columns read."""
        names = set().union(*(table.columns() for table in self.tables.values()))
        if self.explode:
            names = (names - set(self.explode[1:])) | {self.explode[0]}
        return names

    def check_columns(self, there: Sequence[str], where: str) -> None:
        """Raise DataError mapping-bad-column when the file lacks a column the mapping reads."""
        for name in sorted(self.columns() - set(there)):
            hint = _suggestion(name, there) or f"the columns are {', '.join(there[:30])}"
            raise DataError("mapping-bad-column", f"{where} has no column '{name}' ({self.name})", hint, column=name)


def load_mapping(path: Path) -> MappingSpec:
    """Read a user's mapping; raises UsageError mapping-unreadable | mapping-bad-field | mapping-bad-unit."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("mapping-unreadable", f"{path}: {error}") from error
    return parse_mapping(text, path.name)


@lru_cache(maxsize=1)
def shipped_mappings() -> tuple[MappingSpec, ...]:
    """Return the mappings that come with edgeworth, in the order of their names."""
    folder = files("edgeworth.collect.importing") / "mappings"
    found = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    return tuple(parse_mapping(item.read_text("utf-8"), item.name) for item in found)


def choose_mapping(columns: Sequence[str], folder: Path, table: str = "") -> MappingSpec | None:
    """Return the shipped mapping that recognises a table best, or None.

    `folder` is where the file lies (for conditions on the file beside it), `table` its name inside a database.
    """
    fitting = []
    for spec in shipped_mappings():
        detect = spec.detect
        fits = detect.columns <= set(columns) and not detect.without & set(columns) and detect.table == table
        if fits and detect.beside:
            fits = detect.beside_columns <= set(file_columns(folder / detect.beside))
        if fits:
            fitting.append(spec)
    return max(fitting, key=lambda spec: spec.detect.weight, default=None)


def parse_mapping(text: str, name: str) -> MappingSpec:
    """Parse and check a mapping; raises UsageError mapping-unreadable | mapping-bad-field | mapping-bad-unit."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("mapping-unreadable", f"{name}: {error}") from error
    _check_words(tree, fields.TOP_KEYS, name)
    for key in ("name", "about", "source", "venue", "look_ahead", "skip"):
        _check_type(tree.get(key, ""), str, f"{name}: {key}")
    spec = MappingSpec(
        name=str(tree.get("name") or name),
        source=str(tree.get("source", "")),
        venue=str(tree.get("venue", "polymarket")),
        tables={kind: _table(kind, tree[kind], name) for kind in fields.FIELDS if kind in tree},
        detect=_detect(tree.get("detect", {}), name),
        nulls=tuple(_texts(tree.get("nulls", []), f"{name}: nulls")),
        explode=_explode(tree.get("explode"), name),
        look_ahead=str(tree.get("look_ahead", "")),
        skip=str(tree.get("skip", "")),
        digest=hashlib.blake2b(text.encode(), digest_size=8).hexdigest(),
    )
    if not spec.skip and not spec.look_ahead:
        _check_complete(spec)
    return spec


def _check_complete(spec: MappingSpec) -> None:
    if not spec.source:
        raise _bad(f"{spec.name}: 'source' is missing", 'name where the data comes from: source = "my-data"')
    if not spec.tables:
        known = ", ".join(f"[{kind}]" for kind in fields.FIELDS)
        raise _bad(f"{spec.name}: no table of fields", f"add at least one of {known}")


def _detect(tree: Any, name: str) -> Detect:
    _check_type(tree, dict, f"{name}: [detect]")
    _check_words(tree, fields.DETECT_KEYS, f"{name} [detect]")
    beside = tree.get("beside", {})
    _check_type(beside, dict, f"{name}: [detect] beside")
    _check_words(beside, ("file", "columns"), f"{name} [detect] beside")
    return Detect(
        columns=frozenset(_texts(tree.get("columns", []), f"{name}: columns")),
        without=frozenset(_texts(tree.get("without", []), f"{name}: without")),
        beside=str(beside.get("file", "")),
        beside_columns=frozenset(_texts(beside.get("columns", []), f"{name}: beside columns")),
        table=str(tree.get("table", "")),
    )


def _explode(tree: Any, name: str) -> tuple[str, str, str] | None:
    if tree is None:
        return None
    _check_type(tree, dict, f"{name}: [explode]")
    _check_words(tree, ("column", "key", "value"), f"{name} [explode]")
    parts = [tree.get(key) for key in ("column", "key", "value")]
    if not all(isinstance(part, str) and part for part in parts):
        raise _bad(f"{name}: [explode] needs column, key and value")
    return str(parts[0]), str(parts[1]), str(parts[2])


def _table(kind: str, tree: Any, name: str) -> Table:
    where = f"{name} [{kind}]"
    _check_type(tree, dict, where)
    known = fields.FIELDS[kind]
    allowed = [*known, *(fields.TABLE_KEYS if kind in fields.WITH_IDS else fields.TABLE_KEYS[1:])]
    _check_words(tree, allowed, where)
    entries = {key: _entry(known[key], value, f"{where} {key}") for key, value in tree.items() if key in known}
    for needed in fields.REQUIRED[kind]:
        if needed not in entries:
            raise _bad(f"{where}: '{needed}' is missing")
    ids = _ids(tree.get("ids"), where) if kind in fields.WITH_IDS else ()
    return Table(kind, entries, ids, _where(tree.get("where"), where), _duration(tree.get("lag", "0s"), where))


def _ids(value: Any, where: str) -> tuple[tuple[str, Entry], ...]:
    if not isinstance(value, list) or not value:
        raise _bad(f"{where}: 'ids' is missing", 'write ids = [{ kind = "condition", column = "…" }]')
    result = []
    for item in value:
        _check_type(item, dict, f"{where} ids")
        kind = item.get("kind", "auto")
        if kind not in fields.ID_KINDS:
            raise _bad(f"{where}: no id kind '{kind}'", _suggestion(str(kind), fields.ID_KINDS))
        entry = _entry(Type.TEXT, {key: part for key, part in item.items() if key != "kind"}, f"{where} ids")
        result.append((str(kind), entry))
    return tuple(result)


def _where(value: Any, where: str) -> tuple[Condition, ...]:
    if value is None:
        return ()
    result = []
    for item in value if isinstance(value, list) else [value]:
        _check_type(item, dict, f"{where} where")
        _check_words(item, ("column", "equals", "present"), f"{where} where")
        if not isinstance(item.get("column"), str) or ("equals" in item) == ("present" in item):
            raise _bad(f"{where}: 'where' needs a column and either equals or present")
        wanted = item.get("equals", [])
        values = wanted if isinstance(wanted, list) else [wanted]
        texts = tuple(_plain(part) for part in values)
        result.append(Condition(item["column"], texts, item.get("present")))
    return tuple(result)


def _entry(kind: Type, value: Any, where: str) -> Entry:
    tree = {"column": value} if isinstance(value, str) else value
    _check_type(tree, dict, f"{where} (a column's name, or a table)")
    _check_words(tree, fields.OPTIONS, where)
    for key, part in tree.items():
        _check_type(part, fields.OPTIONS[key], f"{where} {key}")
    if sum(key in tree for key in ("column", "constant", "template")) != 1:
        raise _bad(f"{where}: needs exactly one of column, constant, template")
    unit = tree.get("unit", fields.DEFAULT_UNIT.get(kind, ""))
    if unit and unit not in fields.UNITS[kind]:
        hint = _suggestion(unit, fields.UNITS[kind]) or f"units of a {kind}: {', '.join(fields.UNITS[kind]) or 'none'}"
        raise UsageError("mapping-bad-unit", f"{where}: no unit '{unit}' for a {kind}", hint, unit=unit)
    _check_template(tree.get("template", ""), where)
    named = {"column", "constant", "template", "unit", "plus"}
    options = tuple((key, part) for key, part in tree.items() if key not in named)
    return Entry(
        kind=kind,
        column=tree.get("column", ""),
        constant=tree.get("constant"),
        template=tree.get("template", ""),
        unit=unit,
        plus=_duration(tree.get("plus", "0s"), where),
        options=options,
    )


def _check_template(template: str, where: str) -> None:
    try:
        list(Formatter().parse(template))
    except ValueError as error:
        raise _bad(f"{where}: template: {error}", "write {column} for a column's value") from error


def _placeholders(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _duration(value: Any, where: str) -> int:
    _check_type(value, str, f"{where} (a duration such as '24h')")
    try:
        return parse_duration(value)
    except EdgeworthError as error:
        raise UsageError("mapping-bad-unit", f"{where}: {error.message}", error.hint) from error


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise _bad(f"{where}: expected a list of texts")
    return value


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip().lower()


def _check_words(tree: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in tree:
        if key not in names:
            raise _bad(f"{where}: no field '{key}'", _suggestion(key, names) or f"known: {', '.join(names)}", field=key)


def _check_type(value: Any, kind: type | tuple[type, ...], where: str) -> None:
    fits = isinstance(value, kind) and (not isinstance(value, bool) or kind is bool or isinstance(kind, tuple))
    if not fits:
        names = [part.__name__ for part in (kind if isinstance(kind, tuple) else (kind,))]
        raise _bad(f"{where}: expected {' or '.join(names)}, got {type(value).__name__}")


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else ""


def _bad(message: str, hint: str = "", **details: Any) -> UsageError:
    return UsageError("mapping-bad-field", message, hint or _DOCS, **details)

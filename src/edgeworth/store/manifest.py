"""A dataset's manifest: which immutable parts make it up, with checksums, ranges and how their columns are packed."""

import hashlib
from pathlib import Path

import msgspec

from edgeworth.core.errors import DataError
from edgeworth.store.durable import Hook, silent, write_whole

FORMAT = "edgeworth.lake/1"
SCHEMA_VERSION = 1
FILE = "manifest.json"


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One immutable Parquet file. Instants in microseconds; `unit_us` and `base_us` unpack the time deltas.

    `lag_us` is known_at - event_time where constant; None means the part has a column of its own for it.
    """

    name: str
    key: str
    source: str
    rows: int
    bytes: int
    sha256: str
    t_min: int
    t_max: int
    unit_us: int
    base_us: int
    lag_us: int | None = 0
    market_min: int = 0
    market_max: int = 0
    symbol: str = ""
    interval: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All parts of one dataset in the order they were added; `checksum` covers the parts."""

    format: str = FORMAT
    schema_version: int = SCHEMA_VERSION
    dataset: str
    parts: tuple[Part, ...] = ()
    checksum: str = ""

    def with_part(self, part: Part) -> "Manifest":
        """Return a manifest with one more part."""
        return msgspec.structs.replace(self, parts=(*self.parts, part))


def checksum(parts: tuple[Part, ...]) -> str:
    """Return the sha256 over the parts' canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


def read(folder: Path, dataset: str) -> Manifest:
    """Read the manifest of a dataset, empty when there is none.

    Raises DataError manifest-corrupt | store-newer.
    """
    path = folder / FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Manifest(dataset=dataset)
    except OSError as error:
        raise DataError("manifest-corrupt", f"{path}: {error}") from error
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError("manifest-corrupt", f"{path}: {error}") from error
    if found.schema_version > SCHEMA_VERSION:
        raise DataError("store-newer", f"{path} has schema version {found.schema_version}, newer than {SCHEMA_VERSION}")
    if found.checksum != checksum(found.parts) or found.dataset != dataset:
        raise DataError("manifest-corrupt", f"{path} does not match its own checksum")
    return found


def write(folder: Path, manifest: Manifest, hook: Hook = silent) -> None:
    """Replace the manifest atomically."""
    whole = msgspec.structs.replace(manifest, checksum=checksum(manifest.parts))
    data = msgspec.json.format(msgspec.json.encode(whole), indent=1)
    write_whole(folder / FILE, data, hook, "manifest")


def identity(folder: Path) -> str:
    """Return a digest of the manifest file as it lies there, "" when there is none; cheap."""
    try:
        return hashlib.blake2b((folder / FILE).read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ""

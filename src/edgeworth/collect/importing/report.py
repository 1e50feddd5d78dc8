"""What an import did, file by file: counts that add up, reasons, refusals; ready to print or to encode."""

from dataclasses import dataclass, field
from typing import Any

from edgeworth.store.counts import WriteCounts


@dataclass(slots=True)
class FileReport:
    """Tell what became of one file.

    `counts` holds rows per kind (event, market, resolution, snapshot, price, candle, file) with read == stored +
    duplicates + quarantined. `rows` are the table rows read (0 for streams). `refused` is an error code, `message` its
    cause, `hint` its cure; `skipped` says why a file holds nothing to import. `conflicts` counts duplicates of another
    value (the first one stands). `resumed` is True when an earlier run had begun the file, `unchanged` when an earlier
    run had finished it and it was not read again.
    """

    path: str
    shape: str = ""
    counts: WriteCounts = field(default_factory=WriteCounts)
    rows: int = 0
    refused: str | None = None
    message: str = ""
    hint: str = ""
    skipped: str | None = None
    conflicts: int = 0
    resumed: bool = False
    unchanged: bool = False
    seconds: float = 0.0

    @property
    def read(self) -> dict[str, int]:
        """Rows per kind."""
        return self.counts.read

    @property
    def stored(self) -> dict[str, int]:
        """Rows per kind that are new in the store."""
        return self.counts.stored

    @property
    def duplicates(self) -> dict[str, int]:
        """Rows per kind that were there already."""
        return self.counts.duplicates

    @property
    def quarantined(self) -> dict[str, int]:
        """Rows per kind that were set aside."""
        return self.counts.quarantined

    @property
    def reasons(self) -> dict[str, int]:
        """Quarantined rows per reason."""
        return self.counts.reasons

    def to_dict(self) -> dict[str, Any]:
        """Return the report of one file, JSON-ready; empty parts are left out."""
        facts: dict[str, Any] = {"path": self.path, "shape": self.shape}
        facts |= {name: value for name, value in self.counts.to_dict().items() if value}
        for name in ("rows", "refused", "message", "hint", "skipped", "conflicts", "resumed", "unchanged"):
            if value := getattr(self, name):
                facts[name] = value
        return facts | {"seconds": round(self.seconds, 3)}


@dataclass(slots=True)
class ImportReport:
    """Tell what became of all files of one import."""

    files: list[FileReport] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def totals(self) -> WriteCounts:
        """Rows per kind over all files."""
        total = WriteCounts()
        for file in self.files:
            total.merge(file.counts)
        return total

    @property
    def refused(self) -> list[FileReport]:
        """Files that could not be imported, or not to their end."""
        return [file for file in self.files if file.refused]

    @property
    def imported(self) -> list[FileReport]:
        """Files that were read."""
        return [file for file in self.files if not file.refused and file.skipped is None]

    def adds_up(self) -> bool:
        """Tell whether read == stored + duplicates + quarantined for every file and kind."""
        return all(file.counts.adds_up() for file in self.files)

    def to_dict(self) -> dict[str, Any]:
        """Return totals per kind, counts per file, refusals with codes and skipped files with reasons; JSON-ready."""
        skipped = [file for file in self.files if file.skipped is not None]
        return {
            "schema": "edgeworth.import/1",
            "files": [file.to_dict() for file in self.files],
            "totals": self.totals.to_dict(),
            "imported": len(self.imported),
            "refused": [{"path": f.path, "code": f.refused, "message": f.message} for f in self.refused],
            "skipped": [{"path": f.path, "reason": f.skipped} for f in skipped],
            "adds_up": self.adds_up(),
            "seconds": round(self.seconds, 3),
        }

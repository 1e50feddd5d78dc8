"""What became of the rows that were offered to the store: counts per kind that always add up."""

from dataclasses import dataclass, field

Counts = dict[str, int]


@dataclass(slots=True)
class WriteCounts:
    """Count rows per kind (event, market, resolution, snapshot, price, candle, …).

    Invariant, per kind: read == stored + duplicates + quarantined. `reasons` splits the quarantined by reason code.
    """

    read: Counts = field(default_factory=dict)
    stored: Counts = field(default_factory=dict)
    duplicates: Counts = field(default_factory=dict)
    quarantined: Counts = field(default_factory=dict)
    reasons: Counts = field(default_factory=dict)

    def add(self, kind: str, *, stored: int = 0, duplicates: int = 0) -> None:
        """Count rows that were stored or were there already."""
        _bump(self.read, kind, stored + duplicates)
        _bump(self.stored, kind, stored)
        _bump(self.duplicates, kind, duplicates)

    def reject(self, kind: str, reason: str, rows: int = 1) -> None:
        """Count rows that were set aside."""
        _bump(self.read, kind, rows)
        _bump(self.quarantined, kind, rows)
        _bump(self.reasons, reason, rows)

    def merge(self, other: "WriteCounts") -> None:
        """Add the counts of another."""
        for name in ("read", "stored", "duplicates", "quarantined", "reasons"):
            mine: Counts = getattr(self, name)
            for kind, rows in getattr(other, name).items():
                _bump(mine, kind, rows)

    def adds_up(self) -> bool:
        """Tell whether every kind satisfies read == stored + duplicates + quarantined."""
        return all(
            rows == self.stored.get(kind, 0) + self.duplicates.get(kind, 0) + self.quarantined.get(kind, 0)
            for kind, rows in self.read.items()
        )

    def to_dict(self) -> dict[str, Counts]:
        """Return JSON-ready counts."""
        return {
            "read": dict(self.read),
            "stored": dict(self.stored),
            "duplicates": dict(self.duplicates),
            "quarantined": dict(self.quarantined),
            "reasons": dict(self.reasons),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Counts]) -> "WriteCounts":
        """Read back what `to_dict` wrote."""
        return cls(**{name: dict(counts) for name, counts in data.items()})


def _bump(counts: Counts, kind: str, rows: int) -> None:
    if rows:
        counts[kind] = counts.get(kind, 0) + rows

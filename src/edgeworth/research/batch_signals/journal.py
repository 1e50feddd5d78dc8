"""Batches on disk: each is written whole before it is shown, and tells the next one what was looked at.

`signals/<scope>/batch-000017.json` holds the batch as printed and, per market, the inputs it was judged on. The state
is what all of them say together; `state.json` only saves reading them again. A process that dies between the two loses
nothing: newer batch files are folded in.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.store.durable import locked, make_folder, write_whole

_STATE: Final = "state.json"
_HALT: Final = "halted.json"
_KEPT_SECONDS: Final = 30 * 86_400  # a market nobody has seen open for a month is forgotten


@dataclass(slots=True)
class Seen:
    """What earlier batches looked at: `inputs` by market id (digest, instant of the look), `number` of the last one."""

    number: int = 0
    inputs: dict[str, tuple[str, int]] = field(default_factory=dict)
    size: int = 0
    back_off_until: int = 0
    batch_id: str = ""

    def fold(self, record: Mapping[str, Any]) -> None:
        """Add what one stored batch says."""
        self.number = max(self.number, int(record["number"]))
        at = int(record["at"])
        self.inputs.update({market: (digest, at) for market, digest in record["inputs"].items()})
        self.size, self.back_off_until = int(record["size"]), int(record["back_off_until"])
        self.batch_id = str(record["batch_id"])


class Journal:
    """The batches of one scope of one home."""

    def __init__(self, home: Home, scope: str) -> None:
        self.folder = home.root / "signals" / scope

    @contextmanager
    def turn(self) -> Iterator[Seen]:
        """Hold the scope's lock and return its state; several processes may take turns."""
        with locked(self.folder / "lock"):
            yield self._load()

    def write(self, seen: Seen, batch: Mapping[str, Any], record: Mapping[str, Any]) -> Path:
        """Store a batch with what it looked at, then the state; `record` as `Seen.fold` reads it."""
        path = self._path(int(record["number"]))
        write_whole(path, _json({"batch": batch, "seen": record}))
        seen.fold(record)
        self._save(seen, int(record["at"]))
        return path

    def note(self, seen: Seen, record: Mapping[str, Any]) -> None:
        """Remember a back-off that a look without a batch began or ended."""
        if int(record["back_off_until"]) != seen.back_off_until:
            seen.back_off_until = int(record["back_off_until"])
            self._save(seen, int(record["at"]))

    def forget(self) -> None:
        """Look at every market again; the batches stay."""
        with self.turn() as seen:
            seen.inputs.clear()
            self._save(seen, 0)

    def batches(self) -> Iterator[dict[str, Any]]:
        """Yield the stored batches, oldest first; raises DataError store-corrupt."""
        for path in sorted(self.folder.glob("batch-*.json")):
            yield _read(path)

    def _path(self, number: int) -> Path:
        return self.folder / f"batch-{number:06d}.json"

    def _load(self) -> Seen:
        seen = Seen()
        path = self.folder / _STATE
        if path.is_file():
            kept = _read(path)
            inputs = {market: (digest, at) for market, (digest, at) in kept["inputs"].items()}
            seen = Seen(kept["number"], inputs, kept["size"], kept["back_off_until"], kept["batch_id"])
        while (newer := self._path(seen.number + 1)).is_file():
            seen.fold(_read(newer)["seen"])
        return seen

    def _save(self, seen: Seen, now: int) -> None:
        oldest = now - _KEPT_SECONDS * 1_000_000
        seen.inputs = {market: value for market, value in seen.inputs.items() if value[1] >= oldest}
        make_folder(self.folder)
        values: dict[str, Any] = {"number": seen.number, "size": seen.size, "back_off_until": seen.back_off_until}
        values["batch_id"] = seen.batch_id
        write_whole(self.folder / _STATE, _json({**values, "inputs": seen.inputs}))


def halt(home: Home, reason: str, now: int) -> None:
    """Stop signals of this home until `resume`; survives restarts."""
    make_folder(home.root / "signals")
    write_whole(home.root / "signals" / _HALT, _json({"reason": reason, "at": now}))


def resume(home: Home) -> bool:
    """Allow signals again; returns whether they were halted."""
    path = home.root / "signals" / _HALT
    there = path.is_file()
    path.unlink(missing_ok=True)
    return there


def halted(home: Home) -> str:
    """Return why signals are halted, "" when they are not; a halt that cannot be read is a halt."""
    path = home.root / "signals" / _HALT
    if not path.is_file():
        return ""
    try:
        return str(_read(path).get("reason") or "no reason given")
    except DataError as error:
        return error.message


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(
            "store-corrupt", f"{path}: {error}", "remove that file; its batch is looked at again"
        ) from error
    if not isinstance(value, dict):
        raise DataError("store-corrupt", f"{path} holds no object", "remove that file; its batch is looked at again")
    return value

"""Saved models: one folder each, with checked files and a card; aliases say which one is used, and can be rolled back.

Folder `models/ID/`: the model's files, `card.json` (facts), `manifest.json` (sha256 of every file).
`models/aliases.json` maps champion, challenger and previous to ids. Everything appears whole: written beside, synced,
renamed.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeworth.core.errors import DataError, UsageError
from edgeworth.models.crossfit import Model

ALIASES = ("champion", "challenger", "previous")
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One saved model: its id, its card and the aliases that name it."""

    model_id: str
    card: dict[str, Any]
    aliases: tuple[str, ...]


class Registry:
    """The models of one home."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def free_id(self, base: str) -> str:
        """Return `base`, or `base` with the first number that is not taken."""
        name, number = base, 1
        while (self._root / name).exists():
            number += 1
            name = f"{base}-{number}"
        return name

    def save(self, model_id: str, model: Model, card: Mapping[str, Any]) -> Path:
        """Save a model under a new id and return its folder; it becomes challenger, the first one champion."""
        folder = self._root / model_id
        temporary = self._root / f".{model_id}.{os.getpid()}.tmp"
        files = {**model.save(), "card.json": json.dumps({**card, "names": list(model.names)}, indent=2).encode()}
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        shutil.rmtree(temporary, ignore_errors=True)
        for name, data in {**files, _MANIFEST: json.dumps(sums, indent=2).encode()}.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(data)
                os.fsync(file.fileno())
        temporary.replace(folder)
        self._alias("challenger" if "champion" in self.aliases() else "champion", model_id)
        return folder

    def load(self, name: str) -> tuple[Model, dict[str, Any]]:
        """Return a model and its card by id, prefix or alias.

        Every file is compared with its checksum before a library sees it. Raises DataError model-corrupt, UsageError
        unknown-model.
        """
        folder = self._root / self.find(name)
        files = self._checked(folder)
        card = json.loads(files.pop("card.json"))
        return Model.load(tuple(card["names"]), files), card

    def card(self, name: str) -> dict[str, Any]:
        """Return the card of a model."""
        card: dict[str, Any] = json.loads(self._checked(self._root / self.find(name))["card.json"])
        return card

    def entries(self) -> list[Entry]:
        """Return every saved model, newest first; a damaged one has a card that only says so."""
        named = self.aliases()
        found = []
        for folder in sorted(self._root.glob("[!.]*/"), key=lambda path: path.name, reverse=True):
            try:
                card = self.card(folder.name)
            except DataError as error:
                card = {"damaged": error.message}
            found.append(Entry(folder.name, card, tuple(a for a in ALIASES if named.get(a) == folder.name)))
        return found

    def aliases(self) -> dict[str, str]:
        """Return which model each alias names."""
        try:
            read: dict[str, str] = json.loads((self._root / "aliases.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DataError("model-corrupt", f"the list of aliases cannot be read: {error}") from error
        return read

    def promote(self, name: str) -> dict[str, str]:
        """Make a model champion; the one before becomes previous. Returns the aliases."""
        chosen, named = self.find(name), self.aliases()
        if named.get("champion") == chosen:
            return named
        after = {**named, "champion": chosen}
        if "champion" in named:
            after["previous"] = named["champion"]
        if named.get("challenger") == chosen:
            del after["challenger"]
        self._write(after)
        return after

    def rollback(self) -> dict[str, str]:
        """Exchange champion and previous; raises UsageError unknown-model when there is no previous one."""
        named = self.aliases()
        if "previous" not in named:
            raise UsageError("unknown-model", "there is no previous model to go back to", "edgeworth train ls")
        after = {**named, "champion": named["previous"], "previous": named["champion"]}
        self._write(after)
        return after

    def find(self, name: str) -> str:
        """Return the id that an id, an unambiguous prefix or an alias names; raises UsageError unknown-model."""
        named = self.aliases()
        if name in named:
            return named[name]
        ids = [folder.name for folder in self._root.glob("[!.]*/")]
        found = [model_id for model_id in ids if model_id == name] or [i for i in ids if name and i.startswith(name)]
        if len(found) != 1:
            words = f"{len(found)} models begin with '{name}'" if found else f"no saved model is called '{name}'"
            raise UsageError("unknown-model", words, "edgeworth train ls")
        return found[0]

    def _alias(self, alias: str, model_id: str) -> None:
        self._write({**self.aliases(), alias: model_id})

    def _write(self, aliases: Mapping[str, str]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        temporary = self._root / f".aliases.{os.getpid()}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(dict(aliases), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._root / "aliases.json")

    def _checked(self, folder: Path) -> dict[str, bytes]:
        """Return a model's files, each compared with its checksum; raises DataError model-corrupt."""
        try:
            sums = json.loads((folder / _MANIFEST).read_text("utf-8"))
            files = {name: (folder / name).read_bytes() for name in sums}
        except (OSError, ValueError, TypeError) as error:
            raise DataError("model-corrupt", f"{folder.name} cannot be read: {error}") from error
        wrong = [name for name, data in files.items() if hashlib.sha256(data).hexdigest() != sums[name]]
        if wrong or "card.json" not in files:
            raise DataError("model-corrupt", f"{folder.name}: {', '.join(wrong) or 'its card is missing'}")
        return files

"""Where things lie: one home folder and the names inside it. Pure path arithmetic; nothing is created here."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


def default_home(environ: "os._Environ[str] | dict[str, str] | None" = None) -> Path:
    """Return EDGEWORTH_HOME, else the platform's user data directory."""
    variables = environ if environ is not None else os.environ
    if variables.get("EDGEWORTH_HOME"):
        return Path(variables["EDGEWORTH_HOME"]).expanduser()
    if sys.platform == "win32":
        return Path(variables.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "edgeworth"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "edgeworth"
    return Path(variables.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "edgeworth"


@dataclass(frozen=True, slots=True)
class Home:
    """Name the files of one home folder; `market_url`, if given, is a server that holds the market database instead."""

    root: Path
    market_url: str = ""

    @property
    def market_db(self) -> Path:
        """What the world said, when no server holds it."""
        return self.root / "market.db"

    @property
    def has_market_db(self) -> bool:
        """Whether there is a market database to read, as far as the file system can tell."""
        return bool(self.market_url) or self.market_db.is_file()

    @property
    def ledger_db(self) -> Path:
        """What we did."""
        return self.root / "ledger.db"

    @property
    def lake(self) -> Path:
        """Parquet datasets with their manifests."""
        return self.root / "lake"

    @property
    def runs(self) -> Path:
        """One folder per backtest run."""
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        """Safe to delete."""
        return self.root / "cache"

    @property
    def keys(self) -> Path:
        """Encrypted wallet keys, readable by their owner alone."""
        return self.root / "keys"

    @property
    def log(self) -> Path:
        """Log files."""
        return self.root / "log"

    @property
    def config(self) -> Path:
        """The settings file of this home."""
        return self.root / "edgeworth.toml"

    @property
    def lock(self) -> Path:
        """Held while a process writes."""
        return self.root / "run" / "lock"

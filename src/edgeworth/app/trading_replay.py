"""Keep what a run began with, and compute its decisions again from its recording.

The same `trading.choice` that decided then decides now, on the same lines; the intents must be equal, byte for byte.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edgeworth.core.config import Settings
from edgeworth.core.errors import DataError
from edgeworth.core.panel import Panel
from edgeworth.core.paths import Home
from edgeworth.forecasting.speaking import Speaker
from edgeworth.store.durable import write_whole
from edgeworth.trading import record
from edgeworth.trading.choice import Chooser
from edgeworth.trading.decider import Decider
from edgeworth.trading.sizing import Rules
from edgeworth.trading.tail import Tail
from edgeworth.trading.watched import Directory, Watched

if TYPE_CHECKING:
    import polars as pl

_POINTS, _ENDS, _MARKETS = "points.parquet", "ends.parquet", "markets.parquet"


def keep_base(folder: Path, panel: Panel, about: dict[str, Any], directory: Directory) -> None:
    """Write what a run begins with to its folder, which must not hold a run yet."""
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = np.repeat(np.arange(panel.market_count, dtype=np.int32), np.diff(panel.offsets))
    pl.DataFrame({"market": owner, "t": panel.t, "price_e4": panel.price_e4}).write_parquet(folder / _POINTS)
    owner = np.repeat(np.arange(panel.market_count, dtype=np.int32), np.diff(panel.end_offsets))
    ends = {"market": owner, "known_at": panel.end_known_at, "value": panel.end_value}
    pl.DataFrame(ends).write_parquet(folder / _ENDS)
    panel.markets.write_parquet(folder / _MARKETS)
    for name in about.get("files", ()):  # a rule from a file is kept with the run: the file may change
        shutil.copy(Path(name).expanduser(), folder)
    watched = [msgspec.to_builtins(one) for one in directory]
    more = {"source": panel.source, "fingerprint": panel.fingerprint, "watched": watched}
    write_whole(folder / "run.json", json.dumps({**about, **more}).encode())


def about_run(path: Path) -> dict[str, Any] | None:
    """Return what a run said of itself, None where nothing can be read: a process may have died over it."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def read_base(folder: Path) -> tuple[Panel, dict[str, Any]]:
    """Return the panel a run began with and what it said of itself; raises DataError bad-ticks."""
    import polars as pl

    try:
        about: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
        points, ends = pl.read_parquet(folder / _POINTS), pl.read_parquet(folder / _ENDS)
        markets = pl.read_parquet(folder / _MARKETS)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError("bad-ticks", f"{folder}: {error}") from error
    panel = Panel(
        markets=markets,
        offsets=_offsets(points, markets.height),
        t=points["t"].to_numpy(),
        price_e4=points["price_e4"].to_numpy(),
        end_offsets=_offsets(ends, markets.height),
        end_known_at=ends["known_at"].to_numpy(),
        end_value=ends["value"].to_numpy(),
        source=about["source"],
        fingerprint=about["fingerprint"],
    )
    return panel, about


def _offsets(rows: "pl.DataFrame", markets: int) -> Any:
    counts = np.bincount(rows["market"].to_numpy(), minlength=markets)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: ticks and intents compared, and the first tick that differs (None: all are equal)."""

    run: str
    ticks: int
    opinions: int
    intents: int
    differs_at: int | None = None
    was: tuple[str, ...] = ()
    is_now: tuple[str, ...] = ()


def replay(home: Home, folder: Path) -> Replayed:
    """Decide a run's ticks again; raises DataError bad-ticks for a recording that cannot be read."""
    panel, about = read_base(folder)
    settings = Settings.model_validate(about["settings"])
    directory = Directory(msgspec.convert(one, Watched) for one in about["watched"])
    chosen = set(about.get("chosen", directory.by_no))
    tail = Tail(panel, [number for number in directory.by_no if number in chosen])
    from edgeworth.engine.types import EngineConfig
    from edgeworth.engine.walk import make_limits

    exits = make_limits(EngineConfig.of_settings(settings.costs, settings.risk))
    chooser = Chooser(Decider(tail, voices_of(home, folder, about, settings)), directory, Rules.of(settings), exits)
    ticks = opinions = intents = 0
    for line in record.read_lines(folder):
        again = chooser.choose(line.tick, line.inputs)
        ticks, opinions, intents = ticks + 1, opinions + len(line.opinions), intents + len(line.wanted)
        was, now = _spelled(line), _spelled(again)
        if was != now:
            return Replayed(folder.name, ticks, opinions, intents, line.tick.t, was, now)
    return Replayed(folder.name, ticks, opinions, intents)


def _spelled(line: record.Line) -> tuple[str, ...]:
    return tuple(msgspec.json.encode(one).decode() for one in line.wanted)


def voices_of(home: Home, folder: Path, about: dict[str, Any], settings: Settings) -> list[Speaker]:
    """Return who spoke in a run, with what they had learned then; raises DataError for a model that is gone."""
    from edgeworth.forecasting.learning import Record
    from edgeworth.forecasting.speaking import RuleSpeaker
    from edgeworth.research.batch_signals.forecaster import find_voice
    from edgeworth.strategies import registry

    own = {rule.name: rule for path in sorted(folder.glob("*.py")) for rule in registry.from_file(path)}
    found: list[Speaker] = []
    for rule, learned in zip(about["rules"], about["experience"], strict=True):
        chosen = own.get(rule["name"]) or registry.find(rule["name"])
        if rule["parameters"]:
            chosen = registry.with_params(chosen, {name: str(value) for name, value in rule["parameters"].items()})
        past = None
        if "at" in learned:
            past = Record(
                np.array(learned["at"], np.int64), np.array(learned["events"], np.int64),
                np.array(learned["win_rate"], float), np.array(learned["price_paid"], float),
            )  # fmt: skip
        found.append(RuleSpeaker(chosen, past, settings))
    if about.get("model"):
        voice = find_voice(home, about["model"], settings)
        if voice is None or voice.speaker is None:
            raise DataError("model-corrupt", f"model {about['model']} cannot be read any more")
        found.append(voice.speaker)
    return found

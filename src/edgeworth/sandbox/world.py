"""Generate a world from a scenario and a seed, and hand it out as arrays or as files in the venue's own shapes."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeworth.core.random import stream
from edgeworth.core.types import UNRESOLVED
from edgeworth.core.units import DAY
from edgeworth.sandbox import builders, lifecycle, truth, wire
from edgeworth.sandbox.arrays import PanelArrays, WorldData
from edgeworth.sandbox.kinds import KINDS, Kind, grid_step, longest_span, schedule
from edgeworth.sandbox.scenario import Scenario, find_scenario
from edgeworth.sandbox.spot import Spot, simulate_spot

_CELLS = 600_000  # latent probabilities drawn at once


class World(WorldData):
    """A generated world: arrays for direct use, files in wire shapes, and the truth behind both."""

    __slots__ = ()

    @property
    def truth(self) -> dict[str, Any]:
        """What the world knows and no importer sees: the planted biases and the size of everything."""
        return truth.summary(self)

    def panel_arrays(self) -> PanelArrays:
        """Return the world as arrays, without going through files."""
        return self.arrays

    def write(self, folder: Path) -> list[Path]:
        """Write the world in wire shapes and return the files to import, in order; `truth.json` is not among them.

        gamma-open-DATE.ndjson (open markets on the way), gamma-events.ndjson, price-history.json and kline CSVs.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = wire.write_all(self, folder)
        truth.write(self, folder / "truth.json")
        return files


def generate(scenario: Scenario | str, seed: int) -> World:
    """Generate a world; equal scenario and seed give an equal world, byte for byte.

    Raises UsageError `unknown-scenario`, and ValueError when biases do not fit their price band.
    """
    chosen = find_scenario(scenario)
    until = chosen.end + round(chosen.overrun * (chosen.end - chosen.start)) + longest_span() + 2 * DAY
    spot = simulate_spot(seed, chosen.start, until)
    batches: list[builders.Batch] = []
    columns: dict[str, list[Any]] = {field.name: [] for field in dataclasses.fields(lifecycle.Recorded)}
    events = 0
    for name, number in chosen.events:
        for batch, first in _batches(chosen, seed, KINDS[name], number, spot):
            recorded = lifecycle.record(batch, chosen, seed, first)
            for column, values in columns.items():
                values.append(getattr(recorded, column))
            columns["event"][-1] = recorded.event + events
            events += len(batch.start)
            batches.append(dataclasses.replace(batch, latent=np.empty((0, 0, 0))))
    # popping column by column, only one of them is ever held twice
    joined = {name: np.concatenate(columns.pop(name)) for name in list(columns)}
    return _assemble(chosen, seed, spot, batches, joined)


def _batches(
    scenario: Scenario, seed: int, kind: Kind, number: int, spot: Spot
) -> Iterator[tuple[builders.Batch, int]]:
    step = (scenario.coin_step if kind.coins else 0) or grid_step(kind, scenario.points)
    days = schedule(kind, scenario, number, stream(seed, kind.name, "schedule"))
    cells = kind.markets * (kind.span // step + 1)
    size = max(1, _CELLS // (max(cells, kind.span // 300_000_000) if kind.family == "touch" else cells))
    for first in range(0, number, size):
        request = builders.Request(kind, seed, first, days[first : first + size], step, spot)
        yield builders.build(request), first


def _assemble(
    scenario: Scenario, seed: int, spot: Spot, batches: list[builders.Batch], columns: dict[str, Any]
) -> World:
    kinds = [batch.kind for batch in batches for _ in range(len(batch.start))]
    names = tuple(dict.fromkeys(kind.name for kind in kinds))
    kind_of_event = np.array([names.index(kind.name) for kind in kinds])
    event, resolved, final = columns["event"], columns["resolved_at"], columns["payout_e4"]
    arrays = PanelArrays(
        offsets=np.concatenate([[0], np.cumsum(columns["counts"])]).astype(np.int64),
        t=columns["t"],
        price_e4=columns["price_e4"],
        latent=columns["latent"],
        event=event,
        kind=kind_of_event[event],
        kind_names=names,
        payout_e4=np.where(resolved < scenario.end, final, UNRESOLVED).astype(np.int32),
        event_at=columns["event_at"],
        proposed_at=columns["proposed_at"],
        resolved_at=resolved,
        scheduled_end=np.concatenate([batch.scheduled_end for batch in batches])[event],
        created_at=np.concatenate([batch.start for batch in batches])[event],
    )
    return World(
        scenario,
        seed,
        arrays,
        spot,
        tuple(text for batch in batches for text in batch.texts),
        tuple(kinds),
        final,
        columns["disputed"],
        columns["half_spread_e4"],
        columns["depth_usd"],
    )

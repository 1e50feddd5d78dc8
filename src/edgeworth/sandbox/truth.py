"""What the world knows and no importer may see: planted biases, latent probabilities, true outcomes and clocks."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from edgeworth.core.instants import to_iso
from edgeworth.core.types import Payout
from edgeworth.core.units import Micros
from edgeworth.sandbox import identity
from edgeworth.sandbox.arrays import WorldData

_WORDS = {
    int(Payout.YES): "yes",
    int(Payout.NO): "no",
    int(Payout.HALF): "half",
    int(Payout.VOID): "void",
}


def summary(world: WorldData) -> dict[str, Any]:
    """Return scenario, seed, planted biases and counts as JSON-ready values."""
    arrays = world.arrays
    settled, counts = np.unique(world.final_e4, return_counts=True)
    return {
        "schema": "edgeworth.truth/1",
        "scenario": world.scenario.name,
        "seed": world.seed,
        "half_spread": world.scenario.half_spread,
        "biases": [_bias(bias) for bias in world.scenario.biases],
        "events": len(world.texts),
        "markets": world.market_count,
        "points": len(arrays.t),
        "resolved": int((arrays.payout_e4 != -1).sum()),
        "payouts": {_WORDS[code]: int(n) for code, n in zip(settled.tolist(), counts.tolist(), strict=True)},
        "disputed": int(world.disputed.sum()),
    }


def _bias(bias: Any) -> dict[str, Any]:
    row = dataclasses.asdict(bias)
    row["side"] = bias.side.name.lower()
    row["max_hours"] = None if math.isinf(bias.max_hours) else bias.max_hours
    row["sentence"] = bias.sentence()
    return row


def write(world: WorldData, path: Path) -> None:
    """Write the summary and one line per market: its first latent probability, outcome and clocks."""
    arrays, names = world.arrays, identity.conditions(world)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        head = json.dumps(summary(world), ensure_ascii=False, separators=(",", ":"))
        file.write(head[:-1] + ',"rows":[')
        for market in range(world.market_count):
            first, stop = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
            row = {
                "conditionId": names[market],
                "kind": arrays.kind_names[int(arrays.kind[market])],
                "category": world.event_kind[int(arrays.event[market])].category,
                "latent": round(float(arrays.latent[first]), 6) if stop > first else None,
                "payout": _WORDS[int(world.final_e4[market])],
                "event_at": to_iso(Micros(int(arrays.event_at[market]))),
                "proposed_at": to_iso(Micros(int(arrays.proposed_at[market]))),
                "resolved_at": to_iso(Micros(int(arrays.resolved_at[market]))),
                "disputed": bool(world.disputed[market]),
            }
            file.write(("\n" if market == 0 else ",\n") + json.dumps(row, separators=(",", ":")))
        file.write("\n]}\n")

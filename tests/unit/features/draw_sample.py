"""The draw of the labelled taxonomy sample: 300 ids of the recorded catalogue by a fixed seed.

Run as `python tests/unit/features/draw_sample.py CATALOG.parquet` to print the ids again; the labels beside them in
`taxonomy_sample.csv` were given by reading the questions before any rule existed.
"""

import sys
from pathlib import Path

import polars as pl

from edgeworth.core import random

SEED = 20_261_120
SIZE = 300


def draw(catalog: Path) -> list[str]:
    """The ids of the sample, in drawing order."""
    ids = pl.read_parquet(catalog, columns=["market_id"])["market_id"].unique().sort().to_list()
    chosen = random.stream(SEED, "taxonomy", "sample").choice(len(ids), size=SIZE, replace=False)
    return [ids[position] for position in chosen]


if __name__ == "__main__":
    sys.stdout.write("\n".join(draw(Path(sys.argv[1]))) + "\n")

"""Print the graveyard: one line per strategy ever tried."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edgeworth.cli.output import console

if TYPE_CHECKING:
    from edgeworth.research.graveyard import Grave


def print_graves(ctx: click.Context, graves: "Sequence[Grave]") -> None:
    """Print trials, last verdict and returns; say so when nothing was ever tried."""
    from rich.table import Table

    from edgeworth.research import wording
    from edgeworth.research.graveyard import written

    out = console(ctx)
    if not graves:
        out.print("Nothing has been tried in this home yet.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("strategy", no_wrap=True)
    for name in ("trials", "failed", "variants"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("last verdict", "latest return", "best return", "last tried"):
        table.add_column(name, no_wrap=True)
    for grave in graves:
        table.add_row(
            grave.strategy, f"{grave.trials:,}", f"{grave.failed:,}", f"{grave.variants:,}",
            grave.verdict or wording.NONE, written(grave.latest), written(grave.best), wording.instant(grave.last),
        )  # fmt: skip
    out.print(table)
    total = sum(grave.trials for grave in graves)
    out.print(f"{total:,} trials of {len(graves):,} strategies; every one of them counts against the best.")

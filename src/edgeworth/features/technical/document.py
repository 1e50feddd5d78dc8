"""The reference page of technical columns, generated from the catalogue so that it cannot fall behind."""

from typing import Final

from edgeworth.features.technical.catalogue import Column, columns

_HEAD: Final = """# Technical features

66 columns of candles, computed by `edgeworth.features.technical.compute`: `compute` for one symbol, `compute_many` for
many on several threads, `Streaming` for one closed candle at a time. All run the same loops, so that training and live
see the same numbers. This page is generated: `python -m edgeworth.cli.reference docs`.

A row holds what is known at the close of its candle. *Looks back* counts the candles that are needed before there is a
value, the row's own among them, or bars of the longer timeframe; *settles* says after how many the beginning of the
series moves a value by less than a billionth of its scale, so that a live bot that begins with as many sees what
training saw. Windows settle at once; recurrences (exponential means) take longer.

* **Prices are relative.** Amounts of price are shares of the close, volatility is that of log-returns per candle: a
  value means the same for every symbol.
* **Deviations** are population deviations (divided by n). Means of RSI, ATR, EMA and MACD begin with the simple mean of
  their first values.
* **Missing values** are NaN: until the lookback is full, and where a flat window leaves a ratio undefined (0 / 0).
* **Missing candles**, at most a day of them in a row, are bridged by flat ones: the close before, no volume. They count
  in every window but get no row. After a longer gap everything begins anew. `since_gap` tells of both.
* **Longer timeframes** are those of UTC. Only completed bars count: one of 1h is in force from the close of its last
  candle on. They are NaN where the candles do not fit into the timeframe.
* **Refused** are candles whose opening times are not ascending multiples of the interval, prices that are not ordered
  low <= open, close <= high or lie outside 1e-100 to 1e100, and a volume outside 0 to 1e100 (`implausible-candles`).
"""


def reference_page() -> str:
    """Return the page docs/reference/technical-features.md: one table per group."""
    parts = [_HEAD]
    for group in dict.fromkeys(column.group for column in columns()):
        parts.append(f"\n## {group.capitalize()}\n")
        parts.append("| name | unit | reads | looks back | settles | meaning |\n|---|---|---|---|---|---|")
        parts += [_row(column) for column in columns() if column.group == group]
    return "\n".join(parts) + "\n"


def _row(column: Column) -> str:
    bars = f" x {column.timeframe}" if column.timeframe else ""
    settles = f"{column.settles:,}{bars}" if column.settles > column.lookback else "at once"
    cells = (
        f"`{column.name}`",
        column.unit,
        ", ".join(column.inputs),
        f"{column.lookback:,}{bars}",
        settles,
        column.doc.replace("|", "\\|"),
    )
    return "| " + " | ".join(cells) + " |"

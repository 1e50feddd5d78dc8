"""The tear sheet of a trading period as pages: self-contained HTML, Markdown and JSON with the same numbers.

The numbers come from `trading.tearsheet` and the agreement; nothing is computed here but what is drawn. Every text that
came from a venue or a user is escaped; long tables are cut, the JSON has every row.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core.instants import to_iso
from edgeworth.core.units import Micros
from edgeworth.research import charts, wording
from edgeworth.research.report import render, write_pages

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]
PARTS: Final = ("direction", "latency", "spread", "impact", "fee")
PART_WORDS: Final = {
    "direction": "from the mid decided on to what the shares are worth now",
    "latency": "the mid moved before the order met the book",
    "spread": "from the mid to the best price of the other side",
    "impact": "beyond the best price, for want of depth",
    "fee": "the venue's fee",
}
_SHOWN: Final = 300  # rows of a table
_DAY: Final = 86_400_000_000


def write_trading(content: Row, folder: Path) -> dict[str, Path]:
    """Write `trading.html`, `.md` and `.json`; returns their paths by kind. Raises AccessError output-unwritable."""
    values = {
        "r": content,
        "span": wording.span,
        "when": moment,
        "words": PART_WORDS,
        "parts": PARTS,
        "figures": figures(content),
        "verdict": verdict(content["agreement"]),
        "shown": _SHOWN,
        "charts": {"equity": equity(content["equity"]), "twin": waterfall(content["twin"]["parts"])},
    }
    texts = {"html": render("trading.html", values), "md": render("trading.md", values)}
    return write_pages(folder, "trading", texts, content)


def moment(value: int | None) -> str:
    """Write microseconds as a UTC time to the second."""
    return wording.NONE if value is None else to_iso(Micros(int(value)))[:19].replace("T", " ")


def figures(content: Row) -> list[tuple[str, str, str]]:
    """Return (name, key, text) of the headline figures."""
    money, coverage, orders = content["money"], content["coverage"], content["orders"]
    filled = sum(order["filled"] > 0 for order in orders)
    return [
        ("profit after fees", "money.profit", wording.money(money["profit"])),
        ("equity at the end", "money.end", wording.dollars(money["end"])),
        ("deepest fall", "money.max_drawdown", wording.dollars(money["max_drawdown"])),
        ("fees paid", "twin.parts.fee", wording.dollars(abs(content["twin"]["parts"]["fee"]))),
        ("orders, filled", "orders", f"{wording.count(len(orders))}, {wording.count(filled)}"),
        ("ticks made of asked", "coverage.ticks_made",
         f"{wording.count(coverage['ticks_made'])} of {wording.count(coverage['ticks_asked'])}"),
        ("books missing", "coverage.books_missing",
         f"{wording.count(coverage['books_missing'])} of {wording.count(coverage['books_asked'])}"),
        ("halts", "halts", wording.count(len(content["halts"]))),
    ]  # fmt: skip


def verdict(agreed: Row) -> Row:
    """Return in words whether backtest and bot agree: a class for its colour, a head, a sentence."""
    walked = agreed["recorded"]
    wrong = walked["unexplained"] + agreed["stated"]["unexplained"]
    thought = (
        f"Opinions thought again in one batch: {agreed['thought_again']:,}; different: {agreed['thought_differ']:,}."
    )
    orders = (
        f"Orders of either: {walked['orders']:,}; equal in every respect: {walked['agree']:,}; different for a stated "
        f"reason: {walked['explained']:,}; for no known reason: {walked['unexplained']:,}."
    )
    if wrong or agreed["thought_differ"]:
        return {"kind": "invalid", "head": "Backtest and bot disagree", "text": f"{orders} {thought}"}
    if not walked["orders"]:
        return {"kind": "unproven", "head": "No orders to compare", "text": thought}
    return {"kind": "edge-at-this-size", "head": "Backtest and bot agree", "text": f"{orders} {thought}"}


def equity(curve: Row) -> str:
    """Draw profit over the period, and its fall from the highest point."""
    if len(curve["t"]) < 2:
        return ""

    def paint(figure: "Figure") -> None:
        above, below = figure.subplots(2, 1, sharex="col", height_ratios=[3, 1])
        t, profit = [value / _DAY for value in curve["t"]], curve["profit"]
        above.step(t, profit, where="post", color=charts.MAIN, linewidth=1.4)
        above.axhline(0, color=charts.INK, linewidth=0.6)
        above.set_title("Profit, positions at the bid, $", loc="left")
        below.fill_between(t, _falls(profit), 0, color=charts.BAD, alpha=0.35, linewidth=0, step="post")
        below.set_title("fall from the highest point, $", loc="left")
        charts.dated(below, t)

    return charts.draw((7.6, 3.1), paint, "profit and its falls", (0.5, 0.25))


def _falls(profit: Sequence[float]) -> list[float]:
    found, highest = [], profit[0]
    for value in profit:
        highest = max(highest, value)
        found.append(value - highest)
    return found


def waterfall(parts: Row) -> str:
    """Draw how the parts of the execution twin add up to the profit."""
    if not any(parts.values()):
        return ""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.set_axisbelow(True)
        level = 0.0
        for place, name in enumerate(PARTS):
            value = parts[name]
            axes.bar([place], [value], bottom=level, width=0.62, color=charts.MAIN if value >= 0 else charts.BAD)
            axes.plot([place - 0.31, place + 1.31], [level + value] * 2, color=charts.GRID, linewidth=0.8)
            level += value
        axes.bar([len(PARTS)], [level], width=0.62, color=charts.MAIN if level >= 0 else charts.BAD)
        axes.axhline(0, color=charts.INK, linewidth=0.8)
        axes.set_xticks(range(len(PARTS) + 1), [*PARTS, "profit"])
        axes.set_title("What orders made and what trading cost, $", loc="left")

    return charts.draw((5.6, 2.6), paint, "profit by its parts", (0.6, 0.25))

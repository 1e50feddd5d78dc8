"""Charts as small inline SVG that follow the page's colours, light or dark.

Drawn by matplotlib's SVG backend without any global state. Colours are placeholders that become CSS variables, so one
picture serves both themes; text stays text. Every function returns an `<svg>` element, or "" when there is nothing.
"""

import io
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]

# colours that stand for CSS variables of the page; unlikely to be chosen by matplotlib itself
INK, GRID, MAIN, SECOND, BAD, FAINT = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_VARIABLES: Final = {
    INK: "var(--ink)",
    GRID: "var(--grid)",
    MAIN: "var(--main)",
    SECOND: "var(--second)",
    BAD: "var(--bad)",
    FAINT: "var(--faint)",
}
_STYLE: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgeworth",
    "font.size": 9,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "path.simplify": True,
    "path.simplify_threshold": 0.5,
}
_FEW: Final = 50  # bins with fewer rows are faded
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000  # microseconds
_HOURS, _YEAR, _TICKS = 3.0, 300.0, 5  # days, days, labels on a time axis


def draw(
    size: tuple[float, float],
    paint: Callable[["Figure"], None],
    label: str,
    margins: tuple[float, float] = (0.55, 0.42),
) -> str:
    """Return a picture; `margins` are left and bottom in inches (an automatic layout would double the time)."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        paint(figure)
        (width, height), (left, bottom) = size, margins
        figure.subplots_adjust(
            left=left / width, right=1 - 0.12 / width, bottom=bottom / height, top=1 - 0.28 / height, hspace=0.35,
            wspace=0.22,
        )  # fmt: skip
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), label)


def _inline(text: str, label: str) -> str:
    """Cut the picture down to what a page needs and give it the page's colours; ids become unique to the picture."""
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r'<g id="(?:patch|line2d|text|matplotlib\.axis|xtick|ytick|axes|figure|legend)_?\d*">', "<g>", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", _shorten, svg)
    svg = re.sub(r"font-family: ?[^;\"]*;?", "", re.sub(r"font: ?([\d.]+px)[^;\"]*", r"font-size:\1", svg))
    svg = re.sub(r">\s+<", "><", svg)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
    head = f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return re.sub(r"^<svg[^>]*>", head, svg).strip()


def _shorten(tag: "re.Match[str]") -> str:
    """Shorten one tag, never the text between tags; a tenth of a point is less than an eye can tell apart."""
    text = re.sub(r"(\d+\.\d)\d+", r"\1", tag.group(0))
    return re.sub(r"\s*\n\s*", " ", text).replace(" L ", "L").replace("; ", ";").replace(": ", ":")


def _days(values: Sequence[float]) -> list[float]:
    return [value / _DAY for value in values]


def dated(axes: "Axes", days: Sequence[float]) -> None:
    """Label a few round dates; matplotlib's own date locator costs more than all the rest of a chart."""
    first, last = days[0], days[-1]
    span = last - first
    form = "%H:%M" if span <= _HOURS else "%b %d" if span < _YEAR else "%Y-%m"
    ticks = [first + span * (number + 0.5) / _TICKS for number in range(_TICKS)]
    if span > _TICKS:
        ticks = [float(round(tick)) for tick in ticks]
    labels = [(_EPOCH + timedelta(days=tick)).strftime(form) for tick in ticks]
    axes.set_xticks(ticks, labels)


def equity(flat: Row, sized: Row | None) -> str:
    """Draw cumulated profit of the flat trades (after and before costs) and the sized equity, drawdowns below."""
    if not flat:
        return ""

    def paint(figure: "Figure") -> None:
        both = bool(sized and sized.get("t"))
        grid = figure.subplots(2, 2 if both else 1, sharex="col", height_ratios=[3, 1], squeeze=False)
        t = _days(flat["t"])
        grid[0][0].plot(t, flat["before_costs"], color=SECOND, linewidth=1, label="before costs")
        grid[0][0].plot(t, flat["profit"], color=MAIN, linewidth=1.4, label="after costs")
        grid[0][0].set_title("One share per market: profit, $", loc="left")
        grid[0][0].legend(frameon=False, fontsize=8)
        _under(grid[1][0], t, flat["drawdown"])
        if both and sized:
            t = _days(sized["t"])
            grid[0][1].plot(t, sized["equity"], color=MAIN, linewidth=1.4)
            grid[0][1].set_title("Sized portfolio: equity, $", loc="left")
            _under(grid[1][1], t, sized["drawdown"])
            dated(grid[1][1], t)
        dated(grid[1][0], _days(flat["t"]))

    return draw((7.6, 3.1), paint, "equity and drawdown", (0.5, 0.25))


def _under(axes: "Axes", t: Any, drawdown: Sequence[float]) -> None:
    axes.fill_between(t, drawdown, 0, color=BAD, alpha=0.35, linewidth=0)
    axes.set_title("drawdown, $", loc="left")


def reliability(rows: list[Row], what: str = "price of the side bought") -> str:
    """Draw how often each decile of price won, with intervals by event and n per bin; bins under 50 rows are faded."""
    if not rows:
        return ""

    def paint(figure: "Figure") -> None:
        axes, count = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        axes.plot([0, 1], [0, 1], color=SECOND, linewidth=1, linestyle="--")
        for row in rows:
            few = row["n"] < _FEW
            low, high = row["cluster_low"], row["cluster_high"]
            alpha = 0.35 if few else 1.0
            axes.plot([row["mean_price"]] * 2, [low, high], color=MAIN, linewidth=1.4, alpha=alpha)
            axes.plot([row["mean_price"]], [row["win_rate"]], "o", color=MAIN, markersize=4, alpha=alpha)
        axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that won")
        axes.set_title(f"Reliability by {what}", loc="left")
        count.bar([row["mean_price"] for row in rows], [row["n"] for row in rows], width=0.06, color=FAINT)
        count.set(xlabel=what, ylabel="n")

    return draw((3.7, 3.3), paint, "reliability diagram", (0.68, 0.42))


def edge_buckets(rows: list[Row]) -> str:
    """Draw realised profit per share, with intervals, against the predicted edge of each decile."""
    if not rows:
        return ""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        x = [100 * row["predicted"] for row in rows]
        for at, row in zip(x, rows, strict=True):
            if row["low"] is not None and row["high"] is not None:
                axes.plot([at, at], [100 * row["low"], 100 * row["high"]], color=MAIN, linewidth=1.2)
        axes.plot(x, [100 * row["realised"] for row in rows], "o", color=MAIN, markersize=4)
        axes.axline((0, 0), slope=1, color=SECOND, linewidth=1, linestyle="--")
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set(xlabel="predicted edge, cents per share", ylabel="realised, cents per share")
        axes.set_title("Edge by decile of what was predicted", loc="left")

    return draw((3.7, 3.3), paint, "edge by bucket")


def groups(tables: dict[str, list[Row]], names: Sequence[str]) -> str:
    """Draw the return of every row of the named tables with its interval, one block of rows per table."""
    rows = [(name, row) for name in names for row in tables.get(name, [])]
    if not rows:
        return ""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for index, (_, row) in enumerate(rows):
            alpha = 0.35 if row["trades"] < _FEW else 1.0
            colour = MAIN if row["roi"] > 0 else BAD
            if row["low"] is not None and row["high"] is not None:
                axes.plot([100 * row["low"], 100 * row["high"]], [-index] * 2, color=colour, linewidth=1.4, alpha=alpha)
            axes.plot([100 * row["roi"]], [-index], "o", color=colour, markersize=4, alpha=alpha)
        reach = 1.15 * max(10.0, *(abs(100 * row["roi"]) for _, row in rows))
        axes.set_xlim(-reach, reach)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(
            [-index for index in range(len(rows))], [f"{row['label']}  ({row['trades']:,})" for _, row in rows]
        )
        axes.set_xlabel("return on cost, %")
        axes.set_title("Return by group (trades)", loc="left")

    return draw((3.7, 0.9 + 0.19 * len(rows)), paint, "return by group", (1.9, 0.42))


def costs(lines: list[Row]) -> str:
    """Draw the return at 0, 1 and 2 times the stated costs with its interval."""
    known = [line for line in lines if line["roi"] is not None]
    if not known:
        return ""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for line in known:
            if line["roi_low"] is not None:
                axes.plot(
                    [line["multiplier"]] * 2,
                    [100 * line["roi_low"], 100 * line["roi_high"]],
                    color=MAIN,
                    linewidth=1.6,
                )
            axes.plot([line["multiplier"]], [100 * line["roi"]], "o", color=MAIN, markersize=5)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks([0, 1, 2], ["0x", "1x", "2x"])
        axes.set(xlim=(-0.4, 2.4), ylabel="return, %")
        axes.set_title("Return at multiples of the stated costs", loc="left")

    return draw((3.7, 2.4), paint, "cost sensitivity", (0.55, 0.25))


def exposure(curve: Row) -> str:
    """Draw the dollars bound in open trades."""
    if not curve:
        return ""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.fill_between(_days(curve["t"]), curve["dollars"], 0, color=MAIN, alpha=0.4, linewidth=0)
        axes.set_title("Exposure: most dollars in open trades", loc="left")
        dated(axes, _days(curve["t"]))

    return draw((3.7, 2.4), paint, "exposure", (0.55, 0.25))


def lenses(rows: list[Row]) -> str:
    """Draw the bias (win minus price) of a calibration under every lens."""
    if not rows:
        return ""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for index, row in enumerate(rows):
            certain = row["low"] is not None and row["high"] is not None and row["low"] * row["high"] > 0
            alpha = 1.0 if certain else 0.5
            if row["low"] is not None and row["high"] is not None:
                axes.plot([100 * row["low"], 100 * row["high"]], [-index] * 2, color=MAIN, linewidth=1.4, alpha=alpha)
            axes.plot([100 * row["bias"]], [-index], "o", color=MAIN, markersize=4, alpha=alpha)
        axes.axvline(0, color=INK, linewidth=0.8)
        labels = [f"{row['group']}: {row['name']}  ({row['n']:,})" for row in rows]
        axes.set_yticks([-index for index in range(len(rows))], labels)
        axes.set_xlabel("YES came more often than its price said, points")
        axes.set_title("Bias under every lens, with intervals by event", loc="left")

    return draw((5.6, 0.9 + 0.19 * len(rows)), paint, "bias under several lenses", (2.55, 0.42))


def intervals(rows: list[Row], title: str, what: str, mark: float, width: float = 6.6) -> str:
    """Draw `value` with `low` to `high` per row, labelled, against a line at `mark`; rows that exclude it stand out."""
    if not rows:
        return ""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for index, row in enumerate(rows):
            alpha = 1.0 if (row["low"] - mark) * (row["high"] - mark) > 0 else 0.55
            axes.plot([row["low"], row["high"]], [-index] * 2, color=MAIN, linewidth=1.4, alpha=alpha)
            axes.plot([row["value"]], [-index], "o", color=MAIN, markersize=4, alpha=alpha)
        axes.axvline(mark, color=BAD, linewidth=1, linestyle="--")
        axes.set_yticks([-index for index in range(len(rows))], [row["label"] for row in rows])
        axes.set_xlabel(what)
        axes.set_title(title, loc="left")

    longest = max(len(row["label"]) for row in rows)
    return draw((width, 0.9 + 0.19 * len(rows)), paint, title, (0.25 + 0.068 * longest, 0.42))


def as_file(picture: str) -> str:
    """Return a picture as a file of its own, which follows the reader's light or dark preference."""
    light = "--ink:#1f2430;--grid:#c9ced8;--main:#2f6fd0;--second:#8a93a5;--bad:#c0392b;--faint:#dfe5ef"
    dark = "--ink:#e6e9f0;--grid:#4a5163;--main:#7aa8f0;--second:#8a93a5;--bad:#f08573;--faint:#39404f"
    rules = f"svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}text{{font-family:sans-serif}}"
    head, _, rest = picture.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{rules}</style>{rest}\n'

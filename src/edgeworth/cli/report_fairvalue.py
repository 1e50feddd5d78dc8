"""`edgeworth report fair-value`: one market's rule and value, a score against prices, a study on candles."""

from typing import TYPE_CHECKING, Any

import click

from edgeworth.cli.options import Command, examples
from edgeworth.cli.output import advise, cell, configuration, console, emit, wants_json

if TYPE_CHECKING:
    from edgeworth.models.scores import Estimate
    from edgeworth.research.fairvalue_score import Scored
    from edgeworth.research.fairvalue_study import Study


@examples(
    "edgeworth report fair-value --market will-bitcoin-reach-100000",
    "edgeworth report fair-value",
    "edgeworth report fair-value --study --days 7 --json",
)
@click.command("fair-value", cls=Command)
@click.option("--market", metavar="MARKET", help="Explain one market: a slug, an id or its beginning, or words.")
@click.option("--at", metavar="DATE", help="As of this instant; by default now, or the market's last price.")
@click.option("--rate", type=click.FloatRange(-1, 1), help="Interest a year, for waits; the configured one by default.")
@click.option("--proxy", is_flag=True, help="Let candles of another venue stand in for those the rule names.")
@click.option("--study", is_flag=True, help="Compare variance forecasts on contracts cut from the home's candles.")
@click.option("--days", type=float, default=7.0, show_default=True, help="Life of the contracts of the study.")
@click.option("--every", type=float, default=1.0, show_default=True, help="Days between contracts of the study.")
@click.option("--source", help="Data source of the prices that fair values are scored against.")
@click.pass_context
def fair_value(
    ctx: click.Context, market: str | None, at: str | None, rate: float | None, proxy: bool, study: bool, days: float,
    every: float, source: str | None,
) -> None:  # fmt: skip
    """Explain what a crypto price market is worth given its rule and the candles; or score all of them."""
    from edgeworth.app import fairvalue
    from edgeworth.core.clock import SystemClock
    from edgeworth.core.errors import UsageError

    if market and study:
        raise UsageError("bad-option", "give --market or --study, not both")
    if market:
        request = fairvalue.MarketRequest(market, at, rate, proxy)
        _market(ctx, fairvalue.explain(configuration(ctx), request, SystemClock()))
    elif study:
        found, refused = fairvalue.study(configuration(ctx), days, every)
        _study(ctx, found, refused, days)
    else:
        scored, columns = fairvalue.scoreboard(configuration(ctx), source)
        _score(ctx, scored, dict(columns.refused))


def _market(ctx: click.Context, found: dict[str, Any]) -> None:
    if wants_json(ctx):
        emit(ctx, "fair-value", found)
        return
    out, terms, value = console(ctx), found["terms"], found["fair_value"]
    if terms["kind"] == "none":
        out.print(f"no terms    {terms['reason']}", markup=False)
        return
    for name in ("kind", "pair", "venue_of_record", "field", "interval", "levels", "comparator", "tie", "zone",
                 "window_start", "window_end"):  # fmt: skip
        if terms[name] not in (None, "", []):
            out.print(f"{name:<16}{cell(terms[name])}", markup=False)
    for sentence in terms["evidence"]:
        out.print(f"  | {sentence}", markup=False)
    price = found["market_price"]
    out.print(f"\nas of {found['as_of']}   market price {'-' if price is None else f'{price:.4f}'}", markup=False)
    if value["p"] is None:
        out.print(f"no fair value: {value['reason']}", markup=False)
        return
    low, high = value["low"], value["high"]
    out.print(f"fair value  {value['p']:.4f}   10-90 % [{low:.4f}, {high:.4f}]   s.e. {value['se']:.4f}", markup=False)
    drifts = "   ".join(f"{name} {cell(v)}" for name, v in value["drifts"].items())
    out.print(f"by drift    {drifts}", markup=False)
    out.print(
        f"spot {cell(value['spot'])}   volatility {cell(value['sigma'])} (ln spread {cell(value['spread'])})   "
        f"distance {cell(value['distance'])} deviations   days left {cell(value['days_left'])}\n"
        f"one point of volatility {cell(value['per_sigma'] / 100)}   one per cent of spot "
        f"{cell(value['per_spot'] * value['spot'] / 100)}",
        markup=False,
    )
    if value["carry"]:
        out.print(value["carry"], markup=False)


def _score(ctx: click.Context, scored: "Scored", refused: dict[str, str]) -> None:
    if wants_json(ctx):
        emit(ctx, "fair-value", {**scored.to_dict(), "refused": refused})
        return
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("kind", "rows", "events", "log-loss", "market's", "gain", "95 % by event", "apart"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for line in scored.lines:
        table.add_row(
            line.kind, f"{line.rows:,}", f"{line.gain.events:,}", f"{line.log_loss:.4f}", f"{line.market_log_loss:.4f}",
            f"{line.gain.value:+.4f}", _span(line.gain), f"{line.apart:.4f}",
        )  # fmt: skip
    out = console(ctx)
    out.print(f"{scored.valued:,} of {scored.offered:,} rows of crypto markets have a fair value", markup=False)
    out.print(table)
    out.print(scored.lines[0].sentence, markup=False)
    _refused(ctx, refused)
    advise(ctx, "edgeworth report fair-value --study")


def _study(ctx: click.Context, found: "Study", refused: dict[str, str], days: float) -> None:
    if wants_json(ctx):
        from dataclasses import asdict

        emit(ctx, "fair-value-study", {**asdict(found), "days": days, "refused": refused})
        return
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "log-loss", "accuracy", "over HAR", "95 % by symbol-month"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for row in found.rows:
        excess = ("-", "-") if row.excess is None else (f"{row.excess.value:+.4f}", _span(row.excess))
        table.add_row(row.model, f"{row.log_loss:.4f}", f"{row.accuracy:.3f}", *excess)
    out = console(ctx)
    out.print(
        f"touch contracts of {days:g} days cut from candles: {found.train:,} to fit, {found.test:,} later ones in "
        f"{found.groups:,} symbol-months to test", markup=False,
    )  # fmt: skip
    out.print(table)
    _refused(ctx, refused)


def _refused(ctx: click.Context, refused: dict[str, str]) -> None:
    for symbol, why in refused.items():
        console(ctx).print(f"left out {symbol}: {why}", markup=False)


def _span(found: "Estimate") -> str:
    return f"[{found.low:+.4f}, {found.high:+.4f}]"

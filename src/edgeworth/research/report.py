"""The report of a run, or of a calibration: one self-contained HTML file, Markdown and JSON with the same numbers.

Every figure is a value of `metrics.json` (or of the calibration's dictionary) written by one function per kind
(`research.wording`); the renderings compute nothing. The HTML loads nothing from anywhere and stays below 1 MB: the
trades travel compressed, and are cut to the largest wins and losses when they do not fit.
"""

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core.errors import AccessError, DataError
from edgeworth.research import charts, wording
from edgeworth.research.runs import CONFIG, METRICS, TRADES, read_json, write_json
from edgeworth.research.types import CalibrationReport

if TYPE_CHECKING:
    import polars as pl

LIMIT: Final = 1_000_000  # bytes of the HTML
_WORST: Final = 10
_COLUMNS: Final = ("strategy", "market", "side", "day", "price", "cost", "paid", "profit")


def write_report(run_dir: Path, output: Path | None = None) -> dict[str, Path]:
    """Write `report.html`, `.md` and `.json` of a run folder; returns their paths by kind (html, md, json).

    `output`: another folder, created when missing. Raises DataError `report-unreadable`, AccessError
    `output-unwritable`.
    """
    metrics, config = read_json(run_dir / METRICS), read_json(run_dir / CONFIG)
    trades = _read_trades(run_dir / TRADES)
    try:
        run = _context(metrics, config, trades)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError("report-unreadable", f"{run_dir / METRICS}: {error!r} is missing or malformed") from error
    reproduce = _reproduce(metrics, config)
    back = {item["strategy"]: item["verdict"] for item in metrics["reverses"]}
    values = {"run": run, "reverses": back, "reproduce": reproduce, "span": wording.span}
    page = render("report.html", {**values, "trades": {"data": "", "columns": _COLUMNS, "note": ""}})
    table = _trade_table(trades, LIMIT - len(page.encode()) - 4_000)
    texts = {
        "html": render("report.html", {**values, "trades": table}),
        "md": render("report.md", values),
    }
    return write_pages(output or run_dir, "report", texts, metrics)


def write_calibration(report: CalibrationReport, folder: Path) -> dict[str, Path]:
    """Write `calibration.html`, `.md` and `.json` into a folder; returns their paths by kind."""
    content = report.to_dict()
    figures = _calibration_figures(content)
    values = {
        "report": {**content, "figures": figures, "stamp": _stamp(content["look_ahead"])},
        "charts": {
            "reliability": charts.reliability(content["table"], "price of YES"),
            "lenses": charts.lenses(content["lenses"]),
        },
        "span": wording.span,
    }
    texts = {"html": render("calibration.html", values), "md": render("calibration.md", values)}
    return write_pages(folder, "calibration", texts, content)


def _stamp(look_ahead: bool) -> str:
    return "LOOK-AHEAD: " if look_ahead else ""


def _calibration_figures(content: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (name, key, text) of every headline figure."""
    fit, corp = content["recalibration"], content["corp"]
    return [
        ("points", "n", wording.count(content["n"])),
        ("markets", "markets", wording.count(content["markets"])),
        ("independent events", "events", wording.count(content["events"])),
        ("Brier", "brier", wording.score(content["brier"])),
        ("log-loss", "log_loss", wording.score(content["log_loss"])),
        ("base rate", "base_rate", wording.number(content["base_rate"], 4)),
        ("mean price", "mean_price", wording.number(content["mean_price"], 4)),
        ("miscalibration (CORP)", "corp.reliability", wording.score(corp["reliability"])),
        ("discrimination (CORP)", "corp.resolution", wording.score(corp["resolution"])),
        ("uncertainty", "corp.uncertainty", wording.score(corp["uncertainty"])),
        ("recalibration slope", "recalibration.slope", wording.number(fit["slope"])),
        ("its standard error, by event", "recalibration.slope_error", wording.number(fit.get("slope_error"))),
        ("p that intercept 0, slope 1, by event", "recalibration.wald_p", wording.chance(fit.get("wald_p"))),
    ]


def render(name: str, values: dict[str, Any]) -> str:
    """Fill a template of this package; HTML escapes every value, a missing one is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("edgeworth.research"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wording.FILTERS)
    return environment.get_template(name).render(values)


def write_pages(folder: Path, stem: str, texts: dict[str, str], content: dict[str, Any]) -> dict[str, Path]:
    """Write pages and their numbers, each whole or not at all; returns the paths. Raises AccessError."""
    paths = {kind: folder / f"{stem}.{kind}" for kind in ("html", "md", "json")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, text in texts.items():
            temporary = paths[kind].with_suffix(f".{kind}.tmp")
            temporary.write_text(text, "utf-8")
            temporary.replace(paths[kind])
        temporary = paths["json"].with_suffix(".json.tmp")
        write_json(temporary, content)
        temporary.replace(paths["json"])
    except OSError as error:
        code = "disk-full" if error.errno == 28 else "output-unwritable"
        raise AccessError(code, f"cannot write to {folder}: {error.strerror or error}") from error
    return paths


def _read_trades(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError("report-unreadable", f"{path}: {error}") from error


def _context(metrics: dict[str, Any], config: dict[str, Any], trades: "pl.DataFrame") -> dict[str, Any]:
    results = [_item(item, trades) for item in metrics["results"]]
    look_ahead = any(item["verdict"]["look_ahead"] for item in results)
    first = results[0]["verdict"] if results else None
    return {
        **metrics,
        "results": results,
        "look_ahead": look_ahead,
        "stamp": _stamp(look_ahead),
        "fidelity": _costs_in_words(config["settings"]["costs"]),
        "confidence": first["confidence"] if first else config["settings"]["proof"]["confidence"],
    }


def _costs_in_words(costs: dict[str, Any]) -> str:
    fees = "and each market's fees" if costs["use_fees"] else "without fees"
    return f"half a stated spread of {2 * costs['half_spread'] * costs['multiplier']:.3f} $ {fees}"


def _item(item: dict[str, Any], trades: "pl.DataFrame") -> dict[str, Any]:
    tables, curves = item["breakdowns"], item["curves"]
    portfolio = item["portfolio"]
    drawn = {
        "equity": charts.equity(curves.get("flat", {}), curves.get("sized")),
        "reliability": charts.reliability(tables.get("reliability", [])),
        "edge": charts.edge_buckets(tables.get("edge", [])),
        "groups": charts.groups(tables, ("price", "side", "horizon", "category")),
        "costs": charts.costs(item["verdict"]["costs"]),
        "exposure": charts.exposure(curves.get("exposure", {})),
    }
    figures = (tables.get("figures") or [{}])[0]
    empty = dict.fromkeys(("profit_factor", "price_age_hours", "days_held"))
    return {
        **item,
        "charts": drawn,
        "figures": {**empty, **figures},
        "portfolio_lines": _portfolio_lines(portfolio),
        "denials": {} if portfolio is None else {**portfolio["denials"], **_prefixed(portfolio["shrunk"])},
        "worst": _worst(trades, item["strategy"]),
    }


def _prefixed(shrunk: dict[str, int]) -> dict[str, int]:
    return {f"shrunk by {name}": number for name, number in shrunk.items()}


def _portfolio_lines(figures: dict[str, Any] | None) -> list[tuple[str, str]]:
    if figures is None:
        return []
    return [
        ("start", wording.dollars(figures["start"])),
        ("end", wording.dollars(figures["end"])),
        ("return", wording.change(figures["return"])),
        ("deepest drawdown", wording.percent(figures["max_drawdown"])),
        ("trades", wording.count(figures["trades"])),
        ("profit factor", wording.number(figures["profit_factor"], 2)),
        ("daily Sharpe, not annualised", wording.number(figures["sharpe_daily"])),
        ("fees paid", wording.dollars(figures["fees"])),
        ("spread paid", wording.dollars(figures["spread"])),
        ("largest exposure", wording.dollars(figures["max_exposure"])),
    ]


def _worst(trades: "pl.DataFrame", strategy: str) -> list[str]:
    """Tell the largest losses of a strategy in words."""
    import polars as pl

    if trades.is_empty():
        return []
    lost = trades.filter((pl.col("strategy") == strategy) & (pl.col("kind") == "rule") & (pl.col("pnl_e6") < 0))
    lines = []
    for row in lost.sort("pnl_e6", "t_decision", "market_no").head(_WORST).iter_rows(named=True):
        side = "YES" if row["side"] > 0 else "NO"
        bought = f"bought {side} at {row['ask_e4'] / 1e4:.3f} on {wording.instant(row['t_fill'])}"
        end = f"it paid {row['payout_e6'] / 1e6:.2f}, a loss of {-row['pnl_e6'] / 1e6:.3f} $ per share"
        lines.append(f"{row['question']}: {bought}; {end}.")
    return lines


def _trade_table(trades: "pl.DataFrame", room: int) -> dict[str, Any]:
    """Return the settled trades, compressed for the page; the largest wins and losses when all do not fit."""
    import polars as pl

    where = f"All rows with every column are in {TRADES} beside this file."
    if trades.is_empty():
        return {"data": "", "columns": _COLUMNS, "note": "There are no trades."}
    done = trades.filter((pl.col("status") == "settled") & (pl.col("kind") == "rule"))
    shown = done
    packed = _pack(shown)
    while len(packed) > room and len(shown) > 200:
        size = max(200, int(len(shown) * min(0.9, room / len(packed))))
        shown = done.sort(pl.col("pnl_e6").abs(), descending=True).head(size)
        packed = _pack(shown)
    if len(packed) > room:
        return {"data": "", "columns": _COLUMNS, "note": f"{len(done):,} settled trades do not fit here. {where}"}
    note = f"{len(done):,} settled trades of one share."
    if len(shown) < len(done):
        note += f" The {len(shown):,} largest wins and losses are shown."
    return {"data": packed, "columns": _COLUMNS, "note": f"{note} {where}"}


def _pack(trades: "pl.DataFrame") -> str:
    """Return columns as gzipped JSON in base64: texts once, rows by number."""
    names = trades["strategy"].unique(maintain_order=True).to_list()
    questions = trades["question"].unique(maintain_order=True).to_list()
    number = {text: index for index, text in enumerate(questions)}
    place = {text: index for index, text in enumerate(names)}
    content = {
        "names": names,
        "questions": questions,
        "strategy": [place[text] for text in trades["strategy"].to_list()],
        "question": [number[text] for text in trades["question"].to_list()],
        "side": trades["side"].to_list(),
        "day": (trades["t_decision"] // 86_400_000_000).to_list(),
        "price": trades["price_e4"].to_list(),
        "cost": trades["cost_e6"].to_list(),
        "payout": trades["payout_e6"].to_list(),
        "pnl": trades["pnl_e6"].to_list(),
    }
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _reproduce(metrics: dict[str, Any], config: dict[str, Any]) -> str:
    lines = [
        f"command       {config['command'] or 'edgeworth backtest'}",
        f"run           {metrics['run_id']}",
        f"seed          {config['seed']}",
        f"data          {metrics['data']['fingerprint']}",
        f"versions      {' '.join(f'{name} {text}' for name, text in config['versions'].items())}",
        f"strategies    {json.dumps(config['strategies'])}",
        f"settings      {json.dumps(config['settings'])}",
    ]
    return "\n".join(lines)

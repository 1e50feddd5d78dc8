"""What the evidence page says of learning: trainings on nothing, shuffled folds, recorded data, directions, scale.

Plain values for the template `learning.md`; every number comes from a study.
"""

from collections.abc import Sequence
from typing import Any, Final

from edgeworth.research import wording
from edgeworth.research.direction import LIMIT
from edgeworth.research.markdown import line, table
from edgeworth.research.study_tables import Share, share

Row = dict[str, Any]

LOW, HIGH = 0.90, 0.99  # of intervals that must contain 0 where nothing is to be found
_KINDS: Final = {"learn-null": "a simulated exchange without bias", "learn-walk": "coins that walk at random"}


def intervals(rows: Sequence[Row]) -> dict[str, Share]:
    """Return, per model, in how many worlds the 95 % interval of its skill contains 0."""
    names = list(dict.fromkeys(name for row in rows for name in row["gains"]))
    found = {name: [row["gains"][name] for row in rows if name in row["gains"]] for name in names}
    return {name: share(sum(g["low"] <= 0 <= g["high"] for g in each), len(each)) for name, each in found.items()}


def met(measured: Share) -> bool:
    """Tell whether a share of intervals is what 95 % ones should show: at least 90 %, and 99 % not excluded."""
    return measured.value >= LOW and measured.low <= HIGH


def bars(worlds: dict[str, list[Row]], gap: Sequence[Row] | None) -> list[str]:
    """Return the lines of the page's first table."""
    lines = []
    for kind, name in _KINDS.items():
        shares = intervals(worlds.get(kind, []))
        if shares:
            worst = min(shares.values(), key=lambda each: each.value)
            good = "met" if all(map(met, shares.values())) else "MISSED"
            what = f"trainings on {name}: skill intervals that contain 0, the least of {len(shares)} models"
            lines.append(line(what, worst.text(), f"{100 * LOW:.0f} to {100 * HIGH:.0f} %", good))
    if gap:
        inside = sum(row["inside"] for row in gap)
        what = "shuffled against grouped folds: AUC, log-loss and Brier as stated"
        good = "met" if inside == len(gap) else "MISSED"
        lines.append(line(what, f"{inside} of {len(gap)} rows", "AUC within 0.01, scores within 0.02", good))
    return lines


def nulls(worlds: dict[str, list[Row]]) -> Row | None:
    """Return the tables of trainings where nothing is to be learned; None without any."""
    kinds = {kind: rows for kind in _KINDS if (rows := worlds.get(kind))}
    if not kinds:
        return None
    lines = []
    for kind, rows in kinds.items():
        for name, measured in intervals(rows).items():
            gains = [row["gains"][name] for row in rows if name in row["gains"]]
            above = share(sum(g["low"] > 0 for g in gains), len(gains))
            mean = sum(g["value"] for g in gains) / len(gains)
            events = sum(g["events"] for g in gains) / len(gains)
            lines.append(line(_KINDS[kind], name, measured.text(), above.text(), f"{mean:+.5f}", f"{events:,.0f}"))
    head = ("worlds", "model", "interval contains 0", "interval above 0", "mean gain, nats a row", "events a world")
    quiet = [
        f"{_KINDS[kind]}: {share(sum(not row['lint'] for row in rows), len(rows)).text()}"
        for kind, rows in kinds.items()
    ]
    loud = sorted({code for rows in kinds.values() for row in rows for code in row["lint"]})
    return {
        "table": table(head, lines, 2),
        "quiet": "; ".join(quiet),
        "loud": f" Codes that spoke: {', '.join(f'`{code}`' for code in loud)}." if loud else "",
        "seeds": max(len(rows) for rows in kinds.values()),
    }


def gap(rows: Sequence[Row]) -> str:
    """Return the table of shuffled against grouped folds."""
    lines = []
    for row in rows:
        cells = [
            f"{mean:.4f} ± {error:.4f} (stated {stated:.4f})"
            for mean, error, stated in zip(row["mean"], row["error"], row["stated"], strict=True)
        ]
        lines.append(line(row["split"], *cells))
    return table(("", "AUC", "log-loss", "Brier"), lines)


def reality(rows: Sequence[Row]) -> Row:
    """Return the tables of recorded data sets, of models on them, and of what could not be scored."""
    known = [row for row in rows if "market" in row]
    head = (
        "data set", "rows taken", "rows", "markets", "events", "without an event", "dated", "price: Brier", "log-loss",
        "slope b", "smallest edge to prove", "leak lint",
    )  # fmt: skip
    missing = [_missing(row) for row in rows if "reason" in row]
    models = [(row, found) for row in known for found in row.get("models", ())]
    columns = (
        "data set", "model", "rows", "events", "Brier of price / model", "Brier gained", "log-loss of price / model",
        "log-loss gained", "slope b", "log-loss gained, locked fifth",
    )  # fmt: skip
    return {
        "sets": table(head, [_set(row) for row in known], 9),
        "models": table(columns, [_model(row, found) for row, found in models], 8),
        "words": f"{_words([found for _, found in models])}{_absent(known)}",
        "missing": table(("data set", "rows taken", "because"), missing) if missing else "",
        "fair": table(("data set", "fair value"), [_value(row) for row in known if row.get("fair_value")]),
        "refused": _refused(known),
    }  # fmt: skip


def _set(row: Row) -> str:
    market = row["market"]
    edge = "none" if row["detectable"] is None else f"{100 * row['detectable']:.1f} points"
    lint = ", ".join(f"`{each['code']}`" for each in row["lint"]) or "quiet"
    return line(
        row["source"], row["sample"], f"{row['rows']:,}", f"{row['markets']:,}", f"{row['events']:,}",
        wording.percent(row["alone"], 0), wording.percent(row["dated"], 0), f"{market['brier']:.4f}",
        f"{market['log_loss']:.4f}", slope(market), edge, lint,
    )  # fmt: skip


def _model(row: Row, found: Row) -> str:
    held = found.get("holdout")
    name = found["model"] if not row["lint"] else f"{found['model']} (would not be saved)"
    return line(
        f"{row['source']}, {row['sample']}", name, f"{found['rows']:,}", f"{found['events']:,}",
        f"{found['market_brier']:.4f} / {found['brier']:.4f}", gained(found["brier_gain"]),
        f"{found['market_log_loss']:.4f} / {found['log_loss']:.4f}", gained(found["gain"]), slope(found),
        wording.NONE if held is None else f"{gained(held['gain'])}, {held['events']:,} events",
    )  # fmt: skip


def gained(found: Row, digits: int = 4) -> str:
    """Write a paired difference with its interval."""
    if found["low"] is None:
        return f"{found['value']:+.{digits}f}"
    return f"{found['value']:+.{digits}f} [{found['low']:+.{digits}f}, {found['high']:+.{digits}f}]"


def slope(found: Row) -> str:
    """Write a slope of recalibration with its interval."""
    if found["slope"] is None:
        return wording.NONE
    reach = 1.959964 * found["slope_error"]
    return f"{found['slope']:.2f} [{found['slope'] - reach:.2f}, {found['slope'] + reach:.2f}]"


def _words(models: Sequence[Row]) -> str:
    """Count what lies above and below zero, in the folds and in the locked part."""
    if not models:
        return "No model could be scored."
    above = [found for found in models if (found["gain"]["low"] or 0.0) > 0]
    below = [found for found in models if (found["gain"]["high"] or 0.0) < 0]
    held = [found for found in models if found["holdout"] and (found["holdout"]["gain"]["low"] or 0.0) > 0]
    both = [found for found in above if found in held]
    return (
        f"Of {len(models)} models {len(above)} have an interval above zero in the folds, {len(below)} below, and "
        f"{len(held)} above in the locked part; {len(both)} in both. One in forty lies above by chance alone, and "
        "models of one data set lie there together."
    )


def _absent(rows: Sequence[Row]) -> str:
    found = {name: why for row in rows for name, why in row.get("absent", {}).items()}
    return "".join(f" Without `{name}`: {why}." for name, why in found.items())


def _missing(row: Row) -> str:
    return line(row["source"], row["sample"], row["reason"])


def _value(row: Row) -> str:
    found = row["fair_value"]
    if "reason" in found:
        return line(f"{row['source']}, {row['sample']}", found["reason"])
    counts = f"{found['rows']:,} rows, {found['events']:,} events"
    words = f"{counts}: log-loss gained {gained(found['gain'])}, slope {slope(found)}"
    return line(f"{row['source']}, {row['sample']}", words)


def _refused(rows: Sequence[Row]) -> str:
    told = [f"{row['source']}, {row['sample']}: {each['note']}" for row in rows for each in row["lint"]]
    return "; ".join(told)


def directions(rows: Sequence[Row]) -> Row:
    """Return the table of directions foretold, and every suspicion of a leak in words."""
    head = (
        "candles",
        "coins",
        "asked",
        "model",
        "rows",
        "days",
        "accuracy",
        "commoner way",
        "log-loss gained",
        "leak report",
    )
    lines = [_claim(row, found) for row in rows for found in row["claims"]]
    lost = [f"{row['candles']}, {row['asked']}: {row['reason']}." for row in rows if not row["claims"]]
    reports = [_report(row) for row in rows if row["suspicion"]]
    return {"table": table(head, lines, 6), "reports": "\n\n".join([*reports, *lost]), "count": len(reports)}


def _claim(row: Row, found: Row) -> str:
    right, gain = found["accuracy"], found["gain"]
    suspected = bool(row["suspicion"]) and right["value"] > LIMIT
    return line(
        row["candles"], f"{row['coins']}", row["asked"], found["model"], f"{found['rows']:,}", f"{right['events']:,}",
        f"{100 * right['value']:.2f} % [{100 * right['low']:.2f}, {100 * right['high']:.2f}]",
        f"{100 * found['hold']:.2f} %", gained(gain, 5), "RAISED" if suspected else "none",
    )  # fmt: skip


def _report(row: Row) -> str:
    doubt = row["suspicion"]
    drivers = [
        line(f"`{each['column']}`", f"{100 * each['importance']:.0f} %", f"{each['alone']:.3f}")
        for each in doubt["drivers"]
    ]
    checks = "\n".join(
        f"{number}. {text[:1].upper()}{text[1:]}" for number, text in enumerate(doubt["checks"], start=1)
    )
    return (
        f"**{row['candles']}**: {doubt['sentence']}.\n\n"
        f"{table(('column', 'share of importance', 'AUC alone'), drivers, 2)}\n\nTo check:\n\n{checks}"
    )

"""The evidence page as Markdown with its pictures: every number computed by the study, nothing typed in by hand.

Published figures that are quoted for comparison are the only constants; each names where it was published. The prose is
the template `evidence.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edgeworth.core.instants import to_iso
from edgeworth.core.units import Micros
from edgeworth.research import charts, learning_page, scale_page, wording
from edgeworth.research.markdown import line as _line
from edgeworth.research.markdown import table as _table
from edgeworth.research.study import Row
from edgeworth.research.study_facts import HINDSIGHT, WEIGHTS
from edgeworth.research.study_tables import Share, by_rule, exhibit_lines, hurdles, lens_alarms, worlds_with_claim
from edgeworth.research.types import VerdictClass

SECTIONS: Final = ("null", "power", "exhibits", "calibration", "learning", "reality", "direction", "scale")
USUAL: Final = SECTIONS[:-1]  # a scale study takes ten minutes
NULL_BAR, POWER_BAR = 0.05, 0.80
FOLDER: Final = "evidence"

# win minus price of YES in points, day-before price (public analysis maksymsherman/allium-polymarket-analysis)
_BANDS: Final = ("0.1-0.2", "0.2-0.3", "0.3-0.4", "0.4-0.5", "0.5-0.6", "0.6-0.7", "0.7-0.8", "0.8-0.9")
_PUBLISHED: Final = {
    "plain binary": (1.7, 1.5, 1.2, 3.2, 2.2, 3.4, 8.0, 0.4),
    "one of many wins": (-2.2, -0.2, -2.4, -5.4, -1.9, -1.7, -2.2, -0.1),
}
_LONGSHOTS: Final = (
    ("Kalshi 2021-2025 below 15 cents, by contract (Jon-Becker/prediction-market-analysis)", "-1.2", "too dear"),
    ("the same, by trade", "-0.7", "too dear"),
    ("SimpleFunctions scorecards: 11.5 % of markets at 0-10 cents resolved YES", "about +6", "too cheap"),
    ("Polymarket plain binary, the day before (maksymsherman/allium-polymarket-analysis)", "+0.1 to +0.3", "neutral"),
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the study found, by section; an empty one was not part of this run.

    `about`: date, version, code, command, half_spread, bootstraps. `worlds`: rows by plan. `exhibits`, `calibrations`,
    `reality`: of recorded data, None without any. `gap`: shuffled folds. `directions`, `scale`: of candles.
    """

    about: Row
    sections: tuple[str, ...]
    worlds: dict[str, list[Row]] = field(default_factory=dict)
    exhibits: list[Row] | None = None
    calibrations: list[Row] | None = None
    gap: list[Row] = field(default_factory=list)
    reality: list[Row] | None = None
    directions: list[Row] = field(default_factory=list)
    scale: Row | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Markdown and the pictures it shows, by file name without ending."""

    text: str
    pictures: dict[str, str]


def render(found: Findings) -> Page:
    """Write the whole page; deterministic in what was found."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pictures: dict[str, str] = {}
    values = {
        "about": found.about,
        "bars": _bars(found),
        "null": _null(found, pictures) if "null" in found.sections else None,
        "power": _power(found, pictures) if "power" in found.sections else None,
        "exhibits": _exhibits(found, pictures) if "exhibits" in found.sections else None,
        "calibration": _calibration(found, pictures) if "calibration" in found.sections else None,
        "span": _recorded_span(found),
        "learning": _learning(found) if "learning" in found.sections else None,
        "reality": _reality(found) if "reality" in found.sections else None,
        "directions": learning_page.directions(found.directions) if "direction" in found.sections else None,
        "scale": scale_page.tables(found.scale) if found.scale is not None else None,
    }
    environment = Environment(  # noqa: S701 (Markdown; what comes from data are numbers and names of sources)
        loader=PackageLoader("edgeworth.research"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = environment.get_template("evidence.md").render(values).strip() + "\n"
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return Page(text, {name: charts.as_file(picture) for name, picture in pictures.items() if picture})


def _bars(found: Findings) -> str:
    lines = []
    if found.worlds.get("null"):
        claimed = worlds_with_claim(found.worlds["null"])
        met = "met" if claimed.value <= NULL_BAR else "MISSED"
        what = "worlds without any edge in which one is claimed"
        lines.append(_line(what, claimed.text(), f"at most {100 * NULL_BAR:.0f} %", met))
    if found.worlds.get("power"):
        seen = worlds_with_claim(found.worlds["power"])
        met = "met" if seen.value >= POWER_BAR else "MISSED"
        what = "worlds with an edge of 5 cents a share in which it is found"
        lines.append(_line(what, seen.text(), f"at least {100 * POWER_BAR:.0f} %", met))
    return "\n".join([*lines, *learning_page.bars(found.worlds, found.gap)])


def _learning(found: Findings) -> Row:
    return {"nulls": learning_page.nulls(found.worlds), "gap": learning_page.gap(found.gap)}


def _reality(found: Findings) -> Row:
    return learning_page.reality(found.reality) if found.reality is not None else {}


def _seeds(rows: Sequence[Row]) -> str:
    some = ", ".join(str(row["seed"]) for row in rows[:3])
    return f"{len(rows)} random seeds ({some}{', ...' if len(rows) > 3 else ''})"


def _dot(label: str, value: Share) -> Row:
    return {"label": label, "value": 100 * value.value, "low": 100 * value.low, "high": 100 * value.high}


def _null(found: Findings, pictures: dict[str, str]) -> Row:
    rows, free = found.worlds["null"], found.worlds["null-free"]
    reverses = worlds_with_claim(rows, "reverses")
    worlds = [
        _line("any of the strategies, at the stated costs", worlds_with_claim(rows).text()),
        _line("any of the strategies, costs set to zero", worlds_with_claim(free).text()),
        _line("any of the reverse controls at the stated costs, not corrected for each other", reverses.text()),
    ]
    lines = [
        _line(
            f"`{line['strategy']}`", line["claims"].text(), other["claims"].text(), line["reverse"].text(),
            line["small_p"].text(), wording.number(line["events"], 0),
        )
        for line, other in zip(by_rule(rows), by_rule(free), strict=True)
    ]  # fmt: skip
    head = ("strategy", "claims", "claims, costs zero", "reverse claims", "p < 0.05 alone", "events")
    dots = [_dot(line["strategy"], line["claims"]) for line in by_rule(free)]
    pictures["null"] = charts.intervals(dots, "Null worlds, costs zero: share with a claim", "% of worlds", 5.0)
    return {"seeds": _seeds(rows), "worlds": "\n".join(worlds), "table": _table(head, lines)}


def _power(found: Findings, pictures: dict[str, str]) -> Row:
    whole, locked = found.worlds["power"], found.worlds["power-locked"]
    rules = [rule for row in whole for rule in row["rules"]]
    truth = [rule["true_edge"] for rule in rules if rule["true_edge"] is not None]
    worlds = [
        _line(name, worlds_with_claim(rows).text(), worlds_with_claim(rows, before=True).text())
        for name, rows in (("all events judged", whole), ("default hold-out: the last fifth of time locked", locked))
    ]
    passed = hurdles(whole)
    title = "1,000 events, 5 cents net: share of worlds that pass"
    dots = [_dot(name, value) for name, value in passed]
    pictures["power"] = charts.intervals(dots, title, "% of worlds", 100 * POWER_BAR, 7.6)
    null = found.worlds.get("null")
    price = ""
    if null:
        before, after = worlds_with_claim(null, before=True), worlds_with_claim(null)
        free = found.worlds["null-free"]
        bare, now = worlds_with_claim(free, before=True), worlds_with_claim(free)
        price = (
            f"{before.text()} with a claim before, {after.text()} after; with costs at zero {bare.text()} before, "
            f"{now.text()} after."
        )
    return {
        "seeds": _seeds(whole),
        "truth": f"{100 * sum(truth) / max(len(truth), 1):+.2f}",
        "events": f"{sum(rule['events'] for rule in rules) / max(len(rules), 1):,.0f}",
        "worlds": "\n".join(worlds),
        "hurdles": "\n".join(_line(name, value.text()) for name, value in passed),
        "price": price,
    }


def _exhibits(found: Findings, pictures: dict[str, str]) -> Row:
    runs = found.exhibits
    if runs is None:
        return {}
    sources = []
    for run in runs:
        counts = " / ".join(wording.count(run["data"][name]) for name in ("requested", "priced", "resolved"))
        points, alone = wording.count(run["data"]["decision_points"]), wording.percent(run["alone"], 0)
        sources.append(_line(run["source"], run["part"], counts, points, alone))
    flat = exhibit_lines(runs)
    dots = [
        {
            "label": f"{line['strategy']}, {line['source']}, {line['part']}", "value": 100 * line["roi"],
            "low": 100 * line["roi_low"], "high": min(100 * line["roi_high"], 100.0),
        }
        for line in flat if line["roi_low"] is not None and line["events"] >= 30
    ]  # fmt: skip
    title = "Return after costs, rules with 30 events or more (cut at 100 %)"
    pictures["exhibits"] = charts.intervals(dots, title, "%", 0.0, 7.6)
    return {
        "sources": "\n".join(sources),
        "rules": "\n".join(map(_exhibit, flat)),
        "words": _exhibit_words(flat),
        "coverage": _coverage(flat),
    }


def _exhibit(line: Row) -> str:
    back = line["reverse"]
    return _line(
        f"`{line['strategy']}`", f"{line['source']}, {line['part']}", f"{line['trades']:,} / {line['events']:,}",
        wording.percent(line["win_rate"]), wording.percent(line["break_even"]), _return(line),
        wording.chance(line["p_adjusted"]), line["outcome"], wording.NONE if back is None else _return(back),
    )  # fmt: skip


def _return(line: Row) -> str:
    return f"{wording.change(line['roi'])} {wording.span(line['roi_low'], line['roi_high'])}"


def _exhibit_words(flat: list[Row]) -> str:
    claimed = [line for line in flat if line["outcome"] == str(VerdictClass.EDGE)]
    if not claimed:
        return f"Of {len(flat)} judgements none is an edge. {_controls(flat)}"
    names = "; ".join(f"`{line['strategy']}` on {line['source']}, {line['part']}" for line in claimed)
    held = [line for line in claimed if line["part"] == "hold-out"]
    kept = {(line["strategy"], line["source"]) for line in claimed if line["part"] == "development"}
    both = [line for line in held if (line["strategy"], line["source"]) in kept]
    words = f"Of {len(flat)} judgements {len(claimed)} claim an edge: {names}. In both parts: {len(both)}."
    return f"{words} {_controls(flat)}"


def _controls(flat: list[Row]) -> str:
    """Say which reverse controls made money: nobody proposed them, so they measure the sample, not a skill."""
    backs = [(line, line["reverse"]) for line in flat if line["reverse"] is not None]
    above = [(line, back) for line, back in backs if back["roi_low"] is not None and back["roi_low"] > 0]
    if not above:
        return f"Of {len(backs)} reverse controls none has an interval above zero."
    names = "; ".join(f"`{line['strategy']}` on {line['source']}, {line['part']}" for line, _ in above)
    called = sum(back["outcome"] == str(VerdictClass.EDGE) for _, back in above)
    return (
        f"Of {len(backs)} reverse controls {len(above)} have an interval above zero ({names}), and {called} would be "
        "called an edge if anybody had proposed them. They buy what the rules avoid. Before believing it, read how the "
        "samples came about: markets kept because they had resolved, most of them without a scheduled end, can hold "
        "too many early surprises; the lenses below differ along that very line."
    )


def _coverage(flat: list[Row]) -> str:
    fired = sum(line["coverage"]["fired"] for line in flat)
    traded = sum(line["coverage"]["traded"] for line in flat)
    gone: dict[str, int] = {}
    for line in flat:
        for name, number in line["coverage"]["dropped"].items():
            gone[name] = gone.get(name, 0) + number
    lost = ", ".join(f"{number:,} {name}" for name, number in sorted(gone.items()) if number)
    return f"Coverage of all lines: {fired:,} markets fired in, {traded:,} traded and settled ({lost or 'none lost'})."


def _calibration(found: Findings, pictures: dict[str, str]) -> Row:
    values: Row = {
        "published": "\n".join(_line(*row) for row in _LONGSHOTS),
        "alarms": _alarms(found),
        "flips": "",
    }
    rows = found.calibrations
    if rows is None:
        return values
    return values | {
        "flips": "\n".join(map(_flips, rows)),
        "lenses": "\n".join(_lenses(row, pictures) for row in rows if _fair(row)),
        "structure": _structure(rows),
        "slopes": _slopes(rows, pictures),
    }


def _alarms(found: Findings) -> str:
    alarms = lens_alarms(found.worlds.get("null", []))
    if alarms is None:
        return ""
    bias = f"{100 * (alarms['hindsight_bias'] or 0):+.1f} points"
    return (
        f"On the null worlds, whose prices are right, {alarms['alone'].text()} of the fair lenses lie beyond their "
        f"interval (5 % is nominal); corrected for the number of lenses, {alarms['worlds'].text()} of the worlds show "
        f"any. The lens of hindsight calls cheap YES shares {bias} too cheap on average, and its interval lies above "
        f"zero in {alarms['hindsight'].text()} of the worlds: a finding made of nothing."
    )


def _flips(row: Row) -> str:
    flips, fair = row["flips"], _fair(row)
    others = max(flips["lenses"] - 1, 0)
    return _line(
        row["source"], f"{row['n']:,}", f"{row['markets']:,}", f"{row['events']:,}",
        _points(fair[0]) if fair else wording.NONE, f"{flips['flipped']} of {others}",
        f"{flips['beyond']} of {flips['lenses']}", str(flips["beyond_corrected"]),
    )  # fmt: skip


def _fair(row: Row) -> list[Row]:
    return [lens for lens in row["lenses"] if lens["weight"] != HINDSIGHT]


def _points(lens: Row) -> str:
    return f"{100 * lens['bias']:+.1f} [{100 * lens['low']:+.1f}, {100 * lens['high']:+.1f}]"


def _lenses(row: Row, pictures: dict[str, str]) -> str:
    groups: dict[tuple[str, str, str], dict[str, Row]] = {}
    for lens in row["lenses"]:
        groups.setdefault((lens["structure"], lens["side"], lens["horizon"]), {})[lens["weight"]] = lens
    groups = {names: mine for names, mine in groups.items() if set(mine) - {HINDSIGHT}}
    lines = [
        _line(*names, *(_points(mine[weight]) if weight in mine else "" for weight in WEIGHTS))
        for names, mine in groups.items()
    ]
    weights = (f"{name} (hindsight)" if name == HINDSIGHT else name for name in WEIGHTS)
    head = ("structure", "side", "horizon", *weights)
    name = f"lenses-{row['source']}"
    dots = [_lens_dot(lens) for mine in groups.values() for lens in mine.values()]
    title = f"Shares at 0-10 cents, {row['source']}"
    pictures[name] = charts.intervals(dots, title, "win minus price, points", 0.0, 7.6)
    return f"\n**{row['source']}**\n\n{_table(head, lines)}\n\n![Longshots under lenses]({FOLDER}/{name}.svg)\n"


def _lens_dot(lens: Row) -> Row:
    label = ", ".join(name for name in (lens["structure"], lens["side"], lens["horizon"]) if name != "all") or "all"
    scaled = {key: 100 * lens[key] for key in ("low", "high")}
    return {"label": f"{label}: {lens['weight']}", "value": 100 * lens["bias"], **scaled}


def _structure(rows: list[Row]) -> str:
    lines = [_line(f"published, {name}", *(f"{x:+.1f}" for x in values)) for name, values in _PUBLISHED.items()]
    for row in rows:
        for name in _PUBLISHED:
            mine = {line["band"]: line for line in row["structure"] if line["structure"] == name}
            if mine:
                cells = [_points(mine[band]) if band in mine else "" for band in _BANDS]
                lines.append(_line(f"{row['source']}, {name}", *cells))
    return _table(("", *_BANDS), lines)


def _slopes(rows: list[Row], pictures: dict[str, str]) -> str:
    lines, dots = [], []
    for row in rows:
        for fit in row["slopes"]:
            span = f"{fit['slope']:.2f} [{fit['low']:.2f}, {fit['high']:.2f}]"
            lines.append(_line(row["source"], fit["horizon"], f"{fit['n']:,}", f"{fit['events']:,}", span))
            if fit["high"] - fit["low"] < 3:
                dot = {"value": fit["slope"], "low": fit["low"], "high": fit["high"]}
                dots.append({"label": f"{row['source']}, {fit['horizon']}", **dot})
    pictures["slopes"] = charts.intervals(dots, "Recalibration slope by horizon", "slope b", 1.0)
    return "\n".join(lines)


def _recorded_span(found: Findings) -> str:
    spans: list[Any] = [(run["data"]["from"], run["data"]["to"]) for run in found.exhibits or ()]
    spans += [tuple(row["span"]) for row in found.calibrations or ()]
    if not spans:
        return ""
    first, last = min(low for low, _ in spans), max(high for _, high in spans)
    return f"{to_iso(Micros(first))[:10]} to {to_iso(Micros(last))[:10]}"

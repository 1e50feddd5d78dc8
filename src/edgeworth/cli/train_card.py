"""A model card as text: what it learned from, what it is worth against the price, and what that rests on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from edgeworth.cli.output import console, print_frame

_TOP: Final = 12
_SCORES: Final = (
    ("model", "model"), ("gain", "gain"), ("gain_low", "low"), ("gain_high", "high"), ("log_loss", "log_loss"),
    ("market_log_loss", "of market"), ("brier", "brier"), ("market_brier", "of market "), ("brier_skill", "skill"),
    ("brier_skill_low", "low "), ("brier_skill_high", "high "), ("slope", "slope"),
)  # fmt: skip
_PLAIN: Final = ("accuracy", "precision", "recall", "f1", "auc")
_CELLS: Final = ("true_positive", "false_positive", "false_negative", "true_negative")
_WIDE: Final = 118


def print_card(ctx: click.Context, model_id: str, card: Mapping[str, Any], aliases: Sequence[str] = ()) -> None:
    """Print the card of a model."""
    say = console(ctx).print
    named = f"   ({', '.join(aliases)})" if aliases else ""
    say(f"model {model_id}{named}", markup=False)
    for line in (*_data(card), *_method(card)):
        say(line, markup=False)
    _print_scores(ctx, card)
    _print_paths(ctx, card)
    for row in card["holdout"]["scores"]:
        words = f"locked rows, opening {card['holdout'].get('openings', 1)}: {row['sentence']}"
        say(words, markup=False)
    _print_calibration(ctx, card["scores"][-1])
    for line in _uses(card):
        say(line, markup=False)
    _print_plain(ctx, card["scores"][-1])
    say("")
    for mark, code, note in _lint(card):
        say(f"{mark:<5} {code:<24} {note}", markup=False)
    for line in _foot(card):
        say(line, markup=False)


def _data(card: Mapping[str, Any]) -> list[str]:
    """Return what the model learned from."""
    data = card["data"]
    words = f"data       {data['rows']:,} rows of {data['events']:,} events, YES {data['yes_share']:.1%}"
    words += f", mean price {data['mean_price']:.3f}" if "mean_price" in data else ""
    lines = [words + (f", source {data['source']}" if data.get("source") else "")]
    lines.append(
        f"window     decided {_day(data['from'])} to {_day(data['to'])}, outcomes known to {_day(data['known_to'])}"
    )
    locked = f"locked     {data['locked_rows']:,} rows"
    locked += f" from {_day(data['locked_from'])}" if data.get("locked_from") else ""
    lines.append(f"{locked}, opened {_times(card['holdout'].get('openings', 0))} so far")
    features = card.get("features") or []
    if features:
        gaps = sorted((row for row in features if row["known"] < 0.95), key=lambda row: row["known"])
        text = f"features   {len(features)} columns"
        if gaps:
            text += "; often unknown: " + ", ".join(f"{row['name']} {1 - row['known']:.0%}" for row in gaps[:4])
            text += f" and {len(gaps) - 4} more" if len(gaps) > 4 else ""
        lines.append(text)
    return lines


def _method(card: Mapping[str, Any]) -> list[str]:
    """Return how it was fitted and scored."""
    options, scheme = card["options"], card.get("scheme") or {}
    lines = []
    if scheme:
        text = f"folds      {scheme['name']}: {scheme['splits']} splits, {_count(scheme['paths'], 'path')}"
        if scheme["teaching_splits"]:
            text += f", {scheme['teaching_splits']} more that only teach the stack"
        sizes = [fold["test"] for fold in card["folds"]]
        lines.append(f"{text}; {min(sizes):,} to {max(sizes):,} rows tested in each")
    tuned = card.get("tuning")
    if tuned:
        since = _day(tuned["scored_from"])
        lines.append(f"search     on earlier rows; scored are the {tuned['scored_rows']:,} rows from {since}")
        for kind, found in tuned["learners"].items():
            tried = _count(found["trials"], "configuration")
            words = f"{kind}, {tried}, gain there {found['default_gain']:+.4f} to {found['gain']:+.4f}:"
            settings = [f"{name} {value:g}" for name, value in found["settings"].items()]
            lines += _wrapped("", [words, *settings])
    trials = card.get("trials") or {}
    if trials:
        here = _count(trials.get("data", 0), "configuration")
        lines.append(f"trials     {here} tried on this data, {trials.get('home', 0):,} in this home")
    lines.append(f"seed       {options['seed']}   digest {card['digest'][:12]}")
    return lines


def _print_scores(ctx: click.Context, card: Mapping[str, Any]) -> None:
    import polars as pl

    rows = [{shown: row.get(name) for name, shown in _SCORES} for row in card["scores"]]
    best = card["scores"][-1]
    title = f"\nagainst the price: {best['rows']:,} rows of {best['events']:,} events the models did not know"
    print_frame(ctx, pl.DataFrame(rows), title=f"{title} (nats, 95 % by event)")
    console(ctx).print(best["sentence"], markup=False)


def _print_paths(ctx: click.Context, card: Mapping[str, Any]) -> None:
    """Print the gain on every path where there is more than one."""
    import polars as pl

    several = [row for row in card["scores"] if len(row.get("paths") or ()) > 1]
    if not several:
        return
    rows = []
    for row in several:
        gains = sorted(path["gain"] for path in row["paths"])
        middle = (gains[(len(gains) - 1) // 2] + gains[len(gains) // 2]) / 2
        above = sum(path["gain_low"] > 0 for path in row["paths"])
        rows.append(
            {"model": row["model"], "paths": len(gains), "worst": gains[0], "median": middle, "best": gains[-1],
             "positive": sum(gain > 0 for gain in gains), "interval above 0": above}
        )  # fmt: skip
    print_frame(ctx, pl.DataFrame(rows), title="\ngain on each path")
    if len(several[-1]["paths"]) <= _TOP:
        words = "   ".join(f"{path['path']}: {path['gain']:+.4f}" for path in several[-1]["paths"])
        console(ctx).print(f"{several[-1]['model']} by path   {words}", markup=False)


def _print_calibration(ctx: click.Context, row: Mapping[str, Any]) -> None:
    """Print the reliability of one forecaster: bins of equal count, then what needs no bins."""
    import polars as pl

    found = row.get("calibration") or {}
    if not found:
        return
    bins = [
        {"forecast": part["forecast"], "price": part["price"], "observed": part["observed"],
         "95 % by event": f"{part['low']:.3f} to {part['high']:.3f}", "rows": part["rows"], "events": part["events"]}
        for part in found["bins"]
    ]  # fmt: skip
    print_frame(ctx, pl.DataFrame(bins), title=f"\nreliability of {row['model']}")
    parts = []
    for who, values in found["corp"].items():
        fit = found["fit"][who] or {}
        line = {"slope": fit.get("slope"), "intercept": fit.get("intercept"), "p calibrated": fit.get("p")}
        parts.append({"without bins (CORP)": who, **values, **line})
    print_frame(ctx, pl.DataFrame(parts))


def _uses(card: Mapping[str, Any]) -> list[str]:
    """Return what the model looks at, wrapped."""
    words = [f"{row['feature']} {row['share']:.0%}" for row in card["importance"][:_TOP]]
    stack = card["stack"]
    weights = [f"{name} {weight:.2f}" for name, weight in stack["weights"].items()]
    level = f"level {stack['level']:+.3f}"
    return [
        "",
        *_wrapped("uses", words),
        *_wrapped("stack", [*weights, level, f"learned from {stack['events']:,} events"]),
    ]


def _print_plain(ctx: click.Context, row: Mapping[str, Any]) -> None:
    """Print the familiar scores beside the market's, and the confusion matrix."""
    import polars as pl

    plain = [{"forecaster": who, **values} for who, values in row["plain"].items()]
    frame = pl.DataFrame(plain)
    title = "\nat one half (a calibrated price has these without any edge)"
    print_frame(ctx, frame.select("forecaster", *_PLAIN, *_CELLS), title=title)


def _lint(card: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    marks = {True: "ok", False: "FAIL", None: "-"}
    return [(marks[line["passed"]], line["code"], line["note"]) for line in card["lint"]]


def _foot(card: Mapping[str, Any]) -> list[str]:
    """Return the limits, versions and times."""
    lines = [""] + [f"limit      {text}" for text in card.get("limits", ())]
    versions = card.get("versions") or {}
    if versions:
        lines += _wrapped("versions", [f"{name} {number}" for name, number in versions.items()])
    threads = card.get("threads") or {}
    if "seconds" in card:
        took = f"took       {card['seconds']:.1f} s, {_count(threads.get('threads', 1), 'thread')} a fit"
        if threads.get("one"):
            took += f" (a small fit: {threads['one']:.2f} s with one, {threads['many']:.2f} s with {threads['cores']})"
        lines.append(took)
    return lines


def _wrapped(name: str, words: Sequence[str]) -> list[str]:
    """Return words after a name, on as many lines as they take."""
    lines = [f"{name:<10}"]
    for word in words:
        if len(lines[-1]) + len(word) > _WIDE and lines[-1].strip():
            lines.append(" " * 10)
        lines[-1] += f" {word}  "
    return [line.rstrip() for line in lines]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number:,} times")


def _day(micros: int | None) -> str:
    from edgeworth.core.instants import to_iso
    from edgeworth.core.units import Micros

    return "?" if micros is None else to_iso(Micros(micros))[:10]

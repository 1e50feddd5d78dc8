"""Short explanations `doctor explain` prints: every error code, the exit codes, and the words people ask about."""

import difflib

from edgeworth.core.error_codes import CODES
from edgeworth.core.errors import UsageError

EXIT_CODES = {
    0: "ok",
    1: "a bug in edgeworth; the traceback is in log/crash.log of the home",
    2: "usage: the command line is wrong",
    3: "config: a setting is wrong",
    4: "access: credentials or file permissions",
    5: "venue: the outside world, after retries",
    6: "data: a gap, stale, corrupt, implausible or leaking input",
    7: "risk: refused by a limit, or halted",
    8: "gate: a condition you stated was not met",
    9: "instance: another process owns this home",
    10: "partial: some of it worked",
    130: "interrupted by Ctrl-C",
}

TOPICS = {
    "exit-codes": "What the process returns:\n"
    + "\n".join(f"  {code:>3}  {text}" for code, text in EXIT_CODES.items()),
    "verdict": (
        "The one sentence a backtest ends in. It is computed on flat one-share trades at the executable price (first\n"
        "firing per market), counts independent events and not rows, and is deflated for every variant tried.\n"
        "Classes, worst first: invalid, no edge, unproven, edge at this size. 'Too few events' is a valid answer."
    ),
    "break-even": (
        "The share of trades a rule must win to lose nothing: the average price paid plus costs. A rule that buys NO\n"
        "at 95 cents and wins 94 % of the time loses money. A win rate alone says nothing about an edge."
    ),
    "events": (
        "Markets of one event (say, the temperature bands of one city and day) are one piece of evidence, not many.\n"
        "Every interval, weight and count here is by event."
    ),
    "look-ahead": (
        "Using what was not known yet. Counting '7 days before' back from the resolution is look-ahead: when a\n"
        "market resolves early, that choice tells the outcome. Horizons count from the scheduled end as known then."
    ),
    "low-fidelity": (
        "No order book was recorded for these prices, so fills pay a stated spread and meet a stated depth. Change\n"
        "them with costs.half_spread and costs.depth; every verdict is repeated at 0x, 1x and 2x costs."
    ),
    "trials": (
        "How many variants of an idea were tried on this data, failed and repeated ones too. The best of many looks\n"
        "good by luck alone; the deflated Sharpe ratio takes that luck away."
    ),
    "quarantine": (
        "Rows that could not be used, kept whole with a reason code. Nothing is dropped silently:\n"
        "read = stored + duplicates + quarantined, for every file. See: edgeworth data ls --quarantine"
    ),
}


def explain(name: str) -> str:
    """Return the explanation of an error code or topic; raises UsageError `unknown-topic` with the nearest names."""
    if name in TOPICS:
        return f"{name}\n{TOPICS[name]}"
    if name in CODES:
        doc = CODES[name]
        return f"{name}\n  means  {doc.meaning}\n  fix    {doc.hint}{_exit_line(name)}"
    close = difflib.get_close_matches(name, [*TOPICS, *CODES], n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "edgeworth doctor explain lists them"
    raise UsageError("unknown-topic", f"there is no explanation of '{name}'", hint)


def _exit_line(code: str) -> str:
    exits = {"interrupted": 130, "internal": 1}
    return f"\n  exit   {exits[code]}" if code in exits else ""


def listing() -> list[str]:
    """Return every name `explain` knows."""
    return [*TOPICS, *CODES]

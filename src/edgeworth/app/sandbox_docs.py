"""The reference page of the simulated venue, made from its own tables of worlds, routes and faults."""

from collections.abc import Iterable

from edgeworth.core.instants import to_iso
from edgeworth.core.units import Micros
from edgeworth.sandbox.scenario import SCENARIOS
from edgeworth.sandbox.server.faults import CATALOGUE, Fault
from edgeworth.sandbox.server.limits import LIMITS, WEIGHT_LIMIT
from edgeworth.sandbox.server.routes import ROUTES

_HEAD = """# The simulated venue

`edgeworth serve --sandbox` serves a simulated world behind the venue's own wire protocol, on this computer alone. Same
seed, same clock and same requests give the same bytes. How to use it: [use the sandbox](../how-to/use-the-sandbox.md).

Nothing is ever told before it happened: every answer is a function of the world and of the virtual instant. Market ids,
tokens and slugs follow from world and seed. One event in ten runs on the second protocol (`version=v2`).
"""
_SIDES = {
    "read": "Faults of reading",
    "stream": "Faults of the sockets",
    "context": "Faults of exchange and news",
    "trade": "Faults of trading",
}
_LIMITS_NOTE = (
    "Requests per ten seconds; above, answers are held back, above twice as many they are refused with 429.\n"
    f"The exchange allows a weight of {WEIGHT_LIMIT:,} a minute. `GET /control/counters` tells how often a limit was\n"
    "passed.\n"
)
_REACH_NOTE = (
    "The feed of all trades reaches six hours back, that of a wallet of the crowd two hours; feeds of markets and\n"
    "of your own wallets are complete.\n"
)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(header)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(value.replace("|", "\\|") for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _fault_rows(faults: Iterable[Fault]) -> list[tuple[str, str, str]]:
    rows = []
    for fault in faults:
        parameters = ", ".join(f"`{name}={value}`" for name, value in fault.parameters.items())
        rows.append((f"`{fault.name}`", fault.sentence, parameters or "-"))
    return rows


def sandbox_page() -> str:
    """Return the page: worlds, addresses, limits, and every fault with its sentence."""
    worlds = [
        (f"`{world.name}`", world.about, to_iso(Micros(world.start))[:10], to_iso(Micros(world.end))[:10])
        for world in SCENARIOS.values()
    ]
    parts = [_HEAD, "## Worlds\n\nA venue lives the last thirty days of its world.\n"]
    parts.append(_table(("name", "what", "from", "to"), worlds))
    for title, routes in ROUTES.items():
        rows = ((f"`{route.method} {route.path}`", route.sentence) for route in routes)
        parts.append(f"## {title}\n\n" + _table(("route", "answers"), rows))
    limits = ((service, route or "all together", f"{most:,}") for (service, route), most in LIMITS.items())
    parts.append(f"## Limits\n\n{_LIMITS_NOTE}\n" + _table(("service", "route", "requests"), limits))
    parts.append(f"## How far feeds reach\n\n{_REACH_NOTE}")
    switched = [fault for fault in CATALOGUE.values() if fault.cls == "switch"]
    for side, title in _SIDES.items():
        own = _fault_rows(fault for fault in switched if fault.side == side)
        parts.append(f"## {title}\n\n" + _table(("name", "what happens", "parameters"), own))
    parts.append(
        "`services` limits most of them to some services, `share` to a share of requests.\n`mixed` and `long-outages`"
        " name whole schedules of them.\n"
    )
    for cls, title in (("always", "What the venue always does"), ("world", "What comes about by itself")):
        rows = ((f"`{fault.name}`", fault.sentence) for fault in CATALOGUE.values() if fault.cls == cls)
        parts.append(f"## {title}\n\n" + _table(("name", "what happens"), rows))
    return "\n".join(parts)

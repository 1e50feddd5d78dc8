"""The documented rate limits: which class a request belongs to, and what happens above its rate.

Source: the venue's rate limit page, requests per ten seconds and address; the exchange counts weights per minute.
"""

from edgeworth.sandbox.server.counters import Counters
from edgeworth.sandbox.server.protocol import Request, Response, json_response

WINDOW_S = 10.0

# (service, route class) -> requests per ten seconds; route None is the whole service
LIMITS: dict[tuple[str, str | None], int] = {
    ("gamma", None): 4_000,
    ("gamma", "events"): 500,
    ("gamma", "markets"): 300,
    ("gamma", "comments"): 200,
    ("gamma", "tags"): 200,
    ("gamma", "search"): 350,
    ("data", None): 800,
    ("data", "trades"): 300,
    ("data", "positions"): 200,
    ("clob", None): 9_000,
    ("clob", "ok"): 100,
    ("clob", "book"): 1_500,
    ("clob", "price"): 1_500,
    ("clob", "midpoint"): 1_500,
    ("clob", "books"): 500,
    ("clob", "prices"): 500,
    ("clob", "midpoints"): 500,
    ("clob", "prices-history"): 1_000,
    ("clob", "tick-size"): 200,
}
WEIGHT_LIMIT = 6_000  # of the exchange, per minute
_GAMMA = {"markets", "events", "tags", "series", "comments"}


def route_class(request: Request) -> str:
    """Return the class a request is counted under: its first telling path segment."""
    parts = [part for part in request.path.split("/") if part]
    if not parts:
        return "root"
    if request.service == "gamma":
        if parts[0] == "public-search":
            return "search"
        return parts[0] if parts[0] in _GAMMA else "other"
    if request.service == "data":
        return parts[1] if len(parts) > 1 else parts[0]
    if request.service == "binance":
        return "/".join(parts[2:]) or parts[-1]
    if request.service in {"bulk", "news"}:
        return parts[0] if request.service == "bulk" else "feed"
    return "/".join(parts[:2]) if parts[0] in {"data", "auth", "v1"} else parts[0]


def over_limit(request: Request, route: str, counters: Counters, now: int) -> Response | float:
    """Return the seconds an answer is held back (0 within the limits), or the refusal above twice the rate."""
    worst = 0.0
    for name in (None, route):
        most = LIMITS.get((request.service, name))
        if most is not None:
            worst = max(worst, counters.within(request.service, name, now, WINDOW_S) / most)
    if worst <= 1.0:
        return 0.0
    counters.refuse(request.service, route)
    if worst <= 2.0:
        return round((worst - 1.0) * WINDOW_S, 3)
    return json_response({"error": "Too Many Requests"}, 429, (("retry-after", str(round(WINDOW_S))),))

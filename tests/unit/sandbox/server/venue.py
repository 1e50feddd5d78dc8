"""A small venue on a clock that only tests move, and short ways to ask it."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.unit.sandbox.worlds import world

from edgeworth.core.clock import ManualClock
from edgeworth.core.units import DAY
from edgeworth.sandbox.protocol import Request, Response
from edgeworth.sandbox.server.fault_plan import FaultPlan
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.sandbox import Sandbox

SCENARIO, SEED = "live-small", 7


class Venue:
    """A sandbox with its clock, asked by path."""

    def __init__(self, faults: FaultPlan | None = None, name: str = SCENARIO) -> None:
        made = world(name, SEED)
        self.clock = ManualClock(made.scenario.end - 30 * DAY)
        self.sandbox = Sandbox(made, self.clock, faults=faults)

    @property
    def live(self) -> LiveWorld:
        return self.sandbox.live

    @property
    def now(self) -> int:
        return int(self.clock.now())

    def ask(self, url: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        """Send a request to `/service/path?query`; header names are written with underscores."""
        parts = urlsplit(url)
        service, _, path = parts.path.lstrip("/").partition("/")
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        return self.sandbox.handle(Request(service, method, "/" + path, query, names, body))

    def json(self, url: str, **more: Any) -> Any:
        response = self.ask(url, **more)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def pages(self, url: str, key: str, parameter: str = "after_cursor") -> list[list[Any]]:
        """Follow the cursors of a listing to its end."""
        pages, cursor = [], ""
        while True:
            page = self.json(url + (f"&{parameter}={cursor}" if cursor else ""))
            pages.append(page[key])
            cursor = page.get("next_cursor") or (page.get("pagination") or {}).get("next_cursor") or ""
            if not cursor:
                return pages

    def open_market(self, version: str = "v1") -> int:
        """Return a market with a book."""
        found = self.live.open_markets(self.now).tolist()
        return next(i for i in found if self.live.names.version(i) == version)

    def resolved_market(self) -> int:
        """Return the market that became final last."""
        return self.live.resolved_between(0, self.now)[-1]

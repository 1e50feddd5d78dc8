"""The remote control of a sandbox: its clock, its faults, its counters. Nothing of this exists at the real venue."""

from typing import TYPE_CHECKING, Any

import msgspec

from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import UsageError
from edgeworth.core.units import SECOND
from edgeworth.sandbox.protocol import Request, Response, json_response
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.faults import CATALOGUE, Faults

if TYPE_CHECKING:
    from edgeworth.core.clock import Clock
    from edgeworth.sandbox.server.counters import Counters
    from edgeworth.sandbox.server.live import LiveWorld

_MOST_S = 400 * 86_400


class Control:
    """Answer `/clock`, `/advance`, `/faults`, `/counters` and `/world`."""

    def __init__(self, live: "LiveWorld", clock: "Clock", faults: Faults, counters: "Counters") -> None:
        self._live, self._clock, self._faults, self._counters = live, clock, faults, counters

    def handle(self, request: Request, now: int) -> Response:
        """Answer a request as of `now`."""
        key = (request.method, request.path.rstrip("/"))
        if key == ("GET", "/clock"):
            return json_response(self._time(now))
        if key == ("POST", "/advance"):
            return self._advance(request)
        if key == ("GET", "/faults"):
            return json_response(self._listing())
        if key == ("POST", "/faults"):
            return self._switch(request)
        if key == ("GET", "/counters"):
            return json_response(self._counters.to_dict())
        if key == ("GET", "/world"):
            return json_response(self._world(now))
        return json_response({"error": "no such control"}, 404)

    def _time(self, now: int) -> dict[str, Any]:
        return {
            "now": now,
            "iso": text.iso(now),
            "start": text.iso(self._live.start),
            "end": text.iso(self._live.end),
            "steps": isinstance(self._clock, ManualClock),
            "speed": getattr(self._clock, "speed", 1.0),
        }

    def _world(self, now: int) -> dict[str, Any]:
        world = self._live.world
        open_now = len(self._live.open_markets(now))
        return {
            "scenario": world.scenario.name,
            "seed": world.seed,
            "markets": self._live.count,
            "open": open_now,
            **self._time(now),
        }

    def _advance(self, request: Request) -> Response:
        if not isinstance(self._clock, ManualClock):
            return json_response({"error": "this clock runs by itself; start the sandbox with --step"}, 409)
        body = _body(request)
        seconds = body.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _MOST_S:
            return json_response({"error": "seconds must be a number from 0 to 34560000"}, 400)
        self._clock.advance(round(seconds * SECOND))
        return json_response(self._time(self._clock.now()))

    def _listing(self) -> dict[str, Any]:
        on = set(self._faults.now_on())
        rows = [
            {
                "name": fault.name,
                "sentence": fault.sentence,
                "class": fault.cls,
                "side": fault.side,
                "parameters": fault.parameters,
                "on": fault.name in on,
            }
            for fault in CATALOGUE.values()
        ]
        return {"on": sorted(on), "faults": rows}

    def _switch(self, request: Request) -> Response:
        body = _body(request)
        name, seconds = str(body.get("name", "")), body.get("seconds")
        parameters = body.get("parameters") or {}
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
            return json_response({"error": "seconds must be a number"}, 400)
        if not isinstance(parameters, dict):
            return json_response({"error": "parameters must be an object"}, 400)
        try:
            if body.get("on", True):
                self._faults.switch_on(name, seconds, parameters)
            else:
                self._faults.switch_off(name)
        except UsageError as error:
            return json_response({"error": error.message, "hint": error.hint}, 400)
        return json_response({"on": self._faults.now_on()})


def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a body, empty when it is none."""
    try:
        return msgspec.json.decode(request.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}

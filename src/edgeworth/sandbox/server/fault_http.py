"""Faults of the wire itself: what a request meets before it is understood, and what becomes of its answer."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from edgeworth.core.units import SECOND
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.faults import CATALOGUE, Faults
from edgeworth.sandbox.server.protocol import Headers, Request, Response, json_response

_HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Please wait</body></html>"
_HTML_HEADERS: Headers = (("content-type", "text/html; charset=UTF-8"),)
_DROPPED = Response(0, (), b"", dropped=True)
_AGENTS = ("python-urllib",)
_REFUSING_AGENTS = ("gamma", "clob", "data")
_NULLABLE = (
    "description",
    "resolutionSource",
    "umaBond",
    "umaReward",
    "liquidity",
    "liquidityNum",
    "spread",
    "competitive",
    "volume1wk",
    "volume1mo",
    "volume1yr",
    "groupItemThreshold",
    "feeType",
    "startDateIso",
    "endDateIso",
    "oneDayPriceChange",
    "oneHourPriceChange",
    "updatedAt",
    "rewardsMinSize",
    "submitted_by",
)


class HttpFaults:
    """Apply the faults of the wire; a share of requests is chosen by a hash of how many there were, never by chance."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults, self._seed = faults, seed
        self._asked: dict[str, int] = {}

    def before(self, request: Request, now: int) -> Response | None:
        """Return the answer a request gets before anyone reads it, None when it goes through."""
        if request.service == "control":
            return None
        agent = request.headers.get("user-agent", "").lower()
        if request.service in _REFUSING_AGENTS and agent.startswith(_AGENTS):
            return Response(403, _HTML_HEADERS, b"error code: 1010")
        if self.hits("outage", request) is not None or self.hits("dropped", request) is not None:
            return _DROPPED
        if self.hits("unavailable", request) is not None:
            return Response(
                503, _HTML_HEADERS, b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
            )
        limited = self._limited(request, now)
        if limited is not None:
            return limited
        if self.hits("server-error", request) is not None:
            return json_response({"error": "Internal server error"}, 500)
        return self._expired(request) or self._context(request)

    def _expired(self, request: Request) -> Response | None:
        name = "after_cursor" if request.service == "gamma" else "cursor"
        if not request.first(name) or self.hits("cursor-expired", request) is None:
            return None
        if request.service == "gamma":
            return json_response({"type": "validation error", "error": f"{name} is not valid"}, 422)
        body = {"error": f"{name} is not valid", "code": "invalid_request", "retryable": False, "trace_id": 16 * "0"}
        return json_response(body | {"parameter": name}, 400)

    def _limited(self, request: Request, now: int) -> Response | None:
        for name in ("rate-limited", "rate-limited-date"):
            hit = self.hits(name, request)
            if hit is not None:
                wait = int(hit["retry_after"])
                value = text.http_date(now + wait * SECOND) if name.endswith("date") else str(wait)
                return json_response({"error": "Too Many Requests"}, 429, (("retry-after", value),))
        return None

    def _context(self, request: Request) -> Response | None:
        banned = self.hits("exchange-banned", request)
        if banned is not None:
            body = {"code": -1003, "msg": "Way too much request weight used; IP banned."}
            return json_response(body, 418, (("retry-after", str(banned["retry_after"])),))
        if self.hits("exchange-blocked", request) is not None:
            return json_response({"code": 0, "msg": "Service unavailable from a restricted location."}, 451)
        if self.hits("bulk-missing", request) is not None:
            return Response(404, (("content-type", "application/xml"),), b"<Error><Code>NoSuchKey</Code></Error>")
        if self.hits("news-gone", request) is not None:
            return Response(410, _HTML_HEADERS, b"gone")
        return None

    def after(self, request: Request, response: Response) -> Response:
        """Return the answer as it leaves the venue."""
        if request.service == "control" or response.dropped:
            return response
        response = self._body(request, response)
        delay = response.delay_s
        for name in ("timeout", "slow"):
            hit = self.hits(name, request)
            if hit is not None:
                delay = max(delay, float(hit["seconds"]))
        return msgspec.structs.replace(response, delay_s=delay) if delay != response.delay_s else response

    def _body(self, request: Request, response: Response) -> Response:
        if self.hits("html-for-json", request) is not None:
            return Response(200, _HTML_HEADERS, _HTML)
        if self.hits("truncated-body", request) is not None and len(response.body) > 1:
            return msgspec.structs.replace(response, body=response.body[: len(response.body) // 2])
        if self.hits("empty-body", request) is not None:
            return msgspec.structs.replace(response, body=b"")
        if response.status == 200 and self.hits("duplicate-rows", request) is not None:
            response = _doubled(response)
        if request.service == "gamma" and response.status == 200:
            response = self._metadata(request, response)
        if self.hits("wrong-content-type", request) is not None:
            headers = tuple(row for row in response.headers if row[0] != "content-type")
            return msgspec.structs.replace(response, headers=(*_HTML_HEADERS, *headers))
        return response

    def _metadata(self, request: Request, response: Response) -> Response:
        missing, null = self.hits("missing-null-fields", request), self.hits("null-fields", request)
        profile = self.hits("null-profile", request) if request.path == "/public-search" else None
        if missing is None and null is None and profile is None:
            return response
        body = msgspec.json.decode(response.body)
        if profile is not None:
            body["profiles"] = [None, *(body["profiles"] or [])]
        if missing is not None or null is not None:
            for number, row in enumerate(_rows(body)):
                for place, name in enumerate(_NULLABLE):
                    if name in row and (number + place) % 2:
                        if missing is not None:
                            del row[name]
                        else:
                            row[name] = None
        headers = tuple(row for row in response.headers if row[0] != "content-type")
        return json_response(body, response.status, headers)

    def hits(self, name: str, request: Request) -> Mapping[str, Any] | None:
        """Return a fault's parameters when it is on for this service and its share takes this request."""
        fault = CATALOGUE[name]
        if request.service not in fault.services:
            return None
        found = self._faults.active(name)
        if found is None or request.service not in found.get("services", fault.services):
            return None
        share = float(found.get("share", 1.0))
        if share < 1.0:
            number = self._asked[name] = self._asked.get(name, 0) + 1
            digest = hashlib.sha256(f"{self._seed}/{name}/{number}".encode()).digest()
            if int.from_bytes(digest[:4]) >= share * 2**32:
                return None
        return found


def _doubled(response: Response) -> Response:
    """Show the last row of a page twice."""
    body = msgspec.json.decode(response.body)
    if not isinstance(body, dict):
        return response
    rows = next((body[name] for name in ("markets", "events", "data") if isinstance(body.get(name), list)), None)
    if rows:
        rows.append(rows[-1])
    headers = tuple(row for row in response.headers if row[0] != "content-type")
    return json_response(body, response.status, headers)


def _rows(body: Any) -> list[dict[str, Any]]:
    """Return every market and event row of a metadata body."""
    rows = (body.get("markets") or body.get("events") or [body]) if isinstance(body, dict) else body
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return found + [child for row in found for child in row.get("markets") or () if isinstance(child, dict)]

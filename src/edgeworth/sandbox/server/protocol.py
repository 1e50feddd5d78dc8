"""What goes in and out of the simulated venue; it lives in `sandbox.protocol`, because `exchange` speaks it as well.

`server` imports `exchange`, so `exchange` may not import `server` (no cycles between packages).
"""

from edgeworth.sandbox.protocol import (
    CHANNELS,
    JSON,
    SERVICES,
    Headers,
    PublicPrint,
    Query,
    Request,
    Response,
    Session,
    csv_values,
    json_response,
    raw_json,
    split_path,
    text_response,
)

__all__ = [
    "CHANNELS",
    "JSON",
    "SERVICES",
    "Headers",
    "PublicPrint",
    "Query",
    "Request",
    "Response",
    "Session",
    "csv_values",
    "json_response",
    "raw_json",
    "split_path",
    "text_response",
]

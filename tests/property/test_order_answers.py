"""Whatever an answer to an order holds, it is one of four verdicts, and only a full proof is an acceptance."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeworth.core.errors import Fatal, Rejected, Retryable, Unknown
from edgeworth.core.units import Micros
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket.order_outcomes import TAKEN, read_answer

NAME = "0x" + "ab" * 32
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=12),
    st.sampled_from([NAME, "live", "matched", "12.5", ""]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    [
        "",
        "order 0x1 is invalid. Duplicated.",
        "not enough balance / allowance",
        "order match delayed due to market conditions",
        "odd",
        "Trading is currently disabled",
    ]
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "success": st.one_of(st.just(True), ANYTHING),
        "errorMsg": st.one_of(WORDS, ANYTHING),
        "error": st.one_of(WORDS, ANYTHING),
        "orderID": st.one_of(st.just(NAME), ANYTHING),
        "status": st.one_of(st.sampled_from([*sorted(TAKEN), "unmatched"]), ANYTHING),
        "takingAmount": ANYTHING,
        "makingAmount": ANYTHING,
        "tradeIDs": ANYTHING,
        "code": ANYTHING,
        "retry_after_seconds": ANYTHING,
    },
)
BODIES = st.one_of(ROW.map(msgspec.json.encode), ANYTHING.map(msgspec.json.encode), st.binary(max_size=60))
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 408, 418, 422, 425, 429, 451, 500, 502, 503, 504])


@settings(max_examples=400)
@given(STATUSES, BODIES, st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=20)))
def test_every_answer_is_understood_as_far_as_it_proves_something(status, body, headers):
    payload = Payload(body=body, status=status, headers=headers, observed_at=Micros(0), url="http://x/order")
    refusal = None
    try:
        taken = read_answer(payload, NAME)
    except Unknown:
        return
    except (Rejected, Retryable, Fatal) as error:
        refusal = error
    if refusal is not None:
        assert refusal.details["refused"]
        assert status < 500
        return
    row = msgspec.json.decode(body)
    said = f"{row.get('errorMsg')}{row.get('error')}".lower()
    if taken.status == "duplicate":
        assert "duplicated" in said
    else:
        assert 200 <= status < 300
        assert row["success"] is True
        assert row["orderID"] == NAME
        assert row["status"].strip().lower() in TAKEN
        assert not row.get("errorMsg")

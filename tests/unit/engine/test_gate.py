"""The gate: caps in order, codes documented."""

from pathlib import Path

from edgeworth.engine.gate import CAPS, GATE_DOCS, GateCode, blocked, gate, gate_table

ROOM = 100


def rooms(**left: int) -> tuple[int, ...]:
    return tuple(left.get(GateCode(cap).name.lower(), ROOM) for cap in CAPS)


def test_allows_what_fits() -> None:
    assert gate(50, rooms()) == (50, 0)
    assert blocked(rooms()) == 0


def test_shrinks_and_names_the_last_cap_that_did() -> None:
    assert gate(500, rooms(max_order=80, max_event=30, no_cash=40)) == (30, GateCode.MAX_EVENT)


def test_denies_without_room() -> None:
    for cap in CAPS:
        full = rooms(**{GateCode(cap).name.lower(): 0})
        assert gate(50, full) == (0, cap)
        assert blocked(full) == cap
        assert gate.py_func(50, full) == (0, cap)
        assert blocked.py_func(full) == cap


def test_every_code_is_documented() -> None:
    assert set(GATE_DOCS) == set(GateCode)
    page = Path(__file__).parents[3] / "docs" / "reference" / "gate-codes.md"
    assert gate_table() in page.read_text("utf-8")

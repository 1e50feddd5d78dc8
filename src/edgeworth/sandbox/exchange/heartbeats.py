"""The dead man's switch: an account that began to send heartbeats and stops loses all its open orders."""

from functools import partial
from typing import Final

from edgeworth.core.units import SECOND
from edgeworth.sandbox.exchange.desk import Desk
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.timers import Timers

_PATIENCE: Final = 15 * SECOND  # ten seconds and five of grace


class Heartbeats:
    """Expected heartbeat ids by account."""

    def __init__(self, desk: Desk, timers: Timers, faults: FaultsPort) -> None:
        self._desk, self._timers, self._faults = desk, timers, faults
        self._expected: dict[str, str] = {}
        self._handed: set[str] = set()  # ids that a refusal has just told
        self._last: dict[str, int] = {}
        self._number = 0

    def beat(self, address: str, name: str, now: int) -> tuple[bool, str]:
        """Take a heartbeat; returns whether it was the right one, and the id that the next one must carry."""
        expected = self._expected.get(address, "")
        if name != expected:
            current = expected or self._new(address)
            self._handed.add(current)
            return False, current
        if self._faults.active("heartbeat-mismatch") is not None and expected and expected not in self._handed:
            current = self._new(address)
            self._handed.add(current)
            return False, current
        self._handed.discard(expected)
        self._last[address] = now
        self._timers.plan(now + _PATIENCE, partial(self._check, address, now))
        return True, self._new(address)

    def _new(self, address: str) -> str:
        self._number += 1
        self._expected[address] = f"hb-{self._number}"
        return self._expected[address]

    def _check(self, address: str, beat: int, at: int) -> None:
        """Cancel everything unless another heartbeat came after this one."""
        if self._last.get(address) != beat:
            return
        del self._last[address]
        self._expected.pop(address, None)
        self._desk.cancel([order.id for order in self._desk.open_orders(address)], address, at)

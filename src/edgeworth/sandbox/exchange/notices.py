"""Notices an account finds when it looks: its orders that were filled or cancelled."""

from typing import Any, Final

from edgeworth.core.units import SECOND
from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.rows import Rows
from edgeworth.sandbox.exchange.state import Order

_CANCELLED: Final = 1
_FILLED: Final = 2
_KEPT: Final = 200


class Notices:
    """Notices by account, latest last."""

    def __init__(self, floor: Floor, rows: Rows) -> None:
        self._rows = rows
        self._of: dict[str, list[dict[str, Any]]] = {}
        self._number = 0
        floor.order_listeners.append(self._note)

    def of(self, address: str) -> list[dict[str, Any]]:
        """Return an account's notices."""
        return list(self._of.get(address, ()))

    def drop(self, address: str, names: list[str]) -> None:
        """Forget some notices by their ids."""
        self._of[address] = [row for row in self._of.get(address, ()) if str(row["id"]) not in names]

    def _note(self, order: Order, word: str, at: int) -> None:
        kinds = {"UPDATE": _FILLED, "CANCELLATION": _CANCELLED}
        kind = kinds.get(word.partition(":")[0])
        if kind is None:
            return
        self._number += 1
        row = {
            "id": self._number,
            "owner": order.owner,
            "type": kind,
            "timestamp": at // SECOND,
            "payload": self._rows.notice(order),
        }
        rows = self._of.setdefault(order.account, [])
        rows.append(row)
        del rows[:-_KEPT]

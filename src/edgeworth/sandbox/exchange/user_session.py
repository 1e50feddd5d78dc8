"""The user channel: an account's own orders and trades, as they change."""

from collections.abc import Callable
from typing import Any, Final

from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.members import Members
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.rows import Rows
from edgeworth.sandbox.exchange.socket import Socket, Time
from edgeworth.sandbox.exchange.state import Order, Trade
from edgeworth.sandbox.exchange.tape import Tape

_REFUSED: Final = (1006, "")


class UserSession(Socket):
    """One connection to the user channel; nothing is sent before valid credentials have come."""

    def __init__(
        self, time: Time, faults: FaultsPort, members: Members, leave: Callable[["UserSession"], None]
    ) -> None:
        super().__init__(time, faults)
        self.address = ""
        self._members, self._leave = members, leave
        self._markets: set[str] | None = None  # condition ids; None means all

    def _take(self, frame: dict[str, Any]) -> None:
        if not self.address:
            self._login(frame)
            return
        rows = frame.get("markets")
        markets = {row.lower() for row in rows if isinstance(row, str)} if isinstance(rows, list) else set()
        if frame.get("operation") == "subscribe":
            self._markets = markets | (self._markets or set())
        elif frame.get("operation") == "unsubscribe" and self._markets is not None:
            self._markets = self._markets - markets

    def _login(self, frame: dict[str, Any]) -> None:
        auth = frame.get("auth")
        parts = (
            [str(auth.get(name, "")) for name in ("apiKey", "secret", "passphrase")] if isinstance(auth, dict) else []
        )
        found = self._members.find(*parts) if parts else None
        if found is None or frame.get("type") != "user":
            self._close(_REFUSED)
            return
        self.address = found.address
        rows = frame.get("markets")
        self._markets = {row.lower() for row in rows if isinstance(row, str)} if isinstance(rows, list) else None

    def _listening(self) -> bool:
        return bool(self.address)

    def _gone(self) -> None:
        self._leave(self)

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event of a market this session listens to."""
        if self._markets is None or event["market"].lower() in self._markets:
            self._send(event)


class UserFeed:
    """All user sessions, told of what happens to their accounts."""

    def __init__(self, floor: Floor, tape: Tape, members: Members) -> None:
        self._rows, self._members = Rows(floor.live), members
        self._sessions: list[UserSession] = []
        floor.order_listeners.append(self._order)
        tape.listeners.append(self._trade)

    def join(self, session: UserSession) -> None:
        """Tell a session from now on."""
        self._sessions.append(session)

    def leave(self, session: UserSession) -> None:
        """Tell a session no more."""
        if session in self._sessions:
            self._sessions.remove(session)

    def _order(self, order: Order, word: str, at: int) -> None:
        for session in self._sessions:
            if session.address == order.account:
                session.tell(self._rows.order_event(order, word, at))

    def _trade(self, trade: Trade) -> None:
        for session in self._sessions:
            if session.address:
                wallets = self._members.wallets(session.address)
                if trade.wallet in wallets or any(part.wallet in wallets for part in trade.makers):
                    session.tell(self._rows.trade_event(trade, wallets))

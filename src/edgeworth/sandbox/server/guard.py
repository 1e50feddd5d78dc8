"""Open sockets in an outage: the line is cut without a word, as every other connection is."""

from collections.abc import Callable

from edgeworth.core.units import Micros
from edgeworth.sandbox.protocol import Session
from edgeworth.sandbox.server.faults import Faults

_CUT = (1006, "")


def is_down(faults: Faults, service: str) -> bool:
    """Tell whether an outage has a service down now."""
    outage = faults.active("outage")
    return outage is not None and service in outage.get("services", (service,))


class GuardedSession:
    """A session that dies with its service."""

    def __init__(self, inner: Session, faults: Faults, service: str) -> None:
        self._inner, self._faults, self._service = inner, faults, service
        self.closed: tuple[int, str] | None = inner.closed
        self.notify: Callable[[], None] | None = None
        inner.notify = self._wake

    def _wake(self) -> None:
        if self.notify is not None:
            self.notify()

    def _alive(self) -> bool:
        if self.closed is None and is_down(self._faults, self._service):
            self.closed = _CUT
            self._inner.leave()
        return self.closed is None

    def receive(self, text: str) -> None:
        """Take a frame from the client."""
        if self._alive():
            self._inner.receive(text)
            self.closed = self._inner.closed

    def outgoing(self) -> list[str]:
        """Return and forget the frames that are due by now; none once the line is cut."""
        if not self._alive():
            return []
        frames = self._inner.outgoing()
        self.closed = self._inner.closed
        return frames

    def next_due(self) -> Micros | None:
        """Return when something may be sent next, or when the next planned outage cuts the line."""
        if self.closed is not None:
            return None
        times = [at for at in (self._inner.next_due(), self._faults.next_begin("outage")) if at is not None]
        return Micros(min(times)) if times else None

    def leave(self) -> None:
        """Forget the connection: the client has gone."""
        self._inner.leave()

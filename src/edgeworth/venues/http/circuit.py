"""Stop asking a service that fails again and again, and ask once in a while whether it is back."""

from edgeworth.core.errors import VenueError
from edgeworth.venues.http.limits import Limits


class Circuit:
    """The state of one service: closed (calls leave), open (none do), then one call may probe.

    Times are seconds of a monotonic clock. A refusal of this client as such (401, 403, a ban) opens it for longer and
    is repeated as the answer meanwhile.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._failures = 0
        self._open_until = 0.0
        self._probing = False
        self._refusal: VenueError | None = None

    @property
    def state(self) -> str:
        """Return closed, open or refused."""
        if self._refusal is not None:
            return "refused"
        return "open" if self._failures >= self._limits.failures_to_open else "closed"

    def closed_for(self, now: float) -> float:
        """Return the seconds nothing may leave; 0 when a call may, which is then the probe of an open circuit."""
        if self._open_until > now:
            return self._open_until - now
        if self.state == "closed":
            return 0.0
        if self._probing:
            return self._limits.open_s
        self._probing = True
        return 0.0

    def refusal(self) -> VenueError | None:
        """Return the refusal that holds, if one does."""
        return self._refusal

    def succeed(self) -> None:
        """Take note of an answer: the service is there."""
        self._failures = 0
        self._probing = False
        self._refusal = None

    def fail(self, now: float) -> None:
        """Take note of a failure of the service or of the way to it."""
        self._failures += 1
        self._probing = False
        self._refusal = None
        beyond = self._failures - self._limits.failures_to_open
        if beyond >= 0:
            self._open_until = now + min(self._limits.open_cap_s, self._limits.open_s * 2 ** min(beyond, 10))

    def refuse(self, now: float, error: VenueError, seconds: float) -> None:
        """Take note that this client is refused as such; nothing leaves for so many seconds."""
        self._refusal = error
        self._probing = False
        self._open_until = now + seconds

    def release(self) -> None:
        """Give back a probe that never left."""
        self._probing = False

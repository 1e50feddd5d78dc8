"""The dead man's switch: while the venue hears nothing from us it cancels everything, so nothing new may leave."""

from edgeworth.core.clock import Clock
from edgeworth.core.errors import EdgeworthError
from edgeworth.core.orders import OrderVenue
from edgeworth.core.units import SECOND, Micros


class Heart:
    """Count losses. After a loss orders may leave again only once a later beat was answered and the account agreed.

    `age` is how old the last answered beat may be, in microseconds; 0 = the venue needs none.
    """

    def __init__(self, venue: OrderVenue, clock: Clock, age: int) -> None:
        self._venue, self._clock, self._age = venue, clock, age
        self.at: Micros | None = None  # for people and for the risk check; ages are told by a clock that never jumps
        self._beat_s: float | None = None
        self._losses = self._answered = self._reopened = 0

    @property
    def lost(self) -> bool:
        """Tell whether nothing may leave."""
        return bool(self._age) and (self._reopened < self._losses or not self._fresh())

    @property
    def answered(self) -> int:
        """Return how many losses lie before the last answered beat; hand it to `reopen` when the account agreed."""
        return self._answered

    def reopen(self, answered: int) -> None:
        """Let orders leave again, unless the heart was lost after `answered` was read."""
        self._reopened = max(self._reopened, answered)

    async def beat(self) -> bool:
        """Send one heartbeat; returns whether it was answered."""
        sent, sent_s = self._clock.now(), self._clock.monotonic()
        if self._beat_s is not None and not self._fresh():
            self._losses += 1  # so long a silence may have cancelled everything
        try:
            await self._venue.heartbeat()
        except EdgeworthError:
            self._losses += 1
            return False
        self.at, self._beat_s, self._answered = sent, sent_s, self._losses
        return True

    def _fresh(self) -> bool:
        return self._beat_s is not None and self._clock.monotonic() - self._beat_s <= self._age / SECOND

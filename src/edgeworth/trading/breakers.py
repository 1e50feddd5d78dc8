"""Circuit breakers: small deterministic machines, each a row, that stop trading on a pattern of events.

A breaker takes in events and says what is wrong; the `Board` raises one halt per episode, remembers it in the
breaker's row, and lifts it only if the breaker may end by itself and says that it is over. Everything is a function of
the events and of the rows, so a replay gives the same halts; a restart restores the rows and re-arms nothing.
"""

from collections.abc import Iterator
from typing import ClassVar, Final, Self

import msgspec

from edgeworth.core.config import Settings
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.trading.halts import EVERYTHING, Halt, HaltCause, Lift, Resume, TradingState, lift, raise_halt

QUIET: Final = 5 * MINUTE  # without a failure after which the error breaker closes by itself
DISK_SLACK: Final = 100_000_000  # bytes above the limit before the disk counts as free again
PPM: Final = 1_000_000


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """Something a breaker may look at; on its own, that time has passed."""

    at: Micros


class Called(Happened, frozen=True, kw_only=True):
    """A call to the venue ended; `ok` is False for time-outs, 5xx and what cannot be read."""

    ok: bool


class Answered(Happened, frozen=True, kw_only=True):
    """The venue answered an order: accepted, or refused with a code."""

    accepted: bool
    code: str = ""


class Executed(Happened, frozen=True, kw_only=True):
    """A fill; `shortfall_e4` is by how much its price was worse than expected at the decision, per share."""

    shortfall_e4: int


class Settled(Happened, frozen=True, kw_only=True):
    """An event's result in dollars (1e-6) after costs."""

    profit_e6: int


class Decayed(Happened, frozen=True, kw_only=True):
    """The e-CUSUM of a strategy's forecasts after an event."""

    strategy: str
    level: float


class Beaten(Happened, frozen=True, kw_only=True):
    """A heartbeat was answered."""


class Reconciled(Happened, frozen=True, kw_only=True):
    """Ledger and venue were found equal."""


class DiskSeen(Happened, frozen=True, kw_only=True):
    """Free bytes where the ledger lies."""

    free: int


class SkewSeen(Happened, frozen=True, kw_only=True):
    """Our clock minus the venue's, microseconds."""

    skew: int


class Worth(Happened, frozen=True, kw_only=True):
    """Equity, at the start of the day, and at its peak; dollars in 1e-6."""

    equity_e6: int
    day_start_e6: int
    peak_e6: int


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When breakers open; integers but for the e-CUSUM."""

    error_rate: int
    reject_streak: int
    slippage_fills: int
    slippage_e4: int
    loss_streak: int
    drift_alarm: float
    heartbeat_age: int
    min_disk: int
    skew_warn: int
    skew_halt: int
    daily_loss: int
    drawdown_stop: int

    @staticmethod
    def of(settings: Settings) -> "BreakerLimits":
        """Take the settings."""
        trading = settings.trading
        return BreakerLimits(
            error_rate=trading.error_rate,
            reject_streak=trading.reject_streak,
            slippage_fills=trading.slippage_fills,
            slippage_e4=max(round(trading.slippage_stop * 10_000), 1),
            loss_streak=trading.loss_streak,
            drift_alarm=trading.drift_alarm,
            heartbeat_age=round(trading.heartbeat_age * SECOND),
            min_disk=trading.min_disk_mb * 1_000_000,
            skew_warn=round(trading.skew_warn * SECOND),
            skew_halt=round(trading.skew_halt * SECOND),
            daily_loss=round(trading.daily_loss * PPM),
            drawdown_stop=round(settings.risk.drawdown_stop * PPM),
        )


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """What all machines share: `halt` is what it raised and nobody has lifted yet.

    Each has `fed(event, limits)`, the machine after an event, and `wrong(limits)`, a sentence or ""; those that may end
    by themselves also have `over(limits)`.
    """

    cause: ClassVar[HaltCause]
    state: ClassVar[TradingState] = TradingState.REDUCING
    resume: ClassVar[Resume] = Resume.OPERATOR
    halt: Halt | None = None

    @property
    def scope(self) -> str:
        """Return what its halts stand for."""
        return EVERYTHING

    def fresh(self) -> Self:
        """Return the machine as an operator who lifted its halt wants it: nothing counted."""
        return type(self)()


class ErrorRate(Breaker, frozen=True, kw_only=True, tag="error-rate"):
    """Too many failed calls within a minute; over after five quiet minutes."""

    cause = HaltCause.ERROR_RATE
    resume = Resume.AUTOMATIC
    failures: tuple[int, ...] = ()
    now: int = 0

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        times = (*self.failures, event.at) if isinstance(event, Called) and not event.ok else self.failures
        recent = tuple(t for t in times if event.at - t < QUIET)[-limits.error_rate :]
        return msgspec.structs.replace(self, failures=recent, now=event.at)

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        count = sum(0 <= self.now - t < MINUTE for t in self.failures)  # what is told late must not move the minute
        return f"{count} venue calls failed within a minute" if count >= limits.error_rate else ""

    def over(self, limits: BreakerLimits) -> bool:
        """Tell whether it is over by itself."""
        del limits
        return not self.failures


class RejectStreak(Breaker, frozen=True, kw_only=True, tag="reject-streak"):
    """Orders refused one after another: we misunderstand something."""

    cause = HaltCause.REJECT_STREAK
    state = TradingState.HALTED
    streak: int = 0
    code: str = ""

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        del limits
        if not isinstance(event, Answered):
            return self
        return msgspec.structs.replace(self, streak=0 if event.accepted else self.streak + 1, code=event.code)

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        if self.streak < limits.reject_streak:
            return ""
        return f"{self.streak} orders in a row were refused, the last one with {self.code or 'no code'}"


class Slippage(Breaker, frozen=True, kw_only=True, tag="slippage"):
    """Fills worse than was expected when they were decided, on average over the last ones."""

    cause = HaltCause.SLIPPAGE
    shortfalls_e4: tuple[int, ...] = ()

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        if not isinstance(event, Executed):
            return self
        kept = (*self.shortfalls_e4, event.shortfall_e4)[-limits.slippage_fills :]
        return msgspec.structs.replace(self, shortfalls_e4=kept)

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        count, total = len(self.shortfalls_e4), sum(self.shortfalls_e4)
        if count < limits.slippage_fills or total < limits.slippage_e4 * count:
            return ""
        return f"the last {count} fills were worse than expected by {total / count / 100:.2f} cents a share"


class LossStreak(Breaker, frozen=True, kw_only=True, tag="loss-streak"):
    """Events lost one after another."""

    cause = HaltCause.LOSS_STREAK
    streak: int = 0

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        del limits
        if not isinstance(event, Settled):
            return self
        return msgspec.structs.replace(self, streak=self.streak + 1 if event.profit_e6 < 0 else 0)

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        return f"{self.streak} events in a row lost money" if self.streak >= limits.loss_streak else ""


class Drift(Breaker, frozen=True, kw_only=True, tag="model-drift"):
    """A strategy whose forecasts no longer hold, by its e-CUSUM; stops that strategy alone."""

    cause = HaltCause.MODEL_DRIFT
    strategy: str
    level: float = 0.0

    @property
    def scope(self) -> str:
        """Return what its halts stand for."""
        return f"strategy:{self.strategy}"

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        del limits
        if not isinstance(event, Decayed) or event.strategy != self.strategy:
            return self
        return msgspec.structs.replace(self, level=event.level)

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        if self.level < limits.drift_alarm:
            return ""
        return f"the forecasts of {self.strategy} no longer hold: e-CUSUM {self.level:.1f}"

    def fresh(self) -> Self:
        """Return the machine as an operator who lifted its halt wants it: nothing counted."""
        return type(self)(strategy=self.strategy)


class Heartbeat(Breaker, frozen=True, kw_only=True, tag="heartbeat"):
    """No heartbeat was answered in time; over once one is, and the ledger was reconciled after it.

    Before the first answer there is nothing to miss: the check of each order asks for a heartbeat where one is needed.
    """

    cause = HaltCause.HEARTBEAT
    state = TradingState.HALTED
    resume = Resume.AUTOMATIC
    beaten: int = 0
    reconciled: int = 0
    now: int = 0

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        late = self._late(event.at, limits)
        beaten = event.at if isinstance(event, Beaten) else self.beaten
        if isinstance(event, Beaten) and late:  # an answer ends the silence, not what may have happened in it
            return msgspec.structs.replace(self, beaten=beaten, reconciled=0, now=event.at)
        seen = event.at if isinstance(event, Reconciled) else self.reconciled
        return msgspec.structs.replace(self, beaten=beaten, reconciled=seen, now=event.at)

    def _late(self, now: int, limits: BreakerLimits) -> bool:
        return self.beaten > 0 and now - self.beaten > limits.heartbeat_age

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        if not self._late(self.now, limits):
            return ""
        return f"no heartbeat was answered for {(self.now - self.beaten) / SECOND:.1f} s"

    def over(self, limits: BreakerLimits) -> bool:
        """Tell whether it is over by itself."""
        since = self.halt.at if self.halt else 0
        return not self._late(self.now, limits) and self.beaten > since and self.reconciled > since


class Disk(Breaker, frozen=True, kw_only=True, tag="disk"):
    """Too little disk space to record what is done."""

    cause = HaltCause.DISK
    state = TradingState.HALTED
    resume = Resume.AUTOMATIC
    free: int = -1

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        del limits
        return msgspec.structs.replace(self, free=event.free) if isinstance(event, DiskSeen) else self

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        return f"only {self.free // 1_000_000} MB are free" if 0 <= self.free < limits.min_disk else ""

    def over(self, limits: BreakerLimits) -> bool:
        """Tell whether it is over by itself."""
        return self.free >= limits.min_disk + DISK_SLACK


class ClockSkew(Breaker, frozen=True, kw_only=True, tag="clock-skew"):
    """Our clock and the venue's differ too much; over below the difference that is merely reported."""

    cause = HaltCause.CLOCK_SKEW
    state = TradingState.HALTED
    resume = Resume.AUTOMATIC
    skew: int = 0

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        del limits
        return msgspec.structs.replace(self, skew=event.skew) if isinstance(event, SkewSeen) else self

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        if abs(self.skew) <= limits.skew_halt:
            return ""
        return f"the clock differs from the venue's by {self.skew / SECOND:+.1f} s"

    def over(self, limits: BreakerLimits) -> bool:
        """Tell whether it is over by itself."""
        return abs(self.skew) <= limits.skew_warn


class DailyLoss(Breaker, frozen=True, kw_only=True, tag="daily-loss"):
    """Too much lost since the day began."""

    cause = HaltCause.DAILY_LOSS
    lost_e6: int = 0
    start_e6: int = 0

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        del limits
        if not isinstance(event, Worth):
            return self
        return msgspec.structs.replace(self, lost_e6=event.day_start_e6 - event.equity_e6, start_e6=event.day_start_e6)

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        if self.start_e6 <= 0 or self.lost_e6 * PPM < limits.daily_loss * self.start_e6:
            return ""
        return f"{self.lost_e6 / 1e6:.2f} of {self.start_e6 / 1e6:.2f} dollars were lost today"


class Drawdown(Breaker, frozen=True, kw_only=True, tag="drawdown"):
    """Too much lost since the peak."""

    cause = HaltCause.DRAWDOWN
    lost_e6: int = 0
    peak_e6: int = 0

    def fed(self, event: Happened, limits: BreakerLimits) -> Self:
        """Return the machine after an event."""
        del limits
        if not isinstance(event, Worth):
            return self
        return msgspec.structs.replace(self, lost_e6=event.peak_e6 - event.equity_e6, peak_e6=event.peak_e6)

    def wrong(self, limits: BreakerLimits) -> str:
        """Return what is wrong in one sentence, or ""."""
        if self.peak_e6 <= 0 or self.lost_e6 * PPM < limits.drawdown_stop * self.peak_e6:
            return ""
        return f"equity is {self.lost_e6 / 1e6:.2f} dollars below its peak of {self.peak_e6 / 1e6:.2f}"


SelfEnding = ErrorRate | Heartbeat | Disk | ClockSkew
AnyBreaker = SelfEnding | RejectStreak | Slippage | LossStreak | Drift | DailyLoss | Drawdown
_SINGLE: Final = (ErrorRate, RejectStreak, Slippage, LossStreak, Heartbeat, Disk, ClockSkew, DailyLoss, Drawdown)


class Board:
    """All breakers of an account. `feed` returns the rows to journal; `dump` what to keep for the next start."""

    def __init__(self, limits: BreakerLimits, rows: bytes = b"") -> None:
        """`rows`: what `dump` gave before; raises msgspec.ValidationError when that cannot be read."""
        self.limits = limits
        self._breakers: dict[str, AnyBreaker] = {kind.cause.value: kind() for kind in _SINGLE}
        for breaker in msgspec.json.decode(rows, type=list[AnyBreaker]) if rows else []:
            self._breakers[_name(breaker)] = breaker

    def __iter__(self) -> Iterator[AnyBreaker]:
        return iter(self._breakers.values())

    def feed(self, event: Happened) -> list[Halt | Lift]:
        """Take in one event; returns the halts it raises and those it ends, in a fixed order."""
        if isinstance(event, Decayed):
            watch = Drift(strategy=event.strategy)
            self._breakers.setdefault(_name(watch), watch)
        found: list[Halt | Lift] = []
        for name, breaker in self._breakers.items():
            after, row = self._step(breaker.fed(event, self.limits), event.at)
            self._breakers[name] = after
            found += [row] if row else []
        return found

    def _step(self, breaker: AnyBreaker, at: Micros) -> tuple[AnyBreaker, Halt | Lift | None]:
        if breaker.halt is None:
            reason = breaker.wrong(self.limits)
            if not reason:
                return breaker, None
            halt = raise_halt(breaker.cause, breaker.state, breaker.resume, reason, at, breaker.scope)
            return msgspec.structs.replace(breaker, halt=halt), halt
        if not isinstance(breaker, SelfEnding) or not breaker.over(self.limits):
            return breaker, None
        end = lift(breaker.halt, Resume.AUTOMATIC, "breaker", "the condition is over", at)
        return msgspec.structs.replace(breaker, halt=None), end

    def lifted(self, halt_id: str) -> bool:
        """Note that an operator lifted a halt: its breaker starts counting anew; False if it is none of ours."""
        for name, breaker in self._breakers.items():
            if breaker.halt is not None and breaker.halt.halt_id == halt_id:
                self._breakers[name] = breaker.fresh()
                return True
        return False

    def adopt(self, halt: Halt) -> None:
        """Take a halt that stands as raised by the breaker of its cause, so that it is raised once and ended by it."""
        for name, breaker in self._breakers.items():
            if breaker.halt is None and (breaker.cause, breaker.scope, breaker.resume) == (
                halt.cause, halt.scope, halt.resume,
            ):  # fmt: skip
                self._breakers[name] = msgspec.structs.replace(breaker, halt=halt)

    def warning(self) -> str:
        """Return what is not wrong yet but should be said: a clock that begins to differ; "" if nothing."""
        skew = next(one.skew for one in self._breakers.values() if isinstance(one, ClockSkew))
        return (
            f"the clock differs from the venue's by {skew / SECOND:+.1f} s" if abs(skew) > self.limits.skew_warn else ""
        )

    def dump(self) -> bytes:
        """Return all breakers as JSON rows."""
        return msgspec.json.encode(list(self._breakers.values()))


def _name(breaker: AnyBreaker) -> str:
    return f"{breaker.cause.value}:{breaker.scope}" if breaker.scope else breaker.cause.value

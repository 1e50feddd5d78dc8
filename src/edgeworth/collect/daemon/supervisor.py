"""Keep services alive: after a crash a service starts again, later each time; too many crashes open its circuit."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgeworth.collect.daemon.books import STORAGE
from edgeworth.collect.daemon.waiting import pause
from edgeworth.core.clock import Clock
from edgeworth.core.errors import EdgeworthError

if TYPE_CHECKING:
    from edgeworth.collect.daemon.logs import Log

_FIRST_S, _LONGEST_S = 1.0, 60.0
_CRASHES, _WITHIN_S = 5, 600.0  # so many crashes in so many seconds open the circuit
_OPEN_S = 900.0
_STORAGE_S = 5.0
GRACE_S = 3.5  # what a service may still take after being asked to stop, in real seconds


@dataclass(slots=True)
class Service:
    """Something that runs until asked to stop; `serve` may be called again after it raised."""

    name: str
    serve: Callable[[], Awaitable[None]]
    crashes: deque[float] = field(default_factory=lambda: deque(maxlen=_CRASHES))
    state: str = "starting"


class Supervisor:
    """Run services side by side until `stop` is set."""

    def __init__(self, clock: Clock, log: "Log", stop: asyncio.Event) -> None:
        self._clock, self._log, self._stop = clock, log, stop

    async def run(self, services: Sequence[Service]) -> None:
        """Return when all services ended: at their own will, or at most GRACE_S after `stop` was set."""
        tasks = [asyncio.create_task(self._keep(service), name=service.name) for service in services]
        stopper = asyncio.create_task(self._stop.wait())
        try:
            pending = set(tasks)
            while pending and not self._stop.is_set():
                await asyncio.wait({*pending, stopper}, return_when=asyncio.FIRST_COMPLETED)
                pending = {task for task in pending if not task.done()}
            if pending:
                await asyncio.wait(pending, timeout=GRACE_S)
        finally:
            for task in (*tasks, stopper):
                task.cancel()
            await asyncio.gather(*tasks, stopper, return_exceptions=True)

    async def _keep(self, service: Service) -> None:
        while not self._stop.is_set():
            service.state = "running"
            try:
                await service.serve()
            except EdgeworthError as error:
                if error.code in STORAGE:
                    self._log.error("storage-unavailable", service=service.name, cause=error.code)
                    await pause(self._clock, _STORAGE_S, self._stop)
                    continue
                await self._crashed(service, error)
            except Exception as error:  # noqa: BLE001  (the edge of a task: one broken job must not stop the others)
                await self._crashed(service, error)
            else:
                service.state = "ended"
                return
        service.state = "stopped"

    async def _crashed(self, service: Service, error: Exception) -> None:
        now = self._clock.monotonic()
        service.crashes.append(now)
        recent = sum(now - at <= _WITHIN_S for at in service.crashes)
        open_circuit = recent >= _CRASHES
        wait = _OPEN_S if open_circuit else min(_LONGEST_S, _FIRST_S * 4 ** (recent - 1))
        service.state = "circuit-open" if open_circuit else "restarting"
        self._log.error(
            "crashed", service=service.name, error=f"{type(error).__name__}: {error}", again_in_s=wait, exc_info=error
        )
        await pause(self._clock, wait, self._stop)

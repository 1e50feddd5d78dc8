"""From latent probabilities to what a recorder would have seen: quotes, jitter, gaps, settlement and its detours."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.random import stream
from edgeworth.core.types import Payout
from edgeworth.core.units import HOUR, MINUTE, SECOND
from edgeworth.sandbox.biases import Distortion, hours, matching
from edgeworth.sandbox.builders import Batch
from edgeworth.sandbox.fees import fee_schedule
from edgeworth.sandbox.kinds import jitter_limit
from edgeworth.sandbox.scenario import Scenario

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]

_CHALLENGE = 2 * HOUR
_LONGEST_AFTER = 36 * HOUR  # observations stop this long after the event, whatever the oracle does


@dataclass(frozen=True, slots=True)
class Recorded:
    """Markets of one batch, event-major. Per market (m,): `event` within the batch, `payout_e4` (true, known or not),
    `event_at`, `proposed_at`, `resolved_at`, `disputed`, `half_spread_e4`, `depth_usd`. Per point: `t`, `price_e4`,
    `latent`; `counts` (m,) points of each market.
    """

    event: Ints
    payout_e4: Int32s
    event_at: Ints
    proposed_at: Ints
    resolved_at: Ints
    disputed: npt.NDArray[np.bool_]
    half_spread_e4: Int32s
    depth_usd: Int32s
    counts: Ints
    t: Ints
    price_e4: Int32s
    latent: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Settlement:
    payout: Int32s
    proposed: Ints
    resolved: Ints
    disputed: npt.NDArray[np.bool_]


def record(batch: Batch, scenario: Scenario, seed: int, first: int) -> Recorded:
    """Quote, observe and settle a batch; `first` numbers its first event within the kind and names the streams."""
    rng = stream(seed, batch.kind.name, first, "lifecycle")
    settled = _settle(batch, scenario, rng)
    grid = batch.start[:, None] + batch.step * np.arange(batch.latent.shape[2] + _after(batch.step, batch))
    late, lag = _delays(grid.shape, batch, rng)
    seen = (grid + late)[:, None, :] + lag[None, :, None]
    before = grid[:, None, :] < batch.event_at[:, :, None]
    latent = _extend(batch, grid.shape[1])
    latent = np.where(before, latent, settled.payout[:, :, None] == Payout.YES)
    price = np.where(before, _quote(batch, scenario, latent, grid), _aftermath(batch, settled, grid, rng))
    keep = (seen < settled.resolved[:, :, None]) & (seen < scenario.end)
    keep &= (grid[:, None, :] < batch.event_at[:, :, None] + _LONGEST_AFTER) & ~_gaps(grid.shape, scenario, rng)[
        :, None, :
    ]
    events, markets = batch.yes.shape
    spread, depth = _books(events * markets, rng)
    return Recorded(
        event=np.repeat(np.arange(events), markets),
        payout_e4=settled.payout.ravel(),
        event_at=batch.event_at.ravel(),
        proposed_at=settled.proposed.ravel(),
        resolved_at=settled.resolved.ravel(),
        disputed=settled.disputed.ravel(),
        half_spread_e4=spread,
        depth_usd=depth,
        counts=keep.sum(axis=2).ravel(),
        t=seen[keep],
        price_e4=_tick(price[keep], scenario.tick_e4),
        latent=latent[keep].astype(np.float32),
    )


def _after(step: int, batch: Batch) -> int:
    longest = 2 * HOUR if batch.kind.settles == "venue" else _LONGEST_AFTER
    return int(longest // step) + 1


def _extend(batch: Batch, columns: int) -> Array:
    """Pad the latent probabilities to `columns`; the padding lies after every event and is never read as a price."""
    missing = columns - batch.latent.shape[2]
    return np.pad(batch.latent, ((0, 0), (0, 0), (0, missing)), mode="edge")


def _settle(batch: Batch, scenario: Scenario, rng: "Generator") -> _Settlement:
    """Decide payouts and when they are proposed, disputed and final. Independent of prices, except for the winner."""
    events, markets = batch.yes.shape
    payout = np.where(batch.yes, int(Payout.YES), int(Payout.NO)).astype(np.int32)
    odd = rng.random(events)
    if markets == 1:
        payout[odd < scenario.half_share] = int(Payout.HALF)
        payout[(odd >= scenario.half_share) & (odd < scenario.half_share + scenario.void_share)] = int(Payout.VOID)
    fight: npt.NDArray[np.bool_] = np.less(rng.random(events), scenario.dispute_share)
    draw = rng.standard_normal((events, markets))
    days = rng.uniform(48, 120, (events, markets))
    if batch.kind.settles == "venue":
        proposed = batch.event_at + ((4 + np.abs(3 * draw)) * MINUTE).astype(np.int64)
        return _Settlement(payout, proposed, proposed + MINUTE, np.zeros_like(batch.yes))
    proposed = batch.event_at + (HOUR * np.exp(0.8 + 0.9 * draw)).astype(np.int64)
    disputed = np.broadcast_to(fight[:, None], batch.yes.shape)
    wait = np.where(disputed, (days * HOUR).astype(np.int64), 0)
    resolved = proposed + _CHALLENGE + wait + rng.integers(20, 1800, (events, markets)) * SECOND
    return _Settlement(payout, proposed, resolved, disputed)


def _delays(shape: tuple[int, ...], batch: Batch, rng: "Generator") -> tuple[Ints, Ints]:
    """Return how late each poll is (E, columns) and each market's place in it (M,), microseconds, whole seconds.

    A recorded price is that of the grid instant just before: never of a later one.
    """
    limit = jitter_limit(batch.step)
    late = rng.integers(0, limit + 1, shape) * SECOND
    return late, np.minimum(np.arange(batch.yes.shape[1]), 20) * SECOND


def _gaps(shape: tuple[int, ...], scenario: Scenario, rng: "Generator") -> npt.NDArray[np.bool_]:
    """Choose holes in the observations, one stretch in a share of the events, whatever the prices do."""
    events, columns = shape
    holed = rng.random(events) < scenario.gap_share
    begin = rng.uniform(0.05, 0.8, events) * columns
    length = rng.uniform(0.03, 0.2, events) * columns
    place = np.arange(columns)
    hole: npt.NDArray[np.bool_] = (place >= begin[:, None]) & (place < (begin + length)[:, None]) & holed[:, None]
    return hole


def _quote(batch: Batch, scenario: Scenario, latent: Array, grid: Ints) -> Array:
    biases = matching(scenario.biases, batch.kind.category)
    if not biases:
        return latent
    left = hours(batch.scheduled_end[:, None] - grid)
    left = np.where((batch.scheduled_end == UNKNOWN_TIME)[:, None], np.inf, left)
    left = np.broadcast_to(left[:, None, :], latent.shape)
    quoted = np.empty_like(latent)
    fees = [fee_schedule(batch.kind.category, int(start)) for start in batch.start]
    for fee in sorted(set(fees), key=lambda row: (row.rate_e6, row.exponent)):
        rows = np.array([own == fee for own in fees])
        quoted[rows] = Distortion(biases, scenario.half_spread, fee).quote(latent[rows], left[rows])
    return quoted


def _aftermath(batch: Batch, settled: _Settlement, grid: Ints, rng: "Generator") -> Array:
    """Return prices after the event and before the money: near certainty, less so under dispute, even at 50-50."""
    waited = np.maximum(grid[:, None, :] - batch.event_at[:, :, None], 0) / HOUR
    shape = waited.shape
    doubt = 0.0005 + 0.012 * np.exp(-waited / 3.0) * rng.random(shape)
    doubt = np.where(settled.disputed[:, :, None], 0.02 + 0.06 * rng.random(shape), doubt)
    sure = np.where(batch.yes[:, :, None], 1.0 - doubt, doubt)
    even = 0.5 + 0.02 * (rng.random(shape) - 0.5)
    price: Array = np.where((settled.payout == Payout.HALF)[:, :, None], even, sure)
    return price


def _tick(price: Array, tick_e4: int) -> Int32s:
    """Round to the mid of a book with this tick; below 4 and above 96 cents the tick is a tenth of a cent."""
    fine = 5
    coarse = max(fine, tick_e4 // 2)
    raw = price * 10_000.0
    rough = np.rint(raw / coarse) * coarse
    exact = np.rint(raw / fine) * fine
    result = np.where((raw > 400) & (raw < 9600), rough, exact)
    return np.clip(result, fine, 10_000 - fine).astype(np.int32)


def _books(markets: int, rng: "Generator") -> tuple[Int32s, Int32s]:
    """Draw each market's half spread (1e-4 dollars) and depth at it (dollars): one book in six is thin."""
    thin = rng.random(markets) < 1 / 6
    spread = np.where(thin, rng.choice([150, 200, 300, 400], markets), rng.choice([25, 50, 50, 100], markets))
    depth = np.exp(rng.normal(6.5, 0.8, markets)) / np.where(thin, 12, 1)
    return spread.astype(np.int32), np.maximum(depth, 15).astype(np.int32)

"""What one seed of the trading simulation has in store: a dozen intents, cancels, a kill, a pause, crashes, restarts, strangers."""

import random
from dataclasses import dataclass, field

from edgeworth.core.orders import Intent, TimeInForce
from edgeworth.core.units import PriceE4, SharesE6
from tests.support.trading_venue import STEP, Faults, ModelVenue, instruments

SECOND = 1_000_000
START = 1_790_000_000_000_000
INTENTS = 12
CASH = 300_000_000
SHARES = {"1002": 60_000_000, "2001": 30_000_000}
LAST = 60.0  # seconds until the last intent


@dataclass
class Scenario:
    """Drawn once per seed; times in seconds after the start."""

    seed: int
    intents: list[tuple[float, Intent]] = field(default_factory=list)
    cancels: list[tuple[float, str]] = field(default_factory=list)
    doubts: list[tuple[float, str]] = field(default_factory=list)  # cancelled as soon as they are UNKNOWN
    slow: set[str] = field(default_factory=set)
    kill: float | None = None
    pause: tuple[float, float] | None = None  # an operator halts without cancelling, and lets it go on
    crash_chance: float = 0.0
    most_crashes: int = 12
    deafness: float | None = None  # when heartbeats stop getting through
    meddling: bool = False
    pays_out: tuple[str, int] | None = None
    stops: list[float] = field(default_factory=list)  # orderly ends of the program, followed by another start

    def on_its_way(self, draw: random.Random) -> float:
        """Choose an instant at which an order is between decision and sending, and make that take long."""
        at, intent = draw.choice(self.intents)
        self.slow.add(intent.intent_id)
        return at + draw.uniform(0.1, 2)

    def plan(self, venue: ModelVenue) -> None:
        """Give the world what happens without us."""
        draw = random.Random(f"world/{self.seed}")
        venue.slow = self.slow
        if draw.random() < 0.25:
            quiet = [("restarting", draw.uniform(10, 50)), ("post-only", draw.uniform(10, 40))]
            other = [(draw.choice(("cancel-only", "disabled")), draw.uniform(10, 40))]
            venue.restart_engine(draw.uniform(0, LAST), quiet if draw.random() < 0.6 else other)
        if draw.random() < 0.35:
            venue.restart_engine(draw.uniform(0, LAST), [("paused", draw.uniform(10, 25))])
        if self.deafness is not None:
            begin = venue.now + round(max(0.0, self.deafness) * SECOND)
            venue.deafness = begin, begin + draw.randrange(10, 35) * SECOND
        if self.meddling:
            for _ in range(draw.choice((1, 1, 2))):
                self._meddle(venue, draw, draw.uniform(1, 2 * LAST), STEP * draw.randrange(100, 900))

    def _meddle(self, venue: ModelVenue, draw: random.Random, at: float, shares: int) -> None:
        kind = draw.randrange(4)
        if kind == 0:
            venue.later(at, venue.deposit, draw.randrange(50_000, 9_000_000))
        elif kind == 1:
            venue.later(at, venue.trade_elsewhere, draw.choice(("1001", "2001")), 4_000, shares)
        elif kind == 2:
            venue.later(at, venue.split, "1001", "1002", draw.choice((shares, -shares)))
        else:  # a market ends after everything has come to rest
            self.pays_out = draw.choice(("1001", "1002", "2001")), draw.choice((0, 5_000, 10_000))


def draw_scenario(seed: int) -> Scenario:
    """Draw everything that does not depend on what the program does."""
    draw = random.Random(f"scenario/{seed}")
    found, items = Scenario(seed), instruments()
    for number in range(INTENTS):
        at = draw.uniform(0, LAST)
        found.intents.append((at, _intent(draw, number, at, items)))
        kind = draw.random()
        if kind < 0.4:
            wait = draw.uniform(0.0, 8.0) if draw.random() < 0.5 else draw.uniform(6, 150)
            found.cancels.append((at + wait, found.intents[-1][1].intent_id))
        elif kind < 0.7:  # only where nobody knows what became of the order
            found.doubts.append((at, found.intents[-1][1].intent_id))
    found.intents.sort(key=lambda entry: entry[0])
    found.cancels.sort()
    if draw.random() < 0.25:
        # most of the kills come just when an order is on its way
        found.kill = found.on_its_way(draw) if draw.random() < 0.6 else draw.uniform(5, LAST)
    found.crash_chance = draw.choice((0.0, 0.02, 0.04, 0.08))
    if draw.random() < 0.3:
        found.deafness = found.on_its_way(draw) - draw.uniform(0, 8) if draw.random() < 0.6 else draw.uniform(5, LAST)
    found.meddling = draw.random() < 0.2
    if draw.random() < 0.3:
        begin = found.on_its_way(draw)
        found.pause = begin, begin + draw.uniform(3, 40)
    found.stops = sorted(draw.uniform(0, 2 * LAST) for _ in range(draw.choice((0, 0, 1, 2))))
    return found


def _intent(draw: random.Random, number: int, at: float, items: list) -> Intent:
    buys = draw.random() < 0.65
    item = items[draw.randrange(3)] if buys else items[draw.choice((1, 2))]
    kind = TimeInForce.GTD if draw.random() < 0.75 else draw.choice((TimeInForce.FAK, TimeInForce.FOK))
    created = START + round(at * SECOND)
    return Intent(
        intent_id=f"intent-{number}", instrument=item, is_buy=buys, strategy="simulated",
        price_e4=PriceE4(100 * (45 if draw.random() < 0.6 else draw.randrange(20, 80))),
        shares_e6=SharesE6(STEP * draw.randrange(500, 2_000)), time_in_force=kind, created_at=created,
        expires_at=created + draw.randrange(215, 280) * SECOND if kind is TimeInForce.GTD else None,
        post_only=kind is TimeInForce.GTD and draw.random() < 0.25,
    )  # fmt: skip


def faults_of(scenario: Scenario) -> Faults:
    """Return how often what happens; all seeds share it so far."""
    return Faults()

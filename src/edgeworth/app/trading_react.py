"""Let a model react to the market channel: a book that moves to where it sees an edge wakes the bot at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import numpy as np

from edgeworth.app.trading import Request, Session
from edgeworth.core.config import Config
from edgeworth.core.errors import UsageError
from edgeworth.core.panel import Floats
from edgeworth.forecasting.speaking import Speaker
from edgeworth.models.reaction import Signal
from edgeworth.trading.reactor import Reactor
from edgeworth.trading.record import Line
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.market_stream import MarketStream, StreamMarket
from edgeworth.venues.streams.wire import Connect, connect_websocket


@contextlib.asynccontextmanager
async def reacting(
    config: Config, request: Request, opened: Session, connect: Connect = connect_websocket
) -> AsyncIterator[MarketStream | None]:
    """Follow the books of a session's markets beside it, if that was asked for; ends with the block.

    Raises UsageError bad-option without a model, DataError model-not-compiled | feature-not-live for one that is not
    quick enough.
    """
    if not request.react:
        yield None
        return
    from edgeworth.research.batch_signals.forecaster import ModelSpeaker

    decider = opened.bot.parts.chooser.decider
    voice = next((one for one in decider.voices if isinstance(one, ModelSpeaker)), None)
    if voice is None or voice.beside is not None:
        raise UsageError(
            "bad-option", "--react needs a model that reads prices alone", "edgeworth train, then promote it"
        )
    stream = stream_of(config, opened, connect)
    reactor = Reactor(stream.books, opened.directory, voice.model, config.settings.signals.min_edge, stream.keeper.feed)

    def woken(_signals: list[Signal]) -> None:
        opened.bot.wake.set()

    stream.keeper.use_fast(reactor.make_fast(woken))
    before = opened.bot.on_tick

    def ticked(line: Line) -> None:
        reactor.refresh(decider.tail, rows_of(opened, voice))
        before(line)

    opened.bot.on_tick = ticked
    stream.follow(StreamMarket(one.yes_token, one.no_token, one.tick_e4) for one in opened.directory)
    task = asyncio.ensure_future(stream.run())
    try:
        yield stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def stream_of(config: Config, opened: Session, connect: Connect) -> MarketStream:
    """Return the market channel of the configured venue, with REST books for its snapshots."""
    clob = Clob(opened.http)

    async def snapshot(tokens):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (the stream's own type)
        return list(await clob.books(tokens))

    url = Endpoints.of(config.settings).market_ws
    return MarketStream(url, connect, snapshot, opened.clock, seed=config.settings.run.seed)


def rows_of(opened: Session, voice: Speaker) -> dict[int, Floats]:
    """Return the model's columns of every watched market as of the tick just made, by market number."""
    from edgeworth.research.batch_signals.forecaster import ModelSpeaker
    from edgeworth.research.dataset import live_inputs

    assert isinstance(voice, ModelSpeaker)
    tail = opened.bot.parts.chooser.decider.tail
    panel = tail.panel
    places = np.array([place for place in tail.watched.tolist() if panel.offsets[place + 1] > panel.offsets[place]])
    if not len(places):
        return {}
    found = live_inputs(panel, panel.offsets[places + 1] - 1, voice.features).astype(np.float64)
    numbers = panel.markets["market_no"].to_numpy()[places]
    return {int(number): row for number, row in zip(numbers.tolist(), found, strict=True)}

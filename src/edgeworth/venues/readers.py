"""One door to all readers: a recognised shape and the file's chunks in, records out.

Every reader is a generator over an iterable of (decompressed) byte chunks of any size, holds a bounded part of the file
and never raises for what the bytes say: what cannot be used comes out as `Rejected` with a reason code.
"""

from collections.abc import Iterable, Iterator

from edgeworth.core.records import Record
from edgeworth.venues.binance import klines
from edgeworth.venues.polymarket import clob, history, stream
from edgeworth.venues.shapes import Shape

DEFAULT_SOURCES = {
    Shape.GAMMA: "polymarket-gamma",
    Shape.CLOB_MARKETS: "polymarket-clob",
    Shape.HISTORY: "history",
    Shape.CHECKPOINT: "checkpoint",
    Shape.TOKEN_HISTORY: "polymarket-clob",
    Shape.KLINES_CSV: "binance-spot",
    Shape.KLINES_JSON: "binance-spot",
}


def read(shape: Shape, chunks: Iterable[bytes], *, name: str, source: str = "") -> Iterator[Record]:
    """Yield the records of a file of the given shape.

    `name` is the file's name: it says where a rejected row came from, and carries the market id of a token history
    and the symbol and interval of candles. `source` defaults to `DEFAULT_SOURCES`. Raises ValueError for
    `NOT_MARKET_DATA` and `KLINES_ZIP` (open the archive with `klines.iter_klines_zip`), for a candle file whose name
    does not tell symbol and interval, and for a token history without an id in its name.
    """
    origin = source or DEFAULT_SOURCES.get(shape, "")
    if shape is Shape.GAMMA:
        return stream.iter_gamma(chunks, source=origin, where=name)
    if shape is Shape.CLOB_MARKETS:
        return clob.iter_clob_markets(chunks, source=origin, where=name)
    if shape is Shape.HISTORY:
        return history.iter_history(chunks, source=origin, where=name)
    if shape is Shape.CHECKPOINT:
        return history.iter_checkpoint(chunks, source=origin, where=name)
    if shape is Shape.TOKEN_HISTORY:
        return history.iter_token_history(chunks, market_id=history.id_from_name(name), source=origin, where=name)
    archive = klines.parse_archive_name(name)
    if archive is None:
        raise ValueError(f"no symbol and interval in the name {name!r}")
    if shape is Shape.KLINES_CSV:
        return klines.iter_klines_csv(chunks, archive, source=origin, where=name)
    if shape is Shape.KLINES_JSON:
        return klines.iter_klines_json(chunks, archive, source=origin, where=name)
    raise ValueError(f"no reader for {shape}")

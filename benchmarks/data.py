"""Invented inputs of the sizes the goals speak of, made from a fixed seed and kept between runs in a folder of choice.

History: `{"markets": [...]}` with 17,324 markets and 7.2 million `{"t","p"}` points (about 198 MB). Events: an array of
14,214 Gamma events with 54,836 markets of about 75 fields (about 200 MB). Points: 12 million hourly points with a few
seconds of jitter at steps of a tenth of a cent. Nothing here was recorded anywhere.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import to_iso
from edgeworth.core.random import stream
from edgeworth.core.units import HOUR, MINUTE, SECOND, Micros

MARKETS, HISTORY_POINTS, LAKE_POINTS = 17_324, 7_235_628, 12_000_000
EVENTS, EVENT_MARKETS = 14_214, 54_836
START = 1_704_067_200  # seconds, 2024
_VERSION = 2
_WORDS = (
    "lantern", "harbour", "council", "orchard", "bridge", "festival", "summit",
    "ferry", "glacier", "museum", "signal", "tariff", "comet", "derby",
)  # fmt: skip
_TAGS = ("Culture", "Sports", "Crypto", "Politics", "Weather", "Economy", "Tech", "World")


@dataclass(frozen=True, slots=True)
class Points:
    """Market-major columns: `market_no` int64, `t` int64 microseconds, `price_e4` int32, `offsets` (markets + 1)."""

    market_no: "npt.NDArray[np.int64]"
    t: "npt.NDArray[np.int64]"
    price_e4: "npt.NDArray[np.int32]"
    offsets: "npt.NDArray[np.int64]"


def folder() -> Path:
    """Return where made files are kept: a folder of this name among the system's temporary files."""
    path = Path(tempfile.gettempdir()) / "edgeworth-benchmark"
    path.mkdir(exist_ok=True)
    return path


def points(markets: int, total: int, *, seed: int = 11, jitter: int = 3) -> Points:
    """Invent hourly walks at steps of 0.001: `total` points spread unevenly over `markets`, ± `jitter` seconds."""
    draw = stream(seed, "benchmark-points", markets)
    sizes = np.maximum(draw.multinomial(total, draw.dirichlet(np.full(markets, 2.0))), 2)
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    count = int(offsets[-1])
    number = np.repeat(np.arange(1, markets + 1), sizes)
    age = np.arange(count) - np.repeat(offsets[:-1], sizes)
    opened = np.repeat(draw.integers(0, 12_000, markets), sizes)
    seconds = START + (opened + age) * 3_600 + draw.integers(-jitter, jitter + 1, count)
    steps = np.rint(draw.normal(0, 4, count)).astype(np.int64) * draw.integers(0, 3, count)
    walk = np.cumsum(steps)
    walk -= np.repeat(walk[offsets[:-1]] - draw.integers(50, 951, markets), sizes)
    folded = np.abs(walk % 1_996 - 998) + 1  # reflected between 0.001 and 0.999
    return Points(number, seconds * SECOND, (folded * 10).astype(np.int32), offsets)


def history_file(markets: int = MARKETS, total: int = HISTORY_POINTS) -> Path:
    """Return the path of the history file of this size, made on first use."""
    path = folder() / f"history-{_VERSION}-{markets}-{total}.json"
    if not path.exists():
        _write(path, _history(markets, total))
    return path


def events_file(events: int = EVENTS, markets: int = EVENT_MARKETS) -> Path:
    """Return the path of the file of Gamma events of this size, made on first use."""
    path = folder() / f"events-{_VERSION}-{events}-{markets}.json"
    if not path.exists():
        _write(path, _events(events, markets))
    return path


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.writelines(pieces)
    temporary.replace(path)


def _history(markets: int, total: int) -> Iterator[bytes]:
    made = points(markets, total, jitter=0)
    seconds = (made.t // SECOND).tolist()
    price = [f'{{"t":%d,"p":{value / 1000:g}}}' for value in range(1_001)]
    steps = (made.price_e4 // 10).tolist()
    yield b'{"markets":['
    for index in range(markets):
        first, last = int(made.offsets[index]), int(made.offsets[index + 1])
        facts = {
            "id": str(500_000 + index),
            "question": f"Will the {_word(index)} {_word(index * 7 + 3)} open before day {index}?",
            "slug": f"{_word(index)}-{index}",
            "end_date": to_iso(Micros((seconds[last - 1] + 86_400) * SECOND)),
            "resolved": True,
            "outcome": "Yes" if steps[last - 1] > 500 else "No",
        }
        head = json.dumps(facts, separators=(",", ":"))[:-1]
        series = ",".join([price[step] % at for at, step in zip(seconds[first:last], steps[first:last], strict=True)])
        yield f'{"," if index else ""}{head},"price_history":[{series}]}}'.encode()
    yield b"]}"


def _events(events: int, markets: int) -> Iterator[bytes]:
    draw = stream(13, "benchmark-events", events, markets)
    sizes = 1 + draw.multinomial(max(markets - events, 0), np.full(events, 1 / events))
    numbers = draw.integers(0, 10**9, (int(sizes.sum()), 4)).tolist()
    made = 0
    yield b"["
    for index, size in enumerate(sizes.tolist()):
        rows = numbers[made : made + size]
        children = [_gamma_market(made + place, index, row) for place, row in enumerate(rows)]
        made += size
        event = _gamma_event(index, children)
        yield (b"," if index else b"") + json.dumps(event, separators=(",", ":")).encode()
    yield b"]"


def _word(number: int) -> str:
    return _WORDS[number % len(_WORDS)]


def _text(number: int, words: int) -> str:
    return " ".join(_WORDS[(number * 31 + k * k) % len(_WORDS)] for k in range(words)).capitalize() + "."


def _tag(number: int) -> dict[str, Any]:
    label = _TAGS[number % len(_TAGS)]
    return {
        "id": str(number % len(_TAGS)), "label": label, "slug": label.lower(), "forceShow": False,
        "publishedAt": "2024-01-05 17:37:12.537+00", "createdAt": "2024-01-05T17:37:12.536Z",
        "updatedAt": "2025-01-05T17:37:12.536Z",
    }  # fmt: skip


def _gamma_event(number: int, markets: list[dict[str, Any]]) -> dict[str, Any]:
    volume = sum(market["volumeNum"] for market in markets)
    return {
        "id": str(10_000 + number), "ticker": f"{_word(number)}-{number}", "slug": f"{_word(number)}-event-{number}",
        "title": f"The {_word(number)} {_word(number + 5)} of season {number}", "description": _text(number, 40),
        "startDate": _at(number), "creationDate": _at(number), "endDate": _at(number + 700),
        "image": f"https://example.org/image/{number}.png", "icon": f"https://example.org/icon/{number}.png",
        "active": True, "closed": number % 3 == 0, "archived": False, "new": False, "featured": False,
        "restricted": True, "liquidity": volume / 9, "volume": volume, "openInterest": 0, "createdAt": _at(number),
        "updatedAt": _at(number + 900), "competitive": 0.81, "volume24hr": volume / 40, "enableOrderBook": True,
        "negRisk": len(markets) > 2, "commentCount": number % 17, "markets": markets,
        "tags": [_tag(number), _tag(number + 3)], "cyom": False, "showAllOutcomes": True, "showMarketImages": False,
        "enableNegRisk": len(markets) > 2, "automaticallyActive": True, "gmpChartMode": "default",
    }  # fmt: skip


def _at(hours: int) -> str:
    return to_iso(Micros(START * SECOND + (hours % 12_000) * HOUR + (hours * 7_919 % 59) * MINUTE + 123_456))


def _gamma_market(number: int, event: int, row: list[int]) -> dict[str, Any]:
    step = row[0] % 999 + 1
    ended = event % 3 == 0
    price = (1.0 if step > 500 else 0.0) if ended else step / 1_000
    tokens = [f"{value:09d}" * 8 + f"{number:05d}" for value in row[1:3]]
    volume = row[3] / 1_000
    return {
        "id": str(500_000 + number), "version": "v1",
        "question": f"Will the {_word(number)} {_word(number * 7 + 3)} open before day {number}?",
        "conditionId": f"0x{row[0]:032x}{number:032x}", "slug": f"{_word(number)}-{number}",
        "resolutionSource": "https://example.org/results", "endDate": _at(event + 700), "startDate": _at(number),
        "liquidity": f"{volume / 7:.5f}", "image": f"https://example.org/image/{number}.png",
        "icon": f"https://example.org/icon/{number}.png", "description": _text(number, 84),
        "outcomes": '["Yes", "No"]', "outcomePrices": json.dumps([f"{price:g}", f"{1 - price:g}"]),
        "volume": f"{volume:.6f}", "active": True, "closed": ended, "marketMakerAddress": "", "createdAt": _at(number),
        "updatedAt": _at(number + 900), "closedTime": _at(event + 720).replace("T", " ").replace("Z", "+00"),
        "new": False, "featured": False, "submitted_by": f"0x{row[1]:040x}", "archived": False,
        "resolvedBy": f"0x{row[2]:040x}", "restricted": True, "groupItemTitle": f"Day {number}",
        "groupItemThreshold": str(number % 9), "questionID": f"0x{row[3]:064x}", "enableOrderBook": True,
        "orderPriceMinTickSize": 0.001, "orderMinSize": 5, "volumeNum": volume, "liquidityNum": volume / 7,
        "endDateIso": _at(event + 700)[:10], "startDateIso": _at(number)[:10], "hasReviewedDates": True,
        "volume24hr": volume / 40, "volume1wk": volume / 9, "volume1mo": volume / 3, "volume1yr": volume,
        "clobTokenIds": json.dumps(tokens), "umaBond": "500", "umaReward": "5", "volume24hrClob": volume / 40,
        "volume1wkClob": volume / 9, "volume1moClob": volume / 3, "volume1yrClob": volume, "volumeClob": volume,
        "liquidityClob": volume / 7, "acceptingOrders": not ended, "negRisk": False,
        "umaResolutionStatus": "resolved" if ended else "", "ready": False, "funded": False,
        "acceptingOrdersTimestamp": _at(number), "cyom": False, "competitive": 0.93, "pagerDutyNotificationEnabled":
        False, "approved": True, "rewardsMinSize": 20, "rewardsMaxSpread": 3.5, "spread": 0.002,
        "oneDayPriceChange": -0.001, "oneHourPriceChange": 0.0005, "lastTradePrice": price,
        "bestBid": max(step - 1, 0) / 1_000, "bestAsk": (step + 1) / 1_000, "automaticallyActive": True,
        "clearBookOnStart": True, "manualActivation": False, "negRiskOther": False, "umaResolutionStatuses": "[]",
        "pendingDeployment": False, "deploying": False, "rfqEnabled": False, "feesEnabled": number % 4 == 0,
        "clobRewards": [{"id": str(number), "conditionId": f"0x{row[0]:032x}{number:032x}",
                         "assetAddress": "0x" + "1a2b" * 10, "rewardsAmount": 0, "rewardsDailyRate": 5,
                         "startDate": _at(number)[:10], "endDate": "2500-12-31"}],
    }  # fmt: skip

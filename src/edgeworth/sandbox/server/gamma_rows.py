"""Markets and events as the metadata service prints them; what never changes of a market is encoded once."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, ONE_PRICE, SECOND
from edgeworth.sandbox.fees import fee_row
from edgeworth.sandbox.rules import rule_text
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.catalogue import Catalogue
from edgeworth.sandbox.server.figures import Figures, figures
from edgeworth.sandbox.server.live import LiveWorld, Moment, Phase, opened_at

_encode = msgspec.json.Encoder().encode
_SETTLED = {
    int(Payout.YES): (ONE_PRICE, 0),
    int(Payout.NO): (0, ONE_PRICE),
    int(Payout.HALF): (5_000, 5_000),
    int(Payout.VOID): (0, 0),
}
_CHANGES = ("oneHourPriceChange", "oneDayPriceChange", "oneWeekPriceChange", "oneMonthPriceChange")
_ADDRESS = "0x" + 40 * "0"

Disturbed = Callable[[int, int], tuple[int, int] | None]


class Rows:
    """Print markets and events of one world.

    `disturbed(market, now)` gives best bid and ask of a book that clients have changed, None for all others.
    """

    def __init__(self, live: LiveWorld, catalogue: Catalogue) -> None:
        self.live, self.catalogue = live, catalogue
        self.disturbed: Disturbed = _undisturbed
        self._fixed: dict[int, bytes] = {}
        self._stubs: dict[int, bytes] = {}
        self._tags: dict[int, bytes] = {}

    def markets(self, markets: Sequence[int], now: int, *, tags: bool = False, nested: bool = False) -> list[bytes]:
        """Return markets as JSON; `nested` in an event they leave the event out."""
        found = figures(self.live, markets, now)
        rows = zip(markets, found, strict=True)
        return [self._market(market, own, now, tags=tags, nested=nested) for market, own in rows]

    def _market(self, market: int, own: Figures, now: int, *, tags: bool, nested: bool) -> bytes:
        event = self.live.event_of(market)
        parts = [b"{", self._fixed_part(market), b",", self._state(market, own, now).encode()]
        if not nested:
            parts.append(self._stub(event))
        if tags:
            parts.append(self._tag_part(event))
        parts.append(b"}")
        return b"".join(parts)

    def event(self, event: int, moment: Moment, *, markets: bool = True) -> bytes:
        """Return one event as JSON, with all its markets unless told otherwise."""
        children = self.live.members(event) if markets else ()
        rows = b",".join(self.markets(children, moment.now, nested=True))
        fields = _encode(self._event_fields(event, moment))[:-1]
        return fields + self._tag_part(event) + b',"markets":[' + rows + b"]}"

    def _stub(self, event: int) -> bytes:
        found = self._stubs.get(event)
        if found is None:
            numbering = self.live.names.numbering
            slug = numbering.event_slug(event)
            row = {
                "id": numbering.event_id(event),
                "ticker": slug,
                "slug": slug,
                "title": self.live.event_text(event).title,
                "negRisk": self.live.world.event_kind[event].neg_risk,
            }
            found = self._stubs[event] = b',"events":[' + _encode(row) + b"]"
        return found

    def _tag_part(self, event: int) -> bytes:
        found = self._tags.get(event)
        if found is None:
            found = self._tags[event] = b',"tags":' + _encode(self.catalogue.tags_of[event])
        return found

    def _fixed_part(self, market: int) -> bytes:
        found = self._fixed.get(market)
        if found is None:
            found = self._fixed[market] = _encode(self._fixed_fields(market))[1:-1]
        return found

    def _fixed_fields(self, market: int) -> dict[str, Any]:
        live, names = self.live, self.live.names
        event, own = live.event_of(market), live.text(market)
        created = int(live.created_at[market])
        row: dict[str, Any] = {
            "id": names.market_id(market),
            "version": names.version(market),
            "question": own.question,
            "conditionId": names.condition_id(market),
            "slug": names.numbering.market_slug(market),
            "questionID": names.question_id(market),
            "description": rule_text(live.kind(market), own, created, int(live.scheduled_end[market])),
            "resolutionSource": "",
            "outcomes": text.text_list(*own.outcomes),
            "archived": False,
            "featured": False,
            "restricted": True,
            "approved": True,
            "ready": False,
            "funded": False,
            "cyom": False,
            "rfqEnabled": False,
            "automaticallyActive": True,
            "manualActivation": False,
            "pendingDeployment": False,
            "deploying": False,
            "holdingRewardsEnabled": False,
            "clearBookOnStart": False,
            "startDate": text.iso(created),
            "createdAt": text.iso(created - 70 * SECOND),
            "acceptingOrdersTimestamp": text.iso(opened_at(live, market)),
            "startDateIso": text.iso(created)[:10],
            "orderMinSize": 5,
            "secondsDelay": 3 if self._is_sport(market) else 0,
            "negRiskOther": False,
            "makerBaseFee": 1000,
            "takerBaseFee": 1000,
            "umaBond": "500",
            "umaReward": "5",
            "rewardsMinSize": 50,
            "rewardsMaxSpread": 3.5,
            "marketMakerAddress": "",
            "submitted_by": _ADDRESS,
        }
        return row | self._protocol(market) | self._group(market, event) | self._ends(market) | self._fees(market)

    def _is_sport(self, market: int) -> bool:
        return self.live.kind(market).category.startswith("sports/")

    def _protocol(self, market: int) -> dict[str, Any]:
        names = self.live.names
        if names.version(market) == "v1":
            return {"clobTokenIds": text.text_list(*names.tokens(market))}
        first, second = names.tokens(market)
        return {
            "clobTokenIds": text.text_list(*names.old_tokens(market)),
            "positionIds": [first, second],
            "requestId": names.condition_id(market),
            "onchainEventId": names.onchain_event_id(market),
        }

    def _group(self, market: int, event: int) -> dict[str, Any]:
        live, own = self.live, self.live.text(market)
        row: dict[str, Any] = {"negRisk": live.world.event_kind[event].neg_risk}
        if own.label:
            place = market - live.names.numbering.first[event]
            row |= {"groupItemTitle": own.label, "groupItemThreshold": str(place)}
        if row["negRisk"]:
            group = live.names.group_id(event)
            row |= {"negRiskMarketID": group, "negRiskRequestID": live.names.question_id(market)}
        if self._is_sport(market):
            row |= {"sportsMarketType": "moneyline", "gameId": str(90_000 + event)}
        return row

    def _ends(self, market: int) -> dict[str, Any]:
        end = self.live.scheduled(market)
        if end is None:
            return {}
        row = {"endDate": text.iso(end), "endDateIso": text.iso(end)[:10]}
        return row | {"gameStartTime": text.postgres(end)} if self._is_sport(market) else row

    def _fees(self, market: int) -> dict[str, Any]:
        fee = fee_row(self.live.kind(market).category, int(self.live.created_at[market]))
        if fee is None:
            return {"feesEnabled": False}
        name, rate, rebate = fee
        schedule = {"exponent": 1, "rate": rate / 1e6, "takerOnly": True, "rebateRate": rebate}
        return {"feesEnabled": True, "feeType": name, "feeSchedule": schedule}

    def _state(self, market: int, own: Figures, now: int) -> str:
        """Return what changes over a market's life, as JSON fields."""
        status = self.live.status(market, now)
        volume, day = text.six(own.volume), text.six(own.day)
        figures = (
            f'"active":true,"volume":"{volume}","volumeNum":{volume},"volumeClob":{volume},'
            f'"volume24hr":{day},"volume24hrClob":{day},"volume1wk":{text.six(own.week)},'
            f'"volume1mo":{text.six(own.month)},"volume1yr":{volume},'
            f'"orderPriceMinTickSize":{text.price(own.tick)},'
        )
        if status.phase is Phase.RESOLVED:
            return figures + self._final(market, status.history)
        return figures + self._running(market, own, now, status.history)

    def _running(self, market: int, own: Figures, now: int, history: tuple[str, ...]) -> str:
        bid, ask = (self.disturbed(market, now) if own.open else None) or (own.bid, own.ask)
        young = now - self.live.created_at[market] < DAY
        moves = zip(_CHANGES, own.changes, strict=True)
        changes = "".join(f'"{name}":{text.price(move)},' for name, move in moves if move is not None)
        last = bid if bid and own.volume % 2 else ask if ask < ONE_PRICE else bid
        state = (
            f'"closed":false,"new":{"true" if young else "false"},"acceptingOrders":{"true" if own.open else "false"},'
            f'"enableOrderBook":true,"outcomePrices":{_two(own.fair, ONE_PRICE - own.fair)},'
            f'"bestBid":{text.price(bid)},"bestAsk":{text.price(ask)},"spread":{text.price(ask - bid)},'
            f'"lastTradePrice":{text.price(last)},{changes}'
            f'"liquidity":"{own.liquidity}","liquidityNum":{own.liquidity},"liquidityClob":{own.liquidity},'
            f'"updatedAt":"{text.iso_seconds(now)}"'
        )
        return state + self._oracle(market, history)

    def _oracle(self, market: int, history: tuple[str, ...]) -> str:
        version = ',"resolutionStatus":"active"' if self.live.names.version(market) == "v2" else ""
        words = _words(history)
        if not history:
            return f',"umaResolutionStatuses":"{words}"{version}'
        return f',"umaResolutionStatus":"{history[-1]}","umaResolutionStatuses":"{words}"{version}'

    def _final(self, market: int, history: tuple[str, ...]) -> str:
        live = self.live
        resolved = int(live.resolved_at[market])
        yes, no = _SETTLED[int(live.world.final_e4[market])]
        version = ',"resolutionStatus":"resolved"' if live.names.version(market) == "v2" else ""
        return (
            f'"closed":true,"new":false,"acceptingOrders":false,"enableOrderBook":false,'
            f'"outcomePrices":{_two(yes, no)},'
            f'"bestBid":0,"bestAsk":1,"spread":1,"lastTradePrice":{text.price(yes)},'
            f'"liquidity":"0","liquidityNum":0,"liquidityClob":0,"updatedAt":"{text.iso_seconds(resolved)}",'
            f'"closedTime":"{text.postgres(resolved)}","umaEndDate":"{text.postgres(resolved)}",'
            f'"umaResolutionStatus":"resolved","umaResolutionStatuses":"{_words(history)}",'
            f'"resolvedBy":"{live.names.resolver}","automaticallyResolved":true{version}'
        )

    def _event_fields(self, event: int, moment: Moment) -> dict[str, Any]:
        live, now = self.live, moment.now
        members = live.members(event)
        first = members[0]
        kind, created = live.world.event_kind[event], int(live.created_at[first])
        slug = live.names.numbering.event_slug(event)
        closed = self.closed(event, now)
        chosen = slice(members.start, members.stop)
        volume, liquidity = int(moment.volume_e6[chosen].sum()), int(moment.liquidity_usd[chosen].sum())
        row: dict[str, Any] = {
            "id": live.names.event_id(event),
            "version": live.names.version(first),
            "ticker": slug,
            "slug": slug,
            "title": live.event_text(event).title,
            "description": "A simulated event.",
            "resolutionSource": "",
            "startDate": text.iso(created),
            "creationDate": text.iso(created),
            "createdAt": text.iso(created - 90 * SECOND),
            "updatedAt": text.iso_seconds(min(now, int(live.resolved_at[chosen].max()))),
            "active": True,
            "closed": closed,
            "archived": False,
            "new": now - created < DAY,
            "featured": False,
            "restricted": True,
            "cyom": False,
            "showAllOutcomes": True,
            "enableOrderBook": True,
            "volume": volume / 1e6,
            "volume24hr": int(moment.volume_24h_e6[chosen].sum()) / 1e6,
            "liquidity": liquidity,
            "liquidityClob": liquidity,
            "openInterest": volume // 4 / 1e6,
            "competitive": 0.9,
            "commentCount": 3,
            "negRisk": kind.neg_risk,
            "enableNegRisk": kind.neg_risk,
            "negRiskAugmented": False,
        }
        if kind.neg_risk:
            row["negRiskMarketID"] = live.names.group_id(event)
        return row | self._event_ends(event, closed)

    def _event_ends(self, event: int, closed: bool) -> dict[str, Any]:
        live, members = self.live, self.live.members(event)
        row: dict[str, Any] = {}
        end, series = live.scheduled(members[0]), self.catalogue.series_of(event)
        if end is not None:
            row |= {"endDate": text.iso(end), "eventDate": text.iso(end)[:10]}
        if closed:
            row["closedTime"] = text.iso_seconds(int(live.resolved_at[members.start : members.stop].max()))
        if series is not None:
            own = {"id": series.id, "slug": series.slug, "title": series.title, "recurrence": series.recurrence}
            row |= {"seriesSlug": series.slug, "series": [own]}
        return row

    def closed(self, event: int, now: int) -> bool:
        """Tell whether every market of an event is final."""
        members = self.live.members(event)
        return bool((self.live.resolved_at[members.start : members.stop] <= now).all())


def _undisturbed(_market: int, _now: int) -> tuple[int, int] | None:
    return None


def _two(yes_e4: int, no_e4: int) -> str:
    """Return both prices as the JSON string of a list of strings."""
    return f'"[\\"{text.price(yes_e4)}\\", \\"{text.price(no_e4)}\\"]"'


def _words(history: tuple[str, ...]) -> str:
    return text.text_list(*history).replace('"', '\\"')

"""The market channel: books, level changes, trades and tick changes of subscribed tokens, news of markets."""

import hashlib
from typing import Any, Final, Protocol

from edgeworth.core.types import Payout
from edgeworth.core.units import ONE_PRICE
from edgeworth.sandbox.exchange.crowd import Print
from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.money import amount_text, price_text
from edgeworth.sandbox.exchange.pit import Picture, Pit
from edgeworth.sandbox.exchange.ports import FaultsPort, LivePort
from edgeworth.sandbox.exchange.render import Shown, best_prices, book_object
from edgeworth.sandbox.exchange.socket import Socket, Time, misses

_CEILING: Final = 500  # assets beyond which first snapshots go missing


class NewsDesk(Protocol):
    """Whoever knows which sockets want to hear of new and of resolved markets."""

    def want_news(self, session: "MarketSession", *, wanted: bool) -> None:
        """Remember or forget a session."""


class MarketSession(Socket):
    """One connection to the market channel."""

    def __init__(self, time: Time, faults: FaultsPort, floor: Floor, news: NewsDesk) -> None:
        super().__init__(time, faults)
        self._floor, self._news = floor, news
        self._assets: dict[str, tuple[int, int]] = {}  # token -> market, leg
        self._legs: dict[int, set[int]] = {}
        self._waiting: dict[int, None] = {}  # markets subscribed before they had a book, in order
        self._custom = False

    # what the client asks

    def _take(self, frame: dict[str, Any]) -> None:
        assets = frame.get("assets_ids")
        wanted = [name for name in assets if isinstance(name, str)] if isinstance(assets, list) else []
        operation = frame.get("operation") or ("subscribe" if frame.get("type") == "market" else "")
        if operation == "unsubscribe":
            self._unsubscribe(wanted)
        elif operation == "subscribe":
            if "custom_feature_enabled" in frame:
                self._custom = bool(frame["custom_feature_enabled"])
                self._news.want_news(self, wanted=self._custom)
            self._subscribe(wanted, snapshots=frame.get("initial_dump", True) is not False)

    def _subscribe(self, tokens: list[str], *, snapshots: bool) -> None:
        now, events = self._time.now(), []
        for token in tokens:
            found = self._floor.live.names.find_token(token)
            if found is None or token in self._assets:
                continue
            self._assets[token] = found
            self._watch(found, now)
            if snapshots and len(self._assets) <= _CEILING and not self._missing(token):
                events += self._book(found[0], found[1], now)
        self._send_many(events)

    def _watch(self, found: tuple[int, int], now: int) -> None:
        market, leg = found
        self._legs.setdefault(market, set()).add(leg)
        if self._floor.live.is_open(market, now):
            self._floor.watch(market, self, now)
        elif now < self._floor.live.created_at[market]:
            self._waiting[market] = None

    def _unsubscribe(self, tokens: list[str]) -> None:
        for token in tokens:
            found = self._assets.pop(token, None)
            if found is None:
                continue
            self._legs[found[0]].discard(found[1])
            if not self._legs[found[0]]:
                del self._legs[found[0]]
                self._waiting.pop(found[0], None)
                self._floor.unwatch(found[0], self)

    def _gone(self) -> None:
        self._unsubscribe(list(self._assets))
        self._news.want_news(self, wanted=False)

    def _listening(self) -> bool:
        return bool(self._assets) or self._custom

    def _opens_at(self) -> int | None:
        return min((int(self._floor.live.created_at[market]) for market in self._waiting), default=None)

    def _refresh(self, now: int) -> None:
        listed = [market for market in self._waiting if now >= self._floor.live.created_at[market]]
        for market in listed:
            del self._waiting[market]
            if self._floor.live.is_open(market, now):
                self._floor.watch(market, self, now)
                for leg in sorted(self._legs[market]):
                    self._send_many(self._book(market, leg, now))

    def _missing(self, token: str) -> bool:
        fault = self._faults.active("ws-missing-snapshots")
        return fault is not None and misses(token, self._sent, float(fault.get("share", 0.3)))

    # what the pits report

    def changed(self, pit: Pit, at: int, before: Picture, cause: str) -> None:
        """Send the levels that differ, for both tokens, and the new best prices."""
        shown = self._shown(pit, at)
        if shown is None:
            return
        after = Picture(pit.book)
        rows = []
        best = tuple(tuple("" if p is None else price_text(p) for p in best_prices(shown, leg)) for leg in (0, 1))
        for bid, price, shares in before.changes(after):
            mark = hashlib.sha1(f"{cause}/{pit.market}/{at}/{bid}/{price}".encode(), usedforsecurity=False).hexdigest()
            rows += [_change(shown.tokens[leg], best[leg], (leg, bid, price, shares), mark) for leg in (0, 1)]
        head = {"event_type": "price_change", "market": shown.condition, "timestamp": _ms(at)}
        self._send({**head, "price_changes": rows})
        if self._custom and before.best() != after.best():
            for leg in sorted(self._legs.get(pit.market, ())):
                self._send(_best(shown, leg, at))

    def traded(self, pit: Pit, at: int, trade: Print) -> None:
        """Send a trade to whoever subscribed to its token, then the book after it."""
        shown, legs = self._shown(pit, at), self._legs.get(pit.market, set())
        if shown is None:
            return
        if trade.leg in legs:
            mark = hashlib.sha256(f"{pit.market}/{trade.key}/{at}/{trade.price_e4}".encode()).hexdigest()
            self._send(
                {
                    "event_type": "last_trade_price",
                    "market": shown.condition,
                    "asset_id": shown.tokens[trade.leg],
                    "price": price_text(trade.price_e4),
                    "size": amount_text(trade.shares_e6),
                    "side": "BUY" if trade.buy else "SELL",
                    "fee_rate_bps": "0",
                    "timestamp": _ms(at),
                    "transaction_hash": "0x" + mark,
                }
            )
        for leg in sorted(legs):
            for event in self._book(pit.market, leg, at):
                self._send(event)

    def tick_changed(self, pit: Pit, at: int, old_e4: int) -> None:
        """Send the new price step, then the book."""
        names = self._floor.live.names
        for leg in sorted(self._legs.get(pit.market, ())):
            event = {
                "event_type": "tick_size_change",
                "market": names.condition_id(pit.market),
                "asset_id": names.tokens(pit.market)[leg],
                "old_tick_size": price_text(old_e4),
                "new_tick_size": price_text(pit.tick_e4),
                "timestamp": _ms(at),
            }
            self._send(event)
            for book in self._book(pit.market, leg, at):
                self._send(book)

    # news of markets

    def listed(self, market: int, at: int) -> None:
        """Send that a market was listed."""
        if self._custom:
            self._send(new_market(self._floor.live, market, at))

    def resolved(self, market: int, at: int) -> None:
        """Send that a market became final, when one of its tokens is subscribed."""
        if self._custom and market in self._legs:
            self._send(market_resolved(self._floor.live, market, at))

    def _shown(self, pit: Pit, at: int) -> Shown | None:
        return self._floor.shown(pit.market, at) if self._legs.get(pit.market) else None

    def _book(self, market: int, leg: int, now: int) -> list[dict[str, Any]]:
        shown = self._floor.shown(market, now)
        return [] if shown is None else [{"event_type": "book", **book_object(shown, leg)}]


def _change(token: str, best: tuple[str, ...], change: tuple[int, bool, int, int], mark: str) -> dict[str, Any]:
    leg, bid, price, shares = change
    return {
        "asset_id": token,
        "price": price_text(price if leg == 0 else ONE_PRICE - price),
        "size": amount_text(shares),
        "side": "BUY" if bid == (leg == 0) else "SELL",
        "hash": mark if leg == 0 else mark[::-1],
        "best_bid": best[0],
        "best_ask": best[1],
    }


def _best(shown: Shown, leg: int, at: int) -> dict[str, Any]:
    bid, ask = best_prices(shown, leg)
    known = bid is not None and ask is not None
    return {
        "event_type": "best_bid_ask",
        "market": shown.condition,
        "asset_id": shown.tokens[leg],
        "best_bid": "" if bid is None else price_text(bid),
        "best_ask": "" if ask is None else price_text(ask),
        "spread": price_text((ask or 0) - (bid or 0)) if known else "",
        "timestamp": _ms(at),
    }


def new_market(live: LivePort, market: int, at: int) -> dict[str, Any]:
    """Return the event of a listing."""
    event, names, text = live.event_of(market), live.names, live.text(market)
    title = live.event_text(event).title
    slug = names.numbering.event_slug(event)
    description = "This is a simulated market; its resolution follows the simulated world."
    message = {"id": names.event_id(event), "ticker": slug, "slug": slug, "title": title, "description": description}
    return {
        "event_type": "new_market",
        "id": names.market_id(market),
        "question": text.question,
        "market": names.condition_id(market),
        "condition_id": names.condition_id(market),
        "slug": names.numbering.market_slug(market),
        "description": description,
        "assets_ids": list(names.tokens(market)),
        "clob_token_ids": list(names.tokens(market)),
        "outcomes": list(text.outcomes),
        "event_message": message,
        "tags": _tags(live, market),
        "active": True,
        "order_price_min_tick_size": price_text(live.tick_e4(market, at)),
        "group_item_title": text.label or "",
        "sports_market_type": "",
        "line": "",
        "game_start_time": "",
        "timestamp": _ms(at),
    }


def market_resolved(live: LivePort, market: int, at: int) -> dict[str, Any]:
    """Return the event of a final outcome; a market that pays both sides has no winner."""
    tokens, text = live.names.tokens(market), live.text(market)
    payout = int(live.world.final_e4[market])
    winner = {int(Payout.YES): 0, int(Payout.NO): 1}.get(payout)
    return {
        "event_type": "market_resolved",
        "id": live.names.market_id(market),
        "market": live.names.condition_id(market),
        "assets_ids": list(tokens),
        "winning_asset_id": "" if winner is None else tokens[winner],
        "winning_outcome": "" if winner is None else text.outcomes[winner],
        "timestamp": _ms(at),
        "tags": _tags(live, market),
    }


def _tags(live: LivePort, market: int) -> list[str]:
    labels = (*live.kind(market).tags, *live.event_text(live.event_of(market)).tags)
    return [label.lower().replace(" ", "-") for label in dict.fromkeys(labels)]


def _ms(at: int) -> str:
    return str(at // 1000)

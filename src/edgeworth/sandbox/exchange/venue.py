"""The exchange as one object: requests of the order service in, responses out, sockets, and what others may look up."""

import threading
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from edgeworth.core.clock import Clock
from edgeworth.core.types import Payout
from edgeworth.core.units import ONE_PRICE, ONE_USD, SECOND, UsdE6
from edgeworth.sandbox.exchange.account_routes import UNAUTHORIZED, AccountRoutes
from edgeworth.sandbox.exchange.bank import Bank
from edgeworth.sandbox.exchange.desk import Desk
from edgeworth.sandbox.exchange.floor import Floor
from edgeworth.sandbox.exchange.heartbeats import Heartbeats
from edgeworth.sandbox.exchange.listings import Listings
from edgeworth.sandbox.exchange.market_session import MarketSession
from edgeworth.sandbox.exchange.members import Members
from edgeworth.sandbox.exchange.order_routes import OrderRoutes
from edgeworth.sandbox.exchange.ports import FaultsPort, FixedFaults, LivePort
from edgeworth.sandbox.exchange.reads import BookReads
from edgeworth.sandbox.exchange.records import Position, Records
from edgeworth.sandbox.exchange.render import Shown
from edgeworth.sandbox.exchange.state import BACKGROUND, Order, TradeState
from edgeworth.sandbox.exchange.tape import Tape
from edgeworth.sandbox.exchange.timers import Timers
from edgeworth.sandbox.exchange.user_session import UserFeed, UserSession
from edgeworth.sandbox.protocol import PublicPrint, Request, Response, Session, json_response, text_response

ENDOWMENT: Final = UsdE6(10_000 * ONE_USD)


class Exchange:
    """Order books, accounts and trades of one world; deterministic in world, clock and the order of requests."""

    def __init__(
        self, live: LivePort, clock: Clock, faults: FaultsPort | None = None, endowment_e6: UsdE6 = ENDOWMENT
    ) -> None:
        self.live, self._clock = live, clock
        self._faults: FaultsPort = faults or FixedFaults()
        seed = f"{live.world.scenario.name}/{live.world.seed}"
        self.timers, self.bank = Timers(), Bank()
        self.tape = Tape(self.bank, self.timers, self._faults, seed)
        self.floor = Floor(live, self.bank, self.tape, self.timers, self._faults)
        self.members = Members(self.bank, self._faults, seed, endowment_e6)
        self.desk = Desk(self.floor, self.bank, self.members, self.timers, self._faults)
        self._accounts = AccountRoutes(
            self.members,
            self.bank,
            self.floor,
            self.tape,
            Heartbeats(self.desk, self.timers, self._faults),
            self._faults,
        )
        self._orders = OrderRoutes(self.desk, self.floor, self._faults, seed)
        self._listings = Listings(self.floor)
        self._open = BookReads(self.floor, self._faults).routes() | self._listings.routes() | self._plain()
        self.records = Records(self.floor, self.tape, self.bank)
        self._users = UserFeed(self.floor, self.tape, self.members)
        self._curious: list[MarketSession] = []
        self._settled_at = self._at = int(clock.now())
        self._instants = np.unique(np.concatenate([live.created_at, live.resolved_at])).tolist()
        self._lock = threading.RLock()
        self._tick_fault = False

    # time

    def now(self) -> int:
        """Let everything due by the clock's instant happen, in order, and return that instant."""
        with self._lock:
            self._advance(int(self._clock.now()))
            return self._at

    def next_at(self) -> int | None:
        """Return when something is planned: quotes and trades of live books, settlements, listings, resolutions."""
        place = bisect_right(self._instants, self._at)
        news = self._instants[place] if self._curious and place < len(self._instants) else None
        found = [at for at in (self.timers.next_at(), news) if at is not None]
        return min(found) if found else None

    def _advance(self, until: int) -> None:
        while self._at < until:
            step = self._next_stop(until)
            self.timers.run(step)
            self._tell_news(self._at, step)
            self._at = step
            self._settle(step)
        self._check_ticks(until)

    def _next_stop(self, until: int) -> int:
        """Return where to stop next: at once the end, or the next listing or resolution that somebody waits for."""
        if not self._curious and not self._holders():
            return until
        place = bisect_right(self._instants, self._at)
        return min(until, self._instants[place]) if place < len(self._instants) else until

    def _holders(self) -> bool:
        return len(self.bank.pools) > 0

    def _tell_news(self, since: int, until: int) -> None:
        if not self._curious:
            return
        for session in list(self._curious):
            for market in self.live.listed_between(since, until):
                session.listed(market, int(self.live.created_at[market]))
            for market in self.live.resolved_between(since, until):
                session.resolved(market, int(self.live.resolved_at[market]))

    def _settle(self, now: int) -> None:
        """Pay out markets that became final; a void one pays half to both sides, so that every pool empties."""
        found = self.live.resolved_between(self._settled_at, now) if self.bank.pools else []
        for market in found:
            if market in self.bank.pools:
                payout = int(self.live.world.final_e4[market])
                yes = ONE_PRICE // 2 if payout == Payout.VOID else payout
                self.bank.resolve(market, yes, int(self.live.resolved_at[market]))
        self._settled_at = max(self._settled_at, now)

    def _check_ticks(self, now: int) -> None:
        """Change ticks in live books when the fault of that name comes or goes; they follow the world by themselves."""
        fault = self._faults.active("tick-change") is not None
        if fault == self._tick_fault:
            return
        self._tick_fault = fault
        for pit in list(self.floor.pits.values()):
            pit.set_tick(self.floor.tick_e4(pit.market, now), now)

    # requests

    def handle(self, request: Request) -> Response | None:
        """Answer a request to the order service, None for a route that is not the exchange's."""
        with self._lock:
            now = self.now()
            handler = self._open.get((request.method, request.path))
            if handler is not None:
                return handler(request, now)
            return self._listings.one(request, now) or self._accounts.login(request) or self._private(request, now)

    def _private(self, request: Request, now: int) -> Response | None:
        who = self.members.authenticate(request, now)
        if who is not None:
            return self._orders.answer(request, who, now) or self._accounts.answer(request, who, now)
        return json_response({"error": UNAUTHORIZED}, 401) if is_private(request) else None

    def _plain(self) -> dict[tuple[str, str], Callable[[Request, int], Response]]:
        return {
            ("GET", "/"): lambda _, __: json_response("OK"),
            ("GET", "/ok"): lambda _, __: json_response("OK"),
            ("GET", "/time"): self._time,
            ("GET", "/version"): lambda _, __: json_response({"version": 2}),
        }

    def _time(self, request: Request, now: int) -> Response:  # noqa: ARG002 - a handler's signature
        skew = self._faults.active("clock-skew")
        seconds = now // SECOND + (0 if skew is None else int(skew.get("seconds", 0)))
        return text_response(str(seconds), kind="application/json; charset=utf-8")

    def connect(self, channel: str) -> Session:
        """Open a socket on the channel `market` or `user`; raises ValueError for another one."""
        with self._lock:
            if channel == "market":
                return MarketSession(self, self._faults, self.floor, self)
            if channel == "user":
                session = UserSession(self, self._faults, self.members, self._users.leave)
                if session.closed is None:
                    self._users.join(session)
                return session
            raise ValueError(f"there is no channel '{channel}'")

    def want_news(self, session: MarketSession, *, wanted: bool) -> None:
        """Tell a session of new and resolved markets, or no longer."""
        if wanted and session not in self._curious:
            self._curious.append(session)
        elif not wanted and session in self._curious:
            self._curious.remove(session)

    # looking things up

    def book(self, market: int, now: int | None = None) -> Shown | None:
        """Return a market's book in YES terms, best levels first; None where there is none."""
        with self._lock:
            at = self.now()
            return self.floor.shown(market, at) if now is None or now >= at else self.floor.computed(market, now)

    def trades(self, market: int, since: int, until: int, *, makers: bool = False) -> list[PublicPrint]:
        """Return the public trades of a market in (since, until], oldest first; with `makers` also their sides."""
        with self._lock:
            return self.records.trades(market, since, min(until, self.now()), makers=makers)

    def positions(self, wallet: str) -> list[Position]:
        """Return what a wallet has or had, in order of its first trades."""
        with self._lock:
            self.now()
            return self.records.positions(wallet)

    def client_wallets(self) -> list[str]:
        """Return every wallet that is not the crowd's."""
        return [address for address in self.bank.wallets if address != BACKGROUND]

    def deposit(self, wallet: str, amount_e6: int) -> None:
        """Give a wallet dollars."""
        with self._lock:
            self.members.fund(wallet.lower())
            self.bank.deposit(wallet.lower(), amount_e6)

    def split(self, wallet: str, market: int, amount_e6: int) -> bool:
        """Turn a wallet's dollars into as many YES and NO shares of an unresolved market."""
        with self._lock:
            now = self.now()
            alive = self.live.created_at[market] <= now < self.live.resolved_at[market]
            return bool(alive) and self.bank.split(wallet.lower(), market, amount_e6, now)

    def merge(self, wallet: str, market: int, amount_e6: int) -> bool:
        """Turn as many YES and NO shares back into dollars."""
        with self._lock:
            return self.bank.merge(wallet.lower(), market, amount_e6, self.now())

    def describe(self) -> dict[str, Any]:
        """Return what the control channel tells of the exchange."""
        with self._lock:
            self.now()
            return {
                "signatures": "checked" if self.members.verifier.exact else "structure only",
                "accounts": len(self.client_wallets()),
                "live_books": len(self.floor.pits),
                "open_orders": sum(order.state == "LIVE" for order in self.floor.orders.values()),
                "trades": len(self.tape.trades),
                "fees_usd": self.bank.fees_e6 / ONE_USD,
            }

    def describe_wallet(self, wallet: str) -> dict[str, Any]:
        """Return all that a client's wallet has and ever ordered; amounts in millionths, prices in 1e-4 dollars."""
        address = wallet.lower()
        with self._lock:
            self.now()
            if address not in self.bank.wallets:
                return {"cash_e6": 0, "holdings": {}, "orders": [], "unsettled": 0}
            mine = [order for order in self.floor.orders.values() if order.wallet == address]
            tokens = self.live.names.tokens
            held = {tokens(row.market)[row.leg]: row.shares_e6 for row in self.records.positions(address)}
            names = {order.id for order in mine}
            over = {TradeState.CONFIRMED, TradeState.FAILED}
            moving = [
                trade for trade in self.tape.trades.values()
                if trade.state not in over
                and (trade.taker_order in names or any(part.order_id in names for part in trade.makers))
            ]  # fmt: skip
            return {
                "cash_e6": self.bank.wallets[address].cash_e6,
                "holdings": {token: shares for token, shares in held.items() if shares},
                "orders": [_order_row(order, tokens(order.market)[order.leg]) for order in mine],
                "unsettled": len(moving),
            }


def _order_row(order: Order, token: str) -> dict[str, Any]:
    return {
        "id": order.id, "market": order.market, "token": token, "buy": order.buy, "price_e4": order.price_e4,
        "size_e6": order.size_e6, "matched_e6": order.matched_e6, "state": str(order.state), "created": order.created,
    }  # fmt: skip


def is_private(request: Request) -> bool:
    """Return whether a route belongs to logged-in accounts."""
    path = request.path
    if path in {"/order", "/orders", "/cancel-all", "/cancel-market-orders", "/v1/heartbeats", "/order-scoring"}:
        return True
    return path.startswith(
        ("/auth/", "/data/", "/balance-allowance", "/notifications", "/rewards/", "/rebates/", "/v1/")
    )

"""The order desk: checks an order in the venue's sequence, matches it, rests it, and takes it back.

owner and signer, ban, market state, tick, size, expiration, duplicate, balance, post-only, match; login and payload
come before. Texts are the venue's.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

from edgeworth.core.units import ONE_PRICE, ONE_USD, SECOND, divide
from edgeworth.sandbox.exchange.bank import Bank
from edgeworth.sandbox.exchange.eip712 import Domain, order_domain, order_id
from edgeworth.sandbox.exchange.floor import OPENING, Floor
from edgeworth.sandbox.exchange.members import Credentials, Members, shown_address
from edgeworth.sandbox.exchange.money import Limit, amount_text, price_text, read_amounts
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.state import Fill, Kind, Order, OrderState, Trade
from edgeworth.sandbox.exchange.tape import split_cash
from edgeworth.sandbox.exchange.ticket import Refused, Ticket
from edgeworth.sandbox.exchange.timers import Timers

MIN_SHARES_E6: Final = 5 * ONE_USD
_SOONEST_S: Final = 175  # a GTD order must live three minutes; a few seconds are for its way here
_EARLY: Final = 60 * SECOND  # the venue drops a GTD order a minute before its time
_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
_NO_MATCH = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
_NO_BOOK = "No orderbook exists for the requested token id"


class Placed(NamedTuple):
    """What became of an accepted order at once."""

    order: Order
    status: str
    trades: list[Trade]


class Desk:
    """Place and cancel orders of clients."""

    def __init__(self, floor: Floor, bank: Bank, members: Members, timers: Timers, faults: FaultsPort) -> None:
        self._floor, self._bank, self._members = floor, bank, members
        self._timers, self._faults = timers, faults

    # placing

    def place(self, ticket: Ticket, who: Credentials, now: int) -> Placed:
        """Accept and match an order; raises Refused."""
        found = self._floor.live.names.find_token(str(ticket.fields.token_id))
        domain = self._domain(ticket, found)
        self._check_owner(ticket, who, domain)
        self._check_ban(ticket, who)
        market, leg = self._check_market(found, now)
        name = order_id(ticket.fields, domain)
        limit = self._check_amounts(ticket, name, market, now)
        expires = self._check_expiration(ticket, now)
        if name in self._floor.orders:
            raise Refused(f"order {name} is invalid. Duplicated.")
        order = Order(
            id=name,
            wallet=ticket.wallet,
            owner=who.key,
            market=market,
            leg=leg,
            buy=ticket.buy,
            price_e4=limit.price_e4,
            size_e6=limit.shares_e6,
            left_e6=limit.shares_e6,
            kind=ticket.kind,
            created=now,
            expires=expires,
            post_only=ticket.post_only,
            budget_e6=limit.budget_e6,
            account=who.address,
        )
        return self._admit(order, now)

    def _admit(self, order: Order, now: int) -> Placed:
        """Check what depends on the book, then match or delay."""
        pit = self._floor.pit(order.market, now)
        fills = pit.book.plan(order)
        self._check_balance(order, fills)
        if order.post_only and fills:
            raise Refused("invalid post-only order: order crosses book")
        delay = self._delay()
        if fills and delay is not None:
            seconds, matches = delay
            self._floor.orders[order.id] = order
            order.state = OrderState.DELAYED
            self._floor.tell(order, "PLACEMENT", now)
            self._timers.plan(now + seconds * SECOND, partial(self._after_delay, order, matches))
            return Placed(order, "delayed", [])
        self._check_fill(order, fills, now)
        self._floor.orders[order.id] = order
        return self._carry_out(order, fills, now)

    def _carry_out(self, order: Order, fills: list[Fill], now: int) -> Placed:
        pit = self._floor.pit(order.market, now)
        trades = self._floor.match(pit, order, fills, now) if fills else []
        bought = sum(fill.shares_e6 for fill in fills)
        if order.budget_e6 is not None:  # what it asked for becomes what its dollars bought
            order.size_e6, order.left_e6 = max(bought, 0), 0
        else:
            order.left_e6 -= bought
        if order.left_e6 and order.kind.rests:
            order.state = OrderState.LIVE
            self._floor.rest(pit, order, now)
            if order.expires is not None:
                self._timers.plan(order.expires, partial(self._expire, order))
        else:
            order.state = OrderState.MATCHED
        self._floor.tell(order, "PLACEMENT", now)
        if fills:
            self._floor.tell(order, "UPDATE", now)
        return Placed(order, "matched" if fills else "live", trades)

    def _after_delay(self, order: Order, matches: bool, at: int) -> None:
        """Let a delayed order meet the book as it is now."""
        if order.state is not OrderState.DELAYED:
            return
        fills: list[Fill] = []
        if matches and self._floor.live.is_open(order.market, at):
            fills = self._floor.pit(order.market, at).book.plan(order)
        try:
            if not fills:
                raise Refused("unmatched")
            self._check_balance(order, fills)
            self._check_fill(order, fills, at)
        except Refused:
            order.state = OrderState.UNMATCHED
            self._floor.tell(order, "CANCELLATION:UNMATCHED", at)
            return
        self._carry_out(order, fills, at)

    # checks, in the venue's order

    def _domain(self, ticket: Ticket, found: tuple[int, int] | None) -> Domain:
        neg_risk = found is not None and self._floor.live.kind(found[0]).neg_risk
        return order_domain(ticket.fields.token_id, neg_risk)

    def _check_owner(self, ticket: Ticket, who: Credentials, domain: Domain) -> None:
        fields, address = ticket.fields, who.address
        if ticket.owner != who.key or who.readonly:
            raise Refused("the order owner has to be the owner of the API KEY")
        contract = fields.signature_type == 3
        if fields.signer.lower() != (fields.maker.lower() if contract else address):
            raise Refused("the order signer address has to be the address of the API KEY")
        plain_but_other = fields.signature_type == 0 and ticket.wallet != address
        refused_kind = not contract and self._faults.active("deposit-wallet-required") is not None
        if plain_but_other or refused_kind or not self._may_use(ticket, address):
            raise Refused("maker address not allowed, please use the deposit wallet flow")
        if self._faults.active("order-version-mismatch") is not None:
            raise Refused("order_version_mismatch")
        verifier = self._members.verifier
        if not verifier.order(fields, domain, ticket.signature, address):
            if any(verifier.order(fields, old, ticket.signature, address) for old in _other_versions(domain)):
                raise Refused("order_version_mismatch")
            raise Refused("invalid signature")

    def _may_use(self, ticket: Ticket, address: str) -> bool:
        return self._members.claim(address, ticket.wallet, ticket.fields.signature_type)

    def _check_ban(self, ticket: Ticket, who: Credentials) -> None:
        shown = shown_address(who.address)
        if self._faults.active("geoblocked") is not None:
            raise Refused("Trading restricted in your region", 403)
        if self._faults.active("address-banned") is not None:
            raise Refused(f"'{shown}' address banned")
        if self._faults.active("closed-only") is not None and ticket.buy:
            raise Refused(f"'{shown}' address in closed only mode")

    def _check_market(self, found: tuple[int, int] | None, now: int) -> tuple[int, int]:
        live = self._floor.live
        if found is None or now < live.created_at[found[0]]:
            raise Refused("market not found", 404)
        if now < int(live.created_at[found[0]]) + OPENING or self._hydrating(found[0], now):
            raise Refused("the market is not yet ready to process new orders")
        if not live.is_open(found[0], now):
            raise Refused(_NO_BOOK, 404)
        return found

    def _hydrating(self, market: int, now: int) -> bool:
        fault = self._faults.active("hydration")
        return fault is not None and now < int(self._floor.live.created_at[market]) + fault.get("seconds", 180) * SECOND

    def _check_amounts(self, ticket: Ticket, name: str, market: int, now: int) -> Limit:
        tick, fields = self._floor.tick_e4(market, now), ticket.fields
        limit = read_amounts(fields.maker_amount, fields.taker_amount, ticket.buy, not ticket.kind.rests, tick)
        if limit is None:
            cash, shares = fields.maker_amount, fields.taker_amount
            if not ticket.buy:
                cash, shares = shares, cash
            price = price_text(cash * ONE_PRICE // shares)
            raise Refused(f"order {name} is invalid. Price ({price}) breaks minimum tick size rule: {price_text(tick)}")
        if ticket.kind.rests and limit.shares_e6 < MIN_SHARES_E6:
            raise Refused(f"order {name} is invalid. Size ({amount_text(limit.shares_e6)}) lower than the minimum: 5")
        if limit.budget_e6 is not None and limit.budget_e6 < ONE_USD:
            amount = amount_text(limit.budget_e6)
            raise Refused(f"order {name} is invalid. Size (${amount}) lower than the minimum: $1")
        return limit

    def _check_expiration(self, ticket: Ticket, now: int) -> int | None:
        if ticket.kind is not Kind.GTD:
            if ticket.expiration_s:
                raise Refused("invalid expiration")
            return None
        if ticket.expiration_s < now // SECOND + _SOONEST_S:
            raise Refused("invalid expiration")
        return ticket.expiration_s * SECOND - _EARLY

    def _check_balance(self, order: Order, fills: list[Fill]) -> None:
        """Refuse what the wallet cannot pay: the fills it would get, their fees, and the rest at its limit."""
        wallet = self._bank.wallet(order.wallet)
        if order.buy:
            spent = sum(split_cash(order, fill)[0] for fill in fills)
            fees = sum(self._fees(order, fills).values())
            rest = order.left_e6 - sum(fill.shares_e6 for fill in fills) if order.kind.rests else 0
            needed = spent + fees + divide(rest * order.price_e4, ONE_PRICE, "up")
            if order.budget_e6 is not None:
                needed = max(needed, order.budget_e6 + fees)
            free = wallet.free_e6
        else:
            needed, free = order.left_e6, wallet.free_shares((order.market, order.leg))
        if needed > free:
            raise Refused(f"not enough balance / allowance: balance: {max(free, 0)}, order amount: {needed}")

    def _fees(self, order: Order, fills: list[Fill]) -> dict[int, int]:
        """Return the fee of each price level that would be hit."""
        shares: dict[int, int] = {}
        for fill in fills:
            shares[fill.yes_e4] = shares.get(fill.yes_e4, 0) + fill.shares_e6
        return {yes: self._floor.fee_e6(order.market, count, yes) for yes, count in shares.items()}

    def _check_fill(self, order: Order, fills: list[Fill], now: int) -> None:
        """Kill what may not rest and does not match (FAK) or not completely (FOK)."""
        if order.kind.rests:
            return
        text = "" if fills else _NO_MATCH
        if order.kind is Kind.FOK:
            done = sum(fill.shares_e6 for fill in fills)
            if order.budget_e6 is not None:
                spent = sum(split_cash(order, fill)[0] for fill in fills)
                text = "" if order.budget_e6 - spent <= order.price_e4 // 100 + 1 else _KILLED
            else:
                text = "" if done == order.left_e6 else _KILLED
        if text:
            order.state = OrderState.CANCELED
            self._floor.tell(order, f"CANCELLATION:CANCELED_{text}", now)
            raise Refused(text)

    def _delay(self) -> tuple[int, bool] | None:
        for name, matches in (("delayed-matched", True), ("delayed-unmatched", False)):
            fault = self._faults.active(name)
            if fault is not None:
                return int(fault.get("seconds", 3)), matches
        return None

    # taking back

    def cancel(self, names: Iterable[str], address: str, now: int) -> tuple[list[str], dict[str, str]]:
        """Cancel an account's orders by id; returns those cancelled, and why the others were not."""
        done: list[str] = []
        failed: dict[str, str] = {}
        for name in dict.fromkeys(names):
            order = self._floor.orders.get(name)
            if order is None or order.account != address:
                failed[name] = "order not found"
            elif order.state is OrderState.LIVE:
                self._take_back(order, "CANCELED", now)
                done.append(name)
            elif order.state is OrderState.DELAYED:
                failed[name] = "order can't be canceled while it is delayed"
            else:
                failed[name] = "already canceled or matched"
        return done, failed

    def open_orders(self, address: str) -> list[Order]:
        """Return the live orders of an account, oldest first."""
        return list(self._floor.resting.get(address, {}).values())

    def _expire(self, order: Order, at: int) -> None:
        if order.state is OrderState.LIVE:
            self._take_back(order, "CANCELED_EXPIRED_ORDER", at)

    def _take_back(self, order: Order, status: str, at: int) -> None:
        self._floor.withdraw(order, at)
        order.state = OrderState.CANCELED
        self._floor.tell(order, f"CANCELLATION:{status}", at)


def _other_versions(domain: Domain) -> list[Domain]:
    return [Domain(version, domain.contract) for version in ("1", "2", "3") if version != domain.version]

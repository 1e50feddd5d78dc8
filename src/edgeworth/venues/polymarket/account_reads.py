"""Private reads of the order service: own orders, own trades with their fees, money, holdings; each proven as asked.

Listings are read to their last page; one that cannot be is marked incomplete. Fees are not on the wire: they are
computed from the market's own schedule, which is asked for once.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.orders import FillReport, Holding, OrderReport
from edgeworth.core.records import Rejected
from edgeworth.core.units import SECOND, SharesE6, UsdE6
from edgeworth.venues import convert
from edgeworth.venues.answers import decoded
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.wire import Expect, Payload
from edgeworth.venues.polymarket.account_rows import Owner, fill_reports, order_report
from edgeworth.venues.polymarket.auth import Requester
from edgeworth.venues.polymarket.data_api import DataApi
from edgeworth.venues.polymarket.fees import taker_fee_e6
from edgeworth.venues.polymarket.signing import Wallet
from edgeworth.venues.polymarket.user_wire import UserTrade, read_order, read_trade

END: Final = "LTE="  # the cursor after the last page
_MOST_PAGES: Final = 1_000
Params = Sequence[tuple[str, str]]


class Listing(NamedTuple):
    """Decoded rows of all pages of a listing, and whether these were all there are."""

    rows: list[Any]
    known_at: int
    complete: bool


class Fills(NamedTuple):
    """Own fills, and whether these are all that was asked for."""

    fills: list[FillReport]
    complete: bool


class Fee(NamedTuple):
    """A taker's fee schedule: rate and exponent in 1e-6."""

    rate_e6: int
    exponent_e6: int


class AccountReads:
    """Read one account; `now` gives the venue's clock in microseconds."""

    def __init__(self, http: HttpClient, requester: Requester, wallet: Wallet, now: Callable[[], int]) -> None:
        self._http, self._requester, self._wallet, self._now = http, requester, wallet, now
        self.owner = Owner(wallet.funder.lower(), requester.credentials.key)
        self._fees: dict[str, Fee] = {}  # by token
        self._data = DataApi(http)

    def know_fee(self, token: str, fee: Fee) -> None:
        """Note a market's fee schedule, so that it need not be asked for."""
        self._fees[token] = fee

    async def get(self, path: str, params: Params = (), *, route: str, expect: Expect = "json") -> Payload:
        """Return the answer to a private question."""

        def headers() -> dict[str, str]:
            return self._requester.headers(self._now() // SECOND, "GET", path)

        return await self._http.get("clob", path, params, route=route, headers=headers, expect=expect)

    async def order(self, order_id: str) -> OrderReport | None:
        """Return an open order, None when it is not active."""
        try:
            payload = await self.get(f"/data/order/{order_id}", route="own-orders", expect="bytes")
        except Refused as error:
            if error.code == "venue-not-found":
                return None
            raise
        row = decoded(payload) if payload.body.strip() else None
        if not row:
            return None  # so the venue answers about orders that are no longer open
        found = read_order(row, payload.observed_at)
        if isinstance(found, Rejected):
            raise Refused("venue-drift", f"an own order cannot be read: {found.reason}")
        return order_report(found, payload.observed_at)

    async def open_orders(self) -> tuple[list[OrderReport], bool]:
        """Return all open orders, and whether the listing was complete."""
        listing = await self._listing("/data/orders", (), "own-orders")
        found = {}
        complete = listing.complete
        for row in listing.rows:
            order = read_order(row, listing.known_at)
            if isinstance(order, Rejected):
                complete = False
            else:
                found[order.order_id] = order_report(order, listing.known_at)
        return list(found.values()), complete

    async def trades(self, since: int = 0, token: str = "") -> tuple[list[UserTrade], int, bool]:
        """Return own trades matched since an instant, when they were read, and whether these are all of them."""
        params = [("maker_address", self._wallet.funder)] + ([("asset_id", token)] if token else [])
        params += [("after", str(since // SECOND))] if since > 0 else []
        listing = await self._listing("/data/trades", params, "own-trades")
        found: dict[str, UserTrade] = {}
        complete = listing.complete
        for row in listing.rows:
            trade = read_trade(row, listing.known_at)
            if isinstance(trade, Rejected):
                complete = False
            else:
                found[trade.trade_id] = trade
        return list(found.values()), listing.known_at, complete

    async def fills(self, since: int = 0, order_id: str = "") -> Fills:
        """Return own fills, of one order where it is named, with their fees."""
        trades, known_at, complete = await self.trades(since)
        parts = [(fill, trade.market) for trade in trades for fill in fill_reports(trade, self.owner, known_at)]
        wanted = [part for part in parts if not order_id or part[0].order_id == order_id]
        return Fills([await self.with_fee(fill, market) for fill, market in wanted], complete)

    async def with_fee(self, fill: FillReport, condition: str) -> FillReport:
        """Return a fill with the fee it pays: a maker none, a taker by the market's schedule."""
        if fill.is_maker:
            return fill
        fee = self._fees.get(fill.token)
        if fee is None:
            fee = self._fees[fill.token] = await self.stated_fee(condition)
        paid = taker_fee_e6(fill.shares_e6, fill.price_e4, fee.rate_e6, fee.exponent_e6)
        return msgspec.structs.replace(fill, fee_e6=UsdE6(paid))

    async def cash(self, *, refresh: bool = False) -> UsdE6:
        """Return the dollars of the wallet, 1e-6; `refresh` has the venue look at the chain again before."""
        params = (("asset_type", "COLLATERAL"), ("signature_type", str(self._wallet.signature_type)))
        if refresh:
            await self.get("/balance-allowance/update", params, route="balance-update")
        row = decoded(await self.get("/balance-allowance", params, route="balance"))
        stated = convert.text(row.get("balance")) if isinstance(row, dict) else ""
        if not stated.isascii() or not stated.isdecimal():
            raise Refused("venue-drift", "the venue's answer about the balance has no known shape")
        return UsdE6(int(stated))

    async def allowances(self) -> dict[str, int]:
        """Return what each contract may take from the wallet, 1e-6 dollars by lower-case address."""
        params = (("asset_type", "COLLATERAL"), ("signature_type", str(self._wallet.signature_type)))
        row = decoded(await self.get("/balance-allowance", params, route="balance"))
        listed = row.get("allowances") if isinstance(row, dict) else None
        if not isinstance(listed, dict):
            return {}
        return {name.lower(): int(text) for name, text in listed.items() if convert.text(text).isdecimal()}

    async def holdings(self) -> tuple[list[Holding], bool]:
        """Return the shares of every token, and whether the listing was complete."""
        found: dict[str, Holding] = {}
        complete = True
        async for page in self._data.positions(user=self._wallet.funder):
            complete = complete and not page.partial and not page.rejected
            for row in page.rows:
                if row.size_e6 > 0:
                    redeemable = row.status.upper().startswith("REDEEMABLE")
                    found[row.token] = Holding(token=row.token, shares_e6=SharesE6(row.size_e6), redeemable=redeemable)
        return list(found.values()), complete

    async def closed_only(self) -> bool:
        """Tell whether the account may only close positions."""
        row = decoded(await self.get("/auth/ban-status/closed-only", route="other"))
        stated = row.get("closed_only") if isinstance(row, dict) else None
        if not isinstance(stated, bool):
            raise Refused("venue-drift", "the venue's answer about restrictions has no known shape")
        return stated

    async def stated_fee(self, condition: str) -> Fee:
        """Return the fee schedule the venue states for a market."""
        row = decoded(await self._http.get("clob", f"/clob-markets/{condition}", route="other"))
        if not isinstance(row, dict):
            raise Refused("venue-drift", "the venue's answer about a market has no known shape")
        stated = row.get("fd") or {}
        rate = convert.scaled(stated.get("r", 0), 1_000_000)
        exponent = convert.scaled(stated.get("e", 1), 1_000_000)
        if rate is None or exponent is None:
            raise Refused("venue-drift", "the venue states a fee of no known shape")
        return Fee(rate, exponent)

    async def _listing(self, path: str, params: Params, route: str) -> Listing:
        rows: list[Any] = []
        cursor, met = "", set[str]()
        known_at = 0
        for _ in range(_MOST_PAGES):
            asked = [*params, *([("next_cursor", cursor)] if cursor else [])]
            payload = await self.get(path, asked, route=route)
            page = decoded(payload)
            known_at = payload.observed_at
            listed = page.get("data") if isinstance(page, dict) else None
            if not isinstance(listed, list):
                raise Refused("venue-drift", f"{path}: a listing of no known shape")
            rows += listed
            cursor = convert.text(page.get("next_cursor"))
            if cursor in {"", END}:
                return Listing(rows, known_at, complete=True)
            if cursor in met:
                break
            met.add(cursor)
        return Listing(rows, known_at, complete=False)

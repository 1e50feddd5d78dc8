"""Small orders, fills and reports for tests of the journal and the account."""

from edgeworth.core.orders import (
    FillReport,
    Instrument,
    Intent,
    OrderReport,
    PreparedOrder,
    Settlement,
    TimeInForce,
)
from edgeworth.core.units import MINUTE, Micros
from edgeworth.trading import events as ev
from edgeworth.trading.account import Account
from edgeworth.trading.journal import Journal, Verdict

T0 = Micros(1_790_000_000_000_000)
CASH = 1_000_000_000
SHARE = 1_000_000


def instrument(token="yes", *, is_yes=True, market_no=1, fee_rate_e6=0):
    return Instrument(
        market_no=market_no, condition=f"c{market_no}", token=token, is_yes=is_yes, tick_e4=100,
        min_size_e6=5 * SHARE, fee_rate_e6=fee_rate_e6,
    )  # fmt: skip


def intent(name="i1", *, buy=True, price=5_000, shares=10, tif=TimeInForce.GTD, terms=None, at=T0, strategy="s"):
    return Intent(
        intent_id=name, instrument=terms or instrument(), is_buy=buy, price_e4=price, shares_e6=shares * SHARE,
        time_in_force=tif, created_at=at, expires_at=Micros(at + 10 * MINUTE) if tif is TimeInForce.GTD else None,
        strategy=strategy,
    )  # fmt: skip


def prepared(wanted, salt=7):
    return PreparedOrder(
        order_id=f"0x{wanted.intent_id}", intent_id=wanted.intent_id, body=f"{wanted.intent_id}:{salt}".encode(),
        maker_e6=1, taker_e6=1, salt=salt, expires_at=wanted.expires_at,
    )  # fmt: skip


def fill(
    trade="t1", order="0xi1", *, buy=True, price=5_000, shares=10.0, fee=0, settlement="matched", at=T0, token="yes"
):
    return FillReport(
        trade_id=trade, order_id=order, token=token, is_buy=buy, price_e4=price, shares_e6=round(shares * SHARE),
        fee_e6=fee, settlement=Settlement(settlement), event_time=Micros(at), known_at=Micros(at),
    )  # fmt: skip


def report(order="0xi1", status="live", *, matched=0.0, at=T0, known=None, buy=True, token="yes"):
    return OrderReport(
        order_id=order, status=status, token=token, is_buy=buy, price_e4=5_000, size_e6=10 * SHARE,
        matched_e6=round(matched * SHARE), event_time=Micros(at), known_at=Micros(at if known is None else known),
    )  # fmt: skip


def allow(wanted):
    return lambda _account: Verdict(intent=wanted)


def affordable(wanted):
    """The least a check must do: what is wanted costs no more than what may be spent."""

    def check(account: Account) -> Verdict:
        cost = wanted.price_e4 * wanted.shares_e6 // 10_000
        return Verdict(intent=wanted) if account.spendable_e6() >= cost else Verdict(intent=None, code="no-cash")

    return check


def opened(journal: Journal, cash=CASH, holdings=()):
    journal.record_money(ev.Opened(at=T0, cash_e6=cash, holdings=tuple(holdings)))


def sent(journal: Journal, wanted) -> str:
    """Bring an order to SENDING."""
    assert journal.reserve(wanted, 7, allow(wanted)).allowed
    order = prepared(wanted)
    journal.record_signed(order, sending=True)
    return order.order_id

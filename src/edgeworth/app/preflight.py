"""What must hold before real money moves: named checks, each with what to do; one that fails ends it, without a bypass.

First what a person has said (`consent`), before any key or network is touched; then what the venue says
(`venue_checks`). A check that cannot be made has failed. `require` turns failures into the error that stops the start.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from edgeworth.core.config import Config
from edgeworth.core.errors import EdgeworthError, GateError
from edgeworth.core.orders import Instrument
from edgeworth.core.units import ONE_USD, SECOND
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.account_reads import Fee
from edgeworth.venues.polymarket.orders import ClobVenue
from edgeworth.venues.polymarket.presence import PROTOCOL, place_of, protocol_of
from edgeworth.venues.polymarket.signing import KINDS, Wallet, has_library
from edgeworth.venues.polymarket.typed_data import PINNED, exchange_of

Status = Literal["ok", "warn", "fail"]
SKEW_WARNS: Final = 2 * SECOND
SKEW_FAILS: Final = 10 * SECOND
_UNLIMITED: Final = 1 << 96  # an allowance beyond anything that can be owned
_TAIL: Final = 6


@dataclass(frozen=True, slots=True)
class LiveCheck:
    """The result of one check; `code` is a registered error code where it failed, `fix` what to do."""

    name: str
    status: Status
    finding: str
    code: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person has said on the command line: `--live`, and `--confirm` with the end of the wallet's address."""

    live: bool = False
    confirm: str = ""


def consent(config: Config, said: Said, funder: str) -> list[LiveCheck]:
    """Check that live trading was asked for in the settings and on the command line, for this very wallet."""
    settings = config.settings
    tail = funder[-_TAIL:].lower()
    confirmed = len(tail) == _TAIL and said.confirm.lower() == tail
    verb = "names" if confirmed else "does not name"
    return [
        _check("mode", settings.mode == "live", f"mode is {settings.mode}", 'set mode = "live" in edgeworth.toml'),
        _check("venue", settings.venue == "polymarket", f"venue is {settings.venue}", 'set venue = "polymarket"'),
        _check("flag", said.live, f"--live was {'given' if said.live else 'not given'}", "add --live"),
        _check(
            "wallet-confirmed",
            confirmed,
            f"--confirm {verb} the end of {funder or 'the wallet, which is not set'}",
            "set wallet.funder and add --confirm with the last six digits of that address",
        ),
        _check("signing", has_library(), "the library that signs", "pip install 'edgeworth[live]'", "extra-missing"),
    ]


async def venue_checks(
    venue: ClobVenue, http: HttpClient, config: Config, wallet: Wallet, instruments: Sequence[Instrument]
) -> list[LiveCheck]:
    """Ask the venue about place, account, clock, wallet, allowances, and the fees of the markets to be traded."""
    limits = config.settings.wallet
    order_e6 = round(limits.max_order * ONE_USD)
    made: list[tuple[str, Callable[[], Awaitable[LiveCheck]]]] = [
        ("region", lambda: _region(http)),
        ("protocol", lambda: _protocol(http)),
        ("clock", lambda: _clock(venue)),
        ("account", lambda: _account(venue)),
        ("wallet", lambda: _wallet(venue, wallet, round(limits.max_balance * ONE_USD))),
        ("allowance", lambda: _allowance(venue, instruments, order_e6)),
        ("fees", lambda: _fees(venue, instruments)),
    ]
    return [await _made(name, check) for name, check in made]


def require(checks: Sequence[LiveCheck]) -> None:
    """Raise GateError live-refused with every check that failed; there is nothing that lets one pass."""
    failed = [check for check in checks if check.status == "fail"]
    if failed:
        first = failed[0]
        words = "; ".join(f"{check.name}: {check.finding}" for check in failed)
        rows: list[dict[str, Any]] = [asdict(check) for check in checks]
        raise GateError("live-refused", words, first.fix, checks=rows)


async def _made(name: str, check: Callable[[], Awaitable[LiveCheck]]) -> LiveCheck:
    try:
        return await check()
    except EdgeworthError as error:
        return LiveCheck(name, "fail", f"cannot be checked: {error.message}", error.code, error.hint)


async def _region(http: HttpClient) -> LiveCheck:
    place = await place_of(http)
    where = f"{place.country or 'unknown'} {place.region}".strip()
    fix = "the venue takes no orders from there; there is no way around that here"
    return _check("region", not place.blocked, f"the venue sees this machine in {where}", fix, "venue-forbidden")


async def _protocol(http: HttpClient) -> LiveCheck:
    found = await protocol_of(http)
    said = f"the venue speaks version {found} of its protocol"
    return _check("protocol", found == PROTOCOL, said, "upgrade edgeworth", "venue-protocol")


async def _clock(venue: ClobVenue) -> LiveCheck:
    await venue.server_time()
    off = abs(venue.clock_offset)
    said = f"this machine's clock is {off / SECOND:.1f} s off the venue's"
    if SKEW_WARNS < off <= SKEW_FAILS:
        return LiveCheck("clock", "warn", said, fix="synchronise the clock of this machine")
    return _check("clock", off <= SKEW_FAILS, said, "synchronise the clock of this machine")


async def _account(venue: ClobVenue) -> LiveCheck:
    closed = await venue.reads.closed_only()
    said = "the account may only close positions" if closed else "the account may trade"
    return _check("account", not closed, said, "ask the venue why", "account-restricted")


async def _wallet(venue: ClobVenue, wallet: Wallet, most_e6: int) -> LiveCheck:
    cash = await venue.reads.cash(refresh=True)
    said = f"{KINDS[wallet.signature_type]} {wallet.funder} holds {cash / ONE_USD:,.2f} dollars"
    if 0 < most_e6 < cash:
        fix = "keep no more there than you can lose, or raise wallet.max_balance"
        return LiveCheck("wallet", "fail", f"{said}, more than wallet.max_balance", "live-refused", fix)
    fix = "compare wallet.funder and wallet.signature_type with the venue's profile page, and deposit there"
    return _check("wallet", cash > 0, said, fix, "wallet-mismatch")


async def _allowance(venue: ClobVenue, instruments: Sequence[Instrument], order_e6: int) -> LiveCheck:
    allowed = await venue.reads.allowances()
    needed = {exchange_of(int(one.token), neg_risk=one.neg_risk).contract for one in instruments} or {
        PINNED[0].contract
    }
    short = sorted(name for name in needed if allowed.get(name.lower(), 0) < order_e6)
    if short:
        said = f"{', '.join(short)} may take less than one order's {order_e6 / ONE_USD:g} dollars"
        return LiveCheck("allowance", "fail", said, "order-no-money", "approve that amount on the venue's page")
    endless = sorted(name for name in needed if allowed.get(name.lower(), 0) >= _UNLIMITED)
    if endless:
        said = f"{', '.join(endless)} may take everything the wallet holds"
        return LiveCheck(
            "allowance", "warn", said, fix="keep no more in the wallet than you would lose, or approve less"
        )
    return LiveCheck("allowance", "ok", "what the venue's contracts may take suffices")


async def _fees(venue: ClobVenue, instruments: Sequence[Instrument]) -> LiveCheck:
    if not instruments:
        return LiveCheck("fees", "fail", "no market to trade was named", "live-refused", "follow at least one market")
    for one in instruments:
        stated = await venue.reads.stated_fee(one.condition)
        expected = Fee(one.fee_rate_e6, one.fee_exponent_e6)
        if stated != expected and (stated.rate_e6 or expected.rate_e6):
            said = f"market {one.condition}: {one.fee_rate_e6} e-6 was expected, the venue takes {stated.rate_e6} e-6"
            return LiveCheck("fees", "fail", said, "live-refused", "collect the market's listing again")
    return LiveCheck("fees", "ok", f"the fees of {len(instruments)} markets are the venue's")


def _check(name: str, good: bool, finding: str, fix: str, code: str = "live-refused") -> LiveCheck:
    return LiveCheck(name, "ok", finding) if good else LiveCheck(name, "fail", finding, code, fix)

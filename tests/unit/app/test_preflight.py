"""Live trading starts only when a person has said so twice and every check has passed; each check fails alone."""

import asyncio

import pytest
from tests.support.order_venues import SandboxSide, quiet_market

from edgeworth.app.order_venues import live_venue, paper_venue, sandbox_venue
from edgeworth.app.preflight import LiveCheck, Said, consent, require, venue_checks
from edgeworth.app.sandboxed import SandboxTransport
from edgeworth.app.signer import KeyPlan
from edgeworth.core import config
from edgeworth.core.clock import SystemClock
from edgeworth.core.errors import AccessError, Fatal, GateError
from edgeworth.core.units import Micros
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.signer_keys import KeySource
from edgeworth.venues.polymarket.signing import KeySigner, Unsigned, make_wallet

KEY = bytes(31) + b"\x05"
OWNER = KeySigner(KEY).address
LIVE = {
    "EDGEWORTH_MODE": "live",
    "EDGEWORTH_VENUE": "polymarket",
    "EDGEWORTH_WALLET__FUNDER": OWNER,
    "EDGEWORTH_WALLET__SIGNATURE_TYPE": "0",
    "EDGEWORTH_WALLET__MAX_BALANCE": "20000",
}
SAID = Said(live=True, confirm=OWNER[-6:].lower())


def loaded(home, **changes):
    names = {"EDGEWORTH_HOME": str(home), **LIVE, **changes}
    return config.load(environ={name: value for name, value in names.items() if value})


def failed(checks):
    return [check.name for check in checks if check.status == "fail"]


def test_everything_said_is_needed(home):
    assert failed(consent(loaded(home), SAID, OWNER)) == []
    assert failed(consent(loaded(home, EDGEWORTH_MODE=""), SAID, OWNER)) == ["mode"]
    assert failed(consent(loaded(home, EDGEWORTH_VENUE="sandbox"), SAID, OWNER)) == ["venue"]
    assert failed(consent(loaded(home), Said(confirm=SAID.confirm), OWNER)) == ["flag"]
    for wrong in ("", OWNER[-5:], OWNER, "000000", "yes"):
        assert failed(consent(loaded(home), Said(live=True, confirm=wrong), OWNER)) == ["wallet-confirmed"]
    assert failed(consent(loaded(home), Said(live=True, confirm=""), "")) == ["wallet-confirmed"]
    assert failed(consent(config.load(environ={"EDGEWORTH_HOME": str(home)}), Said(), "")) == [
        "mode", "venue", "flag", "wallet-confirmed",
    ]  # fmt: skip


def test_a_failed_check_stops_and_says_what_to_do():
    good, bad = LiveCheck("a", "ok", "fine"), LiveCheck("b", "fail", "not fine", "live-refused", "do that")
    require([good, LiveCheck("c", "warn", "hm")])
    with pytest.raises(GateError) as caught:
        require([good, bad])
    assert (caught.value.code, caught.value.hint, caught.value.exit_code) == ("live-refused", "do that", 8)
    assert [row["name"] for row in caught.value.details["checks"]] == ["a", "b"]


def checked(home, prepare=lambda side: None, instruments=None, signer=None, **changes):
    side = SandboxSide(signer)

    async def story():
        await side.open()
        prepare(side)
        wallet = make_wallet(side.signer.address)
        named = [side.instrument()] if instruments is None else instruments(side)
        return await venue_checks(side.venue, side.http, loaded(home, **changes), wallet, named)

    return side.run(story())


def test_a_good_account_passes_every_check(home):
    checks = checked(home)
    assert [check.name for check in checks] == ["region", "protocol", "clock", "account", "wallet", "allowance", "fees"]
    assert failed(checks) == []
    assert {check.name: check.status for check in checks}["allowance"] == "warn"  # the simulated one is without end


@pytest.mark.parametrize(
    ("fault", "services", "name"),
    [
        ("geoblocked", None, "region"),
        ("closed-only", None, "account"),
        ("outage", ("site",), "region"),
        ("html-for-json", ("site",), "region"),
    ],
)
def test_what_the_venue_says_against_it(home, fault, services, name):
    def prepare(side):
        side.faults.switch_on(fault, 10_000, {"share": 1.0, "services": services} if services else {})

    assert failed(checked(home, prepare)) == [name]


def test_a_venue_that_does_not_answer_passes_nothing(home):
    def prepare(side):
        side.faults.switch_on("outage", 100_000, share=1.0)

    assert len(failed(checked(home, prepare))) == 7


def test_an_empty_wallet_and_unknown_fees(home):
    def empty(side):
        side.bank().wallet(side.signer.address.lower()).cash_e6 = 0

    assert failed(checked(home, empty)) == ["wallet"]
    assert failed(checked(home, EDGEWORTH_WALLET__MAX_BALANCE="500")) == ["wallet"]
    assert failed(checked(home, EDGEWORTH_WALLET__MAX_BALANCE="0")) == []
    assert failed(checked(home, instruments=lambda side: [])) == ["fees"]
    assert failed(checked(home, instruments=lambda side: [side.instrument(fee_rate_e6=40_000)])) == ["fees"]


@pytest.mark.parametrize(("off_s", "status"), [(0, "ok"), (5, "warn"), (-30, "fail")])
def test_a_clock_that_is_off(home, off_s, status):
    side = SandboxSide()

    class Off:
        def now(self):
            return Micros(side.clock.now() + off_s * 1_000_000)

        def __getattr__(self, name):
            return getattr(side.clock, name)

    async def story():
        http = HttpClient(side.http.endpoints, Off(), transport=side.transport)
        venue = await sandbox_venue(http, signer=side.signer)
        found = await venue_checks(venue, http, loaded(home), make_wallet(side.signer.address), [side.instrument()])
        return {check.name: check.status for check in found}

    assert side.run(story())["clock"] == status


def test_live_is_reached_through_consent_signer_and_checks(home):
    """The real path with the real signer process; only the venue is simulated, and it checks signatures."""
    world, _, _ = quiet_market()
    clock = SystemClock()  # the signer's, so the venue's too: its markets lie in the past, its accounts do not
    sandbox = Sandbox(world, clock)
    http = HttpClient(Endpoints.sandbox("http://sandbox.local"), clock, transport=SandboxTransport(sandbox))
    side = SandboxSide()
    seen = []

    async def story(said, **changes):
        plan = KeyPlan(KeySource(place="fd"), key=KEY.hex())
        async with live_venue(loaded(home, **changes), http, said, plan, [side.instrument()], seen.extend) as venue:
            return venue.name, await venue.reads.cash()

    with pytest.raises(GateError) as refused:
        asyncio.run(story(Said(live=True, confirm="abcdef")))
    assert "wallet-confirmed" in refused.value.message
    assert [check.name for check in seen][-1] == "signing"
    assert not (home / "run").exists()  # no signer was started
    assert asyncio.run(story(SAID)) == ("polymarket", 10_000_000_000)
    sandbox.faults.switch_on("geoblocked", 10_000)
    with pytest.raises(GateError) as blocked:
        asyncio.run(story(SAID))
    assert "region" in blocked.value.message
    other = "0x" + "12" * 20
    with pytest.raises(AccessError) as mismatch:  # a plain key cannot have its money elsewhere
        asyncio.run(story(Said(live=True, confirm=other[-6:]), EDGEWORTH_WALLET__FUNDER=other))
    assert mismatch.value.code == "wallet-mismatch"


def test_paper_and_sandbox_need_no_key(home):
    found = config.load(environ={"EDGEWORTH_HOME": str(home)})
    side = SandboxSide()
    venue = paper_venue(found, side, side.clock)
    assert (home / "paper-sandbox.json").is_file()
    assert paper_venue(found, side, side.clock).state == venue.state
    http = HttpClient(Endpoints(), side.clock, transport=side.transport)
    with pytest.raises(Fatal):
        side.run(sandbox_venue(http, signer=Unsigned()))

"""What `serve` serves: worlds and faults by name, a loopback socket, a page that lists everything."""

import json
import re
from pathlib import Path

import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.app.sandbox_docs import sandbox_page
from edgeworth.app.serving import ServeOptions, StepClock, build_sandbox, fault_plan, listen, split_scenarios
from edgeworth.core.clock import ScaledClock
from edgeworth.core.errors import InstanceError, UsageError
from edgeworth.sandbox.server.faults import CATALOGUE
from edgeworth.sandbox.server.live import LIFE
from edgeworth.sandbox.server.routes import ROUTES

GETTABLE = [route for routes in ROUTES.values() for route in routes if route.method == "GET"]
PRIVATE = ("/clob/data/", "/clob/balance-allowance")


def test_worlds_and_faults_are_told_apart_by_name() -> None:
    assert split_scenarios(()) == ("live", ())
    assert split_scenarios(("mixed", "live-small", "outage")) == ("live-small", ("mixed", "outage"))


@pytest.mark.parametrize(
    ("names", "hint"),
    [(("liv",), "live"), (("outag",), ""), (("live", "tiny"), ""), (("silent-clamp",), "")],
)
def test_names_that_are_neither_are_refused(names: tuple[str, ...], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_scenarios(names)
    assert caught.value.code == "unknown-scenario"
    assert hint in caught.value.hint


def test_plans_are_added_up() -> None:
    plan = fault_plan(("slow", "mixed", "long-outages"), 7, 0, 30)
    names = [window.name for window in plan.windows]
    assert "slow" in names
    assert len(names) > 500
    assert fault_plan((), 7, 0, 30).windows == ()


def test_the_clock_follows_the_options() -> None:
    quick, faults = build_sandbox(ServeOptions(scenarios=("live-small", "outage"), speed=60.0))
    assert isinstance(quick.clock, ScaledClock)
    assert faults == ("outage",)
    assert quick.faults.now_on() == ["outage"]
    stepped, _ = build_sandbox(ServeOptions(scenarios=("live-small",), speed=None))
    assert isinstance(stepped.clock, StepClock)
    assert stepped.clock.now() == stepped.live.start == stepped.live.end - LIFE


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(UsageError) as caught:
        listen(host, 0)
    assert caught.value.code == "not-loopback"


def test_a_busy_port_is_a_users_problem_with_a_way_out() -> None:
    first = listen("localhost", 0)
    try:
        with pytest.raises(InstanceError) as caught:
            listen("127.0.0.1", first.getsockname()[1])
    finally:
        first.close()
    assert caught.value.code == "port-busy"
    assert "--port" in caught.value.hint


def test_the_page_lists_every_fault_and_route() -> None:
    page = sandbox_page()
    for fault in CATALOGUE.values():
        assert f"| `{fault.name}` | {fault.sentence} |" in page
    for route in GETTABLE:
        assert f"`GET {route.path}`" in page


@pytest.mark.parametrize("route", GETTABLE, ids=lambda route: route.path)
def test_every_listed_route_answers(route) -> None:
    venue = Venue()
    live, names = venue.live, venue.live.names
    market = venue.open_market()
    event, tag = live.event_of(market), venue.sandbox.gamma.catalogue.tags[0]
    path = route.path.format(
        market=names.market_id(market),
        slug=names.numbering.market_slug(market),
        event=names.event_id(event),
        event_slug=names.numbering.event_slug(event),
        tag=tag.id,
        tag_slug=tag.slug,
        series=venue.sandbox.gamma.catalogue.series[0].id,
        wallet=venue.sandbox.data.holdings.address(0),
        token=names.tokens(market)[0],
        condition=names.condition_id(market),
    )
    response = venue.ask(path)
    if route.path.startswith(PRIVATE):
        assert response.status == 401
    else:
        assert response.status == 200, response.body
        assert response.body


def test_every_route_of_the_code_is_listed() -> None:
    listed = " ".join(f"{route.path} {route.sentence}" for routes in ROUTES.values() for route in routes)
    folder = Path(__file__).resolve().parents[3] / "src/edgeworth/sandbox/server"
    for file, prefix in (("data_api.py", "/data"), ("gamma.py", "/gamma")):
        for path in re.findall(r'^            "(/[a-z0-9/-]+)": ', (folder / file).read_text("utf-8"), re.MULTILINE):
            assert prefix + path in listed or path == "/status", f"{prefix}{path} is not in routes.py"


def test_bodies_of_listed_routes_are_json() -> None:
    venue = Venue()
    for route in GETTABLE:
        if "{" not in route.path and route.path.startswith(("/gamma", "/data", "/binance", "/control", "/site")):
            json.loads(venue.ask(route.path).body)

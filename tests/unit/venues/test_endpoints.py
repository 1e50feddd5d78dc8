"""Which addresses may be configured, and which hosts may be contacted."""

import pytest

from edgeworth.cli.serve import command
from edgeworth.core.config import Settings
from edgeworth.core.errors import ConfigError
from edgeworth.venues.endpoints import SERVICES, Endpoints


def test_the_official_hosts_are_the_default_and_nothing_else_is_on_the_list():
    settings = Settings.model_validate({"venue": "polymarket"})
    assert Endpoints.of(settings) == Endpoints()
    assert Endpoints().hosts() == (
        "clob.polymarket.com", "data-api.binance.vision", "data-api.polymarket.com", "data-stream.binance.vision",
        "data.binance.vision", "gamma-api.polymarket.com", "polymarket.com", "ws-subscriptions-clob.polymarket.com",
    )  # fmt: skip


def test_a_sandbox_has_everything_under_one_address():
    found = Endpoints.of(Settings.model_validate({"endpoints": {"sandbox": "http://127.0.0.1:9999/"}}))
    assert found == Endpoints.sandbox("http://127.0.0.1:9999")
    assert (found.gamma, found.market_ws) == ("http://127.0.0.1:9999/gamma", "ws://127.0.0.1:9999/ws/market")
    assert found.hosts() == ("127.0.0.1",)
    assert all(found.base(service).startswith("http://127.0.0.1:9999/") for service in SERVICES)
    assert Endpoints.sandbox("https://box.example").user_ws == "wss://box.example/ws/user"


@pytest.mark.parametrize(
    "url",
    [
        "http://gamma-api.polymarket.com",
        "ws://example.org",
        "https://93.184.216.34",
        "https://[2606:2800:220:1::1]",
        "ftp://example.org",
        "gamma-api.polymarket.com",
        "https://",
        "https://user:word@example.org",
        "https://example.org/?a=1",
        "https://example.org/#x",
        "https://example.org:99999",
    ],
)
def test_addresses_that_are_refused(url):
    with pytest.raises(ConfigError) as info:
        Endpoints(gamma=url)
    assert info.value.code == "config-bad-value"
    assert "endpoints.gamma" in info.value.message


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost:8080/x", "http://[::1]:5", "https://proxy.example/gamma"]
)
def test_addresses_that_are_taken(url):
    assert Endpoints(gamma=url).gamma == url


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://gamma-api.polymarket.com/markets?x=1", True),
        ("wss://ws-subscriptions-clob.polymarket.com/ws/market", True),
        ("https://GAMMA-API.polymarket.com/", True),
        ("http://gamma-api.polymarket.com/", False),
        ("https://gamma-api.polymarket.com:8443/", False),
        ("https://gamma-api.polymarket.com.evil.example/", False),
        ("https://user@gamma-api.polymarket.com/", False),
        ("https://gamma-api.polymarket.com@evil.example/", False),
        ("//gamma-api.polymarket.com/", False),
        ("", False),
    ],
)
def test_which_addresses_may_be_contacted(url, allowed):
    assert Endpoints().allows(url) is allowed


def test_the_default_sandbox_is_where_serve_puts_it():
    port = next(option.default for option in command.params if option.name == "port")
    assert Settings().endpoints.sandbox == f"http://127.0.0.1:{port}"

"""Where venues and sources live: base addresses, and the hosts that may be contacted at all."""

import ipaddress
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec

from edgeworth.core.config import Settings
from edgeworth.core.errors import ConfigError

_PLAIN: Final = frozenset({"http", "ws"})
IN_PROCESS: Final = "sandbox.local"  # the name of a sandbox inside this process: it is never looked up
_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host and port of an address."""

    scheme: str
    host: str
    port: int


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Base addresses without a trailing slash, each checked by `check`; a base may carry a path.

    `control` is a sandbox's own switchboard and empty for a real venue.
    """

    gamma: str = "https://gamma-api.polymarket.com"
    clob: str = "https://clob.polymarket.com"
    data: str = "https://data-api.polymarket.com"
    market_ws: str = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    user_ws: str = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
    site: str = "https://polymarket.com"
    binance_rest: str = "https://data-api.binance.vision"
    binance_bulk: str = "https://data.binance.vision"
    binance_ws: str = "wss://data-stream.binance.vision"
    control: str = ""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if name != "control" or self.control:
                check(getattr(self, name), f"endpoints.{name}")

    @classmethod
    def sandbox(cls, base: str) -> "Endpoints":
        """Return the addresses of a sandbox server, all under one base such as `http://127.0.0.1:8787`."""
        root = base.rstrip("/")
        check(root, "endpoints.sandbox")
        stream = "ws" + root.removeprefix("http")
        return cls(
            gamma=f"{root}/gamma",
            clob=f"{root}/clob",
            data=f"{root}/data",
            market_ws=f"{stream}/ws/market",
            user_ws=f"{stream}/ws/user",
            site=f"{root}/site",
            binance_rest=f"{root}/binance",
            binance_bulk=f"{root}/bulk",
            binance_ws=f"{stream}/binance-ws",
            control=f"{root}/control",
        )

    @classmethod
    def of(cls, settings: Settings) -> "Endpoints":
        """Return the addresses the settings name: the sandbox's when `venue` is `sandbox`."""
        if settings.venue == "sandbox":
            return cls.sandbox(settings.endpoints.sandbox)
        named = settings.endpoints
        return cls(**{name: getattr(named, name).rstrip("/") for name in cls.__struct_fields__ if name != "control"})

    def base(self, service: str) -> str:
        """Return the base address of a service: gamma, clob, data, site, binance, bulk, control. Raises KeyError."""
        return str(getattr(self, _SERVICES[service]))

    def allows(self, url: str) -> bool:
        """Tell whether an address is of a configured scheme, host and port, and names no user."""
        try:
            place = origin(url)
        except ValueError:
            return False
        return urlsplit(url).username is None and place in _origins(self)

    def hosts(self) -> tuple[str, ...]:
        """Return every host these addresses name, sorted: the egress allow-list."""
        named = (getattr(self, name) for name in self.__struct_fields__)
        return tuple(sorted({origin(address).host for address in named if address}))

    @property
    def local(self) -> bool:
        """Tell whether orders and everything beside them stay on this machine."""
        named = (getattr(self, name) for name in self.__struct_fields__)
        return all(_is_local(origin(address).host) for address in named if address)

    @property
    def encrypted(self) -> bool:
        """Tell whether any address that is asked is of HTTPS."""
        return any(self.base(service).startswith("https:") for service in _SERVICES)


_SERVICES: Final = {
    "gamma": "gamma",
    "clob": "clob",
    "data": "data",
    "site": "site",
    "binance": "binance_rest",
    "bulk": "binance_bulk",
    "control": "control",
}
SERVICES: Final = tuple(_SERVICES)


@lru_cache(maxsize=8)
def _origins(endpoints: Endpoints) -> frozenset[Origin]:
    named = (getattr(endpoints, name) for name in endpoints.__struct_fields__)
    return frozenset(origin(address) for address in named if address)


def origin(url: str) -> Origin:
    """Return scheme, host and port of an address; raises ValueError when it has none."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"no address: {url!r}")
    return Origin(parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme])


def check(url: str, key: str) -> None:
    """Raise ConfigError unless the address is encrypted and named by a host, or lies on this machine."""
    try:
        place = origin(url)
    except ValueError as error:
        raise ConfigError("config-bad-value", f"'{key}': {error}") from error
    parts = urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("config-bad-value", f"'{key}': only scheme, host, port and path may stand there")
    if _is_local(place.host):
        return
    if place.scheme in _PLAIN:
        raise ConfigError("config-bad-value", f"'{key}': {place.host} must be reached by https or wss")
    if _is_number(place.host):
        raise ConfigError("config-bad-value", f"'{key}': name the host, not its number")


def _is_local(host: str) -> bool:
    if host in {"localhost", IN_PROCESS}:
        return True
    return _is_number(host) and ipaddress.ip_address(host).is_loopback


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

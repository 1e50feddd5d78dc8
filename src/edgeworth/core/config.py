"""Settings: one TOML, environment variables, defaults; frozen models; an unknown key is an error with a suggestion.

Precedence: explicit overrides (flags) > environment `EDGEWORTH_SECTION__KEY` > `edgeworth.toml` > default. `origins`
says for each key where its value came from. Secrets have no place here: a key that looks like one is refused.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from edgeworth.core.errors import AccessError, ConfigError
from edgeworth.core.paths import Home, default_home

_PREFIX = "EDGEWORTH_"
_SECRET = re.compile(r"(^|_)(secret|password|passphrase|private_key|api_key|apikey|mnemonic)s?($|_)", re.IGNORECASE)
_ENV_KEY, _ALLOW_ENV_KEY = "EDGEWORTH_WALLET_KEY", "EDGEWORTH_ALLOW_ENV_KEY"
_NOT_SETTINGS = {"EDGEWORTH_HOME", "EDGEWORTH_RECORDED", "EDGEWORTH_CONFIG", _ENV_KEY, _ALLOW_ENV_KEY}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CostSettings(_Section):
    """What a trade pays beyond the price where no order book is recorded: stated, so fills are of low fidelity."""

    half_spread: float = Field(0.01, ge=0, le=0.2, description="Half the bid-ask spread, dollars per share.")
    spread_share: float = Field(0.0, ge=0, le=1, description="Extra half spread, as a share of p(1-p).")
    depth: float = Field(500.0, gt=0, description="Dollars to buy per market and observation at that spread.")
    use_fees: bool = Field(True, description="Charge each market's own dated fee schedule.")
    multiplier: float = Field(
        1.0, ge=0, le=10, description="Scales spread and fees together; 0, 1 and 2 are always reported."
    )


class RiskSettings(_Section):
    """Limits; shares are of current equity. The same gate runs in backtest, paper and live."""

    bankroll: float = Field(1000.0, gt=0, description="Starting cash, dollars.")
    kelly: float = Field(0.25, gt=0, le=1, description="Fraction of the error-shrunk Kelly stake.")
    min_edge: float = Field(0.0, ge=0, le=0.5, description="Smallest expected profit per share after costs, dollars.")
    max_order: float = Field(25.0, gt=0, description="Largest single order, dollars.")
    max_market: float = Field(0.05, gt=0, le=1, description="Largest share of equity in one market.")
    max_event: float = Field(0.10, gt=0, le=1, description="Largest share of equity in one event.")
    max_category: float = Field(0.30, gt=0, le=1, description="Largest share of equity in one category.")
    max_total: float = Field(0.60, gt=0, le=1, description="Largest share of equity in open positions.")
    drawdown_start: float = Field(0.10, ge=0, lt=1, description="Drawdown at which stakes begin to shrink.")
    drawdown_stop: float = Field(0.25, gt=0, le=1, description="Drawdown at which no new position is opened.")
    stop_loss: float = Field(
        0.0, ge=0, le=1, description="Exit when the mark falls by this share of the cost; 0 = off."
    )
    take_profit: float = Field(0.0, ge=0, description="Exit when the mark gains this share of the cost; 0 = off.")
    max_hold_days: float = Field(0.0, ge=0, description="Exit after this many days; 0 = hold to resolution.")
    exit_on_edge_gone: bool = Field(False, description="Exit when the price passes the fair value.")


class ProofSettings(_Section):
    """How verdicts are computed."""

    bootstraps: int = Field(1000, ge=100, le=100_000, description="Event-block bootstrap repetitions.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Level of every interval.")
    prior_events: float = Field(100.0, gt=0, description="Weight of the market price in a rule's learned fair value.")
    min_coverage: float = Field(0.5, ge=0, le=1, description="Share of chosen markets that must have prices.")
    holdout: float = Field(0.2, ge=0, lt=0.9, description="Last share of time kept locked.")


class StoreSettings(_Section):
    """Where the market database lies: a file of the home, or a PostgreSQL server."""

    market_url: str = Field(
        "",
        pattern=r"^(postgresql(\+asyncpg)?://.+)?$",
        description="postgresql+asyncpg://user@host/database for the market database; empty = market.db in the home.",
    )


class EndpointSettings(_Section):
    """Addresses of venues and sources; the process talks to these hosts and to no others."""

    sandbox: str = Field(
        "http://127.0.0.1:8787", description="Base address of a sandbox server; used when venue is 'sandbox'."
    )
    gamma: str = Field("https://gamma-api.polymarket.com", description="Polymarket: markets, events, tags, search.")
    clob: str = Field("https://clob.polymarket.com", description="Polymarket: books, prices, orders.")
    data: str = Field("https://data-api.polymarket.com", description="Polymarket: trades, positions, resolutions.")
    market_ws: str = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/market", description="Polymarket: stream of books and prices."
    )
    user_ws: str = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/user", description="Polymarket: stream of own orders and fills."
    )
    site: str = Field("https://polymarket.com", description="Polymarket: where orders are allowed from.")
    binance_rest: str = Field("https://data-api.binance.vision", description="Binance: candles and tickers.")
    binance_bulk: str = Field("https://data.binance.vision", description="Binance: monthly and daily candle files.")
    binance_ws: str = Field("wss://data-stream.binance.vision", description="Binance: stream of candles.")


def _listed(value: Any) -> Any:
    """Take a text from the environment or a flag as a list: parts between semicolons."""
    return tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class CollectSettings(_Section):
    """What the collector looks at, and how often."""

    mode: str = Field("scheduled", pattern="^(once|scheduled|aggressive)$", description="Preset of the collector.")
    every: str = Field("15m", description="Time between observations of chosen markets.")
    market_ids: Texts = Field((), description="Markets to track: Gamma ids, slugs or condition ids.")
    markets: Texts = Field((), description="Queries for markets to track; several add up.")
    max_tracked: int = Field(100, ge=1, le=2000, description="Most markets tracked by query, most traded first.")
    top: int = Field(100, ge=1, le=2000, description="Markets in the snapshot of the most traded.")
    min_volume: int = Field(10_000, ge=0, description="Dollars a market must have traded to be in that snapshot.")
    scan_limit: int = Field(5_000, ge=0, description="Most markets listed by a scan, most traded first; 0 = all.")
    symbols: Texts = Field(("BTCUSDT", "ETHUSDT", "SOLUSDT"), description="Pairs whose candles are kept.")
    candle_interval: str = Field("15m", pattern="^(1m|5m|15m|1h|4h|1d)$", description="Length of those candles.")
    keep_days: int = Field(35, ge=2, description="Days after which snapshots are sealed into the lake.")


class SignalSettings(_Section):
    """What the scan for signals asks of a market, and of itself."""

    min_edge: float = Field(0.05, ge=0, le=0.5, description="Smallest edge after costs of a signal, dollars per share.")
    daily_calls: int = Field(
        10_000, ge=0, description="Requests to venues a day from which signals stop with budget_used; 0 = no budget."
    )


class TradingSettings(_Section):
    """What an order must meet beyond `risk` before it leaves, and what stops trading."""

    max_capital: float = Field(500.0, gt=0, description="Most dollars of equity that sizes and limits count with.")
    max_strategy: float = Field(0.30, gt=0, le=1, description="Largest share of equity in one strategy.")
    max_event_loss: float = Field(
        0.10, gt=0, le=1, description="Largest loss in an exclusive event over its possible winners, share of equity."
    )
    daily_loss: float = Field(0.05, gt=0, le=1, description="Loss since midnight UTC at which only reducing is left.")
    loss_streak: int = Field(5, ge=1, description="Losing events in a row after which only reducing is left.")
    orders_a_minute: int = Field(30, ge=1, description="Most orders sent in a minute.")
    orders_an_hour: int = Field(300, ge=1, description="Most orders sent in an hour.")
    max_open_orders: int = Field(50, ge=1, description="Most orders open, or of unknown fate, at once.")
    order_minutes: int = Field(15, ge=4, le=60, description="Minutes after which an order expires by itself.")
    book_age: float = Field(5.0, gt=0, description="Oldest book an order may rest on, seconds.")
    intent_age: float = Field(5.0, gt=0, description="Longest time between decision and check, seconds.")
    max_spread: float = Field(0.10, gt=0, le=1, description="Widest spread at which an order is sent, dollars.")
    max_slippage: float = Field(
        0.02, ge=0, le=1, description="How far a limit may lie beyond the best opposite price, dollars."
    )
    max_depth_share: float = Field(0.50, gt=0, le=1, description="Largest share of the shares offered up to the limit.")
    min_minutes_to_end: float = Field(10.0, ge=0, description="No order is sent nearer to the scheduled end, minutes.")
    heartbeat_age: float = Field(8.0, gt=0, description="Oldest answered heartbeat with which orders leave, seconds.")
    reconcile_age: float = Field(180.0, gt=0, description="Oldest agreement of ledger and venue, seconds.")
    skew_warn: float = Field(2.0, gt=0, description="Difference to the venue's clock that is reported, seconds.")
    skew_halt: float = Field(10.0, gt=0, description="Difference to the venue's clock that halts, seconds.")
    min_disk_mb: int = Field(500, ge=0, description="Free disk space below which trading halts, megabytes.")
    error_rate: int = Field(5, ge=1, description="Failed venue calls in a minute after which only reducing is left.")
    reject_streak: int = Field(5, ge=1, description="Refused orders in a row that halt trading.")
    slippage_fills: int = Field(20, ge=2, description="Fills over which execution is compared with its expectation.")
    slippage_stop: float = Field(
        0.01, gt=0, le=1, description="Mean shortfall against expectation that stops new orders, dollars per share."
    )
    drift_alarm: float = Field(100.0, gt=1, description="E-CUSUM against a strategy's forecasts that stops it.")
    stage_probe: float = Field(5.0, ge=1, description="E-value from which a strategy may use real money at all.")
    stage_quarter: float = Field(20.0, ge=1, description="E-value from which it may use a quarter of its size.")
    stage_half: float = Field(50.0, ge=1, description="E-value from which it may use half of its size.")
    stage_full: float = Field(100.0, ge=1, description="E-value from which it may use its full size.")
    stage_keep: float = Field(
        0.5, gt=0, le=1, description="A stage is lost when the e-value falls below this share of its threshold."
    )
    probe_order: float = Field(5.0, gt=0, description="Largest order while probing, dollars.")


class FairValueSettings(_Section):
    """What waiting for a far deadline costs."""

    rate: float = Field(0.04, gt=-1, lt=1, description="Interest a year that money earns elsewhere.")
    rate_date: str = Field("2026-11-01", pattern=r"^\d{4}-\d\d-\d\d$", description="The day that rate was looked up.")


class TrainSettings(_Section):
    """How models are trained; none of it changes a result."""

    threads: str = Field(
        "auto",
        pattern=r"^(auto|[1-9][0-9]{0,2})$",
        description="Threads of one fit: auto times a small fit with one and with all cores and keeps the faster.",
    )
    mlflow: str = Field(
        "auto",
        pattern="^(auto|off)$",
        description="auto: trainings also go to MLflow where it is installed; off: never.",
    )


class RunSettings(_Section):
    """How work is done."""

    seed: int = Field(7, ge=0, description="Seed of every random stream.")
    threads: int = Field(0, ge=0, le=256, description="Worker threads; 0 = all cores.")


class WalletSettings(_Section):
    """The wallet of live trading, and what its signer process signs at most; the key itself is never a setting."""

    name: str = Field("main", pattern=r"^[A-Za-z0-9_-]{1,40}$", description="Name under which the key is kept.")
    funder: str = Field(
        "", pattern=r"^(0x[0-9a-fA-F]{40})?$", description="Address that holds the money, as the venue's profile shows."
    )
    signature_type: int = Field(
        3, ge=0, le=3, description="Kind of wallet: 0 plain key, 1 e-mail proxy, 2 Safe, 3 deposit wallet."
    )
    max_order: float = Field(25.0, gt=0, description="Most dollars (or shares sold) that one signed order gives.")
    max_hour: float = Field(250.0, gt=0, description="Most dollars the signer signs away within an hour.")
    max_day: float = Field(1_000.0, gt=0, description="Most dollars the signer signs away within a day.")
    max_balance: float = Field(
        500.0, ge=0, description="Most dollars the wallet may hold for live trading to start; 0 = any amount."
    )
    tokens: Texts = Field((), description="Token ids the signer signs orders for; empty = all.")


class Settings(_Section):
    """All settings."""

    mode: str = Field("paper", pattern="^(paper|live)$", description="paper, or live (which also needs a flag).")
    venue: str = Field("sandbox", pattern="^(sandbox|polymarket)$", description="Where data and orders go.")
    costs: CostSettings = CostSettings()
    risk: RiskSettings = RiskSettings()
    proof: ProofSettings = ProofSettings()
    fair_value: FairValueSettings = FairValueSettings()
    run: RunSettings = RunSettings()
    wallet: WalletSettings = WalletSettings()
    train: TrainSettings = TrainSettings()
    endpoints: EndpointSettings = EndpointSettings()
    store: StoreSettings = StoreSettings()
    signals: SignalSettings = SignalSettings()
    collect: CollectSettings = CollectSettings()
    trading: TradingSettings = TradingSettings()


@dataclass(frozen=True, slots=True)
class Config:
    """Settings with their home and the origin of each dotted key (`default`, a file's path, `environment`, `flag`)."""

    settings: Settings
    home: Home
    origins: dict[str, str]
    file: Path | None


def environment_key(environ: Mapping[str, str] | None = None) -> str:
    """Return the wallet key in the environment, "" when there is none; raises AccessError key-exposed unless allowed.

    It is allowed by EDGEWORTH_ALLOW_ENV_KEY=1; whoever asks must warn.
    """
    variables = os.environ if environ is None else environ
    key = variables.get(_ENV_KEY, "")
    if key and variables.get(_ALLOW_ENV_KEY) != "1":
        raise AccessError("key-exposed", f"{_ENV_KEY} is set: every process of this user can read it")
    return key


def passed_on(names: Sequence[str], environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the named variables of the environment, for a process that may know no others."""
    variables = os.environ if environ is None else environ
    return {name: variables[name] for name in names if name in variables}


def dotted_keys() -> dict[str, str]:
    """Return every dotted setting with its description."""
    result: dict[str, str] = {}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, _Section):
            for key, inner in info.annotation.model_fields.items():
                result[f"{name}.{key}"] = inner.description or ""
        else:
            result[name] = info.description or ""
    return result


def load(
    home: Path | None = None,
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Config:
    """Read the configuration; raises ConfigError with the key, and a suggestion for a misspelt one.

    `overrides` are dotted keys from flags. The file is `file`, else `folder`/edgeworth.toml, else the home's own.
    """
    variables = dict(os.environ if environ is None else environ)
    root = home or default_home(variables)
    chosen = _find_file(file, folder or Path.cwd(), Home(root), variables)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(dotted_keys(), "default")
    if chosen:
        _merge(values, origins, _flatten(_read_toml(chosen)), str(chosen))
    _merge(values, origins, _from_environment(variables), "environment")
    _merge(values, origins, dict(overrides or {}), "flag")
    settings = _validate(values)
    _refuse_password(settings.store.market_url, origins["store.market_url"])
    return Config(settings, Home(root, settings.store.market_url), origins, chosen)


def _refuse_password(url: str, origin: str) -> None:
    """A URL in a file or a flag must not carry a password; the environment and the server's own files may."""
    if origin != "environment" and re.match(r"^[^/]+//[^/@]*:[^/@]*@", url):
        hint = "leave it out and set PGPASSWORD, a pgpass file, or EDGEWORTH_STORE__MARKET_URL"
        raise ConfigError("config-secret", f"'store.market_url' holds a password ({origin})", hint)


def _find_file(file: Path | None, folder: Path, home: Home, variables: Mapping[str, str]) -> Path | None:
    explicit = file or (Path(variables["EDGEWORTH_CONFIG"]) if variables.get("EDGEWORTH_CONFIG") else None)
    if explicit:
        if not explicit.is_file():
            raise ConfigError("config-unreadable", f"no configuration file at {explicit}", "check the path")
        return explicit
    return next((path for path in (folder / "edgeworth.toml", home.config) if path.is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("config-unreadable", f"{path}: {error}") from error


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, value in variables.items():
        if name.startswith(_PREFIX) and name not in _NOT_SETTINGS and not name.startswith("EDGEWORTH_TEST_"):
            found[name[len(_PREFIX) :].lower().replace("__", ".")] = value
    return found


def _merge(values: dict[str, Any], origins: dict[str, str], new: Mapping[str, Any], origin: str) -> None:
    for key, value in new.items():
        if _SECRET.search(key.replace(".", "_")):
            raise ConfigError("config-secret", f"'{key}' looks like a secret ({origin})")
        if key not in origins:
            close = difflib.get_close_matches(key, origins, n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'?" if close else "edgeworth doctor config lists the keys"
            raise ConfigError("config-unknown-key", f"unknown setting '{key}' ({origin})", hint)
        values[key] = value
        origins[key] = origin


def _validate(values: Mapping[str, Any]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError("config-bad-value", f"'{key}': {first['msg'].lower()}", value=repr(first["input"])) from error

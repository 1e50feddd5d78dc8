"""Which home a command reads: the user's own, or the demo's world inside it while nothing else is there."""

import dataclasses

from edgeworth.core.config import Config
from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home

DEMO = "demo"
MARKER = "demo.json"  # in a home that holds a simulated world


def demo_home(home: Home) -> Home:
    """Return the home of the simulated world, inside the user's own so that the two never mix."""
    return Home(home.root / DEMO)


def reading_home(config: Config) -> Config:
    """Return the configuration with the demo's home where the user's own holds no data and the demo's does."""
    demo = demo_home(config.home)
    if config.home.has_market_db or not demo.market_db.exists():
        return config
    return dataclasses.replace(config, home=demo)


def need_data(home: Home) -> None:
    """Raise DataError `store-empty` when nothing has been imported yet."""
    if not home.has_market_db:
        raise DataError("store-empty", f"there is no data in {home.root}")


def at_its_venue(config: Config) -> Config:
    """Return the configuration with the simulated venue where the home holds a simulated world, else as it is."""
    if not (config.home.root / MARKER).is_file():
        return config
    return dataclasses.replace(config, settings=config.settings.model_copy(update={"venue": "sandbox"}))

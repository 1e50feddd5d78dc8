"""Open the venue that orders go to: paper over observed books, a simulated venue over its wire, or the real one.

Only the real one has a key, and it is reached through `live_venue` alone: consent, signer process, checks, in that
order.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeworth.app.preflight import LiveCheck, Said, consent, require, venue_checks
from edgeworth.core.clock import Clock
from edgeworth.core.config import Config
from edgeworth.core.errors import AccessError, Fatal
from edgeworth.core.orders import Instrument
from edgeworth.store.durable import make_folder, write_whole
from edgeworth.trading.paper import PaperFeed, PaperSettings, PaperVenue
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.auth import log_in
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.orders import Account, ClobVenue
from edgeworth.venues.polymarket.signing import OrderSigner, make_wallet, sandbox_signer
from edgeworth.venues.streams.wire import Connect, connect_websocket

if TYPE_CHECKING:
    from edgeworth.app.signer import KeyPlan

Show = Callable[[Sequence[LiveCheck]], None]


class PaperFile:
    """A paper account in one file of the home, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> bytes | None:
        """Return what was saved last, None at the first start; raises AccessError for a file that cannot be read."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AccessError("file-unreadable", f"{self._path} cannot be read") from error

    def save(self, data: bytes) -> None:
        """Replace the file; raises AccessError when it cannot be written, and then the old one stands."""
        make_folder(self._path.parent)
        write_whole(self._path, data)


def paper_venue(config: Config, feed: PaperFeed, clock: Clock, settings: PaperSettings | None = None) -> PaperVenue:
    """Return the paper account of this home and venue, as it was left."""
    path = config.home.root / f"paper-{config.settings.venue}.json"
    return PaperVenue(feed, PaperFile(path), clock, settings)


async def sandbox_venue(
    http: HttpClient, *, connect: Connect | None = None, signer: OrderSigner | None = None
) -> ClobVenue:
    """Log in at a simulated venue with a throw-away key and return it; raises Fatal for one beyond this machine."""
    if not http.endpoints.local:
        raise Fatal("signing-failed", "a throw-away key is for simulated venues on this machine")
    chosen = signer or sandbox_signer()
    keys = await log_in(http, chosen, await Clob(http).server_time())
    account = Account(make_wallet(chosen.address), keys)
    return ClobVenue(http, chosen, account, name="sandbox", connect=connect or connect_websocket)


@contextlib.asynccontextmanager
async def live_venue(
    config: Config, http: HttpClient, said: Said, plan: "KeyPlan", instruments: Sequence[Instrument], show: Show
) -> AsyncIterator[ClobVenue]:
    """Give out the real venue once every check has passed; `show` gets the checks as they are made.

    Raises GateError live-refused with the checks that failed, AccessError when there is no key; the signer process
    ends with the block.
    """
    from edgeworth.app.signer import configured_wallet, policy_of, running_signer  # nothing else knows of keys

    checks = consent(config, said, config.settings.wallet.funder)
    show(checks)
    require(checks)
    memory = config.home.root / "run" / "signed.json"
    make_folder(memory.parent)
    async with running_signer(policy_of(config), plan, memory) as signer:
        wallet = configured_wallet(config, signer.address)
        keys = await log_in(http, signer, await Clob(http).server_time())
        venue = ClobVenue(http, signer, Account(wallet, keys))
        found = await venue_checks(venue, http, config, wallet, instruments)
        show(found)
        require(found)
        yield venue

"""The real venue for an operator who wants out: whoever has the key may cancel, whatever the checks for trading say."""

import contextlib
from collections.abc import AsyncIterator

from edgeworth.app.signer import configured_wallet, key_plan, policy_of, running_signer
from edgeworth.core.config import Config
from edgeworth.store.durable import make_folder
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.auth import log_in
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.orders import Account, ClobVenue


@contextlib.asynccontextmanager
async def cancelling_venue(config: Config, http: HttpClient) -> AsyncIterator[ClobVenue]:
    """Log in and give the venue out, without the checks that stand before trading; the signer ends with the block.

    Raises AccessError when there is no key, Fatal when the key is not the wallet's.
    """
    memory = config.home.root / "run" / "signed.json"
    make_folder(memory.parent)
    async with running_signer(policy_of(config), key_plan(config), memory) as signer:
        wallet = configured_wallet(config, signer.address)
        keys = await log_in(http, signer, await Clob(http).server_time())
        yield ClobVenue(http, signer, Account(wallet, keys))

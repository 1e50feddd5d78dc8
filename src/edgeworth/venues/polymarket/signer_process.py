"""The signer process: `python -m edgeworth.venues.polymarket.signer_process`, with its orders on standard input.

It reads one line (`Orders`), loads the key, opens its socket, says `ready` on standard output, and lives exactly as
long as its standard input stays open: when the process that started it dies, it dies too, and the key with it.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from edgeworth.core.clock import SystemClock
from edgeworth.core.errors import AccessError, EdgeworthError, Fatal
from edgeworth.venues.polymarket.signer_keys import KeySource, load_key
from edgeworth.venues.polymarket.signer_policy import Gate, Policy
from edgeworth.venues.polymarket.signer_server import FileMemory, SignerServer, harden
from edgeworth.venues.polymarket.signer_wire import Answer
from edgeworth.venues.polymarket.signing import KeySigner, make_wallet


class Orders(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the process is told at its start; never printed."""

    socket: str
    memory: str
    policy: Policy
    source: KeySource
    password: str = ""

    def __repr__(self) -> str:
        return "Orders(…)"


def main() -> int:
    """Run the process; returns its exit status."""
    harden()
    line = sys.stdin.buffer.readline()
    try:
        orders = msgspec.json.decode(line, type=Orders)
        signer = KeySigner(load_key(orders.source, orders.password))
        gate = Gate(completed(orders.policy, signer.address), FileMemory(Path(orders.memory)), SystemClock())
        server = SignerServer(signer, gate, frozenset({os.getuid()}))
    except EdgeworthError as error:
        _say(Answer(code=error.code, why=error.message))
        return error.exit_code
    except (msgspec.MsgspecError, UnicodeError):
        _say(Answer(code="signer-refused", why="the process was told nothing it understands"))
        return AccessError.exit_code
    del line
    harden()  # once more for the pages that hold the key now
    asyncio.run(_serve(server, Path(orders.socket), signer.address))
    return 0


def completed(policy: Policy, owner: str) -> Policy:
    """Return a policy for the key that was loaded; raises Fatal wallet-mismatch when it is another wallet's."""
    stated = policy.wallet
    if stated.owner and stated.owner.lower() != owner.lower():
        raise Fatal("wallet-mismatch", "the key is not the one that the wallet belongs to")
    return msgspec.structs.replace(policy, wallet=make_wallet(owner, stated.funder, stated.signature_type))


async def _serve(server: SignerServer, path: Path, address: str) -> None:
    listening = await server.listen(path)
    _say(Answer(address=address))
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: over.set() if not os.read(sys.stdin.fileno(), 4_096) else None)
    await over.wait()
    listening.close()
    path.unlink(missing_ok=True)


def _say(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())

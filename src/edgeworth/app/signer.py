"""Start the signer process and speak to it: it alone ever holds the wallet's key.

The process is told its limits and where the key lies over a pipe; it knows no more of the environment than it needs to
open a keyring, and it ends when the pipe does.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from edgeworth.core.clock import SystemClock
from edgeworth.core.config import Config, environment_key, passed_on
from edgeworth.core.errors import AccessError
from edgeworth.core.units import ONE_USD
from edgeworth.venues.polymarket.signer_client import RemoteSigner
from edgeworth.venues.polymarket.signer_keys import KeySource
from edgeworth.venues.polymarket.signer_policy import Policy
from edgeworth.venues.polymarket.signer_process import Orders
from edgeworth.venues.polymarket.signer_wire import Answer
from edgeworth.venues.polymarket.signing import Wallet, make_wallet

ENVIRONMENT_WARNING: Final = "the wallet key comes from the environment, where every process of this user can read it"
_MODULE: Final = "edgeworth.venues.polymarket.signer_process"
_PASSED_ON: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME",
)  # fmt: skip
_PATIENCE_S: Final = 30.0  # opening a strong keystore takes seconds


class KeyPlan(msgspec.Struct, frozen=True):
    """Where the key comes from, the password of its file, and the key itself where it must be handed over."""

    source: KeySource
    password: str = ""
    key: str = ""
    warning: str = ""

    def __repr__(self) -> str:
        return f"KeyPlan({self.source})"


def key_plan(
    config: Config, *, password: str = "", fd: int | None = None, environ: Mapping[str, str] | None = None
) -> KeyPlan:
    """Return where the key comes from: a descriptor that was named, an allowed variable, else keyring and files.

    Raises AccessError key-exposed when a key stands in the environment without leave.
    """
    wallet = config.settings.wallet
    if fd is not None:
        return KeyPlan(KeySource(place="fd", name=wallet.name, fd=fd))
    key = environment_key(environ)
    if key:
        return KeyPlan(KeySource(place="fd", name=wallet.name), key=key, warning=ENVIRONMENT_WARNING)
    return KeyPlan(KeySource(name=wallet.name, folder=str(config.home.keys)), password=password)


def configured_wallet(config: Config, owner: str) -> Wallet:
    """Return the wallet of the settings for a key's address; raises Fatal wallet-mismatch."""
    wallet = config.settings.wallet
    return make_wallet(owner, wallet.funder, wallet.signature_type)


def policy_of(config: Config) -> Policy:
    """Return what the signer may sign by the settings; whose key it is, it finds out itself."""
    limits = config.settings.wallet
    return Policy(
        wallet=Wallet(limits.funder, limits.signature_type, ""),
        order_e6=round(limits.max_order * ONE_USD),
        hour_e6=round(limits.max_hour * ONE_USD),
        day_e6=round(limits.max_day * ONE_USD),
        tokens=limits.tokens,
    )


@contextlib.asynccontextmanager
async def running_signer(
    policy: Policy, plan: KeyPlan, memory: Path, environ: Mapping[str, str] | None = None
) -> AsyncIterator[RemoteSigner]:
    """Run a signer process while the block runs; raises AccessError with what the process says when it cannot start.

    `memory` is the file in which it remembers what it has signed within a day.
    """
    folder = Path(tempfile.mkdtemp(prefix="edgeworth-"))  # 0700, and its path is short enough for a socket
    process: asyncio.subprocess.Process | None = None
    try:
        process = await _start(_orders(policy, plan, memory, folder / "signer"), plan, environ)
        signer = await RemoteSigner(folder / "signer", SystemClock()).open()
        try:
            yield signer
        finally:
            await signer.close()
    finally:
        if process is not None:
            await _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _orders(policy: Policy, plan: KeyPlan, memory: Path, path: Path) -> Orders:
    """Return what the process is told."""
    return Orders(socket=str(path), memory=str(memory), policy=policy, source=plan.source, password=plan.password)


async def _start(orders: Orders, plan: KeyPlan, environ: Mapping[str, str] | None) -> asyncio.subprocess.Process:
    fds: tuple[int, ...] = ()
    if plan.key:
        read, write = os.pipe()
        os.write(write, plan.key.encode())
        os.close(write)
        orders = msgspec.structs.replace(orders, source=msgspec.structs.replace(plan.source, fd=read))
    if orders.source.place == "fd":
        fds = (orders.source.fd,)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", _MODULE,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        pass_fds=fds, env=passed_on(_PASSED_ON, environ),
    )  # fmt: skip
    for fd in fds if plan.key else ():
        os.close(fd)
    try:
        await _greet(process, orders)
    except BaseException:
        await _stop(process)
        raise
    return process


async def _greet(process: asyncio.subprocess.Process, orders: Orders) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(orders) + b"\n")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await process.stdin.drain()
            line = await process.stdout.readline()
        answer = msgspec.json.decode(line, type=Answer)
    except (TimeoutError, OSError, msgspec.MsgspecError, UnicodeError) as error:
        raise AccessError("signer-gone", "the signer process did not start") from error
    if answer.code:
        raise AccessError(answer.code, answer.why)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the process by closing its input; by force when that does not do."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(2.0):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()

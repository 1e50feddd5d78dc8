"""Who signs: a key in this process, a signer process over a socket, or nobody (simulated venues only).

Signing is the library's of the `live` extra. It hashes the typed data itself; that hash must equal ours, computed by
other code, or nothing is signed. Without the extra a simulated venue accepts anything of a signature's structure, and
`Unsigned` makes that; it is refused for any venue that is not on this machine.
"""

import hashlib
import importlib.util
from typing import Any, Final, NoReturn, Protocol

import msgspec

from edgeworth.core.errors import AccessError, Fatal
from edgeworth.venues.polymarket.typed_data import (
    DEPOSIT_WALLET,
    Exchange,
    OrderData,
    checksummed,
    login_document,
    login_hash,
    order_document,
    signed_hash,
)

PLAIN: Final = 0
KINDS: Final = {0: "plain key", 1: "e-mail proxy", 2: "Safe", 3: "deposit wallet"}
_HINT: Final = "pip install 'edgeworth[live]'"


class Wallet(msgspec.Struct, frozen=True):
    """Whose money it is: the address that holds it, its kind (`KINDS`), and the address of the key that signs."""

    funder: str
    signature_type: int
    owner: str

    @property
    def signer(self) -> str:
        """The address that stands as the signer in an order: a deposit wallet's own, else the key's."""
        return self.funder if self.signature_type == DEPOSIT_WALLET else self.owner

    @property
    def tail(self) -> str:
        """The last six digits of the funder, which a person types to confirm live trading."""
        return self.funder[-6:].lower()


def make_wallet(owner: str, funder: str = "", signature_type: int = PLAIN) -> Wallet:
    """Return a wallet; raises Fatal wallet-mismatch for a kind and addresses that do not fit together."""
    try:
        key, money = checksummed(owner), checksummed(funder or owner)
    except ValueError as error:
        raise Fatal("wallet-mismatch", str(error)) from error
    if signature_type not in KINDS:
        raise Fatal("wallet-mismatch", f"there is no signature type {signature_type}")
    if (signature_type == PLAIN) != (key == money):
        place = "its own" if signature_type == PLAIN else "another"
        raise Fatal("wallet-mismatch", f"a {KINDS[signature_type]} holds its money at {place} address")
    return Wallet(money, signature_type, key)


class OrderSigner(Protocol):
    """Sign orders and logins; `address` is the key's own. `structural` says that the signatures prove nothing."""

    address: str
    structural: bool

    async def sign_order(self, order: OrderData, exchange: Exchange) -> bytes:
        """Return the 65 bytes of a signature; raises AccessError or RiskError when the signer refuses."""

    async def sign_login(self, timestamp: int, nonce: int) -> bytes:
        """Return the 65 bytes that prove the key at an instant, in seconds."""


class KeySigner:
    """Sign with a key in this process: inside the signer process, or with a throw-away key for a simulated venue."""

    structural = False

    def __init__(self, key: bytes) -> None:
        account = _library()
        try:
            self._account = account.from_key(key)
        except Exception:  # noqa: BLE001 - whatever the library says about a key may quote the key
            bad = True
        else:
            bad = False
        if bad:
            raise AccessError("key-unusable", "what was given as a key is none")
        self.address: str = str(self._account.address)

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never copied out of its process")

    async def sign_order(self, order: OrderData, exchange: Exchange) -> bytes:
        """Return the signature of an order; raises Fatal signing-failed when the two hashes of it differ."""
        return self._sign(order_document(order, exchange), signed_hash(order, exchange))

    async def sign_login(self, timestamp: int, nonce: int) -> bytes:
        """Return the signature of a login."""
        return self._sign(login_document(self.address, timestamp, nonce), login_hash(self.address, timestamp, nonce))

    def _sign(self, document: dict[str, object], expected: bytes) -> bytes:
        from eth_account.messages import encode_typed_data

        message = encode_typed_data(full_message=document)
        signed = self._account.sign_message(message)
        if bytes(signed.message_hash) != expected:
            raise Fatal("signing-failed", "the library hashes this order differently: nothing was signed")
        return bytes(signed.signature)


class Unsigned:
    """Make signatures of the right structure that prove nothing, the same for the same message."""

    structural = True

    def __init__(self, name: str = "sandbox") -> None:
        self.address = checksummed("0x" + hashlib.sha256(f"edgeworth/{name}".encode()).hexdigest()[:40])

    async def sign_order(self, order: OrderData, exchange: Exchange) -> bytes:
        """Return 65 bytes that look like a signature."""
        return _shaped(signed_hash(order, exchange))

    async def sign_login(self, timestamp: int, nonce: int) -> bytes:
        """Return 65 bytes that look like a signature."""
        return _shaped(login_hash(self.address, timestamp, nonce))


def has_library() -> bool:
    """Tell whether the library that signs is installed."""
    return importlib.util.find_spec("eth_account") is not None


def sandbox_signer(name: str = "sandbox") -> KeySigner | Unsigned:
    """Return the signer for a simulated venue: a throw-away key made of `name`, or no key where nothing can sign."""
    if not has_library():
        return Unsigned(name)
    return KeySigner(hashlib.sha256(f"edgeworth/throw-away/{name}".encode()).digest())


def _library() -> Any:
    try:
        from eth_account import Account
    except ImportError as error:
        raise AccessError("extra-missing", "signing needs the 'live' part of edgeworth", _HINT) from error
    return Account


def _shaped(digest: bytes) -> bytes:
    half = hashlib.sha256(digest).digest()
    return b"\x01" + digest[1:] + b"\x01" + half[1:] + b"\x1b"

"""Accounts and their API keys: who may ask for what, checked as the venue checks it.

A login (L1) proves a wallet by an EIP-712 signature and hands out keys; every other request (L2) is signed with HMAC
over timestamp, method, path without query, and the exact bytes of the body. Source: the venue's own SDK.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from edgeworth.core.units import SECOND
from edgeworth.sandbox.exchange.bank import Bank
from edgeworth.sandbox.exchange.keccak import checksum_address
from edgeworth.sandbox.exchange.ports import FaultsPort
from edgeworth.sandbox.exchange.signatures import Verifier
from edgeworth.sandbox.protocol import Request

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_WINDOW: Final = 30  # seconds a request's timestamp may lie off while the fault `strict-timestamps` is on


@dataclass(frozen=True, slots=True)
class Credentials:
    """One API key of one address (lower case)."""

    address: str
    key: str
    secret: str
    passphrase: str
    readonly: bool = False

    def wire(self) -> dict[str, str]:
        """Return the keys as the venue hands them out."""
        return {"apiKey": self.key, "secret": self.secret, "passphrase": self.passphrase}


class Members:
    """Everybody with an API key, and which wallets they speak for."""

    def __init__(self, bank: Bank, faults: FaultsPort, seed: str, endowment_e6: int) -> None:
        self.verifier = Verifier()
        self._bank, self._faults, self._seed, self._endowment = bank, faults, seed, endowment_e6
        self._keys: dict[str, Credentials] = {}
        self._by_login: dict[tuple[str, int], Credentials] = {}
        self._owner_of: dict[str, str] = {}  # wallet -> address that speaks for it
        self._wallet_of: dict[tuple[str, int], str] = {}  # address, signature type -> wallet
        self._issued = 0

    # wallets

    def fund(self, wallet: str) -> None:
        """Give a wallet its endowment the first time it is seen."""
        if wallet not in self._owner_of:
            self._owner_of[wallet] = ""
            self._bank.deposit(wallet, self._endowment)

    def claim(self, address: str, wallet: str, signature_type: int) -> bool:
        """Let an address speak for a wallet; False when another one does already."""
        self.fund(wallet)
        if self._owner_of[wallet] not in {"", address}:
            return False
        self._owner_of[wallet] = address
        self._wallet_of.setdefault((address, signature_type), wallet)
        return True

    def wallet_of(self, address: str, signature_type: int) -> str:
        """Return the wallet of an address for a kind of signature: its own for plain keys."""
        wallet = address if signature_type == 0 else self._wallet_of.get((address, signature_type), address)
        self.fund(wallet)
        return wallet

    def wallets(self, address: str) -> list[str]:
        """Return every wallet an address speaks for, its own first."""
        return [address, *(w for w, owner in self._owner_of.items() if owner == address and w != address)]

    # keys

    def login(self, request: Request) -> tuple[str, int] | None:
        """Return (address, nonce) of a request with valid login headers, None otherwise."""
        headers = request.headers
        address, nonce = headers.get("poly_address", ""), headers.get("poly_nonce", "0")
        timestamp, signature = headers.get("poly_timestamp", ""), headers.get("poly_signature", "")
        if not (_ADDRESS.fullmatch(address) and _digits(nonce) and _digits(timestamp)):
            return None
        if not self.verifier.login(address, timestamp, int(nonce), signature):
            return None
        return address.lower(), int(nonce)

    def create(self, address: str, nonce: int) -> Credentials | None:
        """Return new keys, None when this address has keys for this nonce."""
        if (address, nonce) in self._by_login:
            return None
        made = self._by_login[address, nonce] = self._issue(address, readonly=False)
        self.claim(address, address, 0)
        return made

    def derive(self, address: str, nonce: int) -> Credentials | None:
        """Return the keys an address got earlier, None when it has none."""
        return self._by_login.get((address, nonce))

    def issue_readonly(self, address: str) -> Credentials:
        """Return new keys that may look but not trade."""
        return self._issue(address, readonly=True)

    def keys_of(self, address: str, *, readonly: bool = False) -> list[str]:
        """Return the keys of an address, oldest first."""
        return [row.key for row in self._keys.values() if row.address == address and row.readonly == readonly]

    def revoke(self, key: str) -> None:
        """Forget a key."""
        gone = self._keys.pop(key, None)
        if gone is not None:
            self._by_login = {at: row for at, row in self._by_login.items() if row.key != key}

    def authenticate(self, request: Request, now: int) -> Credentials | None:
        """Return the keys that signed a request, None when anything about its headers is wrong."""
        headers = request.headers
        found = self._keys.get(headers.get("poly_api_key", ""))
        stamp = headers.get("poly_timestamp", "")
        if found is None or headers.get("poly_address", "").lower() != found.address or not _digits(stamp):
            return None
        if headers.get("poly_passphrase") != found.passphrase or not self._timely(int(stamp), now):
            return None
        expected = hmac_signature(found.secret, stamp, request.method, request.path, request.body)
        return found if hmac.compare_digest(expected, headers.get("poly_signature", "")) else None

    def find(self, key: str, secret: str, passphrase: str) -> Credentials | None:
        """Return the keys with these three parts, as a socket presents them."""
        found = self._keys.get(key)
        same = found is not None and found.secret == secret and found.passphrase == passphrase
        return found if same else None

    def _timely(self, stamp_s: int, now: int) -> bool:
        """Return whether a timestamp is near enough: only asked under a fault, since a simulated clock is nobody's."""
        fault = self._faults.active("strict-timestamps")
        return fault is None or abs(stamp_s - now // SECOND) <= int(fault.get("window_s", _WINDOW))

    def _issue(self, address: str, *, readonly: bool) -> Credentials:
        self._issued += 1
        root = hashlib.sha512(f"{self._seed}/{address}/{self._issued}".encode()).digest()
        text = root[:16].hex()
        key = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        secret = base64.urlsafe_b64encode(root[16:48]).decode()
        made = Credentials(address, key, secret, hashlib.sha256(root).hexdigest(), readonly)
        self._keys[key] = made
        return made


def hmac_signature(secret: str, timestamp: str, method: str, path: str, body: bytes) -> str:
    """Return the signature of a request: urlsafe base64 of HMAC-SHA256; raises nothing, bad secrets sign nothing."""
    try:
        raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    except (binascii.Error, ValueError):
        return ""
    message = f"{timestamp}{method}{path}".encode() + body
    return base64.urlsafe_b64encode(hmac.new(raw, message, hashlib.sha256).digest()).decode()


def shown_address(address: str) -> str:
    """Return an address in mixed case, as the venue prints it."""
    return checksum_address(address) if _ADDRESS.fullmatch(address) else address


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()

"""Proving who asks: a login signed by the key gets API keys; every other private request is signed with these.

A login (the venue's L1) is an EIP-712 message; a request (L2) is an HMAC-SHA256 over its second, its method, its path
without the query, and the exact bytes of its body. API keys are got anew at every start and live in memory alone.
"""

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache
from typing import Any

import msgspec

from edgeworth.core.errors import AccessError, Fatal, Retryable
from edgeworth.core.units import SECOND
from edgeworth.venues import answers
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket.signing import OrderSigner
from edgeworth.venues.polymarket.user_stream import Credentials


def request_signature(secret: str, timestamp: int, method: str, path: str, body: bytes = b"") -> str:
    """Return the signature of a request; `timestamp` in seconds. Raises AccessError for a secret that is none."""
    found = _keyed(secret).copy()
    found.update(f"{timestamp}{method}{path}".encode() + body)
    return base64.urlsafe_b64encode(found.digest()).decode()


@lru_cache(maxsize=4)  # a process signs with one secret; getting the key ready costs as much as a signature
def _keyed(secret: str) -> hmac.HMAC:
    try:
        key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    except (binascii.Error, ValueError) as error:
        raise AccessError("key-unusable", "the API secret is not base64") from error
    return hmac.new(key, digestmod=hashlib.sha256)


class Requester:
    """Who signs requests: the key's address and the API keys it was given."""

    def __init__(self, address: str, credentials: Credentials) -> None:
        self.address, self.credentials = address, credentials

    def __repr__(self) -> str:
        return f"Requester({self.address})"

    def headers(self, timestamp: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Return the headers that prove a request; `timestamp` in seconds of the venue's clock."""
        keys = self.credentials
        return {
            "POLY_ADDRESS": self.address,
            "POLY_API_KEY": keys.key,
            "POLY_PASSPHRASE": keys.passphrase,
            "POLY_TIMESTAMP": str(timestamp),
            "POLY_SIGNATURE": request_signature(keys.secret, timestamp, method, path, body),
        }


async def log_in(http: HttpClient, signer: OrderSigner, now: int) -> Credentials:
    """Return the API keys of a wallet's key, made at the first time and derived from then on.

    `now` is the venue's clock in microseconds. Raises Fatal venue-unauthorised when the venue does not accept the
    signature, Retryable while it does not answer as it should.
    """
    timestamp = now // SECOND
    signature = await signer.sign_login(timestamp, 0)
    headers = {
        "POLY_ADDRESS": signer.address,
        "POLY_SIGNATURE": "0x" + signature.hex(),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_NONCE": "0",
    }
    made = await http.send("POST", "/auth/api-key", None, route="keys", headers=lambda: headers)
    if made.status == 400:  # it has keys already
        made = await http.send("GET", "/auth/derive-api-key", None, route="keys", headers=lambda: headers)
    return _keys(made)


class _Keys(msgspec.Struct, rename={"key": "apiKey"}):
    key: str
    secret: str
    passphrase: str

    def __repr__(self) -> str:
        return "_Keys(…)"


def _keys(payload: Payload) -> Credentials:
    if payload.status in {401, 403}:
        raise Fatal("venue-unauthorised", f"the venue does not accept the login: {_words(payload)}")
    if payload.status != 200:
        raise Retryable("venue-unavailable", f"the venue answered a login with {payload.status}: {_words(payload)}")
    try:
        found = msgspec.json.decode(payload.body, type=_Keys)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Retryable("venue-not-json", "the venue answered a login with something else") from error
    return Credentials(found.key, found.secret, found.passphrase)


def _words(payload: Payload) -> str:
    found: Any = answers.value(payload.body)
    said = found.get("error") if isinstance(found, dict) else None
    return said[:200] if isinstance(said, str) else "no reason given"

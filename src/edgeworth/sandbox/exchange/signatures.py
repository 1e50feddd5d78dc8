"""Who signed: recovers the signer of logins and orders, where the library for it is installed.

The curve arithmetic comes with the `live` extra. Without it a structurally valid signature is accepted, and the control
channel says so (`signatures: structure only`).
"""

import importlib.util
from typing import Final

from edgeworth.sandbox.exchange import eip712
from edgeworth.sandbox.exchange.keccak import keccak256

_PLAIN: Final = 65
_WRAPPED: Final = 317  # 65 + domain separator 32 + struct hash 32 + type string 186 + its length 2
_CONTRACT_WALLET: Final = 3
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class Verifier:
    """Check signatures; `exact` is False where only their structure can be checked."""

    def __init__(self, exact: bool | None = None) -> None:
        self.exact = importlib.util.find_spec("eth_keys") is not None if exact is None else exact

    def login(self, address: str, timestamp: str, nonce: int, signature: str) -> bool:
        """Return whether `address` signed the login message."""
        raw = _bytes(signature)
        if raw is None or len(raw) != _PLAIN:
            return False
        return self._signed_by(eip712.login_digest(address, timestamp, nonce), raw, address)

    def order(self, order: eip712.OrderFields, domain: eip712.Domain, signature: str, owner: str) -> bool:
        """Return whether the wallet `owner` signed the order, in the form its signature type asks for."""
        raw = _bytes(signature)
        if raw is None:
            return False
        if order.signature_type != _CONTRACT_WALLET:
            return len(raw) == _PLAIN and self._signed_by(eip712.order_digest(order, domain), raw, owner)
        kind = eip712.ORDER_TYPE.encode()
        trailer = eip712.domain_separator(domain) + eip712.struct_hash(order) + kind + len(kind).to_bytes(2, "big")
        if len(raw) != _WRAPPED or raw[_PLAIN:] != trailer:
            return False
        return self._signed_by(eip712.wrapped_digest(order, domain), raw[:_PLAIN], owner)

    def _signed_by(self, digest: bytes, signature: bytes, address: str) -> bool:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        parity = signature[64] - 27 if signature[64] >= 27 else signature[64]
        if not (r and 0 < s <= _HALF_ORDER and parity in {0, 1}):
            return False
        if not self.exact:
            return True
        found = _recover(digest, signature[:64] + bytes([parity]))
        return found is not None and found == address.lower()


def _recover(digest: bytes, signature: bytes) -> str | None:
    """Return the lower-case address that made a signature, None when no key can have made it."""
    from eth_keys.datatypes import Signature  # heavy, and only with the `live` extra
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    try:
        key = Signature(signature_bytes=signature).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError):
        return None
    return "0x" + keccak256(key.to_bytes())[-20:].hex()


def _bytes(signature: str) -> bytes | None:
    try:
        return bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        return None

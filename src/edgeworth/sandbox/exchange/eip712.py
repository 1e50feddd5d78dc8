"""Typed-data hashes of the venue: the order (its id), the login message, and the wrapper of contract wallets.

Source: EIP-712, and the type strings of the venue's own SDK. Everything here is hashing; recovering a signer from a
signature is in `signatures`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from edgeworth.sandbox.exchange.keccak import keccak256

CHAIN_ID: Final = 137
EXCHANGE: Final = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE: Final = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3: Final = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
ORDER_TYPE: Final = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
AUTH_MESSAGE: Final = "This message attests that I control the given wallet"
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_LOGIN_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"
_LOGIN_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_WRAPPER_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_V2_MASK: Final = ((1 << 64) - 1) << 40


@dataclass(frozen=True, slots=True)
class OrderFields:
    """The signed fields of an order: addresses as `0x` text, amounts in 1e-6 units, `side` 0 buys and 1 sells."""

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp: int
    metadata: str
    builder: str


@dataclass(frozen=True, slots=True)
class Domain:
    """Which contract an order is signed for: protocol `version` and `contract` address."""

    version: str
    contract: str


def is_v2_position(token_id: int) -> bool:
    """Return whether a token id is a protocol-v2 position: bits 40 to 103 are all zero."""
    return token_id & _V2_MASK == 0


def order_domain(token_id: int, neg_risk: bool) -> Domain:
    """Return the signing domain of a token."""
    if is_v2_position(token_id):
        return Domain("3", EXCHANGE_V3)
    return Domain("2", NEG_RISK_EXCHANGE if neg_risk else EXCHANGE)


def order_digest(order: OrderFields, domain: Domain) -> bytes:
    """Return the 32 bytes that an ordinary wallet signs for an order."""
    return _digest(domain_separator(domain), struct_hash(order))


def order_id(order: OrderFields, domain: Domain) -> str:
    """Return the id of an order: what is signed, except that a contract wallet's wrapper is not part of it."""
    return "0x" + order_digest(order, domain).hex()


def wrapped_digest(order: OrderFields, domain: Domain) -> bytes:
    """Return the 32 bytes that the owner of a contract wallet signs: the order inside `TypedDataSign`."""
    body = (
        _type_hash(_WRAPPER_TYPE)
        + struct_hash(order)
        + keccak256(b"DepositWallet")
        + keccak256(b"1")
        + _word(CHAIN_ID)
        + _address(order.signer)
        + _word(0)
    )
    return _digest(domain_separator(domain), keccak256(body))


def login_digest(address: str, timestamp: str, nonce: int) -> bytes:
    """Return the 32 bytes that a wallet signs to get API keys."""
    domain = _type_hash(_LOGIN_DOMAIN_TYPE) + keccak256(b"ClobAuthDomain") + keccak256(b"1") + _word(CHAIN_ID)
    body = (
        _type_hash(_LOGIN_TYPE)
        + _address(address)
        + keccak256(timestamp.encode())
        + _word(nonce)
        + keccak256(AUTH_MESSAGE.encode())
    )
    return _digest(keccak256(domain), keccak256(body))


def struct_hash(order: OrderFields) -> bytes:
    """Return the hash of the order's own fields."""
    body = (
        _type_hash(ORDER_TYPE)
        + _word(order.salt)
        + _address(order.maker)
        + _address(order.signer)
        + _word(order.token_id)
        + _word(order.maker_amount)
        + _word(order.taker_amount)
        + _word(order.side)
        + _word(order.signature_type)
        + _word(order.timestamp)
        + _bytes32(order.metadata)
        + _bytes32(order.builder)
    )
    return keccak256(body)


@lru_cache(maxsize=16)
def domain_separator(domain: Domain) -> bytes:
    """Return the hash of an exchange's domain."""
    body = (
        _type_hash(_DOMAIN_TYPE)
        + keccak256(b"Polymarket CTF Exchange")
        + keccak256(domain.version.encode())
        + _word(CHAIN_ID)
        + _address(domain.contract)
    )
    return keccak256(body)


@lru_cache(maxsize=16)
def _type_hash(text: str) -> bytes:
    return keccak256(text.encode())


def _digest(separator: bytes, structure: bytes) -> bytes:
    return keccak256(b"\x19\x01" + separator + structure)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address(text: str) -> bytes:
    return bytes(12) + bytes.fromhex(text.removeprefix("0x"))


def _bytes32(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x")).ljust(32, b"\0")

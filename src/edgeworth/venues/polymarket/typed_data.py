"""The typed data a wallet signs: orders, the wrapper of deposit wallets, and the login; their hashes name orders.

An order's id is the digest of the bare order, also where a deposit wallet's owner signs the wrapper around it. Type
strings, domains and contracts are the venue's own (protocol of 2026-04-28); hashing follows EIP-712, the wrapper
ERC-7739. Nothing here signs and nothing holds a key.
"""

from functools import lru_cache
from typing import Any, Final

import msgspec

from edgeworth.venues.polymarket.keccak import keccak256

CHAIN: Final = 137
STANDARD: Final = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK: Final = "0xe2222d279d744050d28e00520010520000310F59"
POSITIONS: Final = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
ZERO: Final = "0x" + 64 * "0"
DEPOSIT_WALLET: Final = 3
LOGIN_TEXT: Final = "This message attests that I control the given wallet"
_NAME: Final = "Polymarket CTF Exchange"
_SECOND_PROTOCOL: Final = ((1 << 64) - 1) << 40  # these bits are zero in the token ids of the second protocol

Field = tuple[str, str]
_DOMAIN: Final = (
    ("string", "name"), ("string", "version"), ("uint256", "chainId"), ("address", "verifyingContract"),
)  # fmt: skip
_ORDER: Final = (
    ("uint256", "salt"), ("address", "maker"), ("address", "signer"), ("uint256", "tokenId"),
    ("uint256", "makerAmount"), ("uint256", "takerAmount"), ("uint8", "side"), ("uint8", "signatureType"),
    ("uint256", "timestamp"), ("bytes32", "metadata"), ("bytes32", "builder"),
)  # fmt: skip
_WRAPPER: Final = (("Order", "contents"), *_DOMAIN, ("bytes32", "salt"))
_LOGIN: Final = (("address", "address"), ("string", "timestamp"), ("uint256", "nonce"), ("string", "message"))


def _type(name: str, fields: tuple[Field, ...]) -> str:
    return f"{name}({','.join(f'{kind} {word}' for kind, word in fields)})"


ORDER_TYPE: Final = _type("Order", _ORDER)
_DOMAIN_TYPE: Final = _type("EIP712Domain", _DOMAIN)
_WRAPPER_TYPE: Final = _type("TypedDataSign", _WRAPPER) + ORDER_TYPE


class OrderData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signed fields of an order: amounts in 1e-6, `timestamp` in milliseconds, addresses as 0x text."""

    salt: int
    maker: str
    signer: str
    token: int
    maker_e6: int
    taker_e6: int
    is_buy: bool
    signature_type: int
    timestamp: int
    metadata: str = ZERO
    builder: str = ZERO


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contract an order is signed for, and the version in its domain."""

    version: str
    contract: str


PINNED: Final = (Exchange("2", STANDARD), Exchange("2", NEG_RISK), Exchange("3", POSITIONS))


def exchange_of(token: int, *, neg_risk: bool) -> Exchange:
    """Return the exchange that trades a token."""
    if token & _SECOND_PROTOCOL == 0:
        return PINNED[2]
    return PINNED[1] if neg_risk else PINNED[0]


@lru_cache(maxsize=4)  # asked for the signature and then for the id
def order_hash(order: OrderData, exchange: Exchange) -> bytes:
    """Return the 32 bytes that name an order: its id, and what an ordinary key signs."""
    return _digest(_separator(exchange), _struct(order))


def order_id(order: OrderData, exchange: Exchange) -> str:
    """Return an order's id as the venue writes it."""
    return "0x" + order_hash(order, exchange).hex()


def signed_hash(order: OrderData, exchange: Exchange) -> bytes:
    """Return the 32 bytes to be signed: the order's own, or those of the wrapper for a deposit wallet."""
    if order.signature_type != DEPOSIT_WALLET:
        return order_hash(order, exchange)
    body = _text(_WRAPPER_TYPE) + _struct(order) + _text("DepositWallet") + _text("1") + _word(CHAIN)
    return _digest(_separator(exchange), keccak256(body + _address(order.signer) + bytes(32)))


def wire_signature(order: OrderData, exchange: Exchange, signature: bytes) -> str:
    """Return the signature as it is sent: 65 bytes, followed by what was wrapped for a deposit wallet (317 in all)."""
    if order.signature_type != DEPOSIT_WALLET:
        return "0x" + signature.hex()
    kind = ORDER_TYPE.encode()
    trailer = _separator(exchange) + _struct(order) + kind + len(kind).to_bytes(2, "big")
    return "0x" + (signature + trailer).hex()


def login_hash(address: str, timestamp: int, nonce: int) -> bytes:
    """Return the 32 bytes a key signs to get API keys; `timestamp` in seconds."""
    domain = _text(_type("EIP712Domain", _DOMAIN[:3])) + _text("ClobAuthDomain") + _text("1") + _word(CHAIN)
    login = _text(_type("ClobAuth", _LOGIN)) + _address(address) + _text(str(timestamp)) + _word(nonce)
    return _digest(keccak256(domain), keccak256(login + _text(LOGIN_TEXT)))


def order_document(order: OrderData, exchange: Exchange) -> dict[str, Any]:
    """Return the typed data of an order as the document that wallets and their libraries sign."""
    domain = {"name": _NAME, "version": exchange.version, "chainId": CHAIN, "verifyingContract": exchange.contract}
    types = {"EIP712Domain": _listed(_DOMAIN), "Order": _listed(_ORDER)}
    contents = {
        "salt": order.salt, "maker": order.maker, "signer": order.signer, "tokenId": order.token,
        "makerAmount": order.maker_e6, "takerAmount": order.taker_e6, "side": 0 if order.is_buy else 1,
        "signatureType": order.signature_type, "timestamp": order.timestamp, "metadata": order.metadata,
        "builder": order.builder,
    }  # fmt: skip
    if order.signature_type != DEPOSIT_WALLET:
        return {"types": types, "primaryType": "Order", "domain": domain, "message": contents}
    types["TypedDataSign"] = _listed(_WRAPPER)
    wallet = {"name": "DepositWallet", "version": "1", "chainId": CHAIN, "verifyingContract": order.signer}
    message = {"contents": contents, **wallet, "salt": ZERO}
    return {"types": types, "primaryType": "TypedDataSign", "domain": domain, "message": message}


def login_document(address: str, timestamp: int, nonce: int) -> dict[str, Any]:
    """Return the typed data of a login as a document."""
    return {
        "types": {"EIP712Domain": _listed(_DOMAIN[:3]), "ClobAuth": _listed(_LOGIN)},
        "primaryType": "ClobAuth",
        "domain": {"name": "ClobAuthDomain", "version": "1", "chainId": CHAIN},
        "message": {"address": address, "timestamp": str(timestamp), "nonce": nonce, "message": LOGIN_TEXT},
    }


def checksummed(address: str) -> str:
    """Return an address in the mixed case that proves its digits (ERC-55); raises ValueError when it is none."""
    plain = address.removeprefix("0x").lower()
    if len(plain) != 40 or len(bytes.fromhex(plain)) != 20:
        raise ValueError(f"not an address: {address[:60]!r}")
    marks = keccak256(plain.encode()).hex()
    return "0x" + "".join(c.upper() if mark >= "8" else c for c, mark in zip(plain, marks, strict=False))


def _listed(fields: tuple[Field, ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for kind, name in fields]


def _struct(order: OrderData) -> bytes:
    numbers = (order.token, order.maker_e6, order.taker_e6, int(not order.is_buy), order.signature_type)
    head = (_text(ORDER_TYPE), _word(order.salt), _address(order.maker), _address(order.signer))
    tail = (_word(order.timestamp), _bytes32(order.metadata), _bytes32(order.builder))
    return keccak256(b"".join((*head, *map(_word, numbers), *tail)))


@lru_cache(maxsize=16)
def _separator(exchange: Exchange) -> bytes:
    head = _text(_DOMAIN_TYPE) + _text(_NAME) + _text(exchange.version)
    return keccak256(head + _word(CHAIN) + _address(exchange.contract))


@lru_cache(maxsize=64)
def _text(text: str) -> bytes:
    return keccak256(text.encode())


def _digest(separator: bytes, structure: bytes) -> bytes:
    return keccak256(b"\x19\x01" + separator + structure)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


@lru_cache(maxsize=64)
def _address(text: str) -> bytes:
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != 20:
        raise ValueError(f"not an address: {text[:60]!r}")
    return bytes(12) + raw


@lru_cache(maxsize=64)
def _bytes32(text: str) -> bytes:
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != 32:
        raise ValueError("not 32 bytes")
    return raw

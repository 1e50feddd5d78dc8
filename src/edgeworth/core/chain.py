"""Lists that only grow and show it when they were changed: each entry carries a digest over all before it."""

from hashlib import blake2b
from typing import Final, NamedTuple

GENESIS: Final = ""  # the digest before the first entry


class Entry(NamedTuple):
    """One line: its number from 1, when (microseconds), what kind, about whom, its JSON, the chain up to it."""

    number: int
    at: int
    kind: str
    subject: str
    body: bytes
    chain: str


def link(chain: str, body: bytes) -> str:
    """Return the digest that chains an entry to the one before: h_n = blake2b(h_{n-1} || entry), in hexadecimal."""
    return blake2b(bytes.fromhex(chain) + body, digest_size=32).hexdigest()


def follows(entry: Entry, number: int, chain: str) -> bool:
    """Tell whether an entry is the one that was written behind entry `number` with its `chain`."""
    return entry.number == number + 1 and entry.chain == link(chain, entry.body)

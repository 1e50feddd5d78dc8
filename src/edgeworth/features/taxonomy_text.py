"""Words of a question and an index of phrases over them; a phrase matches whole words or not at all."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "ß": "ss", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "’": "'", "‘": "'", "–": "-", "—": "-",
     "−": "-", "\u00a0": " ", "“": '"', "”": '"', "º": "°"}
)  # fmt: skip
_DOTTED = re.compile(r"\b(?:[a-z]\.){2,}")
_TOKEN = re.compile(r"\$?\d[\d,.]*[a-z%°]*|[a-z]{1,2}&[a-z]\b|\bo/u\b|[a-z][a-z0-9]*(?:'[a-z]+)?|°")
_END: Final = ""
NUMBER: Final = "#"
MONEY: Final = "$"


def normalise(text: str) -> str:
    """Return the text in lower case without accents, with plain quotes and dashes and without dots in initials."""
    low = text.lower()
    if not low.isascii():
        low = unicodedata.normalize("NFKD", low.translate(_LETTERS))
        low = "".join(char for char in low if not unicodedata.combining(char))
    return _DOTTED.sub(lambda match: match[0].replace(".", ""), low) if "." in low else low


def words(normalised: str) -> list[str]:
    """Split a normalised text into words and numbers; a possessive `'s` and trailing points are dropped."""
    found: list[str] = _TOKEN.findall(normalised)
    return [token[:-2] if token.endswith("'s") else token.rstrip(".,") for token in found]


class PhraseIndex:
    """Phrases of one or more words, each with a bit mask; `#` in a phrase stands for any number.

    At each word the longest phrase is taken and its words are used up, so that `carolina hurricanes` hides
    `hurricanes` and a phrase with an empty mask is a shield.
    """

    def __init__(self, phrases: Iterable[tuple[str, int]]) -> None:
        self._root: dict[str, Any] = {}
        for phrase, mask in phrases:
            node = self._root
            for word in phrase.split():
                node = node.setdefault(word, {})
            node[_END] = node.get(_END, 0) | mask

    def scan(self, tokens: list[str]) -> list[int]:
        """Return the masks of the phrases found, in order."""
        found = []
        position, count, root = 0, len(tokens), self._root
        while position < count:
            length, mask = self._longest(tokens, position, root)
            if length:
                found.append(mask)
                position += length
            else:
                position += 1
        return found

    @staticmethod
    def _longest(tokens: list[str], start: int, root: dict[str, Any]) -> tuple[int, int]:
        node, best, mask = root, 0, 0
        for position in range(start, len(tokens)):
            token = tokens[position]
            child = node.get(token)
            if child is None and token[-1:].isdigit():
                child = node.get(NUMBER)
            if child is None:
                break
            node = child
            if _END in node:
                best, mask = position - start + 1, node[_END]
        return best, mask

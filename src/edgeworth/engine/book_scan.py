"""Small compiled pieces for reading compact JSON in place: fixed words, ends of strings, plain decimals.

Every function stays inside the text it is given; -1 stands for anything unusual, which is left to a real parser.
"""

from typing import Any

import numpy as np

from edgeworth.engine.compiled import piece

QUOTE, COMMA, COLON = ord('"'), ord(","), ord(":")
OPEN, CLOSE, BEGIN, END = ord("["), ord("]"), ord("{"), ord("}")
_BACKSLASH, _BLANK, _DOT, _ZERO = ord("\\"), ord(" "), ord("."), ord("0")


def packed(text: str) -> int:
    """Return the characters of a text as one integer."""
    value = 0
    for letter in text:
        value = value << 8 | ord(letter)
    return value


_TRUE4, _FALSE5, _NULL4 = packed("true"), packed("false"), packed("null")


@piece
def eight(text: Any, at: int) -> Any:
    """Return eight characters as one integer; they must be there."""
    return (
        np.int64(text[np.uintp(at)]) << 56
        | np.int64(text[np.uintp(at + 1)]) << 48
        | np.int64(text[np.uintp(at + 2)]) << 40
        | np.int64(text[np.uintp(at + 3)]) << 32
        | np.int64(text[np.uintp(at + 4)]) << 24
        | np.int64(text[np.uintp(at + 5)]) << 16
        | np.int64(text[np.uintp(at + 6)]) << 8
        | np.int64(text[np.uintp(at + 7)])
    )


@piece
def three(text: Any, at: int) -> Any:
    """Return three characters as one integer; they must be there."""
    return np.int64(text[np.uintp(at)]) << 16 | np.int64(text[np.uintp(at + 1)]) << 8 | np.int64(text[np.uintp(at + 2)])


@piece
def string_end(text: Any, at: int) -> int:
    """Return the place of the quote that ends the string whose characters begin at `at`; -1 for unusual ones."""
    size = len(text)
    while at < size:
        letter = text[np.uintp(at)]
        if letter == QUOTE:
            return at
        if letter == _BACKSLASH or letter < _BLANK or letter > 126:
            return -1
        at += 1
    return -1


@piece
def plain_end(text: Any, at: int, length: int) -> int:
    """Return the end of a string that is likely to have that length and holds nothing but letters and digits."""
    if at + length < len(text) and text[np.uintp(at + length)] == QUOTE:
        odd = 0
        for k in range(length):
            letter = text[np.uintp(at + k)]
            odd |= (letter < _ZERO) | (letter > 122) | (letter == _BACKSLASH)
        if odd == 0:
            return at + length
    return string_end(text, at)


@piece
def decimal(text: Any, at: int, most: int, places: int) -> tuple[int, int]:  # noqa: C901
    """Return a plain decimal in units of 10**-places and the place of the quote after it; -1 when it is none or finer.

    `most` is the largest number of digits before the point.
    """
    size = len(text)
    value: Any = 0
    begin = at
    while at < size:
        digit = np.int64(text[np.uintp(at)]) - _ZERO
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        at += 1
        if at - begin > most:
            return -1, at
    if at == begin or at >= size:
        return -1, at
    if text[np.uintp(at)] == _DOT:
        at += 1
        begin = at
        while at < size:
            digit = np.int64(text[np.uintp(at)]) - _ZERO
            if digit < 0 or digit > 9:
                break
            if places > 0:
                value = value * 10 + digit
                places -= 1
            elif digit:
                return -1, at
            at += 1
        if at == begin or at >= size:
            return -1, at
    while places > 0:
        value *= 10
        places -= 1
    if text[np.uintp(at)] != QUOTE:
        return -1, at
    return value, at


@piece
def price_e4(text: Any, at: int) -> tuple[int, int]:
    """Return a price in 1e-4 dollars, -1 when it is none, and the place of the quote after it."""
    value, end = decimal(text, at, 1, 4)
    return (value if value <= 10_000 else -1), end


@piece
def pair_end(text: Any, at: int) -> int:
    """Return the place after a pair whose key begins at `at` and whose value is a plain string or word; -1 if not."""
    size = len(text)
    end = string_end(text, at)
    if end < 0 or end + 6 >= size or text[np.uintp(end + 1)] != COLON:
        return -1
    at = end + 2
    if text[np.uintp(at)] == QUOTE:
        end = string_end(text, at + 1)
        return end + 1 if end >= 0 else -1
    if at + 8 > size:
        return -1
    word = eight(text, at)
    after = at + 5 if word >> 24 == _FALSE5 else at + 4
    if after == at + 4 and word >> 32 != _TRUE4 and word >> 32 != _NULL4:
        return -1
    return after if text[np.uintp(after)] == COMMA or text[np.uintp(after)] == END else -1

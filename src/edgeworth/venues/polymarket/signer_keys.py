"""Where a wallet key may lie, and how it is read: keyring, then an encrypted file, else a file descriptor.

A key is never a flag, never in a settings file, and in the environment only where that is allowed by name. Errors say
which place is wrong and never show anything of what was found there.
"""

import importlib
import json
import os
import stat
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from edgeworth.core.errors import AccessError

SERVICE: Final = "edgeworth"
_LONGEST: Final = 16_384  # bytes of a key file
_SCRYPT_FLOOR: Final = 1 << 14
Place = Literal["auto", "keyring", "file", "fd"]


class KeySource(msgspec.Struct, frozen=True, kw_only=True):
    """Which key to load: its name, the folder of encrypted files, or an open descriptor that holds it."""

    place: Place = "auto"
    name: str = "main"
    folder: str = ""
    fd: int = -1


def load_key(source: KeySource, password: str = "") -> bytes:
    """Return the 32 bytes of a key; raises AccessError key-missing, key-unusable, key-exposed or extra-missing."""
    if source.place == "fd":
        return parse_key(_read_descriptor(source.fd))
    if source.place in {"auto", "keyring"}:
        found = _from_keyring(source.name, needed=source.place == "keyring")
        if found:
            return parse_key(found)
    file = find_file(Path(source.folder), source.name)
    if file is None:
        places = f"neither the keyring nor {source.folder} holds a key named {source.name!r}"
        raise AccessError("key-missing", places)
    return parse_key(_open_age(file, password)) if file.suffix == ".age" else _open_keystore(file, password)


def find_file(folder: Path, name: str) -> Path | None:
    """Return the encrypted file of a key: `<name>.age`, else `<name>.json` (keystore, version 3)."""
    return next((path for path in (folder / f"{name}.age", folder / f"{name}.json") if path.is_file()), None)


def parse_key(text: str) -> bytes:
    """Return the key in 64 hexadecimal digits, with or without 0x; raises AccessError key-unusable."""
    plain = text.strip().removeprefix("0x")
    good = len(plain) == 64 and all(char in "0123456789abcdefABCDEF" for char in plain)
    if not good or int(plain, 16) == 0:
        raise AccessError("key-unusable", "a key has 64 hexadecimal digits")
    return bytes.fromhex(plain)


def write_age(folder: Path, name: str, key: bytes, password: str) -> Path:
    """Write a key into a new file, encrypted with a password, readable by its owner alone; raises AccessError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.age"
    if path.exists():  # said before the password has been made slow to guess, which takes a second
        raise _taken(path)
    sealed = _pyrage().passphrase.encrypt(key.hex().encode(), password)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise _taken(path) from error
    with os.fdopen(handle, "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    return path


def _taken(path: Path) -> AccessError:
    return AccessError("key-unusable", f"{path} exists already", "choose another name")


def _from_keyring(name: str, *, needed: bool) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        if not needed:
            return ""
        raise AccessError("extra-missing", "the keyring needs the 'keys' part", _KEYS) from error
    try:
        return keyring.get_password(SERVICE, name) or ""
    except KeyringError as error:
        if not needed:
            return ""
        raise AccessError("key-missing", "this machine has no keyring that can be opened") from error


def _read_file(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise AccessError("key-exposed", f"others may read {path}", f"chmod 600 {path}")
        with path.open("rb") as file:
            return file.read(_LONGEST)
    except OSError as error:
        raise AccessError("key-unusable", f"{path} cannot be read") from error


def _open_age(path: Path, password: str) -> str:
    sealed, age = _read_file(path), _pyrage()
    try:
        opened: bytes = age.passphrase.decrypt(sealed, password)
        return opened.decode("ascii")
    except (age.DecryptError, UnicodeError):
        failed = True
    if failed:  # raised out here, so that nothing of the content hangs on to the error
        raise AccessError("key-unusable", f"{path} does not open with this password")
    raise AssertionError("unreachable")


def _open_keystore(path: Path, password: str) -> bytes:
    raw = _read_file(path)
    try:
        from eth_account import Account
    except ImportError as error:
        raise AccessError("extra-missing", "a keystore file needs the 'live' part", _LIVE) from error
    _check_keystore(raw, path)
    try:
        return bytes(Account.decrypt(json.loads(raw), password))
    except (ValueError, TypeError, KeyError):
        failed = True
    if failed:
        raise AccessError("key-unusable", f"{path} does not open with this password")
    raise AssertionError("unreachable")


def _check_keystore(raw: bytes, path: Path) -> None:
    """Raise AccessError unless a keystore is of version 3 and its password is hard to guess."""
    try:
        found: Any = json.loads(raw)
        crypto = {name.lower(): value for name, value in found.items()}["crypto"]
        good = found["version"] == 3 and crypto["kdf"] == "scrypt" and crypto["kdfparams"]["n"] >= _SCRYPT_FLOOR
    except (ValueError, TypeError, KeyError, AttributeError):
        good = False
    if not good:
        raise AccessError("key-unusable", f"{path} is no keystore of version 3 with scrypt")


def _read_descriptor(fd: int) -> str:
    try:
        with os.fdopen(fd, "rb") as file:
            return file.read(_LONGEST).decode("ascii")
    except (OSError, ValueError):
        failed = True
    if failed:
        raise AccessError("key-missing", "no key can be read from that file descriptor")
    raise AssertionError("unreachable")


def _pyrage() -> Any:
    try:
        pyrage = importlib.import_module("pyrage")  # it has no types
    except ImportError as error:
        raise AccessError("extra-missing", "an age file needs the 'keys' part", _KEYS) from error
    return pyrage


_KEYS: Final = "pip install 'edgeworth[keys]'"
_LIVE: Final = "pip install 'edgeworth[live]'"

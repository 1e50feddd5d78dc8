"""Turn any exception into what a user can act on: code, cause, fix, docs, and a documented exit code."""

import errno
import json
import sqlite3
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from edgeworth import __version__
from edgeworth.core.error_codes import CODES
from edgeworth.core.errors import AccessError, DataError, EdgeworthError, UsageError
from edgeworth.core.paths import default_home

INTERRUPTED = 130


def report_failure(error: BaseException, arguments: Sequence[str]) -> int:
    """Print the failure (an envelope on stdout with `--json`, else text on stderr) and return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return 0
    as_json = "--json" in arguments
    if isinstance(error, KeyboardInterrupt | click.Abort):
        _show("interrupted", "stopped by you; what was finished is stored", CODES["interrupted"].hint, {}, as_json)
        return INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return 2
    known = _as_known(error)
    if known is None:
        return _show_bug(error, arguments, as_json)
    _show(known.code, known.message, known.hint, known.details, as_json)
    return known.exit_code


def _as_known(error: BaseException) -> EdgeworthError | None:
    """Return the error a user understands behind this exception, or None when it is our bug."""
    if isinstance(error, EdgeworthError):
        return error
    if isinstance(error, click.UsageError):
        return _from_click(error)
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return _from_os(error)
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return DataError("store-locked", "the database is locked by another process")
    if isinstance(error, MemoryError):
        return DataError("disk-full", "the machine is out of memory", "choose a shorter range with --from and --to")
    return None


def _from_click(error: click.UsageError) -> EdgeworthError:
    code = getattr(error, "code", "bad-option")
    message = error.format_message().rstrip(".")
    where = error.ctx.command_path if error.ctx else "edgeworth"
    hint = getattr(error, "hint", "") or f"{where} --help"
    return UsageError(code, message[:1].lower() + message[1:], hint)


def _from_os(error: OSError) -> EdgeworthError | None:
    name = error.filename or "the file"
    if error.errno == errno.ENOSPC:
        return AccessError("disk-full", f"no space left for {name}")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return AccessError("output-unwritable", f"{name}: {error.strerror}")
    if isinstance(error, FileNotFoundError):
        return DataError("file-not-found", f"{name} does not exist")
    if isinstance(error, IsADirectoryError | NotADirectoryError):
        return DataError("file-unreadable", f"{name}: {error.strerror}")
    return None


def _show(code: str, cause: str, hint: str, details: dict[str, object], as_json: bool) -> None:
    docs = f"edgeworth doctor explain {code}"
    if as_json:
        body = {"code": code, "message": cause, "hint": hint, "docs": docs, "details": details}
        envelope = {"schema": "edgeworth.error/1", "ok": False, "error": body, "meta": {"version": __version__}}
        click.echo(json.dumps(envelope, default=str, ensure_ascii=False))
        return
    head = click.style(f"error {code}", fg="red", bold=True)
    click.echo(f"{head}\n  cause  {cause}\n  fix    {hint}\n  docs   {docs}", err=True)


def _show_bug(error: BaseException, arguments: Sequence[str], as_json: bool) -> int:
    text = "".join(traceback.format_exception(error))
    place = _write_log(text, arguments)
    where = f"traceback in {place}" if place else "the traceback follows"
    _show("internal", f"{type(error).__name__}: {error} ({where})", "please report it with that file", {}, as_json)
    if place is None:
        sys.stderr.write(text)
    return 1


def _write_log(text: str, arguments: Sequence[str]) -> Path | None:
    folder = default_home() / "log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "crash.log"
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"edgeworth {__version__} {list(arguments)}\n{text}\n")
    except OSError:
        return None
    return path

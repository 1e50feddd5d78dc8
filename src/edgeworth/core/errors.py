"""Errors, grouped by what the caller may do next; every error carries a stable kebab code, a message and a hint.

    EdgeworthError                exit  meaning
    ├── UsageError                  2   the command line is wrong
    ├── ConfigError                 3   a setting is wrong
    ├── AccessError                 4   credentials or file permissions
    ├── VenueError                  5   the outside world
    │   ├── Retryable                   try again later, nothing happened
    │   ├── Rejected                    understood and refused, do not repeat
    │   ├── Unknown                     it may have happened: find evidence
    │   └── Fatal                       stop talking to the venue
    ├── DataError                   6   a gap, stale, corrupt or implausible input
    │   └── LeakError                   the data knows the answer
    ├── RiskError                   7   refused by a limit, or halted
    ├── GateError                   8   a stated condition was not met
    ├── InstanceError               9   another process owns this home
    └── PartialError               10   some of it worked

Codes are registered in `core.error_codes`; an unregistered code cannot be raised.
"""

from typing import Any, ClassVar

from edgeworth.core.error_codes import CODES


class EdgeworthError(Exception):
    """Report a problem a user can act on.

    `code` is a registered kebab string, `message` the cause in one sentence, `hint` what to do about it, `details`
    JSON-ready facts. Raises KeyError for an unregistered code: that is a bug here, not a user's mistake.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, hint: str = "", **details: Any) -> None:
        default_hint = CODES[code].hint
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint or default_hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as what it was made of."""
        return _again, (type(self), self.code, self.message, self.hint, self.details)


def _again(kind: type[EdgeworthError], code: str, message: str, hint: str, details: dict[str, Any]) -> EdgeworthError:
    return kind(code, message, hint, **details)


class UsageError(EdgeworthError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class ConfigError(EdgeworthError):
    """A setting is unknown, of the wrong type or out of range."""

    exit_code = 3


class AccessError(EdgeworthError):
    """A credential is missing or the file system says no."""

    exit_code = 4


class VenueError(EdgeworthError):
    """The outside world did not do what was asked."""

    exit_code = 5


class Retryable(VenueError):
    """Nothing happened at the venue; the same request may be sent again later."""


class Rejected(VenueError):
    """The venue understood and refused; sending it again changes nothing."""


class Unknown(VenueError):
    """The request may or may not have taken effect; only evidence ends this state."""


class Fatal(VenueError):
    """Stop talking to the venue until a person has looked."""


class DataError(EdgeworthError):
    """Input is missing, stale, corrupt or implausible."""

    exit_code = 6


class LeakError(DataError):
    """The data or the sampling knows the outcome."""


class RiskError(EdgeworthError):
    """A limit or a halt refuses."""

    exit_code = 7


class GateError(EdgeworthError):
    """A condition the caller stated was not met."""

    exit_code = 8


class InstanceError(EdgeworthError):
    """Another process owns this home."""

    exit_code = 9


class PartialError(EdgeworthError):
    """Some items succeeded and some did not."""

    exit_code = 10

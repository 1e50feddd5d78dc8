"""edgeworth: find, prove and trade edges in prediction markets."""

from edgeworth import _environment  # noqa: F401  (must run before any numeric import)

__version__ = "0.1.0"

"""Follow a venue's cursors to the end of a listing, or find out that there is none."""

from typing import Final

from edgeworth.core.errors import Rejected

_IDLE_PAGES: Final = 3  # so many pages in a row without anything new: the listing goes in circles
_RESTARTS: Final = 2  # how often a listing may begin again because its cursor is no longer taken


class Way:
    """Where a listing stands: the cursor of the next page, and what has been met so far.

    A cursor that the venue no longer takes leads back to the start (what was seen before is passed over by the
    reader), because cursors may expire.
    """

    def __init__(self, cursor: str, max_pages: int) -> None:
        self.cursor = self._first = cursor
        self.goes_on = True
        self._max_pages = max_pages
        self._met = {cursor}
        self._pages = self._idle = self._restarts = 0
        self._patience = _IDLE_PAGES

    def follow(self, cursor: str, *, fresh: bool) -> str:
        """Go on to the page after the one just read; `fresh` says that it held something new.

        Returns why the listing stops unfinished (cursor-loop, no-progress, too-many-pages), empty when it does not.
        """
        self._pages += 1
        self._idle = 0 if fresh else self._idle + 1
        if not cursor:
            self.goes_on = False
            return ""
        if cursor in self._met:
            return "cursor-loop"
        if self._idle >= self._patience:
            return "no-progress"
        if self._pages >= self._max_pages:
            return "too-many-pages"
        self._met.add(cursor)
        self.cursor = cursor
        return ""

    def restart(self, error: Rejected) -> bool:
        """Go back to the start when a refusal may be about the cursor; False when it cannot be, or too often was."""
        if self.cursor == self._first or error.code != "venue-refused" or self._restarts >= _RESTARTS:
            return False
        self._restarts += 1
        self._patience = self._pages + _IDLE_PAGES  # all of these bring nothing new
        self._idle = 0
        self._met = {self._first}
        self.cursor = self._first
        return True

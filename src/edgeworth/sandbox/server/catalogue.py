"""Tags, series and events as the metadata service names them: fixed for a world, whatever the hour."""

from typing import Any

import msgspec

from edgeworth.core.units import DAY
from edgeworth.sandbox.kinds import Kind
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.live import LiveWorld

_FIRST_TAG, _FIRST_SERIES = 100, 31
_WEEK_HOURS, _DAY_HOURS = 168, 96


class Tag(msgspec.Struct, frozen=True):
    """A topic label with its id and slug."""

    id: str
    label: str
    slug: str


class Series(msgspec.Struct, frozen=True):
    """A recurring kind of event."""

    id: str
    slug: str
    title: str
    recurrence: str


class Catalogue:
    """Give tags and series their ids and say which events carry them."""

    def __init__(self, live: LiveWorld) -> None:
        self.live = live
        self._labels: dict[str, Tag] = {}
        self.tags_of: list[tuple[Tag, ...]] = [()] * len(live.world.texts)
        self.events_with: dict[str, set[int]] = {}
        for event in live.names.numbering.order:
            labels = dict.fromkeys((*live.world.event_kind[event].tags, *live.event_text(event).tags))
            self.tags_of[event] = tuple(self._tag(label) for label in labels)
            for tag in self.tags_of[event]:
                self.events_with.setdefault(tag.id, set()).add(event)
        kinds = dict.fromkeys(kind for kind in live.world.event_kind if kind.hours <= _WEEK_HOURS)
        self._series = {kind.name: _series(kind, place) for place, kind in enumerate(kinds)}

    def _tag(self, label: str) -> Tag:
        known = self._labels.get(label)
        if known is None:
            slug = label.lower().replace(" ", "-")
            known = self._labels[label] = Tag(str(_FIRST_TAG + len(self._labels)), label, slug)
        return known

    @property
    def tags(self) -> list[Tag]:
        """All tags by id."""
        return list(self._labels.values())

    @property
    def series(self) -> list[Series]:
        """All series by id."""
        return list(self._series.values())

    def series_of(self, event: int) -> Series | None:
        """Return the series of an event, None for a single one."""
        return self._series.get(self.live.world.event_kind[event].name)

    def kind_of(self, series: Series) -> str:
        """Return the name of the kind a series repeats."""
        return next(name for name, row in self._series.items() if row is series)

    def find_tag(self, name: str) -> Tag | None:
        """Return a tag by id or slug."""
        return next((tag for tag in self._labels.values() if name in {tag.id, tag.slug}), None)

    def related(self, tag: Tag) -> list[Tag]:
        """Return the tags that share most events with a tag, the closest first."""
        own = self.events_with[tag.id]
        others = [(len(own & events), other) for other, events in self.events_with.items() if other != tag.id]
        found = [self.find_tag(other) for shared, other in sorted(others, key=lambda row: (-row[0], row[1])) if shared]
        return [row for row in found if row is not None]

    def tag_row(self, tag: Tag) -> dict[str, Any]:
        """Return a tag as the tag routes print it."""
        born = text.iso(self.live.world.scenario.start - 400 * DAY)
        return {
            "id": tag.id,
            "label": tag.label,
            "slug": tag.slug,
            "forceShow": False,
            "createdAt": born,
            "updatedAt": text.iso(self.live.world.scenario.start),
            "requiresTranslation": False,
        }

    def series_row(self, series: Series) -> dict[str, Any]:
        """Return a series as the series routes print it, without figures."""
        return {
            "id": series.id,
            "ticker": series.slug,
            "slug": series.slug,
            "title": series.title,
            "seriesType": "single",
            "recurrence": series.recurrence,
            "active": True,
            "closed": False,
            "archived": False,
            "startDate": text.iso(self.live.world.scenario.start),
            "commentCount": 0,
        }


def _series(kind: Kind, place: int) -> Series:
    recurrence = "daily" if kind.hours <= _DAY_HOURS else "weekly"
    slug = f"{kind.name}-{recurrence}"
    return Series(str(_FIRST_SERIES + place), slug, slug.replace("-", " ").capitalize(), recurrence)

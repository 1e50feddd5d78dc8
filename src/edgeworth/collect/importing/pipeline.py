"""Import files: plan them, read them in a sensible order, store, measure coverage, and report on every one.

A file that cannot be read is reported and the batch goes on; only a fault of the home itself (disk full, locked, …)
stops it. Interrupted at any instant, the same command continues.
"""

import asyncio
import hashlib
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from edgeworth.collect.importing.detect import Detector, Part, Plan, walk
from edgeworth.collect.importing.mapping import load_mapping
from edgeworth.collect.importing.report import FileReport, ImportReport
from edgeworth.collect.importing.sink import Limits, Sink, Touched, coverage_key, note_part
from edgeworth.collect.importing.streams import Meter
from edgeworth.core.clock import Clock
from edgeworth.core.errors import EdgeworthError, UsageError
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress
from edgeworth.store.counts import WriteCounts
from edgeworth.store.market_db import CoverageRow, ImportState, MarketStore

# faults of the home, not of a file: going on would only repeat them
FATAL: Final = frozenset(
    {"disk-full", "home-unwritable", "store-locked", "store-corrupt", "store-newer", "another-instance"}
)
_SAMPLE: Final = 1 << 16
_AGAIN: Final = frozenset({"token-unknown"})  # reasons that another import may cure
_COVERAGE_ROWS: Final = 20_000

Hook = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What to import and how.

    `force` reads files again that are known; `limits` bound the memory; `hook` is told every step (kill tests).
    """

    paths: tuple[Path, ...]
    mapping: Path | None = None
    force: bool = False
    limits: Limits = field(default_factory=Limits)
    hook: Hook | None = None


def import_paths(  # noqa: PLR0913
    paths: Sequence[Path],
    home: Home,
    *,
    mapping: Path | None = None,
    recorded: bool = False,
    progress: Progress,
    clock: Clock,
    force: bool = False,
) -> ImportReport:
    """Import files and folders into a home and report on every file.

    `recorded` says that the paths are folders laid out like the recorded data. Detection by columns makes that layout
    known without being told, so it changes nothing but the demand that every path is a folder. Raises UsageError
    mapping-unreadable | mapping-bad-field | mapping-bad-unit for the mapping itself, and what the store raises
    (AccessError, DataError) for a faulty home. Faults of single files are in the report.
    """
    for path in paths if recorded else ():
        if not path.is_dir():
            raise UsageError("file-not-found", f"{path} is not a folder of recorded data")
    options = Options(tuple(Path(path) for path in paths), mapping, force)
    return run_import(options, home, progress, clock)


def run_import(options: Options, home: Home, progress: Progress, clock: Clock) -> ImportReport:
    """Import as `options` say; see `import_paths`."""
    return asyncio.run(_Import(options, home, progress, clock).run())


class _Import:
    def __init__(self, options: Options, home: Home, progress: Progress, clock: Clock) -> None:
        self._options, self._home, self._progress, self._clock = options, home, progress, clock
        self._roots = [path if path.is_dir() else path.parent for path in options.paths]
        self._detector = Detector(load_mapping(options.mapping) if options.mapping else None, self._name)
        self._touched = Touched()
        self._report = ImportReport()

    async def run(self) -> ImportReport:
        from edgeworth.store.lake import Lake

        start = self._clock.monotonic()
        plans = self._plans()
        self._lake: Lake = Lake(self._home.lake, self._options.hook)
        async with await MarketStore.open(self._home, clock=self._clock, hook=self._options.hook) as store:
            self._store = store
            number = await store.start_run("import")
            status = "failed"
            try:
                await self._files(plans)
                await self._coverage()
                status = "completed"
            finally:
                await store.finish_run(number, status, self._report.totals.to_dict())
        self._report.files.sort(key=lambda file: file.path)
        self._report.seconds = self._clock.monotonic() - start
        return self._report

    # planning

    def _name(self, path: Path) -> str:
        """Return how a path is called in the report: relative to the folder it was found in, if there is but one."""
        if len(self._roots) == 1 and path.is_relative_to(self._roots[0]):
            return str(path.relative_to(self._roots[0]))
        return str(path)

    def _plans(self) -> list[Plan]:
        plans = []
        for path in self._candidates():
            report = FileReport(self._name(path))
            try:
                plan = self._detector.plan(path)
            except (EdgeworthError, OSError) as error:
                _refuse(report, error)
                self._report.files.append(report)
                continue
            if plan.skipped is None:
                plans.append(plan)
            else:
                self._report.files.append(replace(report, shape=plan.shape, skipped=plan.skipped))
        return sorted(plans, key=lambda plan: plan.order)

    def _candidates(self) -> list[Path]:
        found: dict[Path, None] = {}
        for path in self._options.paths:
            if path.is_dir():
                files, others = walk(path)
                found.update(dict.fromkeys(files))
                self._report.files += [FileReport(self._name(other), skipped="not a data file") for other in others]
            elif path.exists():
                found[path] = None
            else:
                report = FileReport(str(path), refused="file-not-found", message=f"{path} does not exist")
                self._report.files.append(report)
        return list(found)

    # reading

    async def _files(self, plans: list[Plan]) -> None:
        self._progress.start("import", sum(plan.path.stat().st_size for plan in plans), "bytes")
        for plan in plans:
            report = FileReport(self._name(plan.path), plan.shape)
            self._report.files.append(report)
            began = self._clock.monotonic()
            meter = Meter(self._progress, plan.path.stat().st_size)
            try:
                key = _file_key(plan.path)
                for part in plan.parts:
                    await self._part(part, f"{key}:{part.label}:{part.digest}", report, meter)
            except (EdgeworthError, OSError) as error:
                if isinstance(error, EdgeworthError) and error.code in FATAL:
                    raise
                _refuse(report, error)
            except Exception as error:  # noqa: BLE001 - the edge of one file's task: a surprise must not stop the batch
                self._log()
                _refuse(report, error)
            meter.finish()
            report.seconds = self._clock.monotonic() - began
        self._progress.finish()

    def _log(self) -> None:
        """Keep the traceback of a surprise."""
        self._home.log.mkdir(parents=True, exist_ok=True)
        with (self._home.log / "import.log").open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)

    async def _part(self, part: Part, key: str, report: FileReport, meter: Meter) -> None:
        state = None if self._options.force else await self._store.import_state(key)
        if state is not None and state.done:
            known = WriteCounts.from_dict(state.counts)
            if not _AGAIN & set(known.reasons):
                report.counts.merge(_as_known(known))
                report.unchanged = True
                meter.finish()
                return
            state = None
        report.resumed |= state is not None
        state = state or ImportState(key=key, path=report.path, shape=part.shape)
        sink = Sink(self._store, self._lake, state, self._touched, self._options.limits)
        try:
            for extract in part.open(state.offset, meter):
                await sink.take(extract)
            await sink.finish()
        finally:
            note_part(report, sink)

    # coverage

    async def _coverage(self) -> None:
        """Measure what every touched source has: markets with points, and markets it named without any."""
        for source in sorted(self._touched.sources | await self._unmeasured()):
            rows = self._present(source)
            there = {row.market_no for row in rows}
            named = list(self._touched.named.get(source, {}))
            numbers = await self._store.resolve_ids(named) if named else []
            missing = {number for number in numbers if number is not None} - there
            rows += [CoverageRow(source=source, market_no=number, status="missing") for number in sorted(missing)]
            for start in range(0, len(rows), _COVERAGE_ROWS):
                await self._store.add_coverage(rows[start : start + _COVERAGE_ROWS])
            await self._store.set_import_state(ImportState(key=coverage_key(source), path=source, done=True))

    def _present(self, source: str) -> list[CoverageRow]:
        import polars as pl

        points, t = self._lake.scan_prices([source]), pl.col("event_time")
        frame = points.group_by("market_no").agg(pl.len(), t.min().alias("first"), t.max().alias("last"))
        chosen = frame.select("market_no", "len", "first", "last").collect(engine="streaming").sort("market_no")
        return [
            CoverageRow(source=source, market_no=number, points=count, first_t=first, last_t=last)
            for number, count, first, last in chosen.iter_rows()
        ]

    async def _unmeasured(self) -> set[str]:
        """Return sources that an interrupted import touched without measuring them."""
        found = set()
        for row in await self._store.rows("import_files"):
            if row["key"].startswith(coverage_key("")) and not row["done"]:
                found.add(row["path"])
        return found


def _refuse(report: FileReport, error: Exception) -> None:
    if isinstance(error, EdgeworthError):
        report.refused, report.message, report.hint = error.code, error.message, error.hint
    elif isinstance(error, OSError):
        report.refused, report.message = "file-unreadable", f"{report.path}: {error.strerror or error}"
    else:
        report.refused, report.message = "internal", f"{report.path}: {type(error).__name__}: {error}"
        report.hint = "the traceback is in log/import.log of the home; please report it"
    if report.stored:
        report.message += " (what came before is stored)"


def _as_known(counts: WriteCounts) -> WriteCounts:
    """Return the counts of reading the same rows again: what was stored is a duplicate now."""
    known = WriteCounts(read=dict(counts.read), quarantined=dict(counts.quarantined), reasons=dict(counts.reasons))
    for kind, rows in counts.read.items():
        again = rows - counts.quarantined.get(kind, 0)
        if again:
            known.duplicates[kind] = again
    return known


def _file_key(path: Path) -> str:
    """Return what identifies a file's content without reading all of it: name, size, time, both ends."""
    facts = path.stat()
    state = hashlib.blake2b(f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode(), digest_size=16)
    with path.open("rb") as file:
        state.update(file.read(_SAMPLE))
        if facts.st_size > _SAMPLE:
            file.seek(max(_SAMPLE, facts.st_size - _SAMPLE))
            state.update(file.read(_SAMPLE))
    return state.hexdigest()

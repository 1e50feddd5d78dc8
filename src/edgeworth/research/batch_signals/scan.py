"""One batch: choose markets, drop duplicates, cluster, queue what a rule fires on, plan the next one, write it down."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from edgeworth.core.clock import Clock
from edgeworth.core.config import Settings
from edgeworth.core.instants import to_iso
from edgeworth.core.panel import UNKNOWN_TIME, Int64s
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, MINUTE, SECOND, Micros
from edgeworth.research.batch_signals import clusters, journal, review
from edgeworth.research.batch_signals.dedupe import Deduped, Item, dedupe
from edgeworth.research.batch_signals.forecaster import Voice
from edgeworth.research.batch_signals.journal import Journal, Seen
from edgeworth.research.batch_signals.keeping import Keeper
from edgeworth.research.batch_signals.lookout import Board, Lookout
from edgeworth.research.batch_signals.types import (
    LARGEST_BATCH,
    MOST_QUEUED,
    SMALLEST_BATCH,
    Batch,
    ClusterEntry,
    DedupeSummary,
    NextBatchPlan,
    ReviewEntry,
    StopReason,
    WinRate,
)

BACK_OFF: Final = 5 * MINUTE  # how long a risk of being rate limited halves the batch and doubles the interval
NEARLY_USED: Final = 0.9  # share of the day's calls from which more would be a risk
_EVERYTHING: Final = 10**9
_OLD: Final = 2 * DAY  # nothing open and no price of any market since: nobody collects
ORDERING: Final = "markets a rule fires on, unseen before moved, then by scheduled end"
INCLUDE: Final = "unseen markets, and those whose price, quote or rule output moved"


@dataclass(frozen=True, slots=True)
class Plan:
    """How to scan: `min_edge` dollars a share after costs, `daily_calls` 0 = no budget, `interval` microseconds.

    `size` markets a batch to begin with (None: all open markets in one), `as_of` fixes the instant (a replay).
    """

    min_edge: float = 0.05
    size: int | None = 100
    interval: int = 5 * MINUTE
    daily_calls: int = 0
    as_of: int | None = None


@dataclass(slots=True)
class Scanner:
    """Make batch after batch of one scope; everything it remembers is on disk."""

    home: Home
    lookout: Lookout
    settings: Settings
    plan: Plan
    journal: Journal
    clock: Clock
    voice: Voice | None = None
    _keeper: Keeper | None = field(default=None, repr=False)
    _board: tuple[Board, review.Candidates, Mapping[str, str]] | None = field(default=None, repr=False)

    def next_batch(self) -> Batch:
        """Scan the next markets, store the batch and return it; one with nothing to look at is not stored."""
        now = self.clock.now()
        as_of = now if self.plan.as_of is None else self.plan.as_of
        with self.journal.turn() as seen:
            board, found, inputs = self.look(as_of)
            batch, record = Assembly(self, (board, found, inputs), seen, now).build()
            if not batch.dedupe_summary.input_items:
                self.journal.note(seen, record)
            elif batch.batch_id != seen.batch_id:  # the same look at the same instant is stored once
                self.journal.write(seen, batch.to_dict(), record)
        return batch

    def look(self, as_of: int) -> tuple[Board, review.Candidates, Mapping[str, str]]:
        """Return the board of an instant with its candidates; that of a fixed instant is made once."""
        kept = self._board
        if kept is None or kept[0].as_of != as_of:
            board = self.lookout.look(as_of)
            found = review.find(board, self.settings)
            self._board = kept = (board, found, inputs_of(board))
            if self.plan.as_of is None:  # a replay is no forecast
                self._keeper = self._keeper or Keeper(self.home, self.settings, self.clock)
                self._keeper.keep(board)
        return kept


def inputs_of(board: Board) -> dict[str, str]:
    """Return per market id a digest of what a batch judges it on: price, quote, and what the rules say."""
    said: dict[int, list[str]] = {}
    for part in board.said:
        for place, side, mean in zip(part.index.tolist(), part.side.tolist(), part.odds.mean.tolist(), strict=True):
            stated = "" if len(part.odds.mean) and np.isfinite(part.odds.weight[0]) else f"{mean:.4f}"
            said.setdefault(place, []).append(f"{part.speaker}{part.version}{side}{stated}")
    ids = board.panel.markets["market_id"].gather(board.market).to_list() if len(board) else []
    price = board.panel.price_e4[board.row].tolist()
    rows = zip(ids, price, board.bid_e4.tolist(), board.ask_e4.tolist(), strict=True)
    return {
        str(name): hashlib.blake2b(f"{cents}|{bid}|{ask}|{said.get(k)}".encode(), digest_size=6).hexdigest()
        for k, (name, cents, bid, ask) in enumerate(rows)
    }


class Assembly:
    """A batch on its way from the board to the document."""

    def __init__(
        self, scanner: Scanner, what: tuple[Board, review.Candidates, Mapping[str, str]], seen: Seen, now: int
    ) -> None:
        self.scanner, self.seen, self.now = scanner, seen, now
        self.board, self.found, self.inputs = what
        self.ids = list(self.inputs)
        self.places = {name: place for place, name in enumerate(self.ids)}
        self.firing = np.zeros(len(self.board), bool)
        self.firing[self.found.at] = True
        self.pending = self._pending()

    def build(self) -> tuple[Batch, dict[str, object]]:
        """Return the batch and what the journal keeps of it."""
        halted = journal.halted(self.scanner.home)
        chosen = self.pending[: self._size()]
        facts = dict(zip(chosen, self._facts(chosen), strict=True))
        unique = dedupe([self._item(place, row) for place, row in facts.items()])
        places = np.array([self.places[item.market_id] for item in unique.items], np.int64)
        members = [self._member(place, facts[place]) for place in places.tolist()]
        names = clusters.assign(members)
        queue = review.best_of_each(self.found, places)
        reviewable = sum(1 for best, _ in queue if self.found.priority[best] >= 0.5)
        reason = self._reason(halted, reviewable)
        entries = [] if reason in {"halted", "stale_data"} else self._entries(queue, places, names)
        back_off = self._back_off(reason)
        batch = self._batch(
            reason, entries, clusters.describe(members, names, [entry.cluster_id for entry in entries]),
            self._summary(chosen, unique, len(set(names)), len(queue)),
            self._next(reason, len(unique.items), len(self.pending) - len(chosen), back_off), (halted, chosen),
        )  # fmt: skip
        looked = {name: self.inputs[name] for place in chosen if (name := self.ids[place])}
        if reason in {"halted", "stale_data"}:
            looked = {}  # nothing was judged, so it will be looked at again
        plan = batch.next_batch_plan
        record: dict[str, object] = {
            "number": batch.number, "at": self.board.as_of, "inputs": looked, "size": plan.recommended_batch_size,
            "back_off_until": back_off, "batch_id": batch.batch_id,
        }  # fmt: skip
        return batch, record

    def _pending(self) -> list[int]:
        """Return the places on the board that are unseen or have moved, most urgent first."""
        board, known = self.board, {} if self.scanner.plan.size is None else self.seen.inputs
        ends = np.where(board.end == UNKNOWN_TIME, np.iinfo(np.int64).max, board.end)
        moved = [name in known for name in self.ids]
        fresh = [k for k, name in enumerate(self.ids) if known.get(name, ("", 0))[0] != self.inputs[name]]
        return sorted(fresh, key=lambda k: (not self.firing[k], moved[k], int(ends[k]), self.ids[k]))

    def _size(self) -> int:
        if self.scanner.plan.size is None:
            return _EVERYTHING
        size = self.seen.size or self.scanner.plan.size
        return max(size // 2, SMALLEST_BATCH) if self._backing_off() else size

    def _backing_off(self) -> bool:
        return self.now < self.seen.back_off_until

    def _facts(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Return what the panel holds of the markets at some places."""
        columns = ("market_id", "question", "event_no", "event_title", "outcome0", "outcome1", "tags")
        rows = self.board.panel.markets.select(columns)[self.board.market[np.asarray(places, np.int64)]]
        return [dict(zip(columns, row, strict=True)) for row in rows.iter_rows()]

    def _item(self, place: int, row: Mapping[str, Any]) -> Item:
        end = int(self.board.end[place])
        order = (int(self.board.age[place]), -int(self.board.depth_e6[place]))
        return Item(
            row["market_id"], row["question"], max(row["event_no"], 0), None if end == UNKNOWN_TIME else end,
            (row["outcome0"], row["outcome1"]), order,
        )  # fmt: skip

    def _member(self, place: int, row: Mapping[str, Any]) -> clusters.Member:
        price_at = int(self.board.panel.t[self.board.row[place]])
        return clusters.Member(
            row["market_id"], row["question"], max(row["event_no"], 0), row["event_title"] or "",
            tuple(row["tags"] or ()), self.board.category[place], price_at,
        )  # fmt: skip

    def _reason(self, halted: str, reviewable: int) -> StopReason:
        board, plan = self.board, self.scanner.plan
        if halted:
            return "halted"
        old = board.newest != UNKNOWN_TIME and board.as_of - board.newest > _OLD
        if not len(board) and (old or board.states.get("stale", 0)):
            return "stale_data"
        if plan.daily_calls and board.calls >= plan.daily_calls:
            return "budget_used"
        if board.limited or (plan.daily_calls and board.calls >= NEARLY_USED * plan.daily_calls):
            return "rate_limit_risk"
        return "too_many_candidates" if reviewable > MOST_QUEUED else "ok"

    def _entries(self, queue: list[tuple[int, list[int]]], places: Int64s, names: Sequence[str]) -> list[ReviewEntry]:
        scanner = self.scanner
        desk = review.Desk(self.board, self.found, scanner.settings, scanner.plan.min_edge)
        named = dict(zip(places.tolist(), names, strict=True))
        return review.entries(self.board, self.found, queue[:MOST_QUEUED], named, desk)

    def _summary(self, chosen: Sequence[int], unique: Deduped, groups: int, candidates: int) -> DedupeSummary:
        states, total = self.board.states, len(chosen)
        return DedupeSummary(
            input_items=total,
            unique_items=len(unique.items),
            duplicates_exact=unique.exact,
            duplicates_fuzzy=unique.fuzzy,
            clusters=groups,
            candidates=candidates,
            reduction=round(1.0 - min(candidates, MOST_QUEUED) / total, 4) if total else 0.0,
            quarantined=states.get("quarantined", 0),
            without_price=states.get("without_price", 0),
            stale=states.get("stale", 0),
            decided=states.get("decided", 0),
            ended=states.get("ended", 0),
            unchanged=len(self.board) - len(self.pending),
        )

    def _back_off(self, reason: StopReason) -> int:
        """Return until when to go slowly: five minutes from the last risk, then normal by itself."""
        if reason == "rate_limit_risk":
            return self.now + BACK_OFF
        return self.seen.back_off_until if self._backing_off() else 0

    def _next(self, reason: StopReason, unique: int, remaining: int, back_off: int) -> NextBatchPlan:
        plan = self.scanner.plan
        start = plan.size or LARGEST_BATCH
        if reason in {"ok", "budget_used"}:
            size = min(2 * unique, LARGEST_BATCH) if unique else start
        elif reason == "too_many_candidates":
            size = (self.seen.size or start) // 2
        else:
            size = self.seen.size or start  # the back-off halves it while it lasts
        wait = plan.interval * (2 if back_off > self.now else 1)
        return NextBatchPlan(
            stop_reason=reason,
            recommended_batch_size=min(max(size, SMALLEST_BATCH), LARGEST_BATCH),
            recommended_ordering=ORDERING,
            what_to_include_next_pass=INCLUDE,
            dedupe_on=("market_id", "question", "event"),
            remaining=remaining,
            wait_seconds=wait / SECOND,
            back_off_until=to_iso(Micros(back_off)) if back_off else None,
        )

    def _batch(
        self, reason: StopReason, entries: list[ReviewEntry], groups: list[ClusterEntry],
        summary: DedupeSummary, following: NextBatchPlan, what: tuple[str, Sequence[int]],
    ) -> Batch:  # fmt: skip
        board, (halted, chosen) = self.board, what
        name = self._name(reason, chosen)
        known = not summary.input_items or name == self.seen.batch_id
        return Batch(
            schema="edgeworth.signals/1",
            batch_id=name,
            number=self.seen.number if known else self.seen.number + 1,
            as_of=to_iso(Micros(board.as_of)),
            recorded_at=to_iso(Micros(self.now)),
            point_in_time=self.scanner.plan.as_of is not None,
            source=board.panel.source,
            newest_price=None if board.newest == UNKNOWN_TIME else to_iso(Micros(board.newest)),
            stop_reason=reason,
            message=explain(board, reason, entries, summary, halted),
            rules=tuple(_win_rates(board)),
            model=None if self.scanner.voice is None else self.scanner.voice.note(board.as_of),
            dedupe_summary=summary,
            clusters=tuple(groups),
            review_queue=tuple(entries),
            next_batch_plan=following,
        )

    def _name(self, reason: StopReason, chosen: Sequence[int]) -> str:
        """Return an id that two batches share only when everything they were made of is equal."""
        past = [speaker.experience(self.board.as_of) for speaker in self.board.speakers]
        looked = [(self.ids[place], self.inputs[self.ids[place]]) for place in chosen]
        settings = self.scanner.settings.model_dump_json(include={"costs", "risk", "proof"})
        told = f"{self.board.as_of}|{reason}|{self.scanner.journal.folder.name}|{settings}|{past}|{looked}"
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def _win_rates(board: Board) -> list[WinRate]:
    """Return what each rule has earned by now, with its interval, and how often it fires on the board."""
    from edgeworth.forecasting.odds import learned

    rows = []
    spoken = board.said[: len(board.speakers)] or [None] * len(board.speakers)  # rules speak first
    for speaker, said in zip(board.speakers, spoken, strict=True):
        events, won, paid = speaker.experience(board.as_of)
        facts: list[float | None] = [None] * 5
        if events:
            odds = learned((events, won, paid), np.array([paid]), speaker.settings.proof.prior_events)
            low, high = odds.interval()
            facts = [round(float(value), 5) for value in (paid, won, odds.mean[0], low[0], high[0])]
        rows.append(
            WinRate(
                rule=speaker.name, version=speaker.rule.version, exhibit=bool(speaker.rule.exhibit),
                fired=len(said.index) if said else 0, events=events, price_paid=facts[0],
                won=facts[1], win_rate=facts[2], low=facts[3], high=facts[4],
            )
        )  # fmt: skip
    return rows


def explain(
    board: Board, reason: StopReason, entries: Sequence[ReviewEntry], summary: DedupeSummary, halted: str
) -> str:
    """Return one plain sentence on what was found, or why nothing was."""
    if reason == "halted":
        return f"Signals are halted: {halted}."
    if reason == "stale_data":
        newest = to_iso(Micros(board.newest)) if board.newest != UNKNOWN_TIME else "unknown"
        return f"No open market has a fresh price; the newest is of {newest}."
    if not summary.input_items:
        if summary.unchanged:
            return f"Nothing new: {summary.unchanged} open markets were looked at before and have not moved."
        return "There is no open market with a price between 0.03 and 0.97 to look at."
    allowed = [entry for entry in entries if entry.gate == "allowed"]
    buys = [entry for entry in allowed if entry.action != "PASS"]
    if buys:
        return f"{len(buys)} of {summary.unique_items} markets clear their costs with the near end of the interval."
    if allowed:
        return f"{len(allowed)} of {summary.unique_items} markets have the edge asked for, none of them with certainty."
    if not summary.candidates:
        return f"No rule fires on any of {summary.unique_items} markets."
    best = max(entries, key=lambda entry: entry.edge)
    return (
        f"Rules fire on {summary.candidates} of {summary.unique_items} markets, but none has the edge asked for after "
        f"costs; the largest is {100 * best.edge:+.1f} cents a share ({best.rule})."
    )

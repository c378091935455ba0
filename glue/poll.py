"""Asks HubSpot's search what changed, and puts it into the inbox: what no webhook told is found.

A page's signals and the place to go on from are stored in one transaction, so a poll may be killed
anywhere and goes on there. What was found is read by glue.receive.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, time
from typing import Any

from glue.answers import ID
from glue.errors import Forbidden, HubSpotError
from glue.hubspot import Changes, HubSpot
from glue.records import ORDER, object_type
from glue.rpc import CONTACTS, Rpc
from glue.rpc_inbound import PollPass
from glue.weather import Weather


@dataclass
class Polled:
    """What came of a table: records seen, signals made, records that others changed since the last
    pass, and signals of such."""

    checked: int = 0
    queued: int = 0
    fresh: int = 0
    untold: int = 0

    def add(self, page: dict[str, int]) -> None:
        self.checked += page["checked"]
        self.queued += page["queued"]
        self.fresh += page.get("fresh", 0)
        self.untold += page.get("untold", 0)


@dataclass
class PollReport:
    """tables: by table. skipped: paused ones. every: seconds until the next poll, None unless this
    one was whole. forbidden: a scope is missing."""

    tables: dict[str, Polled] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    every: float | None = None
    forbidden: bool = False
    errors: list[str] = field(default_factory=list)

    @property
    def checked(self) -> int:
        return sum(table.checked for table in self.tables.values())

    @property
    def queued(self) -> int:
        return sum(table.queued for table in self.tables.values())

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"checked": self.checked, "queued": self.queued}


class Poll:
    """One poll. task: under whose name places and watermarks are kept.

    stopped: asked between pages. progress: told of every page's size.
    """

    def __init__(
        self,
        rpc: Rpc,
        hubspot: HubSpot,
        *,
        stopped: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._rpc = rpc
        self._hubspot = hubspot
        self._weather = Weather(rpc)
        self._stopped = stopped
        self._progress = progress

    def run(self, *, everything: bool = False) -> PollReport:
        """Looks for what changed. everything: old exams and bookings, too.

        Raises Unauthorized, RateLimited and Unavailable; what was found until then is stored.
        """
        report = PollReport()

        def look(table: str) -> Polled:
            return self.changed("poll everything" if everything else "poll", table, everything)

        if self._each(look, report) and not self._stopped():
            fresh = sum(table.fresh for table in report.tables.values())
            untold = sum(table.untold for table in report.tables.values())
            report.every = self._rpc.note_pace(fresh, untold).total_seconds()
        return report

    def archived(self) -> PollReport:
        """Looks through HubSpot's recycling bin, which no search finds. Raises as run does."""
        report = PollReport()
        self._each(self._archived, report)
        return report

    def changed(self, task: str, table: str, everything: bool) -> Polled:
        """A pass over a table."""
        found = Polled()
        for went, page in walk(self._rpc, self._hubspot, task, table, everything):
            found.add(
                self._rpc.note_poll(task, table, page.rows, went.since, went.until, page.after)
            )
            self._progress(len(page.rows))
            if self._stopped():
                break
        return found

    def _archived(self, table: str) -> Polled:
        found = Polled()
        for records, _ in self._hubspot.list_pages(
            object_type(self._hubspot, table), (), archived=True
        ):
            ids = [one for one in (str(r.get("id")) for r in records) if ID.fullmatch(one)]
            found.add(self._rpc.note_archived(table, ids))
            self._progress(len(ids))
            if self._stopped():
                break
        return found

    def _each(self, look: Callable[[str], Polled], report: PollReport) -> bool:
        """Looks at every table that is not paused; whether that was all of them."""
        paused = {row["scope"] for row in self._rpc.list_pauses()}
        for table in ORDER:
            if self._stopped():
                break
            if paused & {"*", table}:
                report.skipped.append(table)
                continue
            try:
                report.tables[table] = look(table)
                self._weather.answered()
            except HubSpotError as error:
                self._weather.stopped(table, error)
                if not isinstance(error, Forbidden):
                    raise
                report.forbidden = True
                report.errors.append(error.message)
        return len(report.tables) == len(ORDER)


def walk(
    rpc: Rpc, hubspot: HubSpot, task: str, table: str, everything: bool
) -> Iterator[tuple[PollPass, Changes]]:
    """The pages of a pass over a table, each with the bounds of the pass, from where it is.

    Each must be noted (note_poll) before the next is asked for.
    """
    went = rpc.poll_state(task, table)
    groups = [[]] if everything else _recent(table, went)
    after = went.after
    while True:
        page = hubspot.changed_since(
            object_type(hubspot, table), went.since, went.until, after, groups
        )
        # The first page is asked for without an end; its answer tells HubSpot's time.
        went = replace(went, until=went.until or page.at or went.started_at)
        yield went, page
        after = page.after
        if after is None:
            return


def _recent(table: str, went: PollPass) -> list[list[dict[str, str]]]:
    """The conditions for what is recent, one of which must hold.

    Whether an exam is active is none: one that was deactivated must be seen.
    """
    if table == CONTACTS:
        return [[]]
    midnight = datetime.combine(went.recent_from, time(), UTC)
    day = str(int(midnight.timestamp()) * 1000)
    return [
        [{"propertyName": "exam_date", "operator": "GTE", "value": day}],
        [{"propertyName": "exam_date", "operator": "NOT_HAS_PROPERTY"}],
    ]

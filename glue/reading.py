"""Finds out what became of records in HubSpot: as they are now, under another id, deleted, unknown.

One `Reading` carries one claim of a table. Deleted is only what HubSpot's recycling bin has, or
what an event said to be gone and HubSpot says that it has not: a record may be missing from an
answer for many reasons.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from glue.errors import HubSpotError, OutOfBudget, RateLimited, Rejected
from glue.hubspot import BATCH, HubSpot, Lookup
from glue.identity import Identity, same
from glue.outcome import BUDGET_PAUSE
from glue.records import BALANCES, FIGURE, MERGED, PROPERTIES, link
from glue.rpc import CONTACTS, EXAMS
from glue.rpc_inbound import ClaimedSignal

# HubSpot takes no more ids where it is to tell their history; an account perhaps fewer.
WITH_HISTORY = 50
LEFT_OUT = "HubSpot left this record out of its answer"
NOWHERE = (
    "HubSpot has this record neither alive nor in its recycling bin: it was merged with another, or"
    " deleted long ago"
)
STILL_THERE = "HubSpot told that this record was deleted for privacy, but still has it"


class Reading:
    """Reads what one claim asks for.

    in_time: raises when a request could outlast the lease. sizes: how many ids a request of each
    kind takes, learnt from refusals; may be kept for the next claim. gone, failed: as
    receive_records and fail_signals take them.
    """

    def __init__(
        self,
        hubspot: HubSpot,
        identity: Identity,
        table: str,
        in_time: Callable[[], None],
        sizes: dict[str, int],
    ) -> None:
        self._hubspot = hubspot
        self._identity = identity
        self._table = table
        self._type = identity.types[table]
        self._in_time = in_time
        self._sizes = sizes
        self._properties = (*PROPERTIES[table], *(() if table != EXAMS else (FIGURE,)))
        self._history = BALANCES if table == CONTACTS else ()
        self._signals: dict[str, ClaimedSignal] = {}
        self._found: dict[str, dict[str, Any]] = {}
        self._unlinked: set[str] = set()
        self._undying: set[str] = set()
        # Ids of which HubSpot said that it has no such record, and ids of which it said nothing.
        self._missing: set[str] = set()
        self._unsure: set[str] = set()
        self._settled: set[str] = set()
        self.gone: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []

    @property
    def records(self) -> list[dict[str, Any]]:
        """What is there and was read in full, each with «asked»: the ids it answers for."""
        return [record for id_, record in self._found.items() if id_ not in self._unlinked]

    def read(self, signals: Sequence[ClaimedSignal]) -> None:
        """Reads a claim. Raises what ends it: what is settled by then stays so."""
        self._signals = {signal.hubspot_id: signal for signal in signals}
        self._read_by_id()
        self._read_by_key()
        self._read_bin()
        for signal in self._open():
            self._judge(signal)
        self._read_links()

    def give_back(self, error: HubSpotError) -> None:
        """Fails what is not settled, because of an error that ended the claim: nobody's fault."""
        unlinked = {one for id_ in self._unlinked for one in self._found[id_]["asked"]}
        for signal in self._signals.values():
            if signal.hubspot_id not in self._settled or signal.hubspot_id in unlinked:
                self.failed.append(failure(signal, error, charged=False))

    def _open(self) -> list[ClaimedSignal]:
        """Those whose record is not found yet."""
        return [s for s in self._signals.values() if s.hubspot_id not in self._settled]

    def _read_by_id(self) -> None:
        """Reads records by their ids. A merged one may come back as what it has become."""
        strange = False
        for ids, answer in self._answers({s.hubspot_id: s for s in self._open()}):
            self._note_absent(ids, answer)
            for row in answer.records:
                asked = ({row["id"]} | _merged(row)) & set(self._signals)
                strange |= not asked
                self._answer_for(row, asked)
        if not strange:
            return
        # Nothing tells whose place it takes: each is asked for alone.
        for signal in [s for s in self._open() if s.hubspot_id not in self._missing]:
            for ids, answer in self._answers({signal.hubspot_id: signal}):
                self._note_absent(ids, answer)
                for row in answer.records:
                    self._answer_for(row, {signal.hubspot_id})

    def _read_by_key(self) -> None:
        """Reads those we know by a value that is theirs alone: they may have been made anew."""
        key = self._identity.keys.get(self._table)
        known = [s for s in self._open() if s.record and s.unique_value and not s.privacy]
        if not known or key is None or not self._identity.unique(self._table):
            return
        for _, answer in self._answers({str(s.unique_value): s for s in known}, id_property=key):
            for row in answer.records:
                value = same(row["properties"].get(key))
                self._answer_for(
                    row, {s.hubspot_id for s in known if same(s.unique_value) == value}
                )

    def _read_bin(self) -> None:
        """Looks for the others in HubSpot's recycling bin."""
        for ids, answer in self._answers({s.hubspot_id: s for s in self._open()}, archived=True):
            self._note_absent(ids, answer)
            for row in answer.records:
                if signal := self._signals.get(row["id"]):
                    self._lose(signal, archived=True)

    def _judge(self, signal: ClaimedSignal) -> None:
        """What to make of a record that is nowhere."""
        if signal.hubspot_id in self._unsure:
            self._fail(signal, LEFT_OUT)
        elif self._table == CONTACTS and not signal.privacy:
            # It is no more than marked, and comes back when HubSpot tells what it has become.
            self._lose(signal, archived=True)
        elif signal.privacy or signal.record is None or {"deletion", "merge"} & set(signal.kinds):
            self._lose(signal, archived=False)
        else:
            self._fail(signal, NOWHERE)

    def _read_links(self) -> None:
        """Reads the links of the bookings whose signals ask for them."""
        while self._unlinked:
            self._in_time()
            some = sorted(self._unlinked)[:BATCH]
            link(self._hubspot, [self._found[id_] for id_ in some])
            self._unlinked.difference_update(some)

    def _answers(
        self,
        wanted: Mapping[str, ClaimedSignal],
        *,
        id_property: str | None = None,
        archived: bool = False,
    ) -> Iterator[tuple[list[str], Lookup]]:
        """HubSpot's answers, each with the ids it was asked for.

        A request that is refused whole is halved, until it is small enough, or the culprit alone.
        """
        history = () if archived else self._history
        kind = "history" if history else "plain"
        size = self._sizes.get(kind, WITH_HISTORY if history else BATCH)
        ids = list(wanted)
        waiting = [ids[start : start + size] for start in range(0, len(ids), size)]
        refused: list[int] = []
        while waiting:
            some = waiting.pop(0)
            self._in_time()
            try:
                answer = self._hubspot.look_up(
                    self._type,
                    some,
                    () if archived else self._properties,
                    id_property,
                    history=history,
                    archived=archived,
                )
            except Rejected as error:
                refused.append(len(some))
                if len(some) == 1:
                    self._fail(wanted[some[0]], error.message)
                else:
                    middle = len(some) // 2
                    waiting[:0] = [some[:middle], some[middle:]]
            else:
                yield some, answer
        if refused and min(refused) > 1:
            # No record was the culprit, the number was.
            self._sizes[kind] = min(refused) // 2

    def _note_absent(self, ids: Sequence[str], answer: Lookup) -> None:
        for id_ in set(ids) - {row["id"] for row in answer.records}:
            self._missing |= {id_} & (answer.missing or set())
            if not answer.lacks(id_):
                self._unsure.add(id_)

    def _answer_for(self, row: dict[str, Any], asked: set[str]) -> None:
        """Takes a record that is there, for the ids of a claim it stands for."""
        signals = [self._signals[id_] for id_ in sorted(asked - self._settled)]
        if row["id"] in self._undying or any(signal.privacy for signal in signals):
            self._undying.add(row["id"])
            for signal in signals:
                self._fail(signal, STILL_THERE)
            return
        if not signals:
            return
        record = self._found.setdefault(row["id"], row | {"asked": []})
        record["asked"] += [signal.hubspot_id for signal in signals]
        self._settled.update(record["asked"])
        if any(signal.links for signal in signals):
            self._unlinked.add(row["id"])

    def _lose(self, signal: ClaimedSignal, *, archived: bool) -> None:
        self._settled.add(signal.hubspot_id)
        self.gone.append({"id": signal.hubspot_id, "archived": archived, "privacy": signal.privacy})

    def _fail(self, signal: ClaimedSignal, reason: str) -> None:
        self._settled.add(signal.hubspot_id)
        self.failed.append(failure(signal, Rejected(reason)))


def failure(signal: ClaimedSignal, error: Exception, *, charged: bool = True) -> dict[str, Any]:
    """What fail_signals should know. charged: the record may be at fault."""
    said = {
        "hubspot_id": signal.hubspot_id,
        "epoch": signal.epoch,
        "error": str(error),
        "charged": charged,
    }
    if isinstance(error, OutOfBudget):
        said["retry_after"] = min(error.retry_after, BUDGET_PAUSE)
    elif isinstance(error, RateLimited):
        said["retry_after"] = error.retry_after
    return said


def _merged(row: dict[str, Any]) -> set[str]:
    """The ids of the records that have become part of this one."""
    return set(str(row["properties"].get(MERGED) or "").split(";")) - {""}

"""The search index: a copy of the records that may be some seconds behind."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator

from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.record import Record, Version


class SearchIndex:
    """Which version of each record search sees.

    ``lag_seconds`` is how long a write stays invisible; until then a new record is missing and a
    changed one is found by its old values. Archived and merged records are never found.
    """

    def __init__(self, types: dict[str, ObjectType]) -> None:
        self.lag_seconds = 0.0
        self._versions: dict[str, dict[int, tuple[Record, Version]]] = {t: {} for t in types}
        self._order: dict[str, list[int]] = {t: [] for t in types}
        self._waiting: deque[tuple[int, Record, Version]] = deque()

    def put(self, record: Record, now_ms: int) -> None:
        """Note a write; it becomes visible when the lag has passed."""
        self._waiting.append((now_ms, record, record.version))
        self._catch_up(now_ms)

    def drop(self, record: Record) -> None:
        """Forget a record."""
        order = self._order[record.type.id]
        self._waiting = deque(entry for entry in self._waiting if entry[1] is not record)
        if self._versions[record.type.id].pop(int(record.id), None) is not None:
            del order[bisect_left(order, int(record.id))]

    def above(self, kind: ObjectType, last: int, now_ms: int) -> Iterator[tuple[Record, Version]]:
        """What search sees of a type, ids above ``last``, ascending."""
        self._catch_up(now_ms)
        order, versions = self._order[kind.id], self._versions[kind.id]
        for number in order[bisect_right(order, last) :]:
            record, version = versions[number]
            if record.live:
                yield record, version

    def _catch_up(self, now_ms: int) -> None:
        due = now_ms - self.lag_seconds * 1000
        while self._waiting and self._waiting[0][0] <= due:
            _, record, version = self._waiting.popleft()
            number, versions = int(record.id), self._versions[record.type.id]
            if number not in versions:
                insort(self._order[record.type.id], number)
            versions[number] = (record, version)

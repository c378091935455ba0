"""Brings HubSpot's exams, contacts and bookings in: page by page, each page one transaction.

A page is applied with the place where the next one begins, so an import may be killed anywhere:
the next goes on there. While the database takes a page, the next ones are fetched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from glue.ahead import ahead
from glue.hubspot import BATCH, HubSpot
from glue.records import ORDER, PROPERTIES, check_types, link, object_type, storable
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc

# Bookings whose links are asked for together: HubSpot answers for a thousand.
LINKED = 1000


class Page(NamedTuple):
    """Records of a table. after: where its next page begins, None after the last."""

    table: str
    records: list[dict[str, Any]]
    after: str | None


@dataclass
class ImportReport:
    """tables: of each, as import_summary tells. refused: records of HubSpot that could not be
    taken; sync_errors names them with the reason."""

    exams: int = 0
    contacts: int = 0
    bookings: int = 0
    refused: int = 0
    tables: list[dict[str, Any]] = field(default_factory=list)


def run(
    rpc: Rpc,
    hubspot: HubSpot,
    progress: Callable[[str, int], None] = lambda *_: None,
    *,
    restart: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> ImportReport:
    """Imports everything, or goes on. The report is of all pages, those of earlier runs too.

    hubspot: its meter must have a connection of its own: it fetches while rpc writes. progress:
    told of each page, (table, records). stopped: asked between pages. Raises ConfigError where a
    type of HubSpot's is not what it is taken for.
    """
    check_types(hubspot)
    places = rpc.begin_import(restart)
    for place in places:
        progress(place["table_name"], place["read"])
    left = {place["table_name"]: place["after"] for place in places if not place["done"]}
    with ahead(pages_of(hubspot, left)) as pages:
        for page in pages:
            rpc.import_page(page.table, storable(page.records), page.after)
            progress(page.table, len(page.records))
            if stopped():
                break
        else:
            rpc.finish_import()
    tables = rpc.import_summary()
    applied = {row["table_name"]: row["applied"] for row in tables}
    return ImportReport(
        exams=applied[EXAMS],
        contacts=applied[CONTACTS],
        bookings=applied[BOOKINGS],
        refused=sum(row["refused"] for row in tables),
        tables=tables,
    )


def pages_of(
    hubspot: HubSpot, places: dict[str, str | None], more: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Page]:
    """All pages of tables, bookings with their links, in the order of tables: a booking finds its
    exam and its contact.

    places: where to begin in each table, None at its start. more: properties to ask for, too.
    """
    for table in ORDER:
        if table in places:
            names = [*PROPERTIES[table], *(more or {}).get(table, ())]
            listed = hubspot.list_pages(object_type(hubspot, table), names, places[table])
            pages = (Page(table, records, after) for records, after in listed)
            yield from _linked(hubspot, pages) if table == BOOKINGS else pages


def _linked(hubspot: HubSpot, pages: Iterator[Page]) -> Iterator[Page]:
    """The same pages of bookings with their associations, asked for by the thousand."""
    waiting: list[Page] = []
    for page in pages:
        waiting.append(page)
        if page.after is None or sum(len(one.records) for one in waiting) + BATCH > LINKED:
            link(hubspot, [record for one in waiting for record in one.records])
            yield from waiting
            waiting.clear()

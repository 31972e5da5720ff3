"""Reading the log: names and payloads of those whose keys are there."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from django.db.models import QuerySet

from governance.auditing.body import Told, read_body, subjects_in
from governance.auditing.subjects import USER_RESOURCE, known_subjects, pseudonyms_of
from governance.models import AuditRecord


def read_records(records: Iterable[AuditRecord]) -> list[Told]:
    """What each record says, in the same order; one query for the keys of all."""
    bodies = [orjson.loads(bytes(each.payload)) for each in records]
    return read_bodies(bodies)


def read_bodies(bodies: Sequence[dict[str, Any]]) -> list[Told]:
    """What parsed bodies say, in the same order; one query for the keys of all."""
    wanted = {name for body in bodies for name in subjects_in(body)}
    known = known_subjects(wanted) if wanted else {}
    return [read_body(body, known) for body in bodies]


def read_record(record: AuditRecord) -> Told:
    """What one record says."""
    return read_records([record])[0]


def records_by(name: str, rows: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
    """Those of `rows` in which this user acted; by plain name too, for `system` and records of version 1."""
    return rows.filter(actor__in=[name, *pseudonyms_of(name)])


def records_of(resource: str, rows: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
    """Those of `rows` about this resource; `user:NAME` is looked up by what the log calls the user."""
    if not resource.startswith(USER_RESOURCE):
        return rows.filter(resource=resource)
    names = pseudonyms_of(resource[len(USER_RESOURCE) :])
    return rows.filter(resource__in=[resource, *(f"{USER_RESOURCE}{name}" for name in names)])

"""Reading the audit log in tests: names and payloads as those who may read it see them."""

import orjson

from governance.auditing.reading import read_record, records_by, records_of
from governance.models import AuditRecord


def payload_of(record: AuditRecord):
    return read_record(record).payload


def payload_text(record: AuditRecord) -> bytes:
    return orjson.dumps(payload_of(record), option=orjson.OPT_SORT_KEYS)


def audited_by(username: str):
    """The records in which this user acted."""
    return records_by(username, AuditRecord.objects.all())


def audited_about(resource: str):
    """The records about this resource, a user by name."""
    return records_of(resource, AuditRecord.objects.all())

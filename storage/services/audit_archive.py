"""Copies of the sealed audit log in an object store: segment by segment, each with the checkpoint that ends it.

A segment is planned in the database before it is written, and what is written under its key is always the same bytes:
who is killed at any point goes on where the plan says, and writes nothing twice.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection

from core.clock import utc_now
from core.errors import InvalidInputError
from governance.auditing.export import EXPORT_MEDIA_TYPE, export_end, log_lines
from governance.models import AuditSegment
from storage.backends import S3Backend
from storage.backends.errors import ObjectMissingError

logger = structlog.get_logger(__name__)

SEGMENT_RECORDS = 20_000
# What one run writes at most; the next goes on.
SEGMENTS_A_RUN = 20
# Any fixed number: the lock that lets one process at a time write segments.
_LOCK = 0x4C4B_5741_5243


def archive_audit() -> int:
    """Write what was sealed since the last segment; returns how many segments.

    0 where another process is at it. Raises InvalidInputError where no archive is configured, RetentionRefusedError
    where the store cannot keep what the settings ask for, BackendUnavailableError.
    """
    config = settings.LAKEWARDEN.audit_archive
    if config is None:
        raise InvalidInputError("no archive is configured: set LAKEWARDEN_AUDIT_ARCHIVE_URL")
    written = 0
    with _alone() as is_alone:
        while is_alone and written < SEGMENTS_A_RUN and (segment := _planned()) is not None:
            until = _retention(config.retention_days)
            _write(segment, S3Backend(config.url), until=until, mode=config.retention_mode)
            written += 1
    return written


def _planned() -> AuditSegment | None:
    """The segment that a killed run left, or the next."""
    left = AuditSegment.objects.filter(written_at=None).order_by("first").first()
    if left is not None:
        return left
    last = AuditSegment.objects.order_by("-first").first()
    first = 0 if last is None else last.end
    end = export_end(first, SEGMENT_RECORDS)
    return None if end is None else AuditSegment.objects.create(first=first, end=end)


def _write(segment: AuditSegment, backend: S3Backend, *, until: datetime | None, mode: str) -> None:
    key = f"{segment.first:015d}-{segment.end:015d}.ndjson"
    data = b"".join(log_lines(segment.first, segment.end))
    segment.sha256, segment.size = hashlib.sha256(data).hexdigest(), len(data)
    segment.uri = backend.uri_of(key)
    segment.retained_until = until
    if not _is_there(backend, key, segment.sha256):
        backend.put_kept(key, data, media_type=EXPORT_MEDIA_TYPE, until=until, mode=mode)
    segment.written_at = utc_now()
    segment.save()
    logger.info("audit segment written", first=segment.first, end=segment.end)


def _retention(days: int) -> datetime | None:
    return utc_now().replace(microsecond=0) + timedelta(days=days) if days else None


def _is_there(backend: S3Backend, key: str, sha256: str) -> bool:
    try:
        return backend.checksum(key).sha256 == sha256
    except ObjectMissingError:
        return False


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        is_alone = bool(cursor.fetchone()[0])
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

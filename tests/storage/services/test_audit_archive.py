"""Copies of the audit log in a real object store: each record once, also after a kill between any two steps."""

import dataclasses
import hashlib
import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from django.conf import settings as django_settings
from django.core.management import call_command

from config.env import AuditArchiveSettings
from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError
from governance.auditing import verify_audit
from governance.auditing.export import log_lines
from governance.auditing.notes import note_of
from governance.auditing.proofs import find_checkpoint
from governance.models import AuditSegment
from governance.services import seal
from storage.backends import S3Backend
from storage.backends.errors import RetentionRefusedError
from storage.services import audit_archive
from storage.services.audit_archive import archive_audit
from storage.tasks import archive_audit as archive_task

pytestmark = pytest.mark.django_db


def write(count):
    for number in range(count):
        audit.record(actor="ann", action="x.y", resource=f"thing:{number}")
    seal()


@pytest.fixture
def archive(settings, object_buckets, unique):
    """The archive of this test; `configure(days=…)` says how long the store must keep."""
    url = f"s3://{object_buckets[0]}/{unique}/audit"

    def configure(*, days=0, bucket=object_buckets[0]):
        where = url.replace(object_buckets[0], bucket, 1)
        config = AuditArchiveSettings(url=where, retention_days=days, retention_mode="COMPLIANCE")
        settings.LAKEWARDEN = dataclasses.replace(django_settings.LAKEWARDEN, audit_archive=config)

    configure()
    backend = S3Backend(url)
    backend.configure = configure
    return backend


def objects(backend):
    return {each.key: (each.etag, each.modified_at) for each in backend.list_all()}


def test_segments_hold_the_log_once_and_verify(archive, monkeypatch):
    monkeypatch.setattr(audit_archive, "SEGMENT_RECORDS", 4)
    for count in (3, 3, 5):
        write(count)
    assert (archive_audit(), archive_audit()) == (3, 0)
    spans = AuditSegment.objects.values_list("first", "end", "uri", "size", "retained_until")
    keys = [f"{first:015d}-{end:015d}.ndjson" for first, end in ((0, 3), (3, 6), (6, 11))]
    sizes = [archive.head(key).size for key in keys]
    assert [*spans] == [
        (first, end, archive.uri_of(key), size, None)
        for (first, end), key, size in zip(((0, 3), (3, 6), (6, 11)), keys, sizes, strict=True)
    ]
    assert [*objects(archive)] == keys
    lines = b"".join(archive.get_bytes(key) for key in keys).splitlines()
    places = [json.loads(line)["sequence"] for line in lines if b"sequence" in line[:15]]
    assert places == list(range(11))
    checkpoint = verify_audit.Checkpoint.from_note(note_of(find_checkpoint()))
    assert verify_audit.verify(lines, checkpoint, None).findings == []
    write(1)
    assert (archive_task(), AuditSegment.objects.last().end) == (1, 12)


def test_a_run_that_was_killed_before_the_upload_is_resumed(archive):
    write(3)
    AuditSegment.objects.create(first=0, end=3)
    write(2)
    assert archive_audit() == 2
    assert [*AuditSegment.objects.values_list("first", "end")] == [(0, 3), (3, 5)]
    assert len(objects(archive)) == 2


def test_a_run_that_was_killed_after_the_upload_uploads_nothing_twice(archive):
    write(3)
    AuditSegment.objects.create(first=0, end=3)
    key = f"{0:015d}-{3:015d}.ndjson"
    archive.put_bytes(key, b"".join(log_lines(0, 3)))
    before = objects(archive)
    assert (archive_audit(), objects(archive)) == (1, before)
    assert AuditSegment.objects.get().written_at is not None


def test_a_store_that_cannot_keep_is_named_and_nothing_is_written(archive):
    write(1)
    archive.configure(days=30)
    with pytest.raises(RetentionRefusedError, match="the bucket has no Object Lock"):
        archive_audit()
    assert (objects(archive), AuditSegment.objects.get().written_at) == ({}, None)
    archive.configure()
    assert archive_audit() == 1


def test_a_bucket_with_object_lock_keeps_what_was_written(archive, unique):
    """The store itself refuses to remove or shorten it, to whoever has its keys."""
    bucket = f"locked-{unique}".lower()[:60]
    client = archive._client
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    archive.configure(days=1, bucket=bucket)
    write(3)
    assert (archive_audit(), archive_audit()) == (1, 0)
    segment = AuditSegment.objects.get()
    key = segment.uri.removeprefix(f"s3://{bucket}/")
    kept = client.head_object(Bucket=bucket, Key=key)
    assert (kept["ObjectLockMode"], kept["ObjectLockRetainUntilDate"]) == (
        "COMPLIANCE",
        segment.retained_until,
    )
    version = {"Bucket": bucket, "Key": key, "VersionId": kept["VersionId"]}
    sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": utc_now() + timedelta(minutes=1)}
    for step in (
        lambda: client.delete_object(**version),
        lambda: client.put_object_retention(**version, Retention=sooner),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            step()
    client.put_object(Bucket=bucket, Key=key, Body=b"forged")
    told = client.get_object(**version)["Body"].read()
    assert hashlib.sha256(told).hexdigest() == segment.sha256


def test_without_an_archive_nothing_is_done(capsys):
    write(1)
    with pytest.raises(InvalidInputError):
        archive_audit()
    assert archive_task() == 0


def test_the_command_says_what_it_wrote(archive, capsys):
    write(1)
    call_command("archive_audit")
    assert capsys.readouterr().out == "1 segments written\n"

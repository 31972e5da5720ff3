"""Giving the audit log another master key: nothing stops meanwhile, a kill loses nothing, and no record changes."""

import base64
import dataclasses
import multiprocessing
import os
import secrets
import signal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from core import audit
from core.errors import PermissionDeniedError, UnavailableError
from governance.auditing.reading import read_record
from governance.auditing.subjects import forget_subjects, pseudonyms_of
from governance.models import AuditRecord, AuditSubject
from governance.services import audit_subjects
from governance.services.audit_subjects import (
    erase_audit_subject,
    outdated_subjects,
    rewrap_subjects,
)
from tests.factories.identity import make_user

NAMES = [f"person-{number}" for number in range(6)]


@pytest.fixture
def keys(tmp_path, settings):
    """Sets which of the two keys writes, and which is accepted as well."""
    files = {"former": settings.LAKEWARDEN.audit_master_key_file, "fresh": tmp_path / "fresh.key"}
    files["fresh"].write_text(base64.b64encode(secrets.token_bytes(32)).decode())

    def use(first, second=None):
        settings.LAKEWARDEN = dataclasses.replace(
            settings.LAKEWARDEN,
            audit_master_key_file=files[first],
            audit_second_master_key_file=None if second is None else files[second],
        )
        forget_subjects(NAMES)

    return use


def write(names=NAMES):
    for name in names:
        audit.record(actor=name, action="thing.do", resource="thing", payload={"by": name})


def told():
    rows = AuditRecord.objects.filter(action="thing.do").order_by("pk")
    return [(read.actor, read.payload) for read in map(read_record, rows)]


def rewrap_until_killed(ready, name):
    """One row a transaction; tells when two are done, and waits for its end before the third."""
    connections.close_all()
    found, real = [], audit_subjects._rewrap_batch

    def batch(after):
        if len(found) == 2:
            ready.set()
            signal.pause()
        found.append(after)
        return real(after)

    audit_subjects.BATCH, audit_subjects._rewrap_batch = 1, batch
    rewrap_subjects(by=audit_subjects.User.objects.get(username=name))


@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_is_killed_goes_on_and_nobody_is_lost(keys):
    root = make_user("root", is_superuser=True)
    write()
    erase_audit_subject(by=root, username=NAMES[0], reason="they asked")
    before, bytes_before = told(), list(AuditRecord.objects.values_list("payload", flat=True))
    assert (before[0][1], before[1]) == (None, (NAMES[1], {"by": NAMES[1]}))
    keys("fresh", "former")
    total = AuditSubject.objects.filter(wrapped__isnull=False).count()
    assert outdated_subjects() == total
    fork = multiprocessing.get_context("fork")
    ready = fork.Event()
    child = fork.Process(target=rewrap_until_killed, args=(ready, "root"))
    connections.close_all()
    child.start()
    assert ready.wait(60)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert outdated_subjects() == total - 2
    # both keys are at work: who is known stays one person, whoever wrapped the key
    forget_subjects(NAMES)
    write()
    assert [len(pseudonyms_of(name)) for name in NAMES] == [1] * 6
    # the one who was erased is somebody new, whose key is wrapped by the new master key
    assert rewrap_subjects(by=root) == total - 2
    assert (rewrap_subjects(by=root), outdated_subjects()) == (0, 0)
    keys("fresh")
    assert told()[: len(before)] == before
    stored = list(AuditRecord.objects.order_by("pk").values_list("payload", flat=True))
    assert stored[: len(bytes_before)] == bytes_before
    keys("former")
    with pytest.raises(UnavailableError, match="does not open the keys"):
        told()


@pytest.mark.django_db
def test_before_the_exchange_the_coming_key_is_accepted_and_not_written_with(keys):
    keys("former", "fresh")
    write()
    keys("fresh", "former")
    write(["newcomer"])
    keys("former", "fresh")
    assert told()[-1] == ("newcomer", {"by": "newcomer"})
    assert outdated_subjects() == 1


@pytest.mark.django_db
def test_the_command_says_when_the_former_key_is_not_needed(keys):
    make_user("root", is_superuser=True)
    make_user("steward")
    write()
    total = AuditSubject.objects.count()

    def run(*words):
        out = StringIO()
        call_command("rotate_audit_master_key", *words, stdout=out)
        return out.getvalue().splitlines()

    keys("fresh", "former")
    with pytest.raises(CommandError, match=f"{total} keys need the second") as error:
        run("--check")
    assert error.value.returncode == 1
    with pytest.raises(CommandError, match="only superusers and auditors"):
        run("--by", "steward")
    done = "the second master key is not needed any more"
    assert run("--by", "root") == [f"{total} keys rewrapped", done]
    assert run("--check") == [done]
    assert AuditRecord.objects.filter(action="audit.rotate-master-key").count() == 1
    keys("fresh")
    assert told() == [(name, {"by": name}) for name in NAMES]


@pytest.mark.django_db
def test_who_is_no_auditor_rotates_nothing(keys):
    with pytest.raises(PermissionDeniedError):
        rewrap_subjects(by=make_user("somebody"))

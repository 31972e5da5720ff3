"""The role of the processes against the audit log: PostgreSQL itself refuses, no trigger is needed."""

import os
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from api.checks import check_audit_log
from catalog.services.events import make_event_partitions, sweep_events
from core import audit
from governance.models import AuditRecord
from governance.runtime_role import LOG_TABLES, changeable_log_tables
from governance.services import seal
from governance.services.audit_subjects import erase_audit_subject
from governance.verification import verify
from tests.catalog.test_events_by_month import NOW
from tests.factories.catalog import make_dataset
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db
ROLE = "lakewarden_app"


@contextmanager
def as_runtime_role():
    """This connection as the processes' role; what it was granted is rolled back with the test."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {ROLE}")
        yield cursor
        cursor.execute("RESET ROLE")


@pytest.fixture
def granted():
    call_command("grant_runtime_role", ROLE, verbosity=0)
    audit.record(actor="ann", action="x.y", resource="thing:1")
    seal()
    audit.record(actor="ann", action="x.y", resource="thing:2")


@pytest.mark.parametrize("table", LOG_TABLES)
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE {} SET id = 7", "permission denied for table"),
        ("DELETE FROM {}", "permission denied for table"),
        ("TRUNCATE {}", "permission denied for table"),
        ("ALTER TABLE {} DISABLE TRIGGER USER", "must be owner of table"),
        ("ALTER TABLE {} OWNER TO lakewarden_app", "must be owner of table"),
        ("DROP TABLE {}", "must be owner of table"),
        ("CREATE TRIGGER t BEFORE INSERT ON {} EXECUTE FUNCTION f()", "permission denied|must be"),
        ("CREATE RULE r AS ON INSERT TO {} DO INSTEAD NOTHING", "must be owner of|permission"),
    ],
)
def test_the_role_may_not_change_the_log(granted, table, statement, reason):
    with (
        as_runtime_role() as cursor,
        pytest.raises(ProgrammingError, match=reason),
        transaction.atomic(),
    ):
        cursor.execute(statement.format(table))


def test_the_role_may_not_give_a_record_another_place(granted):
    refused = "SELECT governance_place_audit_records(9, ARRAY[%s::bigint])"
    sealed = AuditRecord.objects.get(sequence=0).pk
    for statement in ("UPDATE governance_auditrecord SET sequence = 9", refused % sealed):
        with (
            as_runtime_role() as cursor,
            pytest.raises(Exception, match=r"permission denied|append-only"),
            transaction.atomic(),
        ):
            cursor.execute(statement)


def test_the_role_does_the_work_of_the_processes(granted):
    root = make_user("root", is_superuser=True)
    with as_runtime_role():
        make_dataset(fields=["a"]).delete()
        assert seal() == 1
        erase_audit_subject(by=root, username="ann", reason="asked")
        assert seal() == 1
        assert (verify().records, verify().findings) == (3, [])
        assert len(make_event_partitions(now=NOW)) == 3
        swept = sweep_events(
            now=NOW.replace(year=2033), older_than=timedelta(days=30), dry_run=False
        )
        assert len(swept.partitions) >= 3
        assert changeable_log_tables() == []
        assert check_audit_log() == []


def test_granting_again_changes_nothing_and_the_owner_is_refused(granted):
    call_command("grant_runtime_role", ROLE, verbosity=0)
    for role, reason in (
        ("lakewarden", "owns the audit log or is a superuser"),
        ("nobody_there", "there is no database role `nobody_there`"),
    ):
        with pytest.raises(CommandError, match=reason):
            call_command("grant_runtime_role", role)


def test_the_check_warns_of_a_role_that_may_change_the_log():
    (warning,) = check_audit_log()
    assert (warning.id, warning.msg) == (
        "lakewarden.W001",
        f"the database role of `DATABASE_URL` can change {', '.join(sorted(LOG_TABLES))}",
    )


def test_the_role_is_nothing_but_itself():
    with psycopg.connect(os.environ["LAKEWARDEN_RUNTIME_DATABASE_URL"]) as session:
        row = session.execute(
            """
            SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls,
                ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid)
            FROM pg_roles r WHERE rolname = current_user
            """
        ).fetchone()
    assert row == (ROLE, False, False, False, False, [])

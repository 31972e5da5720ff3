"""What rules of retention delete of real tables and collections: as much as is due, nothing of held persons."""

from datetime import timedelta
from io import StringIO

import pyarrow as pa
import pytest
from django.core.management import call_command
from pyiceberg.schema import Schema
from pyiceberg.types import DateType, NestedField, StringType

from core.clock import utc_now
from core.jobs import current_app
from governance.facts import principal_of
from governance.models import AuditRecord
from governance.retention.identifiers import parse_identifiers
from governance.retention.precedence import What
from governance.services.holds import place_hold
from governance.services.retention import save_retention_rule
from storage.models import IcebergTable
from storage.services.namespaces import create_namespace
from storage.services.retention import RetentionRuleError, apply_retention, retained_datasets
from storage.tables.catalog import LakewardenCatalog
from tests.factories.audit import payload_of
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db(transaction=True)
SCHEMA = Schema(
    NestedField(1, "day", DateType(), required=False),
    NestedField(2, "who", StringType(), required=False),
)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def admin():
    return principal_of(make_user(is_superuser=True))


@pytest.fixture
def logs(unique, tiers):
    """Ten rows a file, one a day: of the first file all but its first are young, of the second all are old."""
    create_namespace(levels=(unique,))
    table = LakewardenCatalog().create_table((unique, "logs"), SCHEMA)
    today = utc_now().date()
    for ages in ((40, *range(9)), range(100, 110)):
        days = [today - timedelta(days=age) for age in ages]
        table.append(pa.table({"day": days, "who": [f"person-{age}@x.example" for age in ages]}))
    return IcebergTable.objects.get(namespace__levels=[unique], name="logs")


def rule(table, what, days, *, name="gone", column="", **more):
    delete = {"what": what, "after_days": days, **({"column": column} if column else {})}
    applies = {"name": [table.dataset.name]}
    return {"name": name, "applies_to": applies, "delete": delete, **more}


def rows(table):
    loaded = LakewardenCatalog().load_table((*table.namespace.levels, table.name))
    return loaded.scan().to_arrow().num_rows, len(loaded.metadata.snapshots)


def test_old_rows_go_with_their_history_and_a_held_persons_stay(logs, admin):
    save_retention_rule(rule(logs, "rows", 30, column="day"), by=admin)
    assert retained_datasets() == [logs.dataset]
    (due,) = apply_retention(logs.dataset)
    assert (due.what, due.count, due.more, rows(logs)) == (What.ROWS, 11, False, (20, 2))
    held = [{"label": "pii.email", "value": "Person-104@x.example"}]
    place_hold(parse_identifiers(held), by=admin, reason="case 7")
    (done,) = apply_retention(logs.dataset, dry_run=False)
    assert (done.count, rows(logs)) == (10, (10, 1))
    record = AuditRecord.objects.get(action="retention.delete")
    assert payload_of(record) == {
        "rule": "gone",
        "what": "rows",
        "count": 10,
        "before": done.before.isoformat(),
    }
    assert [due.count for due in apply_retention(logs.dataset, dry_run=False)] == [0]


def test_who_keeps_longest_is_obeyed_and_old_snapshots_go(logs, admin, monkeypatch):
    save_retention_rule(rule(logs, "snapshots", 1), by=admin)
    later = utc_now() + timedelta(days=2)
    monkeypatch.setattr("storage.services.retention.utc_now", lambda: later)
    keep = {"name": "books", "applies_to": {"kind": ["table"]}, "keep_days": 10}
    save_retention_rule(keep, by=admin)
    assert [(due.count, due.before) for due in apply_retention(logs.dataset)] == [
        (0, later - timedelta(days=10))
    ]
    call_command("retention", "retire", "books", "--by", admin.username, stdout=StringIO())
    told = StringIO()
    call_command("retention", "run", "--dataset", str(logs.dataset), "--delete", stdout=told)
    assert f"gone: 1 snapshots deleted before {later - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}" in told.getvalue()  # fmt: skip
    assert rows(logs) == (20, 1)


def test_a_column_that_is_no_time_is_refused(logs, admin):
    save_retention_rule(rule(logs, "rows", 30, column="who"), by=admin)
    with pytest.raises(RetentionRuleError, match="`who`"):
        apply_retention(logs.dataset)

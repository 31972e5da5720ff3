"""What a killed writer left is swept; what a snapshot, a movement or a running writer needs is not."""

import io
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from core.clock import utc_now
from core.errors import InvalidInputError
from governance.models import AuditRecord
from storage.backends import open_location, open_uri
from storage.models import IcebergTable, Movement, StorageLocation
from storage.services import orphans, writers
from storage.services.movements import run_movements
from storage.services.orphans import MissingFilesError, sweep_orphans
from storage.services.tiering import start_tiering
from storage.tables.catalog import LakewardenCatalog
from storage.tasks import sweep_table_orphans
from tests.factories.audit import payload_of
from tests.storage.services.conftest import MONTHS, ROWS_A_MONTH, add_policy, month_rows

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(hours=24)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Nothing reaches a broker, and no app above writes."""
    from core.jobs import current_app

    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)
    monkeypatch.setattr(writers, "_sources", {})


@pytest.fixture
def next_day(monkeypatch):
    """A day and an hour go by."""
    monkeypatch.setattr(orphans, "utc_now", lambda: utc_now() + DAY + timedelta(hours=1))


def load(table):
    return LakewardenCatalog().load_table((*table.namespace.levels, table.name))


def stored(table) -> set[str]:
    """Every file below the table's path, on every location."""
    place = "/".join((*table.namespace.levels, table.name))
    backends = [open_location(each) for each in StorageLocation.objects.all()]
    return {
        backend.uri_of(info.key) for backend in backends for info in backend.list_all(f"{place}/")
    }


def put(uri: str, data: bytes = b"left over") -> str:
    backend, key = open_uri(uri)
    backend.put_bytes(key, data)
    return uri


def leave_file(table, name: str = "data/month=1/left-over.parquet") -> str:
    """What a writer that was killed before its commit leaves."""
    sink = io.BytesIO()
    pq.write_table(month_rows(1), sink)
    return put(f"{table.location}/{name}", sink.getvalue())


def count(table) -> int:
    return load(table).scan().to_arrow().num_rows


def test_a_killed_writers_file_is_swept_and_nothing_else(table, next_day):
    before = stored(table)
    left = leave_file(table)
    found = sweep_orphans(table)
    assert ([each.uri for each in found.orphans], found.removed) == ([left], 0)
    assert stored(table) == before | {left}
    swept = sweep_orphans(table, dry_run=False)
    assert (swept.removed, swept.size) == (1, found.size)
    assert stored(table) == before
    assert count(table) == MONTHS * ROWS_A_MONTH
    (row,) = AuditRecord.objects.filter(action="table.remove_orphans")
    assert payload_of(row) == {
        "files": 1,
        "bytes": found.size,
        "paths": [left],
    }
    assert sweep_orphans(table, dry_run=False).orphans == ()


def test_younger_files_are_let_be(table, monkeypatch):
    left = leave_file(table)
    monkeypatch.setattr(orphans, "utc_now", lambda: utc_now() + DAY - timedelta(minutes=1))
    assert sweep_orphans(table, dry_run=False).orphans == ()
    assert left in stored(table)


def test_files_of_a_running_writer_are_let_be(table, next_day):
    left = leave_file(table)
    writers.register_writers("test", lambda: utc_now() - timedelta(hours=1))
    assert sweep_orphans(table, dry_run=False).orphans == ()
    writers.register_writers("test", lambda: utc_now() + timedelta(hours=1))
    assert [each.uri for each in sweep_orphans(table, dry_run=False).orphans] == [left]


def test_an_age_that_no_writer_keeps_is_refused(table):
    with pytest.raises(InvalidInputError, match="at least 2:00:00 old"):
        sweep_orphans(table, older_than=timedelta(minutes=119))


def test_what_was_there_before_the_table_is_not_the_tables(table, next_day):
    left = leave_file(table)
    IcebergTable.objects.filter(pk=table.pk).update(created_at=utc_now() + timedelta(minutes=1))
    assert sweep_orphans(table, dry_run=False).orphans == ()
    assert left in stored(table)


def test_files_elsewhere_below_the_table_are_let_be(table, next_day):
    other = put(f"{table.location}/notes.txt")
    assert sweep_orphans(table, dry_run=False).orphans == ()
    assert other in stored(table)


def test_metadata_of_expired_snapshots_goes(table, next_day):
    """Their manifest lists, and the data files that only they held."""
    loaded = load(table)
    loaded.delete("month = 6")
    gone = [each.snapshot_id for each in loaded.metadata.snapshots[:-1]]
    loaded.maintenance.expire_snapshots().by_ids(gone).commit()
    report = sweep_orphans(table, dry_run=False)
    assert report.removed == len(report.orphans) > MONTHS
    kept = load(table)
    named = {each.file.file_path for each in kept.scan().plan_files()}
    data = {uri for uri in stored(table) if "/data/" in uri}
    assert data == named
    assert kept.scan().to_arrow().num_rows == (MONTHS - 1) * ROWS_A_MONTH
    kept.append(month_rows(7))
    assert count(table) == MONTHS * ROWS_A_MONTH


def test_every_readable_snapshot_stays_readable(table, next_day):
    loaded = load(table)
    loaded.delete("month = 6")
    sweep_orphans(table, dry_run=False)
    rows = {
        each.snapshot_id: load(table).scan(snapshot_id=each.snapshot_id).to_arrow().num_rows
        for each in load(table).metadata.snapshots
    }
    expected = [month * ROWS_A_MONTH for month in range(1, MONTHS + 1)]
    assert list(rows.values()) == [*expected, (MONTHS - 1) * ROWS_A_MONTH]


def test_both_sides_of_a_movement_are_let_be(table, tiers, next_day):
    _, cold = tiers
    add_policy(table.dataset, {"partition": {"month": {"lt": 3}}}, cold)
    run = start_tiering(dataset=table.dataset, grace_seconds=3600)
    first, second = Movement.objects.filter(run=run).order_by("pk")
    copied = put(second.target_uri, b"half a copy")
    run_movements([first.pk])
    assert sweep_orphans(table, dry_run=False).orphans == ()
    assert {first.source_uri, first.target_uri, second.source_uri, copied} <= stored(table)
    stray = put(f"{cold.location.root}/{'/'.join(table.namespace.levels)}/flights/data/stray")
    assert [each.uri for each in sweep_orphans(table, dry_run=False).orphans] == [stray]
    assert count(table) == MONTHS * ROWS_A_MONTH


def test_without_a_file_that_a_snapshot_names_nothing_is_judged(table, next_day):
    left = leave_file(table)
    task = next(iter(load(table).scan().plan_files()))
    backend, key = open_uri(task.file.file_path)
    backend.delete(key)
    with pytest.raises(MissingFilesError):
        sweep_orphans(table, dry_run=False)
    sweep_table_orphans(table_id=table.pk)
    assert left in stored(table)


def test_a_file_that_is_committed_after_it_was_found_stays(table, next_day, monkeypatch):
    left = leave_file(table)
    real = orphans._remove

    def commit_first(*args, **kwargs):
        load(table).add_files([left])
        return real(*args, **kwargs)

    monkeypatch.setattr(orphans, "_remove", commit_first)
    report = sweep_orphans(table, dry_run=False)
    assert ([each.uri for each in report.orphans], report.removed) == ([left], 0)
    assert count(table) == (MONTHS + 1) * ROWS_A_MONTH


def test_the_command_lists_and_removes_only_when_told(table, next_day):
    left = leave_file(table)
    out = io.StringIO()
    call_command("sweep_orphans", str(table), stdout=out)
    assert left in out.getvalue()
    assert "1 orphans" in out.getvalue()
    assert "dry run" in out.getvalue()
    assert left in stored(table)
    call_command("sweep_orphans", "--delete", stdout=out)
    assert f"{table}: 1 orphans" in out.getvalue()
    assert "1 removed" in out.getvalue()
    assert left not in stored(table)
    with pytest.raises(CommandError, match="1 tables could not be swept"):
        call_command("sweep_orphans", str(table), older_than=1.0, stderr=out)
    with pytest.raises(CommandError, match="does not exist"):
        call_command("sweep_orphans", "no.table")


def test_the_task_sweeps_and_leaves_a_dropped_table_alone(table, next_day):
    left = leave_file(table)
    sweep_table_orphans(table_id=table.pk)
    sweep_table_orphans(table_id=0)
    assert left not in stored(table)

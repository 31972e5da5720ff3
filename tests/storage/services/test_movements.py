"""Movements of table files and of objects, step by step, against the real object store."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table.snapshots import Operation

from governance.models import AuditRecord
from storage.backends import open_uri
from storage.models import CollectionObject, DataFile, Movement, MovementState
from storage.services import movements as service
from storage.services.collections import NewObject, add_object
from storage.services.files import sync_table_files
from storage.services.movements import due_movement_ids, run_movements
from storage.services.tiering import start_tiering
from storage.tables.catalog import LakewardenCatalog
from tests.factories.audit import payload_of
from tests.storage.services.conftest import MONTHS, ROWS_A_MONTH, add_policy, month_rows

OLD_MONTHS = {"partition": {"month": {"lt": 4}}}


def load(table):
    return LakewardenCatalog().load_table((*table.namespace.levels, table.name))


def exists(uri: str) -> bool:
    backend, key = open_uri(uri)
    return backend.exists(key)


def start(dataset, condition, tier, *, grace_seconds=0) -> list[int]:
    add_policy(dataset, condition, tier)
    run = start_tiering(dataset=dataset, grace_seconds=grace_seconds)
    return list(run.movements.values_list("pk", flat=True))


def states(ids) -> list[str]:
    return list(Movement.objects.filter(pk__in=ids).order_by("pk").values_list("state", flat=True))


def live_paths(table) -> set[str]:
    return {task.file.file_path for task in load(table).scan().plan_files()}


def test_old_partitions_move_in_one_commit_and_rows_stay(table, tiers):
    _, cold = tiers
    before = load(table).scan().to_arrow().sort_by([("month", "ascending"), ("city", "ascending")])
    commits = table.commits
    ids = start(table.dataset, OLD_MONTHS, cold)
    assert len(ids) == 3
    assert run_movements(ids).states == {"switched": 3}

    table.refresh_from_db()
    assert table.commits == commits + 1
    loaded = load(table)
    after = loaded.scan().to_arrow().sort_by([("month", "ascending"), ("city", "ascending")])
    assert after.equals(before)
    assert loaded.current_snapshot().summary.operation == Operation.REPLACE
    assert loaded.current_snapshot().summary["total-records"] == str(MONTHS * ROWS_A_MONTH)
    assert loaded.current_snapshot().summary["total-data-files"] == str(MONTHS)
    moved = Movement.objects.filter(pk__in=ids)
    assert {each.target_uri for each in moved} < live_paths(table)
    assert all(exists(each.source_uri) and exists(each.target_uri) for each in moved)


def test_the_file_rows_follow_the_switch_and_keep_their_heat(table, tiers):
    _, cold = tiers
    DataFile.objects.filter(table=table).update(reads=7)
    added = dict(DataFile.objects.filter(table=table).values_list("pk", "added_at"))
    run_movements(start(table.dataset, OLD_MONTHS, cold))
    rows = DataFile.objects.filter(table=table).order_by("pk")
    assert {row.pk: row.added_at for row in rows} == added
    assert {row.partition["month"]: row.tier.name for row in rows} == {
        1: "cold",
        2: "cold",
        3: "cold",
        4: "hot",
        5: "hot",
        6: "hot",
    }
    assert {row.reads for row in rows} == {7}
    assert sync_table_files(table) == MONTHS
    assert {row.path for row in rows.all()} == live_paths(table)
    assert dict(DataFile.objects.filter(table=table).values_list("pk", "added_at")) == added


def test_statistics_and_sequence_numbers_survive_the_switch(table, tiers):
    _, cold = tiers

    def entries():
        loaded = load(table)
        return {
            entry.data_file.partition[0]: (entry.sequence_number, entry.data_file)
            for manifest in loaded.current_snapshot().manifests(loaded.io)
            for entry in manifest.fetch_manifest_entry(loaded.io)
            if entry.status != ManifestEntryStatus.DELETED
        }

    before = entries()
    run_movements(start(table.dataset, OLD_MONTHS, cold))
    after = entries()
    assert {month: number for month, (number, _) in after.items()} == {
        month: number for month, (number, _) in before.items()
    }
    for month, (_, data_file) in after.items():
        assert data_file._data[0] == before[month][1]._data[0]
        assert data_file._data[2:] == before[month][1]._data[2:]


def test_after_the_grace_old_snapshots_go_with_the_sources(table, tiers):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)
    run_movements(ids)
    sources = [each.source_uri for each in Movement.objects.filter(pk__in=ids)]
    readable_before = {snapshot.snapshot_id for snapshot in load(table).metadata.snapshots}
    assert run_movements(ids).states == {"done": 3}
    assert [exists(uri) for uri in sources] == [False, False, False]
    loaded = load(table)
    # Every snapshot that is left can be read to its end; all but the switch needed a removed file.
    assert [snapshot.snapshot_id for snapshot in loaded.metadata.snapshots] == [
        loaded.metadata.current_snapshot_id
    ]
    assert loaded.scan().to_arrow().num_rows == MONTHS * ROWS_A_MONTH
    record = AuditRecord.objects.get(action="movement.expire_snapshots")
    assert record.resource == table.dataset.node_id
    expired = set(payload_of(record)["snapshots"])
    assert expired == readable_before - {loaded.metadata.current_snapshot_id}


def test_sources_stay_for_the_grace(table, tiers):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold, grace_seconds=3600)
    run_movements(ids)
    assert run_movements(ids).states == {"switched": 3}
    assert due_movement_ids() == []
    assert all(exists(each.source_uri) for each in Movement.objects.filter(pk__in=ids))
    Movement.objects.filter(pk__in=ids).update(remove_after=timezone.now())
    assert sorted(due_movement_ids()) == sorted(ids)


def test_a_tagged_snapshot_keeps_its_files(table, tiers):
    _, cold = tiers
    loaded = load(table)
    first = loaded.metadata.snapshots[0].snapshot_id
    loaded.manage_snapshots().create_tag(first, "audit-2026").commit()
    ids = start(table.dataset, OLD_MONTHS, cold)
    run_movements(ids)
    run_movements(ids)
    by_state = {each.state: each for each in Movement.objects.filter(pk__in=ids)}
    assert sorted(states(ids)) == ["done", "done", "switched"]
    kept = by_state["switched"]
    assert exists(kept.source_uri)
    assert kept.error == "a branch or tag of the table still needs the source"
    assert load(table).scan(snapshot_id=first).to_arrow().num_rows == ROWS_A_MONTH


def test_a_commit_in_between_is_kept(table, tiers, monkeypatch):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)
    real = service.switch_table_files

    def append_then_switch(*args):
        load(table).append(month_rows(7))
        return real(*args)

    monkeypatch.setattr(service, "switch_table_files", append_then_switch)
    assert run_movements(ids).states == {"switched": 3}
    assert load(table).scan().to_arrow().num_rows == (MONTHS + 1) * ROWS_A_MONTH


def test_a_lost_race_is_planned_again(table, tiers, monkeypatch):
    from storage.services import switching

    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)
    real, raced = switching._load, []

    def load_then_lose(row):
        loaded = real(row)
        if not raced:
            raced.append(True)
            load(table).append(month_rows(7))
        return loaded

    monkeypatch.setattr(switching, "_load", load_then_lose)
    assert run_movements(ids).states == {"switched": 3}
    rows = load(table).scan().to_arrow()
    assert rows.num_rows == (MONTHS + 1) * ROWS_A_MONTH
    assert {each.target_uri for each in Movement.objects.filter(pk__in=ids)} < live_paths(table)


def test_a_file_that_was_deleted_meanwhile_is_rolled_back(table, tiers):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)
    load(table).delete("month == 2")
    assert run_movements(ids).states == {"switched": 2, "rolled-back": 1}
    gone = Movement.objects.get(pk__in=ids, state="rolled-back")
    assert gone.error == "the table no longer holds the file"
    assert gone.finished_at is not None
    assert not exists(gone.target_uri)
    assert load(table).scan().to_arrow().num_rows == (MONTHS - 1) * ROWS_A_MONTH


def test_a_copy_that_was_damaged_is_made_again(table, tiers, monkeypatch):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)[:1]
    real = service._copy

    def copy_and_damage(movement):
        real(movement)
        backend, key = service._target(movement)
        backend.put_bytes(key, b"x" * movement.size)
        monkeypatch.setattr(service, "_copy", real)

    monkeypatch.setattr(service, "_copy", copy_and_damage)
    assert run_movements(ids).states == {"planned": 1}
    movement = Movement.objects.get(pk=ids[0])
    assert (movement.attempts, movement.error) == (
        1,
        "the copy is not equal to its source; it is made again",
    )
    assert movement.source_uri in live_paths(table)
    Movement.objects.filter(pk__in=ids).update(leased_until=None)
    assert run_movements(ids).states == {"switched": 1}


def test_after_five_failures_the_movement_fails_and_the_source_stands(table, tiers, monkeypatch):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)[:1]

    def refuse(movement):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(service, "_verify", refuse)
    for _ in range(5):
        run_movements(ids)
        Movement.objects.filter(pk__in=ids).update(leased_until=None)
    movement = Movement.objects.get(pk=ids[0])
    assert (movement.state, movement.attempts, movement.error) == ("failed", 5, "RuntimeError")
    run_movements(ids)
    assert (exists(movement.source_uri), exists(movement.target_uri)) == (True, False)
    assert movement.source_uri in live_paths(table)


def test_a_table_with_delete_files_is_refused(table, tiers, monkeypatch):
    from pyiceberg.manifest import ManifestContent, ManifestFile

    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)
    before = live_paths(table)
    with monkeypatch.context() as patch:
        patch.setattr(ManifestFile, "content", property(lambda _: ManifestContent.DELETES))
        patch.setattr("storage.tiering.relocation._holds_any", lambda *_: True)
        run_movements(ids)
    assert states(ids) == ["failed"] * 3
    assert live_paths(table) == before


def test_what_another_worker_holds_is_left_alone(table, tiers):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)
    Movement.objects.filter(pk=ids[0]).update(leased_until=timezone.now() + timedelta(minutes=1))
    assert run_movements(ids).states == {"planned": 1, "switched": 2}


def test_a_worker_that_lost_its_lease_changes_nothing(table, tiers, monkeypatch):
    _, cold = tiers
    ids = start(table.dataset, OLD_MONTHS, cold)[:1]
    real = service._source_checksum

    def lose_lease(movement, *args):
        Movement.objects.filter(pk=movement.pk).update(fence=movement.fence + 1)
        return real(movement, *args)

    monkeypatch.setattr(service, "_source_checksum", lose_lease)
    assert run_movements(ids).states == {"planned": 1}


def test_a_source_is_planned_once(table, tiers):
    _, cold = tiers
    first = start(table.dataset, OLD_MONTHS, cold)
    second = start_tiering(dataset=table.dataset)
    assert (len(first), second.movements.count()) == (3, 0)


def test_objects_move_and_come_back(collection, tiers):
    hot, cold = tiers
    ids = start(collection, {"keys": ["p/[01].png"]}, cold)
    sources = [each.source_uri for each in Movement.objects.filter(pk__in=ids)]
    run_movements(ids)
    run_movements(ids)
    assert states(ids) == ["done", "done"]
    rows = CollectionObject.objects.filter(dataset=collection).order_by("key")
    assert [row.tier.name for row in rows] == ["cold", "cold", "hot", "hot", "hot", "hot"]
    for number, row in enumerate(rows):
        backend, key = open_uri(row.uri)
        assert backend.get_bytes(key) == f"image {number}".encode()
    assert [exists(uri) for uri in sources] == [False, False]
    collection.tier_policies.all().delete()
    back = start(collection, {}, hot)
    run_movements(back)
    assert set(rows.values_list("tier__name", flat=True)) == {"hot"}


def test_an_object_that_is_replaced_meanwhile_is_rolled_back(collection, tiers):
    _, cold = tiers
    ids = start(collection, {"keys": ["p/1.png"]}, cold)
    old = Movement.objects.get(pk=ids[0]).source_uri
    add_object(dataset=collection, item=NewObject(key="p/1.png", content=b"new"))
    run_movements(ids)
    assert states(ids) == ["rolled-back"]
    row = CollectionObject.objects.get(dataset=collection, key="p/1.png")
    backend, key = open_uri(row.uri)
    assert (backend.get_bytes(key), row.tier.name) == (b"new", "hot")
    replaced = Movement.objects.get(held_object=row, reason="replaced by new content")
    Movement.objects.filter(pk=replaced.pk).update(remove_after=timezone.now())
    run_movements([replaced.pk])
    replaced.refresh_from_db()
    assert (replaced.state, exists(old), exists(row.uri)) == (MovementState.DONE, False, True)


@pytest.mark.parametrize("size", [0, 3_000_000])
def test_bytes_of_any_size_move(collection, tiers, size):
    _, cold = tiers
    add_object(dataset=collection, item=NewObject(key="big", content=b"z" * size))
    ids = start(collection, {"keys": ["big"]}, cold)
    run_movements(ids)
    row = CollectionObject.objects.get(dataset=collection, key="big")
    backend, key = open_uri(row.uri)
    assert (backend.checksum(key).size, backend.checksum(key).sha256) == (size, row.sha256)
    assert row.tier == cold


def test_each_step_is_in_the_audit_log(collection, tiers):
    _, cold = tiers
    ids = start(collection, {"keys": ["p/1.png"]}, cold)
    run_movements(ids)
    run_movements(ids)
    actions = AuditRecord.objects.filter(resource=collection.node_id).order_by("pk")
    assert [
        action
        for action in actions.values_list("action", flat=True)
        if action.startswith(("tiering", "movement"))
    ] == ["tiering.start", "movement.switch", "movement.remove_source"]

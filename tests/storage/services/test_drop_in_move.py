"""A table dropped in the middle of a move: no copy is left over, no byte that its metadata names is lost."""

import pytest

from core.clock import utc_now
from core.jobs import current_app
from governance.models import AuditRecord
from storage.backends import open_uri
from storage.models import Movement
from storage.services import movements as service
from storage.services.movements import due_movement_ids, run_movements
from storage.services.tables import drop_table, register_table
from storage.services.tiering import start_tiering
from storage.tables.catalog import LakewardenCatalog
from tests.factories.audit import payload_of
from tests.storage.services.conftest import MONTHS, ROWS_A_MONTH, add_policy

pytestmark = pytest.mark.django_db(transaction=True)

MOVED = 3


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def moving(table, tiers):
    """Movements of three files, planned, with a grace that is over at once."""
    _, cold = tiers
    add_policy(table.dataset, {"partition": {"month": {"lte": MOVED}}}, cold)
    run = start_tiering(dataset=table.dataset, grace_seconds=0)
    return list(run.movements.order_by("pk"))


def name_of(table) -> tuple[str, ...]:
    return (*table.namespace.levels, table.name)


def load(table):
    return LakewardenCatalog().load_table(name_of(table))


def exists(uri: str) -> bool:
    backend, key = open_uri(uri)
    return backend.exists(key)


def finish() -> None:
    for _ in range(3):
        run_movements(due_movement_ids())
    assert due_movement_ids() == []


def register_again(table) -> int:
    """The rows of the table as its last metadata document gives them back."""
    record = AuditRecord.objects.filter(action="table.drop").get()
    location = payload_of(record)["metadata_location"]
    register_table(identifier=name_of(table), metadata_location=location)
    return load(table).scan().to_arrow().num_rows


def states() -> set[str]:
    return set(Movement.objects.values_list("state", flat=True))


@pytest.mark.parametrize("last_step", ["_claim", "_copy", "_verify"])
def test_what_is_not_switched_is_rolled_back(table, moving, monkeypatch, last_step):
    """Dropped right after each step that comes before the switch, while the worker goes on."""
    real, dropped = getattr(service, last_step), []

    def drop_after(*args):
        found = real(*args)
        if not dropped:
            dropped.append(drop_table(identifier=name_of(table)))
        return found

    monkeypatch.setattr(service, last_step, drop_after)
    run_movements([each.pk for each in moving])
    Movement.objects.update(leased_until=None)
    finish()
    assert states() == {"rolled-back"}
    assert not Movement.objects.filter(finished_at=None).exists()
    assert [exists(each.source_uri) for each in moving] == [True] * MOVED
    assert [exists(each.target_uri) for each in moving] == [False] * MOVED
    assert register_again(table) == MONTHS * ROWS_A_MONTH


def test_what_is_switched_is_finished(table, moving):
    run_movements([each.pk for each in moving])
    assert states() == {"switched"}
    drop_table(identifier=name_of(table))
    assert set(Movement.objects.values_list("table", flat=True)) == {None}
    finish()
    assert states() == {"done"}
    assert [exists(each.source_uri) for each in moving] == [False] * MOVED
    assert [exists(each.target_uri) for each in moving] == [True] * MOVED
    assert register_again(table) == MONTHS * ROWS_A_MONTH
    for snapshot in load(table).metadata.snapshots:
        assert load(table).scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows > 0


def test_a_source_that_a_tag_needs_stays(table, moving):
    loaded = load(table)
    tagged = loaded.current_snapshot().snapshot_id
    loaded.manage_snapshots().create_tag(tagged, "audit").commit()
    run_movements([each.pk for each in moving])
    drop_table(identifier=name_of(table))
    finish()
    assert states() == {"done"}
    assert [exists(each.source_uri) for each in moving] == [True] * MOVED
    assert register_again(table) == MONTHS * ROWS_A_MONTH
    assert load(table).scan(snapshot_id=tagged).to_arrow().num_rows == MONTHS * ROWS_A_MONTH


def test_a_source_in_the_path_of_a_table_registered_anew_stays(table, moving):
    run_movements([each.pk for each in moving])
    drop_table(identifier=name_of(table))
    assert register_again(table) == MONTHS * ROWS_A_MONTH
    finish()
    assert states() == {"done"}
    assert [exists(each.source_uri) for each in moving] == [True] * MOVED
    assert Movement.objects.filter(finished_at__lte=utc_now()).count() == MOVED

"""Nothing of what is held is deleted, by whatever path; the paths are read off the code."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import utc_now
from core.jobs import current_app
from governance.facts import principal_of
from governance.holds import LegalHoldError
from governance.models import LegalHold
from governance.services.holds import place_hold, release_hold
from governance.services.retention import save_retention_rule
from storage.backends import open_uri
from storage.models import CollectionObject, Movement
from storage.services import orphans, writers
from storage.services.collections import NewObject, add_objects
from storage.services.movements import due_movement_ids, run_movements
from storage.services.orphans import sweep_orphans
from storage.services.retention import apply_retention
from storage.services.tables import drop_table, find_table
from storage.services.tiering import start_tiering
from storage.tables.catalog import LakewardenCatalog
from tests.factories.identity import make_user
from tests.storage.services.conftest import MONTHS, add_policy
from tests.storage.services.test_orphans import leave_file, stored

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]
APPS = ("core", "identity", "catalog", "governance", "storage", "query", "ingestion", "processing", "serving", "api", "web")  # fmt: skip
# Who calls `delete(…)` with something to delete, or `purge(…)`, and of what: a QuerySet's takes nothing.
BACKENDS = {"storage/backends/base.py", "storage/backends/s3.py", "storage/backends/local.py"}
DELETING = ("delete", "delete_object", "delete_objects", "delete_file")
GATE = "storage/services/gate.py"
OTHERS = {"web/lockout.py": "cache", "catalog/lineage/adjacency.py": "np"}
OTHERS |= {"ingestion/formats/base.py": "np", "ingestion/formats/json_records.py": "np"}


def deletions():
    for app in APPS:
        for file in sorted((ROOT / app).rglob("*.py")):
            text = file.read_text()
            if not any(f".{name}(" in text for name in ("purge", *DELETING)):
                continue
            for node in ast.walk(ast.parse(text)):
                is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                if is_call and (node.func.attr == "purge" or _deletes(node)):
                    yield str(file.relative_to(ROOT)), ast.unparse(node.func.value)


def _deletes(node: ast.Call) -> bool:
    return node.func.attr in DELETING and bool(node.args or node.keywords)


def test_bytes_go_through_the_gate_alone():
    found = {(file, of) for file, of in deletions() if file not in BACKENDS}
    expected = {(GATE, "backend"), *OTHERS.items()}
    assert {(file, of) for file, of in found if "request" not in of} == expected


@pytest.fixture
def hold(monkeypatch, table, collection):
    """A superuser, and how they hold both the table and the collection, and let both go."""
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)
    monkeypatch.setattr(writers, "_sources", {})
    by = principal_of(make_user(is_superuser=True))
    placed = []

    def place():
        placed.extend(place_hold(each, by=by, reason="7") for each in (table.dataset, collection))

    def release():
        for each in placed:
            release_hold(each, by=by, reason="settled")

    return by, place, release


def load(table):
    return LakewardenCatalog().load_table((*table.namespace.levels, table.name))


def expire(table):
    loaded = load(table)
    old = [each.snapshot_id for each in loaded.metadata.snapshots][:2]
    loaded.maintenance.expire_snapshots().by_ids(old).commit()


def test_what_is_held_is_deleted_by_nothing(table, collection, hold, monkeypatch, tiers):
    by, place, release = hold
    left = leave_file(table)
    monkeypatch.setattr(orphans, "utc_now", lambda: utc_now() + timedelta(hours=25))
    for what, scope in (("dataset", table.dataset), ("objects", collection)):
        document = {"what": what, "after_days": 1}
        applies = {"name": [scope.name], "namespace": [scope.namespace]}
        save_retention_rule({"name": f"gone-{what}", "applies_to": applies, "delete": document}, by=by)  # fmt: skip
    old = utc_now() - timedelta(days=30)
    CollectionObject.objects.filter(dataset=collection).update(added_at=old)
    monkeypatch.setattr("storage.services.retention.utc_now", lambda: utc_now() + timedelta(days=9))
    add_objects(dataset=collection, items=[NewObject(key="p/0.png", content=b"new")])
    for dataset, condition in ((table.dataset, {"partition": {"month": {"lt": 3}}}), (collection, {"keys": ["p/5*"]})):  # fmt: skip
        add_policy(dataset, condition, tiers[1])
        start_tiering(dataset=dataset, grace_seconds=0)
    Movement.objects.update(remove_after=utc_now())
    place()
    # What is held is not begun to be moved either.
    assert start_tiering(dataset=table.dataset).movements.count() == 0
    before = stored(table)
    sources = list(Movement.objects.values_list("source_uri", flat=True))
    paths = [
        lambda: expire(table),
        lambda: drop_table(identifier=(*table.namespace.levels, table.name), purge=True),
        lambda: sweep_orphans(table, dry_run=False),
    ]
    for path in paths:
        with pytest.raises(LegalHoldError):
            path()
    for _ in range(2):
        Movement.objects.update(leased_until=None)
        run_movements(due_movement_ids())
    assert set(Movement.objects.values_list("state", flat=True)) == {"switched"}
    for dataset in (table.dataset, collection):
        (due,) = apply_retention(dataset, dry_run=False)
        assert (due.count, len(due.kept)) == (0, 1)
    assert before <= stored(table)
    assert all(open_uri(uri)[0].exists(open_uri(uri)[1]) for uri in [left, *sources])
    assert len(load(table).metadata.snapshots) >= MONTHS
    release()
    Movement.objects.update(leased_until=None)
    run_movements(due_movement_ids())
    assert set(Movement.objects.values_list("state", flat=True)) == {"done"}
    assert [open_uri(uri)[0].exists(open_uri(uri)[1]) for uri in sources] == [False] * len(sources)
    assert [due.count for due in apply_retention(collection, dry_run=False)] == [6]
    assert [due.count for due in apply_retention(table.dataset, dry_run=False)] == [300]
    assert load(table).scan().to_arrow().num_rows == 0
    sweep_orphans(table, dry_run=False)
    assert [uri for uri in stored(table) if uri.endswith(".parquet")] == []
    drop_table(identifier=(*table.namespace.levels, table.name))
    assert find_table((*table.namespace.levels, table.name)) is None


def test_a_hold_reaches_by_domain_and_tag_and_ends(table, hold):
    from catalog.models import DatasetTag, FieldTag
    from governance.holds import holds_on
    from tests.factories.catalog import make_domain, make_tag

    by, _, _ = hold
    assert holds_on(table.dataset) == []
    above = make_domain()
    table.dataset.domain = make_domain(parent=above)
    table.dataset.save()
    tag, label = make_tag(), make_tag()
    DatasetTag.objects.create(dataset=table.dataset, tag=tag)
    FieldTag.objects.create(field=table.dataset.fields.first(), tag=label)
    placed = [place_hold(each, by=by, reason="case") for each in (above, tag, label)]
    assert holds_on(table.dataset) == placed
    release_hold(placed[0], by=by, reason="over")
    assert holds_on(table.dataset) == placed[1:]
    assert LegalHold.objects.in_force().count() == 2

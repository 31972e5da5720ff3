"""A person is planted over a DAG of real tables with history, and hunted in every byte afterwards."""

import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from core.errors import ConflictError, PermissionDeniedError
from core.jobs import current_app
from governance.facts import principal_of
from governance.models import AuditRecord, ErasureRequest, RetentionRule
from governance.retention.identifiers import parse_identifiers
from governance.retention.verify_certificate import is_genuine
from governance.services.erasures import approve_erasure, refuse_erasure
from governance.services.holds import place_hold, release_hold
from governance.services.retention import retire_retention_rule, save_retention_rule
from storage.models import DataFile, Movement, Tier
from storage.services.erasure.planning import plan_erasure
from storage.services.erasure.running import run_approved, run_erasure
from storage.services.movements import due_movement_ids, run_movements
from storage.services.tiering import start_tiering
from tests.factories.audit import payload_text
from tests.storage.services.conftest import add_policy
from tests.storage.services.erasure_world import (
    ADA,
    LABEL,
    OTHERS,
    digest,
    has_trace,
    make_erasure_world,
)
from tests.subprocesses import environ_of_test

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def world(unique, object_buckets, db):
    return make_erasure_world(unique)


def by(user):
    return principal_of(user)


def plan_and_approve(world, request):
    planned = plan_erasure(request, by=by(world.admin))
    return approve_erasure(planned, by=by(world.other), comment="as the law says")


def entry(plan, name):
    (found,) = [each for each in plan["datasets"] if each["name"].endswith(name)]
    return found


def test_a_person_is_found_erased_and_not_found_again(world, tmp_path):
    cold = Tier.objects.get(name="cold")
    add_policy(world.tables["orders"].dataset, {}, cold)
    start_tiering(dataset=world.tables["orders"].dataset, grace_seconds=3600)
    run_movements(due_movement_ids())
    assert set(Movement.objects.values_list("state", flat=True)) == {"switched"}
    before = world.traces()
    assert len(before) > 15
    request = world.ask(everywhere=True)
    planned = plan_erasure(request, by=by(world.admin))
    plan = planned.plan
    assert plan["conflicts"] == []
    counts = {
        name: (entry(plan, f".{name}")["rows"], entry(plan, f".{name}")["rows_in_history"])
        for name in world.tables
    }
    assert counts == {
        "raw": (1, 0),
        "people": (2, 0),
        "orders": (1, 1),
        "figures": (0, 0),
        "keys": (1, 0),
        "by_person": (1, 0),
        "notes": (1, 0),
    }
    assert entry(plan, ".people")["refs"] == ["audit-2026"]
    assert entry(plan, ".keys")["masked_columns"] == ["key"]
    assert {"aggregate", "content", "backups", "metadata"} <= {each["kind"] for each in plan["remains"]}  # fmt: skip
    assert not has_trace(repr(plan).encode())
    with pytest.raises(PermissionDeniedError, match="another administrator"):
        approve_erasure(planned, by=by(world.admin))
    done = run_erasure(approve_erasure(planned, by=by(world.other)))
    assert world.traces() == []
    check_others(world)
    check_certificate(done, tmp_path)
    assert not DataFile.objects.filter(path__icontains="lovelace").exists()
    text = b"".join(payload_text(row) for row in AuditRecord.objects.filter(action__startswith="erasure."))  # fmt: skip
    assert not has_trace(text)
    assert run_erasure(done).certificate == done.certificate


def check_others(world):
    emails = sorted(OTHERS)
    assert sorted(row["email"] for row in world.rows("people")) == emails
    assert sorted(row["visits"] for row in world.rows("people")) == list(range(11, 19))
    assert sorted(row["email"] for row in world.rows("orders")) == emails
    assert sorted(row["email"] for row in world.rows("by_person")) == emails
    assert sorted(row["key"] for row in world.rows("keys")) == sorted(map(digest, OTHERS))
    assert sorted(row["text"] for row in world.rows("notes")) == ["nothing", "rain"]
    assert len(world.rows("raw")) == len(OTHERS)
    assert sorted(row["people"] for row in world.rows("figures")) == [4, 5]
    assert sorted(world.collection.objects_held.values_list("key", flat=True)) == [
        "p/1.png",
        "p/2.png",
        "p/3.png",
    ]


def check_certificate(done: ErasureRequest, tmp_path):
    assert (done.state, done.sealed) == ("done", None)
    text = orjson.dumps(done.certificate).decode()
    assert is_genuine(text)
    assert is_genuine(text, done.certificate["public_key"])
    assert not is_genuine(text.replace('"rows":1', '"rows":3'))
    assert not has_trace(text.encode())
    parts = done.certificate["datasets"]
    rows = {each["name"].rpartition(".")[2]: each["rows"] for each in parts if each["rows"]}
    assert rows == dict.fromkeys(("raw", "people", "orders", "keys", "by_person", "notes"), 1)
    assert sorted(each["objects"] for each in parts) == [0, 0, 0, 0, 0, 0, 2]
    assert all(len(each["sha256"]) == 64 for part in done.certificate["datasets"] for each in part["files"])  # fmt: skip


TABLES = "storage.services.erasure.tables"
POINTS = [
    # Inside the transaction of the commits: they are undone with it.
    f"{TABLES}:_forget_history:after",
    f"{TABLES}:delete_file:after",
    "storage.services.erasure.objects:record_collection_version:after",
]


@pytest.mark.crash
def test_whoever_is_killed_is_resumed(world):
    request = plan_and_approve(world, world.ask(everywhere=True))
    for point in POINTS:
        worker = subprocess.run(
            [sys.executable, "-m", "tests.storage.services.erasure_crash_worker"],
            cwd=ROOT,
            env=environ_of_test(CRASH_AT=point),
            check=False,
            timeout=120,
        )
        assert worker.returncode == -signal.SIGKILL
    assert run_approved() == 1
    request.refresh_from_db()
    assert world.traces() == []
    check_others(world)
    parts = request.certificate["datasets"]
    rows = {each["name"].rpartition(".")[2]: each["rows"] for each in parts if each["rows"]}
    assert rows == dict.fromkeys(("raw", "people", "orders", "keys", "by_person", "notes"), 1)


def test_what_stands_against_it_is_told_and_nothing_goes(world):
    on_people = place_hold(world.tables["people"].dataset, by=by(world.admin), reason="case 7")
    on_ada = place_hold(
        parse_identifiers([{"label": LABEL, "value": ADA}]), by=by(world.admin), reason="case 8"
    )
    rule = {"name": "books", "applies_to": {"name": ["*.orders"]}, "keep_days": 3650}
    save_retention_rule(rule, by=by(world.admin))
    request = world.ask()
    planned = plan_erasure(request, by=by(world.admin))
    found = sorted((each["kind"], each["of"].rpartition(".")[2]) for each in planned.plan["conflicts"])  # fmt: skip
    assert found == [("hold", "people"), ("hold", "the person"), ("retention", "orders")]
    with pytest.raises(ConflictError, match="stands against"):
        approve_erasure(planned, by=by(world.other))
    for each in (on_people, on_ada):
        release_hold(each, by=by(world.admin), reason="settled")
    on_ada.refresh_from_db()
    assert on_ada.sealed is None
    retire_retention_rule(RetentionRule.objects.get(name="books"), by=by(world.admin))
    approved = plan_and_approve(world, request)
    # A hold that comes after the approval stops it, and asks for a new one.
    late = place_hold(world.tables["keys"].dataset, by=by(world.admin), reason="case 9")
    assert run_erasure(approved).state == "planned"
    release_hold(late, by=by(world.admin), reason="settled")
    before = len(world.rows("people"))
    with pytest.raises(ConflictError, match="only what is approved"):
        run_erasure(request)
    refused = refuse_erasure(request, by=by(world.other), comment="not the person")
    assert (refused.state, refused.sealed, len(world.rows("people"))) == ("refused", None, before)

"""kill -9 of a moving worker, at every boundary and at random moments: nothing is lost, nothing is left over."""

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from catalog.services.datasets import add_owner
from core.jobs import current_app
from identity.models import User
from storage.backends import open_location_url, open_uri
from storage.models import CollectionObject, DataFile, Movement
from storage.services.locations import ensure_default_locations_and_tiers
from storage.services.movements import due_movement_ids, run_movements, unfinished
from storage.services.object_reads import read_object
from storage.services.tiering import start_tiering
from storage.tables.catalog import LakewardenCatalog
from tests.storage.services.conftest import (
    MONTHS,
    ROWS_A_MONTH,
    add_policy,
    make_collection,
    make_table,
)
from tests.subprocesses import environ_of_test

pytestmark = pytest.mark.crash

ROOT = Path(__file__).resolve().parents[3]
MOVEMENTS = "storage.services.movements"
SWITCHING = "storage.services.switching"
POINTS = [
    f"{MOVEMENTS}:_claim:after",
    f"{MOVEMENTS}:_source_checksum:after",
    f"{MOVEMENTS}:_copy:before",
    f"{MOVEMENTS}:_copy:after",
    f"{MOVEMENTS}:_verify:after",
    # Inside the transaction of the switch: the commit of the table is undone with it.
    f"{SWITCHING}:relocate_files:after",
    f"{MOVEMENTS}:switch_table_files:after",
    f"{MOVEMENTS}:switch_object:after",
    f"{SWITCHING}:_expire_snapshots:after",
    f"{SWITCHING}:_delete_source:after",
    f"{SWITCHING}:_mark_done:after",
]


class World:
    """A table and a collection whose old parts are on their way from hot to cold."""

    def __init__(self, unique: str) -> None:
        _, self.cold = ensure_default_locations_and_tiers()
        self.table = make_table(unique)
        self.collection = make_collection(unique)
        self.reader = User.objects.create(username=f"reader-{unique}")
        add_owner(self.collection, owner=self.reader)
        add_policy(self.table.dataset, {"partition": {"month": {"lt": 4}}}, self.cold)
        add_policy(self.collection, {"keys": ["p/[0-2].png"]}, self.cold)
        for dataset in (self.table.dataset, self.collection):
            start_tiering(dataset=dataset, grace_seconds=0)

    def rows(self) -> list[tuple[int, int]]:
        table = LakewardenCatalog().load_table((*self.table.namespace.levels, self.table.name))
        counts = table.scan().to_arrow().group_by("month").aggregate([("city", "count_distinct")])
        return sorted(zip(*(column.to_pylist() for column in counts.columns), strict=True))

    def contents(self) -> dict[str, bytes]:
        keys = CollectionObject.objects.filter(dataset=self.collection).values_list(
            "key", flat=True
        )
        return {
            key: b"".join(read_object(user=self.reader, dataset=self.collection, key=key).chunks)
            for key in keys
        }

    def check(self) -> None:
        """Every byte is where the catalog says."""
        assert self.rows() == [(month, ROWS_A_MONTH) for month in range(1, MONTHS + 1)]
        assert self.contents() == {f"p/{n}.png": f"image {n}".encode() for n in range(6)}

    def check_finished(self) -> None:
        """All moved, and what lies in the store is what the catalog names: no source, no copy left over."""
        self.check()
        assert set(Movement.objects.values_list("state", flat=True)) == {"done"}
        tiers = DataFile.objects.filter(table=self.table).order_by("partition__month")
        assert [row.tier.name for row in tiers] == ["cold"] * 3 + ["hot"] * 3
        named = {row.path for row in tiers}
        named |= set(CollectionObject.objects.values_list("uri", flat=True))
        stored = set()
        for url in (settings.LAKEWARDEN.hot_url, settings.LAKEWARDEN.cold_url):
            root = open_location_url(url)
            level = self.table.namespace.levels[0]
            for prefix in (f"{level}/flights/data/", f"collections/{self.collection.uuid}/"):
                stored |= {root.uri_of(info.key) for info in root.list_all(prefix)}
        assert stored == named
        assert all(open_uri(uri)[0].exists(open_uri(uri)[1]) for uri in named)


@pytest.fixture
def world(transactional_db, object_buckets, unique, monkeypatch):
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)
    return World(unique)


def start_worker(crash_at: str = "") -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.services.crash_worker"],
        cwd=ROOT,
        env=environ_of_test(CRASH_AT=crash_at),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def let_leases_run_out() -> None:
    """What time would do."""
    Movement.objects.update(leased_until=None)


def finish() -> None:
    for _ in range(20):
        if not Movement.objects.filter(unfinished()).exists():
            return
        let_leases_run_out()
        run_movements(due_movement_ids())
    raise AssertionError("movements do not end")


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_boundary_loses_nothing(world, point):
    worker = start_worker(point)
    assert worker.wait(timeout=60) == -signal.SIGKILL
    worker.stdout.close()
    world.check()
    finish()
    world.check_finished()


def test_kills_at_random_moments_lose_nothing(world):
    kills = 0
    while Movement.objects.filter(unfinished()).exists() and kills < 6:
        worker = start_worker()
        # The first kill comes early, since an idle machine ends all the work within a second and a half.
        time.sleep(random.uniform(0.05, 0.25 * (kills + 1)))
        worker.send_signal(signal.SIGKILL)
        kills += worker.wait(timeout=60) == -signal.SIGKILL
        worker.stdout.close()
        world.check()
        let_leases_run_out()
    assert kills >= 1
    finish()
    world.check_finished()


def test_a_reader_sees_the_same_counts_all_the_while(world):
    """Reads of the table and of every object, in a loop, while all of it moves there and back."""
    stop, seen, errors = threading.Event(), [], []

    def read() -> None:
        try:
            while not stop.is_set():
                seen.append((world.rows(), world.contents()))
        except Exception as error:  # noqa: BLE001 - the reader must have met none at all
            errors.append(error)
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        hot, _ = ensure_default_locations_and_tiers()
        Movement.objects.update(grace_seconds=2)
        for target in (world.cold, hot, world.cold):
            for dataset in (world.table.dataset, world.collection):
                dataset.tier_policies.update(target=target)
                start_tiering(dataset=dataset, grace_seconds=2)
            deadline = time.monotonic() + 60
            while Movement.objects.filter(unfinished()).exists() and time.monotonic() < deadline:
                run_movements(due_movement_ids())
                time.sleep(0.1)
    finally:
        stop.set()
        reader.join()
    assert errors == []
    assert len(seen) > 5
    expected = [(month, ROWS_A_MONTH) for month in range(1, MONTHS + 1)]
    assert [rows for rows, _ in seen] == [expected] * len(seen)
    assert [len(contents) for _, contents in seen] == [6] * len(seen)
    world.check_finished()

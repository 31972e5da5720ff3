"""The graph in memory is the edges in force, whatever commits in whatever order."""

import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import DatasetEdge, EdgeLog, EdgeLogHorizon, Field, FieldEdge
from catalog.models.lineage import Direction, EdgeKind
from catalog.queries.lineage.log import Mark, Snapshot
from catalog.queries.lineage.memory import EdgeMemory
from catalog.services.edge_log import reload_graphs, trim_edge_log
from core.clock import utc_now
from tests.factories.catalog import make_dataset, make_job

ADD = "INSERT INTO catalog_datasetedge (dataset_id, job_id, direction, origin, valid_from) VALUES (%s, %s, 'input', 'declared', now())"
CLOSE = "UPDATE catalog_datasetedge SET valid_to = now() WHERE dataset_id = %s AND job_id = %s AND valid_to IS NULL"


def in_memory(memory: EdgeMemory) -> set[tuple[int, int]]:
    """Every edge of the graph, as keys; the graph must be loaded, so that the tables are not asked."""
    view = memory.view()
    assert view is not None
    edges = view.edges_among(range(view.size))
    pairs = list(
        zip(view.keys(edges.origins).tolist(), view.keys(edges.destinations).tolist(), strict=True)
    )
    into = {
        (view.keys([other])[0].item(), view.keys([place])[0].item())
        for place in range(view.size)
        for other in view.neighbours([place], sides=["into"]).tolist()
    }
    assert into == set(pairs)
    return set(pairs)


def in_tables() -> set[tuple[int, int]]:
    return {
        (2 * edge.dataset_id, 2 * edge.job_id + 1)
        if edge.direction == Direction.INPUT
        else (2 * edge.job_id + 1, 2 * edge.dataset_id)
        for edge in DatasetEdge.objects.filter(valid_to=None)
    }


def loaded(kind: EdgeKind = EdgeKind.DATASET) -> EdgeMemory:
    memory = EdgeMemory(kind)
    memory.rebuild().join()
    return memory


def other_connection() -> psycopg.Connection:
    return psycopg.connect(
        **{
            name: value
            for name, value in connection.get_connection_params().items()
            if name in {"host", "port", "dbname", "user", "password"}
        }
    )


@pytest.fixture
def nodes(transactional_db):
    del transactional_db
    return [make_dataset().pk for _ in range(4)], [make_job().pk for _ in range(3)]


def test_a_commit_of_another_connection_is_seen_at_once(nodes) -> None:
    (a, b, *_), (j, *_) = nodes
    memory = loaded()
    assert in_memory(memory) == set()
    with other_connection() as other:
        other.execute(ADD, [a, j])
        assert in_memory(memory) == set()
        other.commit()
        assert in_memory(memory) == {(2 * a, 2 * j + 1)}
        other.execute(CLOSE, [a, j])
        other.execute(ADD, [b, j])
        other.commit()
        assert in_memory(memory) == {(2 * b, 2 * j + 1)}


def test_a_late_commit_with_a_lower_number_is_not_missed(nodes) -> None:
    (a, b, c, _), (j, *_) = nodes
    with other_connection() as early, other_connection() as late:
        early.execute(ADD, [a, j])  # takes the lower number, and commits last
        memory = loaded()
        late.execute(ADD, [b, j])
        late.commit()
        assert in_memory(memory) == {(2 * b, 2 * j + 1)}
        late.execute(ADD, [c, j])
        late.commit()
        assert in_memory(memory) == {(2 * b, 2 * j + 1), (2 * c, 2 * j + 1)}
        early.commit()
        assert in_memory(memory) == in_tables()
        assert len(in_memory(memory)) == 3


def test_what_is_rolled_back_never_was(nodes) -> None:
    (a, b, *_), (j, *_) = nodes
    memory = loaded()
    with other_connection() as other:
        other.execute(ADD, [a, j])
        other.rollback()
        other.execute(ADD, [b, j])
        other.commit()
    assert in_memory(memory) == {(2 * b, 2 * j + 1)}


def test_a_transaction_sees_its_own_changes_and_nobody_else_does(nodes) -> None:
    (a, b, *_), (j, *_) = nodes
    memory = loaded()
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        DatasetEdge.objects.create(dataset_id=a, job_id=j, direction="input")
        assert in_memory(memory) == {(2 * a, 2 * j + 1)}
        seen: list[set] = []
        reader = threading.Thread(
            target=lambda: (seen.append(in_memory(memory)), connection.close())
        )
        reader.start()
        reader.join()
        assert seen == [set()]
        _ = 1 / 0
    assert in_memory(memory) == set()
    DatasetEdge.objects.create(dataset_id=b, job_id=j, direction="input")
    assert in_memory(memory) == {(2 * b, 2 * j + 1)}


STEP = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["add", "close", "commit", "rollback", "read"]),
    st.integers(0, 3),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25))
def test_interleaved_transactions(nodes, steps) -> None:
    """Three connections that open and close edges of their own job each, and commit or not, in any order."""
    datasets, jobs = nodes
    DatasetEdge.objects.all().delete()
    memory = loaded()
    writers = [other_connection() for _ in range(3)]
    try:
        for who, what, which in steps:
            if what == "read":
                assert in_memory(memory) == in_tables()
            elif what in {"add", "close"}:
                writers[who].execute(CLOSE, [datasets[which], jobs[who]])
                if what == "add":
                    writers[who].execute(ADD, [datasets[which], jobs[who]])
            else:
                getattr(writers[who], what)()
            if what == "commit":
                assert in_memory(memory) == in_tables()
        for writer in writers:
            writer.commit()
        assert in_memory(memory) == in_tables()
    finally:
        for writer in writers:
            writer.close()


def test_many_threads_read_while_others_write_and_it_is_compacted(nodes, monkeypatch) -> None:
    """Each reader sees what was committed before it asked."""
    monkeypatch.setattr("catalog.queries.lineage.memory.LEAST_TO_COMPACT", 2)
    datasets, jobs = nodes
    memory = loaded()
    failures: list[str] = []

    def work(job: int) -> None:
        try:
            with other_connection() as own:
                for round_ in range(12):
                    dataset = datasets[round_ % len(datasets)]
                    own.execute(CLOSE, [dataset, job])
                    own.execute(ADD, [dataset, job])
                    own.commit()
                    if (2 * dataset, 2 * job + 1) not in in_memory(memory):
                        failures.append(f"{job} misses {dataset}")
                    own.execute(CLOSE, [dataset, job])
                    own.commit()
                    if (2 * dataset, 2 * job + 1) in in_memory(memory):
                        failures.append(f"{job} still has {dataset}")
        except Exception as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert in_memory(memory) == in_tables() == set()


def test_a_trimmed_log_makes_a_graph_that_had_not_read_it_load_anew(nodes) -> None:
    datasets, (j, *_) = nodes
    behind, abreast = loaded(), loaded()
    for dataset in datasets:
        DatasetEdge.objects.create(dataset_id=dataset, job_id=j, direction="input")
    former = abreast.view()
    mark = abreast._state.mark
    EdgeLog.objects.update(logged_at=utc_now() - timedelta(days=8))
    count = EdgeLog.objects.count()
    assert trim_edge_log() == count == len(datasets)
    assert trim_edge_log() == 0
    assert EdgeLogHorizon.objects.get().trims == 1
    # Only a transaction of another database of this server may have kept it from knowing that it has read them.
    assert abreast.view() is former or mark.pending
    assert behind.view() is not former
    behind.rebuild().join()
    assert in_memory(behind) == in_memory(abreast) == in_tables()
    DatasetEdge.objects.filter(dataset_id=datasets[0]).update(valid_to=utc_now())
    assert in_memory(behind) == in_memory(abreast) == in_tables()


def test_the_log_is_trimmed_to_a_number_of_entries_too(nodes) -> None:
    datasets, (j, *_) = nodes
    for dataset in datasets:
        DatasetEdge.objects.create(dataset_id=dataset, job_id=j, direction="input")
    newest = list(EdgeLog.objects.order_by("-seq").values_list("seq", flat=True)[:3])
    assert trim_edge_log(most=3) == 1
    assert list(EdgeLog.objects.order_by("-seq").values_list("seq", flat=True)) == newest


def test_what_a_running_transaction_wrote_is_read_though_later_entries_were_trimmed(nodes) -> None:
    """The late writer has the lower number: whoever loads meanwhile must not take it for read."""
    (a, b, *_), (j, *_) = nodes
    with other_connection() as late:
        late.execute(ADD, [a, j])
        DatasetEdge.objects.create(dataset_id=b, job_id=j, direction="input")
        assert trim_edge_log(most=0) == 1
        memory = loaded()
        late.commit()
    assert in_memory(memory) == in_tables()
    assert len(in_memory(memory)) == 2
    assert trim_edge_log(most=0) == 1


def test_a_transaction_that_a_snapshot_does_not_list_is_not_missed(nodes) -> None:
    """The later transaction is above the snapshot's `xmax`, the last to have ended, and has the lower number in the log."""
    (a, b, *_), (j, k, _) = nodes
    with other_connection() as first, other_connection() as second:
        first.execute(ADD, [a, j])
        second.execute(ADD, [a, k])
        first.execute(ADD, [b, j])
        memory = loaded()
        first.commit()
        assert in_memory(memory) == in_tables()
        second.commit()
    assert in_memory(memory) == in_tables()
    assert len(in_memory(memory)) == 3


def test_a_graph_loaded_from_a_trimmed_log_does_not_miss_a_late_commit(nodes) -> None:
    (a, b, c, _), (j, *_) = nodes
    DatasetEdge.objects.create(dataset_id=a, job_id=j, direction="input")
    assert trim_edge_log(most=0) == 1
    with other_connection() as late:
        late.execute(ADD, [b, j])
        DatasetEdge.objects.create(dataset_id=c, job_id=j, direction="input")
        memory = loaded()
        assert len(in_memory(memory)) == 2
        late.commit()
    assert in_memory(memory) == in_tables()
    assert len(in_memory(memory)) == 3


def test_who_is_told_to_load_anew_does(nodes, monkeypatch) -> None:
    """The tables were changed behind the triggers' back; until then a graph keeps what the log told."""
    (a, *_), (j, *_) = nodes
    memory = loaded()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_datasetedge DISABLE TRIGGER USER")
        DatasetEdge.objects.create(dataset_id=a, job_id=j, direction="input")
        cursor.execute("ALTER TABLE catalog_datasetedge ENABLE TRIGGER USER")
    assert in_memory(memory) == set()
    assert reload_graphs(actor="system") == 1
    monkeypatch.setattr("catalog.queries.lineage.memory.PATIENCE", 30.0)
    assert in_memory(memory) == in_tables()
    assert reload_graphs(actor="system") == 2


def test_entries_of_another_server_are_forgotten(nodes) -> None:
    """After a dump was restored: a transaction of this server will have their id, and would seem to have written them."""
    (a, *_), (j, *_) = nodes
    edge = DatasetEdge.objects.create(dataset_id=a, job_id=j, direction="input")
    EdgeLog.objects.create(
        xid=2**62, kind=1, opened=False, edge_id=edge.pk, left_id=a, right_id=j, direction="input"
    )
    memory = loaded()
    former = memory.view()
    assert trim_edge_log() == 0
    assert EdgeLog.objects.get().edge_id == edge.pk
    assert EdgeLogHorizon.objects.get().generation == 1
    assert memory.view() is not former


def test_who_is_far_behind_loads_anew_instead_of_reading_all(nodes, monkeypatch) -> None:
    monkeypatch.setattr("catalog.queries.lineage.log.MOST_NEWS", 3)
    monkeypatch.setattr("catalog.queries.lineage.memory.PATIENCE", 30.0)
    datasets, (j, *_) = nodes
    memory = loaded()
    loads = count_loads(monkeypatch)
    for dataset in datasets[:3]:
        DatasetEdge.objects.create(dataset_id=dataset, job_id=j, direction="input")
    assert (in_memory(memory), len(loads)) == (in_tables(), 0)
    DatasetEdge.objects.all().delete()
    DatasetEdge.objects.create(dataset_id=datasets[3], job_id=j, direction="input")
    assert (in_memory(memory), len(loads)) == (in_tables(), 1)


def test_a_transaction_that_writes_more_than_is_read_gets_the_tables(nodes, monkeypatch) -> None:
    monkeypatch.setattr("catalog.queries.lineage.log.MOST_NEWS", 3)
    datasets, (j, *_) = nodes
    memory = loaded()
    with transaction.atomic():
        for dataset in datasets:
            DatasetEdge.objects.create(dataset_id=dataset, job_id=j, direction="input")
        assert memory.view() is None


def count_loads(monkeypatch) -> list:
    from catalog.queries.lineage import memory as module

    loads: list = []
    real = module.load_graph
    monkeypatch.setattr(module, "load_graph", lambda kind: loads.append(kind) or real(kind))
    return loads


WRITER = """
import random, sys
import psycopg
datasets, jobs = [int(each) for each in sys.argv[2].split(",")], [int(each) for each in sys.argv[3].split(",")]
with psycopg.connect(sys.argv[1]) as own:
    while True:
        for _ in range(random.randint(1, 5)):
            ends = [random.choice(datasets), random.choice(jobs)]
            own.execute(sys.argv[5], ends)
            if random.random() < 0.7:
                own.execute(sys.argv[4], ends)
        (own.rollback if random.random() < 0.2 else own.commit)()
        print("done", flush=True)
"""


@pytest.mark.crash
def test_killed_writers_leave_what_they_committed(nodes) -> None:
    datasets, jobs = nodes
    memory = loaded()
    dice = random.Random()
    values = connection.get_connection_params()
    address = psycopg.conninfo.make_conninfo(
        **{n: values[n] for n in ("host", "port", "dbname", "user", "password") if n in values}
    )
    ids = [",".join(map(str, each)) for each in (datasets, jobs)]
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, address, *ids, ADD, CLOSE], stdout=subprocess.PIPE
        )
        writer.stdout.readline()
        time.sleep(dice.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        writer.stdout.close()
        # Its backend may still be committing, which is right: then memory and tables change together.
        with transaction.atomic():
            connection.cursor().execute("LOCK TABLE catalog_datasetedge IN SHARE MODE")
            assert in_memory(memory) == in_tables()
    assert EdgeLog.objects.exists()


def test_young_entries_stay(nodes) -> None:
    (a, b, *_), (j, *_) = nodes
    DatasetEdge.objects.create(dataset_id=a, job_id=j, direction="input")
    DatasetEdge.objects.create(dataset_id=b, job_id=j, direction="input")
    assert trim_edge_log() == 0
    assert EdgeLog.objects.count() == 2


def test_a_rebuild_does_not_take_the_graph_away_from_readers(nodes, monkeypatch) -> None:
    (a, b, *_), (j, *_) = nodes
    DatasetEdge.objects.create(dataset_id=a, job_id=j, direction="input")
    memory = loaded()
    may_go_on = threading.Event()
    from catalog.queries.lineage import memory as module

    real = module.load_graph

    def slow(kind):
        found = real(kind)
        may_go_on.wait(30)
        return found

    monkeypatch.setattr(module, "load_graph", slow)
    rebuild = memory.rebuild()
    DatasetEdge.objects.create(dataset_id=b, job_id=j, direction="input")
    both = {(2 * a, 2 * j + 1), (2 * b, 2 * j + 1)}
    assert in_memory(memory) == both
    may_go_on.set()
    rebuild.join()
    assert in_memory(memory) == both


def test_field_edges_count_each_kind_of_derivation(nodes) -> None:
    (a, *_), (j, k, _) = nodes
    x, y = (Field.objects.create(dataset_id=a, name=name).pk for name in "xy")
    memory = loaded(EdgeKind.FIELD)
    direct, join = (
        FieldEdge.objects.create(source_id=x, target_id=y, job_id=job, type=kind)
        for job, kind in ((j, "DIRECT"), (k, "INDIRECT"))
    )
    assert in_memory(memory) == {(x, y)}
    for edge, left in ((direct, {(x, y)}), (join, set())):
        edge.valid_to = utc_now()
        edge.save()
        assert in_memory(memory) == left


def test_a_mark_holds_what_its_snapshot_did_not_see() -> None:
    mark = Mark().after(snapshot_of(xmax=100, running=(90,)))
    assert (mark.xmax, mark.pending, mark.xmin) == (100, (90,), 90)
    mark = mark.after(snapshot_of(xmax=120, running=(110,), own=130))
    assert (mark.xmax, mark.pending, mark.xmin) == (120, (110,), 110)
    mark = mark.after(snapshot_of(xmax=120))
    assert (mark.pending, mark.xmin) == ((), 120)


@pytest.mark.parametrize(
    ("values", "is_lost"),
    [
        ({}, False),
        ({"trims": 1, "trimmed_xid": 109}, False),
        ({"trims": 1, "trimmed_xid": 110}, True),
        ({"trims": 1, "trimmed_xid": 130}, True),
        ({"trimmed_xid": 130}, False),
        ({"era": "another"}, True),
    ],
)
def test_who_is_lost(values, is_lost) -> None:
    mark = Mark().after(snapshot_of(xmax=120, running=(110,)))
    assert mark.is_lost(snapshot_of(xmax=140, **values)) is is_lost


def test_an_older_snapshot_does_not_put_a_mark_back() -> None:
    mark = Mark().after(snapshot_of(xmax=120, running=(110,)))
    assert mark.reaches(snapshot_of(xmax=119))
    assert mark.reaches(snapshot_of(xmax=120, running=(105, 110)))
    assert not mark.reaches(snapshot_of(xmax=120, running=(110,)))
    assert not mark.reaches(snapshot_of(xmax=130, running=(110, 125)))


def snapshot_of(*, xmax, running=(), trims=0, trimmed_xid=0, own=None, era="") -> Snapshot:
    return Snapshot(trims, trimmed_xid, xmax, running, own, era)


def test_one_small_query_when_nothing_is_new(nodes, django_assert_num_queries) -> None:
    memory = loaded()
    (a, *_), (j, *_) = nodes
    DatasetEdge.objects.create(dataset_id=a, job_id=j, direction="input")
    memory.view()
    with django_assert_num_queries(1):
        memory.view()

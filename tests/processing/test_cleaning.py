"""What an unpublished run left in its tables goes; what is published, or held by others, stays."""

from datetime import timedelta

import pyarrow as pa
import pytest
from django.db import transaction

from core.clock import utc_now
from governance.models import AuditRecord
from processing.models import PipelineRun, RunState
from processing.services.cleaning import remove_leftovers, sweep_leftovers
from processing.services.runs import cancel_run, claim_run, trigger_run
from processing.spark.publishing import RUN_PROPERTY, branch_prefix
from storage.tables.catalog import LakewardenCatalog
from tests.factories.audit import payload_of
from tests.processing.test_pipelines import declare

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = pa.table({"flight": pa.array([1, 2], pa.int64())})


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    from core.jobs import current_app

    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def table(world):
    """The output of a pipeline, with a published snapshot."""
    with transaction.atomic():
        made = LakewardenCatalog(owner=world.owner).create_table(_created(world), ROWS.schema)
        made.append(ROWS)
    return made


def _created(world) -> str:
    namespace = f"{world.unique}_curated"
    catalog = LakewardenCatalog(owner=world.owner)
    if not catalog.namespace_exists(namespace):
        catalog.create_namespace(namespace, {"lakewarden.domain": world.domain.slug})
    return f"{namespace}.out"


def load(table):
    return LakewardenCatalog().load_table(table.name())


def write_branch(table, run, name: str = "one") -> str:
    """As a step that was cut off leaves it: a branch with a snapshot of the run."""
    branch = f"{branch_prefix(str(run.uuid))}{name}"
    head = load(table).current_snapshot()
    load(table).manage_snapshots().create_branch(head.snapshot_id, branch).commit()
    load(table).append(ROWS, snapshot_properties={RUN_PROPERTY: str(run.uuid)}, branch=branch)
    return branch


def refs(table) -> set[str]:
    return set(load(table).metadata.refs)


def snapshots(table) -> list[int]:
    return [each.snapshot_id for each in load(table).metadata.snapshots]


def end(run, state=RunState.FAILED) -> PipelineRun:
    PipelineRun.objects.filter(pk=run.pk).update(
        state=state, ended_at=utc_now() - timedelta(minutes=5)
    )
    run.refresh_from_db()
    return run


def test_the_branch_and_its_snapshot_go(world, table):
    run = trigger_run(declare(world), actor=world.owner)
    before = snapshots(table)
    branch = write_branch(table, run)
    (made,) = set(snapshots(table)) - set(before)
    assert remove_leftovers(end(run)) == 1
    assert (refs(table), snapshots(table)) == ({"main"}, before)
    assert load(table).scan().to_arrow().num_rows == 2
    (row,) = AuditRecord.objects.filter(action="pipeline.run.clean")
    payload = payload_of(row)
    assert (payload["branches"], payload["snapshots"]) == ([branch], [made])
    assert remove_leftovers(run) == 0
    assert AuditRecord.objects.filter(action="pipeline.run.clean").count() == 1


def test_a_snapshot_whose_branch_is_gone_already_goes(world, table):
    """A failed check drops the branch itself; the snapshot would keep its files for ever."""
    run = trigger_run(declare(world), actor=world.owner)
    before = snapshots(table)
    branch = write_branch(table, run)
    load(table).manage_snapshots().remove_branch(branch).commit()
    assert len(snapshots(table)) == len(before) + 1
    assert remove_leftovers(end(run)) == 1
    assert snapshots(table) == before


def test_what_the_run_published_or_a_tag_holds_stays(world, table):
    run = trigger_run(declare(world), actor=world.owner)
    load(table).append(ROWS, snapshot_properties={RUN_PROPERTY: str(run.uuid)})
    branch = write_branch(table, run)
    tagged = load(table).metadata.refs[branch].snapshot_id
    load(table).manage_snapshots().create_tag(tagged, "keep").commit()
    before = snapshots(table)
    assert remove_leftovers(end(run)) == 0
    assert (refs(table), snapshots(table)) == ({"main", "keep"}, before)
    assert load(table).scan().to_arrow().num_rows == 4


def test_branches_of_other_runs_stay(world, table):
    pipeline = declare(world)
    first = end(trigger_run(pipeline, actor=world.owner))
    second = trigger_run(pipeline, actor=world.owner)
    branch = write_branch(table, second)
    assert remove_leftovers(first) == 0
    assert refs(table) == {"main", branch}


def test_the_sweep_cleans_cancelled_and_lost_runs_once(world, table):
    pipeline = declare(world)
    run = trigger_run(pipeline, actor=world.owner)
    claim_run(run.uuid)
    write_branch(table, run)
    assert sweep_leftovers() == 0
    cancel_run(PipelineRun.objects.get(pk=run.pk), actor=world.owner)
    assert sweep_leftovers() == 0, "a commit may still be under way"
    end(run, RunState.CANCELLED)
    assert (sweep_leftovers(), sweep_leftovers()) == (1, 0)
    assert refs(table) == {"main"}


def test_a_run_of_a_table_that_was_dropped_is_done_with(world, table):
    run = trigger_run(declare(world), actor=world.owner)
    LakewardenCatalog().drop_table(table.name())
    end(run)
    assert (sweep_leftovers(), sweep_leftovers()) == (1, 0)

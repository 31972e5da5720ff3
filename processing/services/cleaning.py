"""What a run that failed, was cancelled or was lost leaves in the tables that it meant to write.

A step writes to a branch that only a passed audit makes `main`. Of a run that is over the branch goes, and its
snapshots with it; then no snapshot names its files, and the sweep of orphans takes them.
"""

from datetime import timedelta

import structlog
from django.db import transaction
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import SnapshotRefType

from core import audit
from core.clock import utc_now
from processing.definition import read_definition
from processing.models import PipelineRun, RunState
from processing.spark.publishing import RUN_PROPERTY, branch_prefix
from storage.models import IcebergTable
from storage.services.tables import find_table
from storage.tables.catalog import LakewardenCatalog

logger = structlog.get_logger(__name__)

SWEEP_LIMIT = 50
# A commit that was under way when the run was cancelled is over by then.
PATIENCE = timedelta(minutes=1)
UNPUBLISHED = (RunState.FAILED, RunState.CANCELLED)


def sweep_leftovers() -> int:
    """Clean up after every run that ended without success and was not cleaned up yet; return how many."""
    runs = PipelineRun.objects.filter(
        state__in=UNPUBLISHED, cleaned_at=None, ended_at__lt=utc_now() - PATIENCE
    )
    oldest = runs.select_related("pipeline").order_by("ended_at")[:SWEEP_LIMIT]
    return sum(try_remove_leftovers(run) for run in oldest)


def try_remove_leftovers(run: PipelineRun) -> bool:
    """`remove_leftovers`, and whether it was done: one table that cannot be read must not keep anything else from going on."""
    try:
        remove_leftovers(run)
    except Exception:
        logger.exception("leftovers stay until the next sweep", run=str(run.uuid))
        return False
    return True


def remove_leftovers(run: PipelineRun) -> int:
    """Drop the run's branches and expire the snapshots that only they held; return how many. Idempotent.

    What the run had published stays, and so does whatever a branch or tag of somebody else holds.
    """
    outputs = read_definition(run.definition).outputs
    removed = 0
    with transaction.atomic():
        # In the order of their names, as everybody locks tables.
        for name in outputs:
            row = find_table(name.split("."), lock=True)
            if row is not None:
                removed += _clean_table(row, run)
        PipelineRun.objects.filter(pk=run.pk).update(cleaned_at=utc_now())
    return removed


def _clean_table(row: IcebergTable, run: PipelineRun) -> int:
    table = LakewardenCatalog().load_table((*row.namespace.levels, row.name))
    branches = _branches(table.metadata, run)
    for name in branches:
        table.manage_snapshots().remove_branch(name).commit()
    snapshots = _unreachable(table, run)
    if snapshots:
        table.maintenance.expire_snapshots().by_ids(snapshots).commit()
    if branches or snapshots:
        audit.record(
            actor="system",
            action="pipeline.run.clean",
            resource=f"pipeline:{run.pipeline}",
            payload={
                "run": str(run.uuid),
                "table": str(row),
                "branches": branches,
                "snapshots": snapshots,
            },
        )
    return len(snapshots)


def _branches(metadata: TableMetadata, run: PipelineRun) -> list[str]:
    prefix = branch_prefix(str(run.uuid))
    return sorted(
        name
        for name, ref in metadata.refs.items()
        if ref.snapshot_ref_type == SnapshotRefType.BRANCH and name.startswith(prefix)
    )


def _unreachable(table: Table, run: PipelineRun) -> list[int]:
    """The run's snapshots that no branch or tag comes from."""
    by_id = {each.snapshot_id: each for each in table.metadata.snapshots}
    kept: set[int] = set()
    for ref in table.metadata.refs.values():
        place: int | None = ref.snapshot_id
        while place is not None and place not in kept and place in by_id:
            kept.add(place)
            place = by_id[place].parent_snapshot_id
    return sorted(
        each.snapshot_id
        for each in table.metadata.snapshots
        if each.snapshot_id not in kept
        and each.summary is not None
        and each.summary.additional_properties.get(RUN_PROPERTY) == str(run.uuid)
    )

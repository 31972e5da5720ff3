"""Background work of `storage`: ids in, one service call."""

import structlog
from celery import shared_task
from django.conf import settings

from catalog.models import Dataset
from core.errors import LakewardenError
from core.jobs import enqueue
from governance.facts import principal_of
from governance.models import ErasureRequest
from governance.models.retention import OPEN_ERASURES
from storage.models import IcebergTable
from storage.services.audit_archive import archive_audit as archive
from storage.services.collections import settle_versions as settle
from storage.services.erasure.planning import plan_erasure as plan
from storage.services.erasure.running import run_approved
from storage.services.files import sync_table_files as sync_files
from storage.services.movements import due_movement_ids
from storage.services.movements import run_movements as carry_on
from storage.services.orphans import sweep_orphans
from storage.services.retention import apply_retention, retained_datasets
from storage.services.tiering import apply_tier_policies as apply_policies

logger = structlog.get_logger(__name__)


@shared_task(name="storage.sync_table_files", acks_late=True, time_limit=300)
def sync_table_files(*, table_id: int) -> None:
    """Bring the file rows of a table up to its current snapshot; nothing to do if the table is gone."""
    table = IcebergTable.objects.filter(pk=table_id).first()
    if table is not None:
        sync_files(table)


@shared_task(name="storage.settle_versions", acks_late=True)
def settle_versions() -> None:
    """Record one version for all that landed one by one in a collection since its last."""
    settle()


@shared_task(name="storage.run_movements")
def run_movements(*, movement_ids: list[int]) -> None:
    """Carry these movements on as far as they go."""
    carry_on(movement_ids)


@shared_task(name="storage.resume_movements")
def resume_movements() -> None:
    """Carry on what a killed worker left, what is to be tried again, and what has waited out its grace."""
    carry_on(due_movement_ids())


@shared_task(name="storage.archive_audit", acks_late=True)
def archive_audit() -> int:
    """Copy what was sealed of the audit log to the archive, where one is configured."""
    return archive() if settings.LAKEWARDEN.audit_archive else 0


@shared_task(name="storage.apply_tier_policies")
def apply_tier_policies() -> None:
    """Plan and start what the enabled policies of every dataset ask for now."""
    apply_policies()


@shared_task(name="storage.plan_erasure", acks_late=True, time_limit=3600)
def plan_erasure(*, erasure_id: int) -> None:
    """Find what an erasure would touch, in the name of who asked; nothing to do where it is over or gone."""
    row = ErasureRequest.objects.filter(pk=erasure_id, state__in=OPEN_ERASURES).first()
    if row is None or row.steps.exists():
        return
    try:
        plan(row, by=principal_of(row.requested_by))
    except LakewardenError as error:
        ErasureRequest.objects.filter(pk=row.pk).update(last_error=error.message[:500])
        logger.warning("erasure not planned", erasure=str(row.uuid), code=error.code)


@shared_task(name="storage.run_erasures", acks_late=True, time_limit=3600)
def run_erasures() -> int:
    """Carry on the erasures that are approved; one that was killed goes on where it was."""
    return run_approved()


@shared_task(name="storage.run_retention")
def run_retention() -> None:
    """Ask for one bounded step of retention on every dataset that a rule in force deletes from."""
    for dataset in retained_datasets():
        enqueue("storage.retain_dataset", queue="tiering", dataset_id=dataset.pk)


@shared_task(name="storage.retain_dataset", acks_late=True)
def retain_dataset(*, dataset_id: int) -> None:
    """Delete what is due of a dataset, so much as one step does; nothing to do if it is gone."""
    dataset = Dataset.objects.live().filter(pk=dataset_id).first()
    if dataset is None:
        return
    try:
        apply_retention(dataset, dry_run=False)
    except LakewardenError as error:
        logger.warning("retention failed", dataset=str(dataset), code=error.code)


@shared_task(name="storage.sweep_orphans")
def sweep_all_orphans() -> None:
    """Ask for a sweep of every table."""
    for pk in IcebergTable.objects.order_by("pk").values_list("pk", flat=True):
        enqueue("storage.sweep_table_orphans", queue="tiering", table_id=pk)


@shared_task(name="storage.sweep_table_orphans", acks_late=True)
def sweep_table_orphans(*, table_id: int) -> None:
    """Remove the table's files that nothing names and that are a day old; nothing to do if the table is gone."""
    table = IcebergTable.objects.filter(pk=table_id).first()
    if table is None:
        return
    try:
        sweep_orphans(table, dry_run=False)
    except LakewardenError as error:
        logger.warning("orphans not swept", table=str(table), code=error.code, error=error.message)

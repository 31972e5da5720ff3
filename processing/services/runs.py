"""Runs: asked for, claimed under a lease, renewed, ended; and found again when a worker is lost."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F

from core import audit
from core.clock import utc_now
from core.errors import LakewardenError
from core.jobs import enqueue
from identity.models import User
from identity.services import issue_token, revoke_token
from processing.errors import PipelineBusyError, PipelineDisabledError
from processing.lineage import record_run_event
from processing.models import Pipeline, PipelineRun, RunState
from processing.models.run import ACTIVE_STATES
from processing.services.pipelines import require_manage

logger = structlog.get_logger(__name__)

TASK = "processing.run_pipeline"
QUEUE = "processing"
LEASE = timedelta(seconds=60)
# A queued run that nobody claimed for so long lost its message.
QUEUE_PATIENCE = timedelta(minutes=2)
MAX_ATTEMPTS = 3
TOKEN_LIFETIME = timedelta(hours=1)
SWEEP_LIMIT = 100


def trigger_run(pipeline: Pipeline, *, actor: User | None) -> PipelineRun:
    """Queue a run; PipelineBusyError while another is queued or running, PipelineDisabledError if switched off.

    `actor` needs `manage` on the outputs; None is the schedule.
    """
    if actor is not None:
        require_manage(actor, pipeline)
    if not pipeline.enabled:
        raise PipelineDisabledError(f"the pipeline `{pipeline.name}` is disabled")
    try:
        with transaction.atomic():
            run = PipelineRun.objects.create(
                pipeline=pipeline, requested_by=actor, definition=pipeline.definition
            )
            _audit(run, "run.request", actor=actor)
            enqueue(TASK, queue=QUEUE, run_uuid=str(run.uuid))
    except IntegrityError:
        raise PipelineBusyError(f"the pipeline `{pipeline.name}` has a run already") from None
    return run


def cancel_run(run: PipelineRun, *, actor: User) -> None:
    """End a run that is not over: its worker notices within seconds, and its token is revoked at once."""
    require_manage(actor, run.pipeline)
    with transaction.atomic():
        changed = PipelineRun.objects.filter(pk=run.pk, state__in=ACTIVE_STATES).update(
            state=RunState.CANCELLED, ended_at=utc_now(), error="cancelled"
        )
        if changed:
            run.refresh_from_db()
            _drop_token(run)
            record_run_event(run, "ABORT")
            _audit(run, "run.cancel", actor=actor)


@transaction.atomic
def claim_run(run_uuid: UUID, *, celery_id: str = "") -> tuple[PipelineRun, str] | None:
    """Take a run and return it with a fresh API token of its service account; None if somebody holds it.

    The token of a former holder is revoked: what it still does can no longer reach the catalog.
    """
    now = utc_now()
    run = (
        PipelineRun.objects.select_for_update(of=("self",))
        .select_related("pipeline__run_as", "pipeline__domain", "api_token")
        .claimable(now)
        .filter(uuid=run_uuid)
        .first()
    )
    if run is None:
        return None
    _drop_token(run)
    token, text = issue_token(
        user=run.pipeline.run_as,
        name=f"run {run.uuid}",
        scopes=["read", "write", "lineage"],
        lifetime=TOKEN_LIFETIME,
    )
    run.state = RunState.RUNNING
    run.attempts += 1
    run.fencing_token += 1
    run.started_at = run.started_at or now
    run.lease_expires_at = now + LEASE
    run.celery_id, run.api_token = celery_id, token
    run.save()
    record_run_event(run, "START")
    _audit(run, "run.start")
    return run, text


def renew_lease(run: PipelineRun) -> bool:
    """Hold the run for another 60 s; False if it was cancelled or taken over."""
    return bool(_held(run).update(lease_expires_at=utc_now() + LEASE))


@transaction.atomic
def end_run(
    run: PipelineRun, *, state: RunState, error: str = "", metrics: dict[str, Any], log_tail: str
) -> bool:
    """Record how the run ended; False, and nothing is written, if it is no longer the caller's."""
    ended = _held(run).update(
        state=state, error=error, metrics=metrics, log_tail=log_tail, ended_at=utc_now()
    )
    if not ended:
        return False
    run.refresh_from_db()
    _drop_token(run)
    record_run_event(run, "COMPLETE" if state == RunState.SUCCEEDED else "FAIL", error=error)
    _audit(run, f"run.{state.value}", payload={"error": error, "metrics": metrics})
    return True


def sweep_runs() -> dict[str, int]:
    """Start what is due, queue again what no worker holds, fail what was lost too often."""
    counts = {"started": _start_due(), "requeued": 0, "failed": 0}
    now = utc_now()
    stale = PipelineRun.objects.select_related("pipeline").claimable(now)
    for run in stale.filter(enqueued_at__lt=now - QUEUE_PATIENCE)[:SWEEP_LIMIT]:
        if run.attempts >= MAX_ATTEMPTS:
            counts["failed"] += _give_up(run)
        else:
            with transaction.atomic():
                PipelineRun.objects.filter(pk=run.pk).update(enqueued_at=now)
                enqueue(TASK, queue=QUEUE, run_uuid=str(run.uuid))
            counts["requeued"] += 1
    return counts


def _start_due() -> int:
    now = utc_now()
    due = Pipeline.objects.filter(enabled=True, next_run_at__lte=now).exclude(interval=None)
    started = 0
    for pipeline in due[:SWEEP_LIMIT]:
        # The winner of this update starts the run; a second sweep finds the time moved on.
        moved = Pipeline.objects.filter(pk=pipeline.pk, next_run_at=pipeline.next_run_at).update(
            next_run_at=now + (pipeline.interval or timedelta(days=1))
        )
        if not moved:
            continue
        try:
            trigger_run(pipeline, actor=None)
            started += 1
        except LakewardenError as error:
            logger.info("scheduled run skipped", pipeline=str(pipeline), reason=error.code)
    return started


@transaction.atomic
def _give_up(run: PipelineRun) -> int:
    failed = (
        PipelineRun.objects.claimable(utc_now())
        .filter(pk=run.pk)
        .update(
            state=RunState.FAILED,
            ended_at=utc_now(),
            error=f"the worker was lost {run.attempts} times",
            fencing_token=F("fencing_token") + 1,
        )
    )
    if failed:
        run.refresh_from_db()
        _drop_token(run)
        record_run_event(run, "FAIL", error=run.error)
        _audit(run, "run.failed", payload={"error": run.error})
    return failed


def _held(run: PipelineRun) -> Any:
    return PipelineRun.objects.filter(
        pk=run.pk, state=RunState.RUNNING, fencing_token=run.fencing_token
    )


def _drop_token(run: PipelineRun) -> None:
    if run.api_token is not None:
        revoke_token(run.api_token)


def _audit(
    run: PipelineRun,
    action: str,
    *,
    actor: User | None = None,
    payload: dict[str, Any] | None = None,
) -> None:
    audit.record(
        actor=actor.username if actor is not None else "system",
        action=f"pipeline.{action}",
        resource=f"pipeline:{run.pipeline}",
        payload={"run": str(run.uuid), "attempt": run.attempts, **(payload or {})},
    )

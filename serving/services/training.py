"""Training runs: asked for, run once under a lease, registered or failed with a reason."""

from datetime import timedelta
from uuid import UUID

import pyarrow as pa
import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet

from catalog.models import Dataset, Domain
from catalog.services.openlineage import record_event
from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, LakewardenError
from core.heartbeat import heartbeat
from core.jobs import enqueue
from governance import queries as governance
from governance.policy.types import Action
from identity.models import User
from serving import queries
from serving.lineage import training_event
from serving.models import ModelVersion, TrainingRun, TrainingState
from serving.services.registry import Provenance, check_model_name, register_model
from serving.training import TrainedModel, TrainingSpec, train

logger = structlog.get_logger(__name__)

TASK = "serving.train_model"
QUEUE = "processing"
# Prolonged while the worker lives; a run whose worker was lost waits no longer than this for another.
LEASE = timedelta(seconds=60)
QUEUE_PATIENCE = timedelta(minutes=2)
MAX_ATTEMPTS = 3
SWEEP_LIMIT = 100


def request_training(
    *, actor: User, model_name: str, domain: Domain, spec: TrainingSpec
) -> TrainingRun:
    """Queue a training as `actor`, who must be able to read the dataset now and when it runs."""
    check_model_name(model_name)
    _source(actor, spec)
    with transaction.atomic():
        run = TrainingRun.objects.create(
            model_name=model_name, domain=domain, spec=spec.as_json(), requested_by=actor
        )
        audit.record(
            actor=actor.username,
            action="training.request",
            resource=f"training-run:{run.uuid}",
            payload={"model": model_name, "spec": spec.as_json()},
        )
        enqueue(TASK, queue=QUEUE, run_uuid=str(run.uuid))
    return run


def run_training(*, run_uuid: UUID) -> None:
    """Train, evaluate, export and register; a run that is done, or that another worker holds, is left alone."""
    run = _claim(run_uuid)
    if run is None:
        return
    try:
        _record_event(run, "START")
        beat_seconds = LEASE.total_seconds() / 4
        with heartbeat(lambda: _renew(run), every=beat_seconds, name=f"training {run.uuid}"):
            version, trained = _train_and_register(run)
    except LakewardenError as error:
        _fail(run, error.message)
    except Exception:
        # What is not ours to explain is told to the log; the requester learns that it was not the input.
        logger.exception("training failed", run=str(run.uuid))
        _fail(run, "the training failed for a reason of the service; the log has it")
    else:
        if version.run_uuid != run.uuid:
            # The same data gave the same model once more: no new version, but the run has ended well.
            _record_event(run, "COMPLETE")
        _finish(run, state=TrainingState.SUCCEEDED, version=version, metrics=trained.metrics)


def sweep_training_runs() -> int:
    """Queue again what no worker holds any more; fail what was tried too often. Returns how many were touched."""
    now = utc_now()
    stale = TrainingRun.objects.filter(
        Q(state=TrainingState.RUNNING, lease_expires_at__lt=now)
        | Q(state=TrainingState.QUEUED, created_at__lt=now - QUEUE_PATIENCE)
    )
    touched = 0
    for run in stale[:SWEEP_LIMIT]:
        touched += 1
        if run.attempts >= MAX_ATTEMPTS:
            _fail(run, f"the worker was lost {run.attempts} times")
        else:
            enqueue(TASK, queue=QUEUE, run_uuid=str(run.uuid))
    return touched


def _claim(run_uuid: UUID) -> TrainingRun | None:
    now = utc_now()
    claimable = TrainingRun.objects.filter(uuid=run_uuid).filter(
        Q(state=TrainingState.QUEUED) | Q(state=TrainingState.RUNNING, lease_expires_at__lt=now)
    )
    claimed = claimable.update(
        state=TrainingState.RUNNING,
        attempts=F("attempts") + 1,
        started_at=now,
        lease_expires_at=now + LEASE,
    )
    if not claimed:
        return None
    return TrainingRun.objects.select_related("requested_by", "domain").get(uuid=run_uuid)


def _renew(run: TrainingRun) -> bool:
    """Prolong the lease of this attempt; False if another has taken over."""
    return bool(_held(run).update(lease_expires_at=utc_now() + LEASE))


def _held(run: TrainingRun) -> QuerySet[TrainingRun]:
    """The run, as long as this attempt holds it: `attempts` is the fencing token."""
    return TrainingRun.objects.filter(
        pk=run.pk,
        attempts=run.attempts,
        state__in=[TrainingState.QUEUED, TrainingState.RUNNING],
    )


def _source(actor: User, spec: TrainingSpec) -> Dataset:
    dataset = queries.find_visible(
        actor, namespace=spec.namespace, name=spec.dataset, action=Action.VIEW_METADATA
    )
    governance.require(governance.principal_of(actor), Action.READ, dataset)
    known = set(dataset.fields.present().values_list("name", flat=True))
    for index, name in enumerate([*spec.features, spec.label]):
        if name not in known:
            pointer = f"/features/{index}" if index < len(spec.features) else "/label"
            raise InvalidInputError(f"the dataset has no field `{name}`", pointer=pointer)
    return dataset


def _train_and_register(run: TrainingRun) -> tuple[ModelVersion, TrainedModel]:
    from query.services import read_dataset

    spec = TrainingSpec.from_json(run.spec)
    actor = run.requested_by
    source = _source(actor, spec)
    reader = read_dataset(
        user=actor,
        dataset=source,
        columns=[*spec.features, spec.label],
        limit=spec.max_rows,
        purpose=spec.purpose,
    )
    trained = train(spec, pa.Table.from_batches(reader, schema=reader.schema))
    version = register_model(
        actor=actor,
        name=run.model_name,
        domain=run.domain,
        artifact=trained.artifact,
        metrics=trained.metrics,
        provenance=Provenance(
            datasets=[source],
            run_uuid=run.uuid,
            features=spec.features,
            label=spec.label,
            properties={"spec": run.spec},
        ),
    )
    return version, trained


def _fail(run: TrainingRun, reason: str) -> None:
    with transaction.atomic():
        _finish(run, state=TrainingState.FAILED, error=reason)
        _record_event(run, "FAIL", error=reason)


def _finish(
    run: TrainingRun,
    *,
    state: TrainingState,
    version: ModelVersion | None = None,
    metrics: dict[str, float] | None = None,
    error: str = "",
) -> None:
    with transaction.atomic():
        ended = _held(run).update(
            state=state, version=version, metrics=metrics or {}, error=error, ended_at=utc_now()
        )
        if not ended:
            # Another attempt took over; how the run ends is its word.
            return
        audit.record(
            actor=run.requested_by.username,
            action=f"training.{state.value}",
            resource=f"training-run:{run.uuid}",
            payload={"model": run.model_name, "error": error},
        )


def _record_event(run: TrainingRun, event_type: str, *, error: str = "") -> None:
    record_event(
        event=training_event(
            event_type=event_type, run_uuid=run.uuid, model_name=run.model_name, error=error
        ),
        sender=run.requested_by,
    )

"""Carrying out what was approved: step by step, resumable, verified by reading all of it again, and certified."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import connection, transaction

from core.clock import utc_now
from core.errors import ConflictError, LakewardenError
from governance.models import ErasureRequest, ErasureState, ErasureStep
from governance.retention.certificates import issue
from governance.retention.identifiers import forms_of
from governance.services.erasures import identifiers_of, record_erasure
from storage.models import IcebergTable
from storage.services.erasure.matching import Matcher
from storage.services.erasure.objects import erase_from_collection
from storage.services.erasure.planning import find_reached, make_plan
from storage.services.erasure.reach import Reached
from storage.services.erasure.scanning import scan_objects
from storage.services.erasure.tables import Reader, erase_from_table

logger = structlog.get_logger(__name__)

# With the request's key: one process at a time carries one out.
_LOCK = 0x4C4B_4552
# How often what was found clean is read again where something brought the person back meanwhile.
PASSES = 3


def run_erasure(request: ErasureRequest) -> ErasureRequest:
    """Carry an approved request to its certificate; who was killed is resumed, who is at it is let be.

    Where the data has outgrown the plan before anything was erased, the new plan waits for approval again. Raises
    ConflictError for what is not approved, and whatever stood in the way; it is tried again by the schedule.
    """
    with _alone(request) as is_alone:
        request.refresh_from_db()
        if not is_alone or request.state == ErasureState.DONE:
            return request
        if request.state != ErasureState.APPROVED:
            raise ConflictError(f"the erasure is {request.state}: only what is approved is erased")
        try:
            if not request.steps.exists() and not _begin(request):
                return request
            return _carry_on(request)
        except Exception as error:
            text = error.message if isinstance(error, LakewardenError) else type(error).__name__
            ErasureRequest.objects.filter(pk=request.pk).update(last_error=text[:500])
            raise


def run_approved() -> int:
    """Carry on what is approved, the nearest deadline first; return how many are done now. Called by the schedule."""
    done = 0
    for request in ErasureRequest.objects.filter(state=ErasureState.APPROVED).order_by("due_at"):
        try:
            done += run_erasure(request).state == ErasureState.DONE
        except LakewardenError as error:
            logger.warning("erasure stopped", erasure=str(request.uuid), code=error.code)
        except Exception as error:  # noqa: BLE001 - one that cannot go on must not keep the others from it
            # Without the trace, whose values may be the person's.
            logger.warning("erasure stopped", erasure=str(request.uuid), code=type(error).__name__)
    return done


def _begin(request: ErasureRequest) -> bool:
    """Plan once more and make the journal; False where more is affected than was approved."""
    plan = make_plan(request)
    outgrown = not set(plan["affected"]) <= set(request.plan["affected"])
    with transaction.atomic():
        if outgrown or plan["conflicts"]:
            _ask_again(request, plan)
            return False
        reached = find_reached(request)
        ErasureStep.objects.bulk_create(
            ErasureStep(request=request, dataset_id=key, ordinal=place)
            for place, key in enumerate(reached)
        )
        request.plan = plan
        request.save(update_fields=["plan"])
        record_erasure(request, actor="system", verb="begin", datasets=len(plan["affected"]))
    return True


def _ask_again(request: ErasureRequest, plan: Mapping[str, Any]) -> None:
    request.plan, request.planned_at = dict(plan), utc_now()
    request.state = ErasureState.PLANNED
    request.decided_by = request.decided_at = None
    request.save(update_fields=["plan", "planned_at", "state", "decided_by", "decided_at"])
    record_erasure(request, actor="system", verb="ask-again", conflicts=len(plan["conflicts"]))


def _carry_on(request: ErasureRequest) -> ErasureRequest:
    matcher = Matcher(forms_of(identifiers_of(request)))
    reached = find_reached(request)
    for _ in range(PASSES):
        for step in request.steps.filter(finished_at=None).select_related("dataset"):
            _erase(step, reached.get(step.dataset_id), matcher)
        if not _reopen(request, reached, matcher):
            return _finish(request)
    raise ConflictError("the person is brought back by what writes meanwhile: stop it, and go on")


def _erase(step: ErasureStep, reached: Reached | None, matcher: Matcher) -> None:
    table = IcebergTable.objects.filter(dataset=step.dataset).first()
    if table is not None:
        erase_from_table(step, table, _reader(reached, matcher))
    else:
        erase_from_collection(step, step.dataset, matcher)
    step.doomed, step.finished_at = {}, utc_now()
    step.save(update_fields=["doomed", "done", "finished_at"])


def _reopen(request: ErasureRequest, reached: Mapping[int, Reached], matcher: Matcher) -> int:
    """Read all of it again; the steps of datasets that hold the person are to be done once more. Returns how many."""
    known = set(request.steps.values_list("dataset_id", flat=True))
    for key in reached.keys() - known:
        ErasureStep.objects.create(request=request, dataset_id=key, ordinal=len(known))
    found = 0
    for step in request.steps.select_related("dataset"):
        if _holds(step, reached.get(step.dataset_id), matcher):
            ErasureStep.objects.filter(pk=step.pk).update(finished_at=None)
            found += 1
    return found


def _holds(step: ErasureStep, reached: Reached | None, matcher: Matcher) -> bool:
    table = IcebergTable.objects.filter(dataset=step.dataset).first()
    if table is not None:
        return bool(_reader(reached, matcher).scan(table).affected)
    return bool(scan_objects(step.dataset_id, matcher).objects)


def _reader(reached: Reached | None, matcher: Matcher) -> Reader:
    return Reader(matcher, reached.fields if reached else ())


@transaction.atomic
def _finish(request: ErasureRequest) -> ErasureRequest:
    """Sign the certificate and forget who it was about."""
    now = utc_now()
    request.steps.filter(finished_at=None).update(finished_at=now)
    steps = list(request.steps.select_related("dataset"))
    request.certificate = issue(
        {
            "erasure": str(request.uuid),
            "requested_at": request.created_at.isoformat(),
            "approved_at": request.decided_at.isoformat() if request.decided_at else None,
            "due_at": request.due_at.isoformat(),
            "finished_at": now.isoformat(),
            "identifiers": request.identifiers,
            "datasets": [_certified(step) for step in steps if step.done],
            "searched": [str(step.dataset.uuid) for step in steps],
            "verification": {"datasets": len(steps), "rows": 0, "objects": 0},
            "remains": request.plan["remains"],
        }
    )
    request.state, request.sealed, request.last_error = ErasureState.DONE, None, ""
    request.finished_at = now
    request.save(update_fields=["certificate", "state", "sealed", "last_error", "finished_at"])
    record_erasure(
        request,
        actor="system",
        verb="finish",
        rows=sum(step.done.get("rows", 0) for step in steps),
        objects=sum(step.done.get("objects", 0) for step in steps),
        files=sum(len(step.done.get("files", [])) for step in steps),
    )
    return request


def _certified(step: ErasureStep) -> dict[str, Any]:
    done = step.done
    return {
        "dataset": str(step.dataset.uuid),
        "name": str(step.dataset),
        "rows": done.get("rows", 0),
        "objects": done.get("objects", 0),
        "snapshots": done.get("snapshots", []),
        "tags": done.get("tags", []),
        "files": done.get("files", []),
    }


@contextmanager
def _alone(request: ErasureRequest) -> Iterator[bool]:
    key = [_LOCK, request.pk % (1 << 31)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        is_alone = bool(cursor.fetchone()[0])
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)

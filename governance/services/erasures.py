"""Requests to erase a person: asked for, planned, approved by another administrator, refused, withdrawn.

What is planned and carried out is the work of `storage.services.erasure`; here is who may, and what is remembered.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from core.jobs import enqueue
from governance.approval.plan import Asked, make_plan
from governance.approval.progress import Deputy, Situation, capacities
from governance.models import ErasureRequest, ErasureState
from governance.models.retention import OPEN_ERASURES
from governance.panel import active_delegations
from governance.policy.types import Principal
from governance.retention.identifiers import (
    Identifier,
    parse_identifiers,
    seal_identifiers,
    unseal_identifiers,
)
from governance.services.holds import checked_text
from governance.vocabulary import is_administrator, require_administrator

ERASURE_USE = "erasure"
PLAN_TASK = "storage.plan_erasure"
RUN_TASK = "storage.run_erasures"
QUEUE = "tiering"


def visible_erasures(principal: Principal) -> QuerySet[ErasureRequest]:
    """All for administrators, none for others: a plan names datasets of every domain."""
    rows = ErasureRequest.objects.select_related("requested_by", "decided_by")
    return rows if is_administrator(principal) else rows.none()


@transaction.atomic
def request_erasure(
    *, by: Principal, identifiers: Any, reason: str, due_at: datetime, everywhere: bool = False
) -> ErasureRequest:
    """Ask that a person is erased. Raises PermissionDeniedError, InvalidInputError, which quotes no identifier."""
    require_administrator(by)
    found = parse_identifiers(identifiers)
    if due_at <= utc_now():
        raise InvalidInputError("`due_at` must lie ahead")
    row = ErasureRequest.objects.create(
        sealed=seal_identifiers(found, use=ERASURE_USE),
        identifiers=len(found),
        everywhere=everywhere,
        reason=checked_text("reason", reason),
        requested_by_id=by.id,
        due_at=due_at,
    )
    record_erasure(row, actor=by.username, verb="request", identifiers=len(found))
    enqueue(PLAN_TASK, queue=QUEUE, erasure_id=row.pk)
    return row


def identifiers_of(row: ErasureRequest) -> list[Identifier]:
    """What the person is found by; ConflictError where it was forgotten."""
    if row.sealed is None:
        raise ConflictError(f"the erasure is {row.state}: who it was about is forgotten")
    return unseal_identifiers(row.sealed, use=ERASURE_USE)


@transaction.atomic
def replan_erasure(row: ErasureRequest, *, by: Principal) -> ErasureRequest:
    """Have a worker plan it anew. ConflictError once it has begun."""
    locked = _locked(row, by=by)
    _require_not_begun(locked)
    record_erasure(locked, actor=by.username, verb="replan")
    enqueue(PLAN_TASK, queue=QUEUE, erasure_id=locked.pk)
    return locked


@transaction.atomic
def keep_plan(row: ErasureRequest, plan: Mapping[str, Any], *, by: Principal) -> ErasureRequest:
    """Keep what a dry run found; a new plan of an approved request asks for approval anew."""
    locked = _locked(row, by=by)
    _require_not_begun(locked)
    locked.plan, locked.planned_at, locked.state = dict(plan), utc_now(), ErasureState.PLANNED
    locked.decided_by = locked.decided_at = None
    locked.save(update_fields=["plan", "planned_at", "state", "decided_by", "decided_at"])
    record_erasure(locked, actor=by.username, verb="plan", datasets=len(plan["datasets"]))
    return locked


@transaction.atomic
def approve_erasure(row: ErasureRequest, *, by: Principal, comment: str = "") -> ErasureRequest:
    """Let the plan be carried out. ConflictError where there is none, or where something stands against it.

    PermissionDeniedError for who asked, and for who stands for them or for whom they stand.
    """
    locked = _locked(row, by=by)
    _require_four_eyes(locked, by=by)
    if locked.state != ErasureState.PLANNED:
        raise ConflictError(f"the erasure is {locked.state}: only what is planned is approved")
    if locked.plan["conflicts"]:
        raise ConflictError(
            "something stands against this erasure", conflicts=locked.plan["conflicts"]
        )
    enqueue(RUN_TASK, queue=QUEUE)
    return _decide(locked, ErasureState.APPROVED, by=by, comment=comment, verb="approve")


@transaction.atomic
def refuse_erasure(row: ErasureRequest, *, by: Principal, comment: str) -> ErasureRequest:
    """End the request, with a reason; who it was about is forgotten."""
    locked = _locked(row, by=by)
    _require_four_eyes(locked, by=by)
    _require_not_begun(locked)
    text, locked.sealed = checked_text("comment", comment), None
    return _decide(locked, ErasureState.REFUSED, by=by, comment=text, verb="refuse")


@transaction.atomic
def withdraw_erasure(row: ErasureRequest, *, by: Principal) -> ErasureRequest:
    """End the request before anything was erased; who it was about is forgotten."""
    locked = _locked(row, by=by)
    _require_not_begun(locked)
    locked.state, locked.sealed, locked.finished_at = ErasureState.WITHDRAWN, None, utc_now()
    locked.save(update_fields=["state", "sealed", "finished_at"])
    record_erasure(locked, actor=by.username, verb="withdraw")
    return locked


def record_erasure(row: ErasureRequest, *, actor: str, verb: str, **payload: Any) -> None:
    """Append `erasure.<verb>` to the audit log; nothing of the person is in it."""
    audit.record(
        actor=actor,
        action=f"erasure.{verb}",
        resource=f"erasure:{row.uuid}",
        payload={"state": str(row.state), **payload},
    )


def _locked(row: ErasureRequest, *, by: Principal) -> ErasureRequest:
    if not is_administrator(by):
        raise NotFoundError("there is no such erasure")
    locked = ErasureRequest.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if locked.state not in OPEN_ERASURES:
        raise ConflictError(f"the erasure is {locked.state} already")
    return locked


def _require_not_begun(row: ErasureRequest) -> None:
    if row.steps.exists():
        raise ConflictError("the erasure has begun, and is carried to its end")


def _require_four_eyes(row: ErasureRequest, *, by: Principal) -> None:
    """The rules of every approval: not who asked, nor their deputies, nor those whose deputy they are."""
    now = utc_now()
    situation = Situation(
        requester=row.requested_by_id,
        asked_at=row.created_at,
        now=now,
        approvers=frozenset({by.id}),
        deputies=[Deputy(each.person_id, each.delegate_id) for each in active_delegations(now)],
    )
    plan = make_plan([], Asked(duration=row.due_at - row.created_at))
    if not capacities(plan, situation, actor=by.id):
        raise PermissionDeniedError("another administrator decides on an erasure than who asked")


def _decide(
    row: ErasureRequest, state: ErasureState, *, by: Principal, comment: str, verb: str
) -> ErasureRequest:
    row.state, row.comment = state, comment.strip()
    row.decided_by_id, row.decided_at = by.id, utc_now()
    if state == ErasureState.REFUSED:
        row.finished_at = row.decided_at
    row.save(
        update_fields=["state", "comment", "decided_by", "decided_at", "finished_at", "sealed"]
    )
    record_erasure(row, actor=by.username, verb=verb, comment=row.comment)
    return row

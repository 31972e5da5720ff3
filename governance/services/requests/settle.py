"""What every step of a request shares: its lock, its record, who is told, and the grant at the end."""

from datetime import datetime, timedelta

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, NotFoundError
from governance.approval.progress import Outcome, open_stages, outcome
from governance.approval.states import RequestState, Step
from governance.models import AccessRequest, NoticeKind
from governance.panel import votes_of
from governance.policy.types import Action, Principal
from governance.services.grants import check_rectangle, create_grant
from governance.services.notices import post_notice
from governance.services.webhooks import emit_request_event

NOBODY = "system"


def locked(request: AccessRequest) -> AccessRequest:
    """The request as it is now, locked until the transaction ends. NotFoundError where it is gone."""
    row = (
        AccessRequest.objects.select_for_update(of=("self",))
        .select_related("dataset", "requester")
        .filter(pk=request.pk)
        .first()
    )
    if row is None:
        raise NotFoundError("there is no such request")
    return row


def advance(row: AccessRequest, *, by: Principal | None, agreed: str) -> None:
    """After a vote: make the grant where nothing is missing any more, else ask the next stages.

    `agreed` is the comment that the requester reads. `by` is None where rules decided alone.
    """
    if outcome(row.plan, votes_of(row)) is Outcome.APPROVED:
        _approve(row, by=by, comment=agreed)
        return
    if by is not None:
        row.move(Step.AGREE)
        record(row, by=by, step=Step.AGREE, comment=agreed)
    call_stages(row)


def call_stages(row: AccessRequest) -> None:
    """Tell those in charge of each open stage, once a stage."""
    for stage, _ in open_stages(row.plan, votes_of(row), asked_at=row.created_at):
        post_notice(row, NoticeKind.WAITING, number=stage.number)


def close(row: AccessRequest, *, step: Step, by: Principal | None, comment: str) -> None:
    """Make a step that ends the decision, with its time, its person and the comment that the requester reads."""
    row.move(step)
    row.decided_at = utc_now()
    row.decided_by_id = None if by is None else by.id
    row.decision_comment = comment.strip()
    row.save(update_fields=["state", "decided_at", "decided_by", "decision_comment", "expires_at"])
    record(row, by=by, step=step, comment=row.decision_comment)
    post_notice(row, NoticeKind.DECIDED)


def record(
    row: AccessRequest, *, by: Principal | None, step: Step | str, comment: str = ""
) -> None:
    """The audit record of a step, and the event that other systems are sent, in the caller's transaction."""
    terms = row.terms()
    audit.record(
        actor=NOBODY if by is None else by.username,
        action=f"request.{step}",
        resource=row.dataset.node_id,
        payload={
            "request": str(row.uuid),
            "requester": row.requester.get_username(),
            "purpose": row.purpose,
            "row_filter": terms.row_filter,
            "columns": terms.columns,
            "duration_seconds": terms.duration.total_seconds(),
            "state": str(row.state),
            "comment": comment,
            "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        },
        about=[row.requester.get_username()],
    )
    emit_request_event(row, step=str(step))


def _approve(row: AccessRequest, *, by: Principal | None, comment: str) -> None:
    terms = row.terms()
    check_rectangle(
        row.dataset, action=Action.READ, row_filter=terms.row_filter, columns=terms.columns
    )
    if row.dataset.deleted_at is not None:
        raise NotFoundError("there is no such dataset")
    if not row.requester.is_active:
        raise ConflictError("the requester's account is not active any more")
    row.expires_at = _end(row, terms.duration)
    close(row, step=Step.APPROVE, by=by, comment=comment)
    create_grant(
        actor=NOBODY if by is None else by.username,
        granted_by=by,
        subject=row.requester,
        target=row.dataset,
        action=Action.READ,
        row_filter=terms.row_filter,
        columns=terms.columns,
        purpose=row.purpose,
        expires_at=row.expires_at,
        request=row,
    )


def _end(row: AccessRequest, duration: timedelta) -> datetime:
    """An extension begins where what it prolongs ends, or now if that is over. ConflictError if that was revoked."""
    now = utc_now()
    if row.extends_id is None:
        return now + duration
    former = AccessRequest.objects.select_for_update().get(pk=row.extends_id)
    if former.state not in (RequestState.APPROVED, RequestState.EXPIRED):
        raise ConflictError(
            f"what it prolongs is {former.state}: ask anew", state=str(former.state)
        )
    return max(now, former.expires_at or now) + duration

"""Asking: anew, for longer, and taking it back."""

from collections.abc import Collection
from datetime import timedelta

from django.db import IntegrityError, transaction

from catalog.models import Dataset
from core.errors import ConflictError, InvalidInputError, NotFoundError
from governance.approval.plan import Asked, Plan, to_json
from governance.approval.states import RequestState, Step
from governance.facts import load_facts, load_resource
from governance.models import AccessRequest, Terms
from governance.panel import domain_names, own_domains, plan_for
from governance.policy import decide
from governance.policy.rows import parse_row_filter
from governance.policy.types import Action, Facts, Principal, Resource
from governance.queries import require
from governance.services.grants import check_rectangle
from governance.services.requests.invite import Invitation, require_invited
from governance.services.requests.settle import advance, call_stages, locked, record

MAX_DURATION = timedelta(days=366)
MAX_PURPOSE_LENGTH = 2000


@transaction.atomic
def request_access(
    dataset: Dataset,
    *,
    by: Principal,
    purpose: str,
    duration: timedelta,
    row_filter: str | None = None,
    columns: Collection[str] | None = None,
    invitation: Invitation | None = None,
) -> AccessRequest:
    """Ask to read `dataset`, or some rows and columns of it, for `duration` from the approval on.

    Where the rules let it pass by itself it is approved when this returns. Raises NotFoundError where `by` may not
    discover it and was not invited, InvalidInputError for what cannot be asked, ConflictError while another request of
    the same person for the same dataset is open.
    """
    facts = load_facts(by)
    if invitation is None:
        require(by, Action.DISCOVER, dataset, facts=facts)
    else:
        require_invited(by, dataset, invitation, facts=facts)
    check_wish(purpose=purpose, duration=duration)
    resource = load_resource(dataset, domains=facts.domains)
    sees_columns = decide(by, Action.VIEW_METADATA, resource, facts).allowed
    if sees_columns:
        check_rectangle(dataset, action=Action.READ, row_filter=row_filter, columns=columns)
    elif row_filter:
        # who may not see the fields must not learn them from what is refused; the approval checks the rest
        parse_row_filter(row_filter)
    terms = Terms(row_filter or None, None if columns is None else sorted(columns), duration)
    return _open(
        AccessRequest(
            dataset=dataset,
            requester_id=by.id,
            purpose=purpose.strip(),
            invited_by_id=None if invitation is None else invitation.by,
        ),
        terms=terms,
        by=by,
        plan=_plan(by, resource, facts, terms, sees_columns=sees_columns),
    )


@transaction.atomic
def extend_request(
    request: AccessRequest, *, by: Principal, duration: timedelta, purpose: str = ""
) -> AccessRequest:
    """Ask for the same cells for `duration` more: a request of its own, through the same stages.

    Raises NotFoundError for another person's, ConflictError unless it is approved and still holds.
    """
    former = locked(request)
    if former.requester_id != by.id:
        raise NotFoundError("there is no such request")
    if former.state != RequestState.APPROVED:
        raise ConflictError(f"the request is {former.state} already", state=str(former.state))
    facts = load_facts(by)
    require(by, Action.DISCOVER, former.dataset, facts=facts)
    purpose = purpose.strip() or former.purpose
    check_wish(purpose=purpose, duration=duration)
    granted = former.terms()
    terms = Terms(granted.row_filter, granted.columns, duration)
    resource = load_resource(former.dataset, domains=facts.domains)
    return _open(
        AccessRequest(dataset=former.dataset, requester_id=by.id, purpose=purpose, extends=former),
        terms=terms,
        by=by,
        plan=_plan(by, resource, facts, terms, sees_columns=True),
    )


@transaction.atomic
def withdraw_request(request: AccessRequest, *, by: Principal) -> AccessRequest:
    """Take back one's own open request."""
    row = locked(request)
    if row.requester_id != by.id:
        raise NotFoundError("there is no such request")
    row.move(Step.WITHDRAW)
    row.save(update_fields=["state"])
    record(row, by=by, step=Step.WITHDRAW)
    return row


def check_wish(*, purpose: str, duration: timedelta) -> None:
    """Raise InvalidInputError for a purpose or a time that nobody may ask for."""
    if not purpose.strip() or len(purpose) > MAX_PURPOSE_LENGTH:
        raise InvalidInputError(f"`purpose` must have 1 to {MAX_PURPOSE_LENGTH} characters")
    if not timedelta(0) < duration <= MAX_DURATION:
        raise InvalidInputError(f"`duration` must be above 0 and at most {MAX_DURATION.days} days")


def _plan(
    by: Principal, resource: Resource, facts: Facts, terms: Terms, *, sees_columns: bool
) -> Plan:
    wanted = set(resource.field_types if terms.columns is None else terms.columns)
    labels = (info.tags for info in resource.fields if info.name in wanted)
    asked = Asked(
        duration=terms.duration,
        tags=resource.tags,
        labels=frozenset().union(*labels),
        domains=domain_names(resource, facts),
        own_domains=own_domains(by),
        groups=by.group_names,
        may_approve=decide(by, Action.APPROVE, resource, facts).allowed,
        sees_columns=sees_columns,
    )
    return plan_for(by, resource, facts=facts, asked=asked)


def _open(row: AccessRequest, *, terms: Terms, by: Principal, plan: Plan) -> AccessRequest:
    row.row_filter, row.columns, row.duration = terms.row_filter, terms.columns, terms.duration
    row.stages = to_json(plan)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise ConflictError("a request of yours for this dataset is open already") from None
    record(row, by=by, step="create")
    if plan.is_automatic:
        names = ", ".join(sorted({stage.rule for stage in plan.stages}))
        advance(row, by=None, agreed=f"approved by rule: {names}")
    else:
        call_stages(row)
    return row

"""Who decides for whom while they are away."""

from datetime import datetime, timedelta

from django.db import transaction

from catalog.models import Dataset, Domain
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from governance.facts import GRANT_MODELS, grant_rows, load_facts, principal_of
from governance.models import Delegation
from governance.panel import active_delegations
from governance.policy.types import Action, Principal
from governance.queries import decide_on, may_administer_domain
from governance.services.grants import grant_access, revoke_grant
from governance.vocabulary import is_administrator
from identity.models import User

MAX_PERIOD = timedelta(days=366)


@transaction.atomic
def delegate_decisions(
    *,
    by: Principal,
    person: User,
    delegate: User | None,
    starts_at: datetime,
    ends_at: datetime,
    target: Dataset | Domain | None = None,
) -> Delegation:
    """Let `delegate` decide requests for `person` from `starts_at` to `ends_at`, on `target` or everywhere.

    Without a delegate it says that the person is away: their stages go to those next in line. With a target the delegate
    is granted `approve` there for the time; without one they act only where they may approve themselves. For oneself, or
    by an administrator. Raises InvalidInputError, PermissionDeniedError.
    """
    if by.id != person.pk and not is_administrator(by):
        raise PermissionDeniedError("people name their own delegate")
    if not utc_now() < ends_at or not starts_at < ends_at <= starts_at + MAX_PERIOD:
        raise InvalidInputError(
            f"`ends_at` must be in the future, after `starts_at`, by at most {MAX_PERIOD.days} days"
        )
    if delegate is not None and (delegate.pk == person.pk or not delegate.is_active):
        raise InvalidInputError("`delegate` must be another person with an active account")
    row = Delegation.objects.create(
        person=person,
        delegate=delegate,
        dataset=target if isinstance(target, Dataset) else None,
        domain=target if isinstance(target, Domain) else None,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    _audit(row, by=by, verb="create")
    if starts_at <= utc_now():
        _grant(row)
    return row


@transaction.atomic
def end_delegation(delegation: Delegation, *, by: Principal) -> Delegation:
    """End it now, with the grant that came with it. NotFoundError for another's, ConflictError where it is over."""
    row = Delegation.objects.select_for_update(of=("self",)).get(pk=delegation.pk)
    if by.id != row.person_id and not is_administrator(by):
        raise NotFoundError("there is no such delegation")
    now = utc_now()
    if row.ended_at is not None or row.ends_at <= now:
        raise ConflictError("the delegation is over already")
    row.ended_at = now
    row.save(update_fields=["ended_at"])
    for model in GRANT_MODELS:
        for grant in grant_rows(model).filter(uuid=row.grant):
            revoke_grant(grant, by=principal_of(row.person), reason="the delegation ended")
    _audit(row, by=by, verb="end")
    return row


def start_delegations() -> int:
    """Make the grants of delegations that have begun; returns how many."""
    due = active_delegations(utc_now()).filter(grant=None, delegate__isnull=False)
    return sum(_start(row) for row in due.exclude(dataset=None, domain=None))


@transaction.atomic
def _start(delegation: Delegation) -> bool:
    row = Delegation.objects.select_for_update(of=("self",)).get(pk=delegation.pk)
    if row.grant is not None or row.ended_at is not None:
        return False
    try:
        _grant(row)
    except (PermissionDeniedError, NotFoundError):
        # the person may not approve there any more, so there is nothing to hand over
        return False
    return row.grant is not None


def _grant(row: Delegation) -> None:
    """The right to approve for the time of the delegation, where the delegate does not have it already."""
    target = row.dataset or row.domain
    if row.delegate is None or target is None or _may_approve(row.delegate, target):
        return
    grant = grant_access(
        by=principal_of(row.person),
        subject=row.delegate,
        target=target,
        action=Action.APPROVE,
        purpose=f"decides for {row.person.get_username()}",
        expires_at=row.ends_at,
    )
    row.grant = grant.uuid
    row.save(update_fields=["grant"])


def _may_approve(user: User, target: Dataset | Domain) -> bool:
    principal = principal_of(user)
    if isinstance(target, Dataset):
        return decide_on(principal, Action.APPROVE, target).allowed
    return may_administer_domain(principal, target.pk, facts=load_facts(principal))


def _audit(row: Delegation, *, by: Principal, verb: str) -> None:
    audit.record(
        actor=by.username,
        action=f"delegation.{verb}",
        resource=f"user:{row.person.get_username()}",
        payload={
            "delegation": str(row.uuid),
            "delegate": row.delegate.get_username() if row.delegate else None,
            "dataset": str(row.dataset.uuid) if row.dataset else None,
            "domain": row.domain.slug if row.domain else None,
            "starts_at": row.starts_at.isoformat(),
            "ends_at": row.ends_at.isoformat(),
        },
        about=[row.delegate.get_username()] if row.delegate else [],
    )

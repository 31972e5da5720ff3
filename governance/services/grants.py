"""Giving, revoking and clearing away grants. Who holds what is decided by `governance.queries`, never here."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet

from catalog.models import Dataset, DatasetOwner, Domain
from catalog.services.bulk.rights import NOT_FOR_ONESELF
from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.approval.states import RequestState, Step
from governance.facts import (
    ACTION_BY_VERB,
    GRANT_MODELS,
    VERB_BY_ACTION,
    grant_rows,
    load_columns,
    load_facts,
)
from governance.models import (
    AccessRequest,
    BreakGlass,
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    GrantBase,
)
from governance.policy.binding import ANY_ATTRIBUTES, bind
from governance.policy.rows import parse_row_filter
from governance.policy.types import Action, Principal
from governance.queries import require, require_domain, with_break_glass
from governance.services.webhooks import emit_request_event
from identity.models import User

EXPIRY_BATCH = 500
# Who calls django-guardian in this process is not known.
GUARDIAN_ACTOR = "system"

_MODELS: dict[tuple[type, type], type[GrantBase]] = {
    (User, Dataset): DatasetUserGrant,
    (Group, Dataset): DatasetGroupGrant,
    (User, Domain): DomainUserGrant,
    (Group, Domain): DomainGroupGrant,
}


@transaction.atomic
def grant_access(
    *,
    by: Principal,
    subject: User | Group,
    target: Dataset | Domain,
    action: Action,
    row_filter: str | None = None,
    columns: Collection[str] | None = None,
    purpose: str = "",
    expires_at: datetime | None = None,
) -> GrantBase:
    """Give `subject` the right to do `action` on `target`, for some rows and columns where `action` is `read`.

    `by` must be allowed to approve on the target, and never grants to themselves or to a group that they are in.
    Raises PermissionDeniedError, NotFoundError, or InvalidInputError for a filter or columns that do not fit.
    """
    require_grantor(by, subject, target)
    check_rectangle(target, action=action, row_filter=row_filter, columns=columns)
    if expires_at is not None and expires_at <= utc_now():
        raise InvalidInputError("`expires_at` must be in the future")
    return create_grant(
        actor=by.username,
        granted_by=by,
        subject=subject,
        target=target,
        action=action,
        row_filter=row_filter,
        columns=columns,
        purpose=purpose,
        expires_at=expires_at,
    )


def require_grantor(by: Principal, subject: User | Group, target: Dataset | Domain) -> None:
    """Raise PermissionDeniedError or NotFoundError unless `by` may give `subject` a right on the target."""
    require_approver(by, target)
    if _is_own(by, subject):
        raise PermissionDeniedError("nobody grants access to themselves or to their own group")


def require_revoker(by: Principal, grant: GrantBase) -> None:
    """Raise PermissionDeniedError or NotFoundError unless `by` may take this grant back."""
    held: Any = grant
    if getattr(held, "user_id", None) != by.id:
        require_approver(by, held.content_object)


def require_other_owner(by: Principal, dataset: Dataset, owner: User | Group) -> None:
    """Owning a dataset gives `read` of it, so that nobody takes it for themselves or a group of theirs, as with grants.

    Raises PermissionDeniedError, but for who owns the dataset already.
    """
    if _is_own(by, owner) and not owners_among(by).filter(dataset=dataset).exists():
        raise PermissionDeniedError(NOT_FOR_ONESELF)


def owners_among(principal: Principal) -> QuerySet[DatasetOwner]:
    """What the principal owns, or a group of theirs."""
    return DatasetOwner.objects.filter(Q(user=principal.id) | Q(group__in=principal.groups))


def create_grant(
    *,
    actor: str,
    granted_by: Principal | None,
    subject: User | Group,
    target: Dataset | Domain,
    action: Action,
    row_filter: str | None = None,
    columns: Collection[str] | None = None,
    purpose: str = "",
    expires_at: datetime | None = None,
    request: AccessRequest | None = None,
    break_glass: UUID | None = None,
) -> GrantBase:
    """Store a grant that was decided already, with its audit record, in the caller's transaction.

    `granted_by` is None for what the system gives to itself at installation; `break_glass` names the breaking that gives it.
    """
    target_type = type(target)
    model: Any = _MODELS[_base(subject), target_type]
    row: Any = model.objects.create(
        permission=_permission(target_type, action),
        content_object=target,
        row_filter=row_filter or None,
        columns=None if columns is None else sorted(columns),
        purpose=purpose,
        expires_at=expires_at,
        granted_by_id=None if granted_by is None else granted_by.id,
        request=request,
        **{"user" if isinstance(subject, User) else "group": subject},
    )
    row.break_glass = break_glass
    audit.record(
        actor=actor,
        action="grant.create",
        resource=resource_name(target),
        payload=describe(row),
        about=_persons(row),
    )
    created: GrantBase = row
    return created


@transaction.atomic
def assign_permission(
    permission: str | Permission, subject: User | Group, target: Dataset | Domain
) -> GrantBase:
    """What django-guardian's `assign_perm` does here: the right to all rows and columns, until it is taken back.

    Gives the grant that is there already, if one of just that reach is. Raises InvalidInputError for a permission that
    the kernel knows nothing of.
    """
    action = _action_of(permission, target)
    whole = _rows_of(action, subject, target).filter(
        Q(row_filter=None) | Q(row_filter=""), columns__isnull=True, purpose="", expires_at=None
    )
    found: GrantBase | None = whole.first()
    return found or create_grant(
        actor=GUARDIAN_ACTOR, granted_by=None, subject=subject, target=target, action=action
    )


@transaction.atomic
def remove_permission(
    permission: str | Permission, subject: User | Group, target: Dataset | Domain
) -> int:
    """What django-guardian's `remove_perm` does here: every rectangle of the right is taken back; returns how many."""
    rows = _rows_of(_action_of(permission, target), subject, target)
    locked = list(with_break_glass(rows.select_for_update(of=("self",))))
    why = "permission removed"
    for row in locked:
        _remove(row, actor=GUARDIAN_ACTOR, action="grant.revoke", step=Step.REVOKE, why=why)
    return len(locked)


@transaction.atomic
def revoke_grant(grant: GrantBase, *, by: Principal, reason: str = "") -> None:
    """Take a grant back, at once. Approvers of the target may, and users may give up what is theirs alone.

    Raises NotFoundError where it is gone already.
    """
    row = _locked(type(grant)).filter(pk=grant.pk).first()
    if row is None:
        raise NotFoundError("there is no such grant")
    require_revoker(by, row)
    _remove(row, actor=by.username, action="grant.revoke", step=Step.REVOKE, why=reason)


@transaction.atomic
def revoke_grants_of(holder: User | Group, *, actor: str, reason: str) -> int:
    """Take back every grant given to this user or group itself, each with its record; returns how many.

    For an account or a group that is removed: who may do that is for the caller to decide.
    """
    column = "user" if isinstance(holder, User) else "group"
    total = 0
    for model in GRANT_MODELS:
        if not hasattr(model, column):
            continue
        for row in _locked(model).filter(**{column: holder}):
            _remove(row, actor=actor, action="grant.revoke", step=Step.REVOKE, why=reason)
            total += 1
    return total


@transaction.atomic
def take_back(grant: UUID, *, actor: str, reason: str) -> bool:
    """Revoke the grant of this UUID, as somebody's decision that is checked already; False where it is gone."""
    row = lock_grant(grant)
    if row is None:
        return False
    _remove(row, actor=actor, action="grant.revoke", step=Step.REVOKE, why=reason)
    return True


def lock_grant(grant: UUID) -> GrantBase | None:
    """The grant of this UUID with all that `describe` tells, locked until the transaction ends; None where it is gone."""
    for model in GRANT_MODELS:
        row: GrantBase | None = _locked(model).filter(uuid=grant).first()
        if row is not None:
            return row
    return None


def expire_grants(*, now: datetime | None = None) -> int:
    """Remove grants whose time is over; returns how many. Decisions never wait for this: they compare with the time."""
    moment = now or utc_now()
    total = 0
    for model in GRANT_MODELS:
        while expired := _expire_batch(model, moment):
            total += expired
    return total


@transaction.atomic
def _expire_batch(model: type[GrantBase], now: datetime) -> int:
    rows = list(
        _locked(model, skip_locked=True).filter(expires_at__lte=now).order_by("pk")[:EXPIRY_BATCH]
    )
    for row in rows:
        _remove(row, actor="system", action="grant.expire", step=Step.EXPIRE, why="")
    return len(rows)


def check_rectangle(
    target: Dataset | Domain,
    *,
    action: Action,
    row_filter: str | None,
    columns: Collection[str] | None,
) -> None:
    """Raise InvalidInputError or RowFilterError where rows and columns cannot be those of the target.

    On a domain only the language of the filter is checked: what a filter does not fit, it does not open.
    """
    if action not in VERB_BY_ACTION:
        raise InvalidInputError(f"`{action}` is not granted: it comes with a role or a policy")
    if action is not Action.READ and (row_filter or columns is not None):
        raise InvalidInputError("only a grant of `read` has rows and columns")
    if columns is not None and not columns:
        raise InvalidInputError("`columns` must name at least one column")
    condition = parse_row_filter(row_filter) if row_filter else None
    if isinstance(target, Domain):
        return
    fields = {each.name: each.type for each in load_columns([target.pk]).get(target.pk, ())}
    unknown = sorted(set(columns or ()) - set(fields))
    if unknown:
        raise InvalidInputError(f"`columns` names `{unknown[0]}`, which the dataset does not have")
    if condition is not None:
        bind(condition, field_types=fields, attributes=ANY_ATTRIBUTES)


def describe(grant: GrantBase) -> dict[str, Any]:
    """A grant as the audit log and the API tell of it; which breaking gave it is told of rows `with_break_glass`."""
    row: Any = grant
    breaking: UUID | None = getattr(row, "break_glass", None)
    verb = row.permission.codename.rpartition("_")[0]
    holder = (
        {"user": row.user.get_username()} if hasattr(row, "user_id") else {"group": row.group.name}
    )
    return {
        "grant": str(row.uuid),
        "subject": holder,
        "target": _target_name(row.content_object),
        "action": str(ACTION_BY_VERB[verb]),
        "row_filter": row.row_filter,
        "columns": row.columns,
        "purpose": row.purpose,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "request": str(row.request.uuid) if row.request else None,
        "break_glass": str(breaking) if breaking else None,
    }


def _locked(model: type[GrantBase], *, skip_locked: bool = False) -> QuerySet[Any]:
    rows = grant_rows(model).select_for_update(skip_locked=skip_locked, of=("self",))
    return with_break_glass(rows)


def _remove(row: Any, *, actor: str, action: str, step: Step, why: str) -> None:
    payload = {**describe(row), "reason": why}
    request_id, target, about = row.request_id, row.content_object, _persons(row)
    row.delete()
    if request_id is not None:
        _end_request(request_id, step)
    if row.break_glass is not None and step is Step.REVOKE:
        BreakGlass.objects.filter(uuid=row.break_glass).update(ended_at=utc_now())
    audit.record(
        actor=actor,
        action=action,
        resource=resource_name(target),
        payload=payload,
        about=about,
    )


def _end_request(pk: int, step: Step) -> None:
    """The request of a grant that ended follows it."""
    asked = AccessRequest.objects.select_for_update().get(pk=pk)
    if asked.state == RequestState.APPROVED:
        asked.move(step)
        asked.save(update_fields=["state"])
        emit_request_event(asked, step=str(step))


def _persons(grant: Any) -> list[str]:
    return [grant.user.get_username()] if hasattr(grant, "user_id") else []


def require_approver(by: Principal, target: Dataset | Domain) -> None:
    """Raise PermissionDeniedError or NotFoundError unless `by` may approve on the target."""
    facts = load_facts(by)
    if isinstance(target, Dataset):
        require(by, Action.APPROVE, target, facts=facts)
    else:
        require_domain(by, target, facts=facts)


def _action_of(permission: str | Permission, target: Dataset | Domain) -> Action:
    codename = permission if isinstance(permission, str) else permission.codename
    verb, _, kind = codename.rpartition(".")[2].rpartition("_")
    wanted = type(target).__name__.lower()
    if kind != wanted or verb not in ACTION_BY_VERB:
        raise InvalidInputError(f"`{codename}` is not granted on a {wanted}")
    return ACTION_BY_VERB[verb]


def _rows_of(action: Action, subject: User | Group, target: Dataset | Domain) -> QuerySet[Any]:
    """The grants of just this right to just this holder."""
    holder = {"user" if isinstance(subject, User) else "group": subject}
    return grant_rows(_MODELS[_base(subject), type(target)]).filter(
        permission=_permission(type(target), action), content_object=target, **holder
    )


def _permission(target_type: type[Dataset] | type[Domain], action: Action) -> Permission:
    content_type = ContentType.objects.get_for_model(target_type)
    codename = f"{VERB_BY_ACTION[action]}_{content_type.model}"
    return Permission.objects.get(content_type=content_type, codename=codename)


def resource_name(target: Dataset | Domain) -> str:
    """The target as every app's audit records name it."""
    return target.node_id if isinstance(target, Dataset) else f"domain:{target.slug}"


def _target_name(target: Dataset | Domain) -> str:
    """The target by what never changes."""
    return f"dataset:{target.uuid}" if isinstance(target, Dataset) else f"domain:{target.slug}"


def _is_own(by: Principal, subject: User | Group) -> bool:
    """Whether the subject is `by`, or a group of theirs."""
    return subject.pk == by.id if isinstance(subject, User) else subject.pk in by.groups


def _base(subject: User | Group) -> type:
    return User if isinstance(subject, User) else Group

"""Accounts of programs: owned by a person or a group, who change their tokens and end them."""

import structlog
from django.contrib.auth.models import Group
from django.db import transaction

from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError
from core.mail import send_text
from identity.models import ApiToken, User
from identity.queries import administrators, answers_for, orphaned_accounts, service_accounts
from identity.services.sessions import end_access
from identity.services.tokens import issue_token, record_token, revoke_token

logger = structlog.get_logger(__name__)


def find_account(username: str, *, by: User) -> User:
    """The service account of this name, where `by` answers for it. NotFoundError, in the same words, otherwise."""
    account = service_accounts().filter(username=username).first()
    if account is None or not answers_for(by, account):
        raise NotFoundError("there is no such service account")
    return account


@transaction.atomic
def set_owner(
    account: User, *, by: User, responsible: User | None, group: Group | None = None
) -> User:
    """Let a person, a group, or both answer for the account from now on.

    Raises NotFoundError unless `by` answers for it, InvalidInputError for an owner who is no active person.
    """
    row = _locked(account, by=by)
    if responsible is None and group is None:
        raise InvalidInputError("a service account has a person or a group that answers for it")
    if responsible is not None and (responsible.is_service or not responsible.is_active):
        raise InvalidInputError("`responsible` must be a person with an active account")
    before = _owners(row)
    row.responsible, row.responsible_group, row.orphaned_at = responsible, group, None
    row.save(update_fields=["responsible", "responsible_group", "orphaned_at"])
    _record(row, "set-owner", actor=by.username, before=before, after=_owners(row))
    return row


@transaction.atomic
def deactivate_account(account: User, *, by: User) -> User:
    """End the account and all its tokens, at once; a second call changes nothing."""
    row = _locked(account, by=by)
    if row.is_active:
        row.is_active = False
        row.save(update_fields=["is_active"])
        end_access(row)
        _record(row, "deactivate", actor=by.username)
    return row


@transaction.atomic
def rotate_token(token: ApiToken, *, by: User) -> tuple[ApiToken, str]:
    """A new token of the same name, scopes and lifetime in place of this one, which is useless from now on.

    Raises NotFoundError unless `by` answers for its account or where it has ended, PermissionDeniedError for a scope that only
    superusers give.
    """
    account = _locked(token.user, by=by)
    old = ApiToken.objects.select_for_update().filter(pk=token.pk).first()
    if old is None or old.why_unusable(utc_now()) is not None:
        raise NotFoundError("there is no such token in force")
    made, text = issue_token(
        user=account,
        name=old.name,
        scopes=old.scopes,
        lifetime=old.expires_at - old.created_at,
        issuer=by,
    )
    revoke_token(old)
    record_token(made, "rotate", actor=by.username, replaces=old.hint)
    return made, text


@transaction.atomic
def revoke_account_token(token: ApiToken, *, by: User) -> None:
    """Make a token of the account useless. NotFoundError unless `by` answers for it."""
    _locked(token.user, by=by)
    revoke_token(token)
    record_token(token, "revoke", actor=by.username)


def mark_orphans() -> int:
    """Note, record and tell the administrators of each account whose owner has left; returns how many are new.

    What has found an owner again loses the mark. A mail that is not taken leaves the account to the next time.
    """
    orphans = orphaned_accounts()
    service_accounts().exclude(orphaned_at=None).exclude(pk__in=orphans).update(orphaned_at=None)
    marked = 0
    for key in list(orphans.filter(orphaned_at=None).values_list("pk", flat=True)):
        try:
            marked += _mark_orphan(key)
        except OSError as error:
            logger.warning("mail about an orphan was not taken", account=key, reason=str(error))
    return marked


@transaction.atomic
def _mark_orphan(key: int) -> bool:
    row = User.objects.select_for_update(skip_locked=True).filter(pk=key, orphaned_at=None).first()
    if row is None:
        return False
    row.orphaned_at = utc_now()
    row.save(update_fields=["orphaned_at"])
    _record(row, "orphan", actor="system", owners=_owners(row))
    logger.warning("service account has no owner any more", account=row.username)
    send_text(
        subject=f"Service account without an owner: {row.username}",
        text=f"Whoever answered for `{row.username}` has left. Name a new owner, or end the account.",
        to={each.email for each in administrators() if each.email},
        key=f"orphan-{row.pk}-{row.orphaned_at:%Y%m%d%H%M%S}",
    )
    return True


def _locked(account: User, *, by: User) -> User:
    row = User.objects.select_for_update(of=("self",)).filter(pk=account.pk).first()
    if row is None or not answers_for(by, row):
        raise NotFoundError("there is no such service account")
    return row


def _owners(account: User) -> dict[str, str | None]:
    person, group = account.responsible, account.responsible_group
    return {"user": person.username if person else None, "group": group.name if group else None}


def _record(account: User, verb: str, *, actor: str, **told: object) -> None:
    audit.record(
        actor=actor,
        action=f"service-account.{verb}",
        resource=f"user:{account.username}",
        payload=told,
    )

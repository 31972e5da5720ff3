"""Erasing a person from the audit log: the key goes, the records and every proof about them stay."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.auditing.keys import name_digest
from governance.auditing.subjects import USER_RESOURCE, forget_subjects
from governance.history.rows import history_of
from governance.models import AuditRecord, AuditSubject
from identity.models import User

AUDITORS = "auditors"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased. `plain_records` are those from before names were encrypted: they keep the name."""

    pseudonyms: tuple[str, ...]
    erased_at: datetime
    plain_records: int


def is_auditor(user: User) -> bool:
    """Whether the user may read the whole log: superusers and members of the group `auditors`."""
    return user.is_superuser or user.groups.filter(name=AUDITORS).exists()


@transaction.atomic
def erase_audit_subject(*, by: User, username: str, reason: str) -> Erasure:
    """Erase name and key of a person, so that nobody can read what was sealed with it. It cannot be undone.

    Records keep time, action and pseudonym, and every proof holds. Raises PermissionDeniedError, NotFoundError for
    a name that the log does not know, InvalidInputError without a reason.
    """
    if not is_auditor(by):
        raise PermissionDeniedError("only superusers and auditors may erase a person from the log")
    if not reason.strip():
        raise InvalidInputError("`reason` must say why the person is erased")
    rows = AuditSubject.objects.filter(digest=name_digest(username))
    pseudonyms = tuple(rows.select_for_update().order_by("pk").values_list("pseudonym", flat=True))
    if not pseudonyms:
        raise NotFoundError(f"the audit log knows no user `{username}`")
    moment = utc_now()
    AuditSubject.objects.filter(pseudonym__in=pseudonyms).update(
        digest=None, wrapped=None, erased_at=moment
    )
    forget_subjects([username])
    if not User.objects.filter(username=username).exists():
        # Who is gone is named no more by the history of users either.
        history_of(User).filter(username=username).update(username=pseudonyms[0])
    audit.record(
        actor="system" if by.username == username else by.username,
        action="audit.erase-subject",
        resource=f"subject:{pseudonyms[0]}",
        payload={"subjects": list(pseudonyms), "reason": reason.strip()},
    )
    plain = Q(actor=username) | Q(resource=f"{USER_RESOURCE}{username}")
    return Erasure(pseudonyms, moment, AuditRecord.objects.filter(plain).count())

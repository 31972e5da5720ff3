"""Erasing a person from the audit log: the key goes, the records and every proof about them stay."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.auditing.keys import is_current, name_digest, name_digests, unwrap, wrap
from governance.auditing.subjects import USER_RESOURCE, forget_subjects
from governance.history.rows import history_of
from governance.models import AuditRecord, AuditSubject, GrantUse
from identity.models import User

AUDITORS = "auditors"
BATCH = 500


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased. `plain_records` are those from before names were encrypted: they keep the name."""

    pseudonyms: tuple[str, ...]
    erased_at: datetime
    plain_records: int


def is_auditor(user: User) -> bool:
    """Whether the user may read the whole log: superusers and members of the group `auditors`."""
    return user.is_superuser or user.groups.filter(name=AUDITORS).exists()


def rewrap_subjects(*, by: User) -> int:
    """Put the keys of all persons under the master key that writes; returns how many were not.

    One that is killed goes on where it was when it is called again, and whoever writes to the log meanwhile does not wait.
    Raises PermissionDeniedError, and UnavailableError where no accepted master key opens a key.
    """
    if not is_auditor(by):
        raise PermissionDeniedError("only superusers and auditors may rotate the master key")
    total, after = 0, 0
    while True:
        rewrapped, last = _rewrap_batch(after)
        total += rewrapped
        if last is None:
            break
        after = last
    audit.record(
        actor=by.username,
        action="audit.rotate-master-key",
        resource="audit:log",
        payload={"rewrapped": total},
    )
    return total


def outdated_subjects() -> int:
    """How many keys are not under the master key that writes."""
    rows = AuditSubject.objects.filter(wrapped__isnull=False).values_list("wrapped", flat=True)
    return sum(not is_current(bytes(each or b"")) for each in rows.iterator(chunk_size=BATCH))


@transaction.atomic
def _rewrap_batch(after: int) -> tuple[int, int | None]:
    """How many of the next rows were rewrapped, and the last of them; None at the end. Erased keys stay erased."""
    rows = AuditSubject.objects.filter(pk__gt=after, wrapped__isnull=False).order_by("pk")
    batch = list(rows.select_for_update()[:BATCH])
    stale = [row for row in batch if not is_current(bytes(row.wrapped or b""))]
    for row in stale:
        subject = unwrap(bytes(row.wrapped or b""))
        row.wrapped, row.digest = wrap(subject), name_digest(subject.name)
    AuditSubject.objects.bulk_update(stale, ["wrapped", "digest"])
    return len(stale), batch[-1].pk if batch else None


@transaction.atomic
def erase_audit_subject(*, by: User, username: str, reason: str) -> Erasure:
    """Erase name and key of a person, so that nobody can read what was sealed with it. It cannot be undone.

    Records keep time, action and pseudonym, and every proof holds; what was counted of their reads goes. Raises PermissionDeniedError, NotFoundError for
    a name that the log does not know, InvalidInputError without a reason.
    """
    if not is_auditor(by):
        raise PermissionDeniedError("only superusers and auditors may erase a person from the log")
    if not reason.strip():
        raise InvalidInputError("`reason` must say why the person is erased")
    rows = AuditSubject.objects.filter(digest__in=name_digests(username))
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
    GrantUse.objects.filter(user__username=username).delete()
    audit.record(
        actor="system" if by.username == username else by.username,
        action="audit.erase-subject",
        resource=f"subject:{pseudonyms[0]}",
        payload={"subjects": list(pseudonyms), "reason": reason.strip()},
    )
    plain = Q(actor=username) | Q(resource=f"{USER_RESOURCE}{username}")
    return Erasure(pseudonyms, moment, AuditRecord.objects.filter(plain).count())

"""Writing to those who answer for data whose glass was broken: at once, and again when nobody closed the review in time.

Each row is told of once: it is locked while the mails go out, and marked in the same transaction. A worker that dies between the
two sends them again, under the same message ids.
"""

from collections.abc import Callable, Iterable

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from core.clock import utc_now
from core.mail import send_text
from governance.glass import answerable_people
from governance.models import BreakGlass
from identity.models import User
from identity.queries import administrators

logger = structlog.get_logger(__name__)

BATCH = 100

_BROKEN = """{user} broke the glass of {target} and may read it until {until} UTC.

Reason: {reason}

Please review it by {due} UTC: {url}
"""
_OVERDUE = """The review of a broken glass is overdue since {due} UTC.

{user} read {target} until {until} UTC.
Reason: {reason}

Close it here: {url}
"""


def tell_of_broken_glass() -> int:
    """Write to the owners and stewards of each breaking that they have not been told of; returns how many rows.

    Where there is none but who broke it, the other administrators are written to.
    """

    def write(row: BreakGlass) -> None:
        people = {*answerable_people(row)} or {*_other_administrators(row)}
        _write(row, people, "Glass broken", _BROKEN)

    return _for_each(Q(told_at=None), write, mark="told_at")


def remind_of_reviews() -> int:
    """Write once about each review that is overdue, to the administrators as well; returns how many rows."""

    def write(row: BreakGlass) -> None:
        logger.warning("review of broken glass is overdue", breaking=str(row.uuid))
        people = {*answerable_people(row), *_other_administrators(row)}
        _write(row, people, "Review overdue", _OVERDUE)

    due = Q(reviewed_at=None, reminded_at=None, review_due_at__lte=utc_now())
    return _for_each(due, write, mark="reminded_at")


def _for_each(condition: Q, write: Callable[[BreakGlass], None], *, mark: str) -> int:
    """`write` of each row, in a transaction of its own that marks it; what a server refuses is left for the next time."""
    done = 0
    keys = BreakGlass.objects.filter(condition).order_by("pk").values_list("pk", flat=True)
    for key in list(keys[:BATCH]):
        try:
            with transaction.atomic():
                rows = BreakGlass.objects.select_for_update(of=("self",), skip_locked=True)
                row = rows.filter(condition, pk=key).first()
                if row is None:
                    continue
                write(row)
                setattr(row, mark, utc_now())
                row.save(update_fields=[mark])
                done += 1
        except OSError as error:
            logger.warning("mail about broken glass was not taken", breaking=key, reason=str(error))
    return done


def _other_administrators(row: BreakGlass) -> QuerySet[User]:
    return administrators().exclude(pk=row.user_id)


def _write(row: BreakGlass, people: Iterable[User], title: str, text: str) -> None:
    addresses = {each.email for each in people if each.email}
    if not addresses:
        logger.warning("nobody to write to about broken glass", breaking=str(row.uuid))
    body = text.format(
        user=row.user.username,
        target=row.target,
        reason=row.reason,
        until=f"{row.expires_at:%Y-%m-%d %H:%M}",
        due=f"{row.review_due_at:%Y-%m-%d %H:%M}",
        url=f"{settings.LAKEWARDEN.url.geturl().rstrip('/')}/break-glass/",
    )
    send_text(
        subject=f"{title}: {row.user.username} reads {row.target}",
        text=body,
        to=addresses,
        key=f"{title.split(maxsplit=1)[0].lower()}-{row.uuid}",
    )

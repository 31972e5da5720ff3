"""E-mails about requests. Each is a row first, and marked as sent before it is: one that is lost is not sent twice."""

from collections.abc import Iterable

import structlog
from django.conf import settings
from django.core.mail import get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from core.clock import utc_now
from core.jobs import enqueue
from core.mail import send_text
from governance.approval.states import RequestState
from governance.models import AccessRequest, NoticeKind, RequestNotice
from governance.panel import Panel
from governance.policy.types import Action
from governance.queries import decide_on, principal_of
from identity.models import User

log = structlog.get_logger(__name__)
BATCH = 200
MAX_RECIPIENTS = 50
# These go to those who decide, and only while there is something to decide; the others to the requester.
TO_APPROVERS = frozenset({NoticeKind.WAITING, NoticeKind.REMINDER, NoticeKind.ESCALATION})


def post_notice(row: AccessRequest, kind: NoticeKind, *, number: int = 0) -> bool:
    """Have a message sent after the transaction, unless it was before; says whether it is new."""
    _, is_new = RequestNotice.objects.get_or_create(request=row, kind=kind, number=number)
    if is_new:
        enqueue("governance.send_notices")
    return is_new


def send_notices() -> int:
    """Send what was not sent yet, at most a batch; returns how many notices were.

    Raises OSError where the mail server cannot be reached: the rest waits for the next time.
    """
    waiting = RequestNotice.objects.filter(sent_at=None).order_by("pk")
    pks = list(waiting.values_list("pk", flat=True)[:BATCH])
    if not pks:
        return 0
    with get_connection() as connection:
        return sum(_send(pk, connection) for pk in pks)


def _send(pk: int, connection: object) -> bool:
    if not RequestNotice.objects.filter(pk=pk, sent_at=None).update(sent_at=utc_now()):
        return False
    notice = RequestNotice.objects.select_related("request__dataset", "request__requester").get(
        pk=pk
    )
    people = list(_recipients(notice))
    for user in people:
        _mail(notice, user, connection)
    RequestNotice.objects.filter(pk=pk).update(recipients=len(people))
    return True


def _recipients(notice: RequestNotice) -> Iterable[User]:
    asked = notice.request
    if notice.kind not in TO_APPROVERS:
        return [asked.requester] if asked.requester.is_active and asked.requester.email else []
    if asked.state != RequestState.PENDING:
        return []
    found = Panel.of_requests([asked]).in_charge_of(asked)
    return User.objects.filter(pk__in=found).exclude(email="").order_by("pk")[:MAX_RECIPIENTS]


def _mail(notice: RequestNotice, user: User, connection: object) -> None:
    """One message a person, so that nobody reads who else was told."""
    page = "web:inbox" if notice.kind in TO_APPROVERS else "web:requests"
    name = _name_for(user, notice.request)
    context = {
        "kind": notice.kind,
        "state": notice.request.state,
        "name": name,
        "url": settings.LAKEWARDEN.url.geturl().rstrip("/") + reverse(page),
    }
    try:
        send_text(
            subject=f"Lakewarden: access to {name} {NoticeKind(notice.kind).label}",
            text=render_to_string("governance/notice.txt", context),
            to=[user.email],
            key=f"notice-{notice.pk}-{user.pk}",
            connection=connection,
        )
    except OSError as error:
        log.warning("a notice was not sent", notice=notice.pk, error=type(error).__name__)


def _name_for(user: User, asked: AccessRequest) -> str:
    """The dataset's name for those who may know it; a name has no line breaks in a header."""
    if not decide_on(principal_of(user), Action.DISCOVER, asked.dataset).allowed:
        return "a dataset"
    return " ".join(asked.dataset.name.split())

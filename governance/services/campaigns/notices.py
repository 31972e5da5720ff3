"""E-mails to those for whom grants wait: one a person and round. Each round is marked as sent before it is."""

from collections import Counter

import structlog
from django.conf import settings
from django.core.mail import get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from core.clock import utc_now
from core.jobs import enqueue
from core.mail import send_text
from governance.campaigns import item_rows, panel_of
from governance.certification.states import WAITING
from governance.models import Campaign, CampaignNotice, CampaignNoticeKind
from identity.models import User

log = structlog.get_logger(__name__)
MAX_RECIPIENTS = 1_000
CHUNK = 500


def post_notice(row: Campaign, kind: CampaignNoticeKind) -> bool:
    """Have a round of messages sent after the transaction, unless it was before; says whether it is new."""
    _, is_new = CampaignNotice.objects.get_or_create(campaign=row, kind=kind)
    if is_new:
        enqueue("governance.send_notices")
    return is_new


def send_campaign_notices() -> int:
    """Send what was not sent yet; returns how many rounds. Raises OSError where the mail server cannot be reached."""
    pks = list(
        CampaignNotice.objects.filter(sent_at=None).order_by("pk").values_list("pk", flat=True)
    )
    if not pks:
        return 0
    with get_connection() as connection:
        return sum(_send(pk, connection) for pk in pks)


def _send(pk: int, connection: object) -> bool:
    if not CampaignNotice.objects.filter(pk=pk, sent_at=None).update(sent_at=utc_now()):
        return False
    notice = CampaignNotice.objects.select_related("campaign").get(pk=pk)
    counts = _waiting_by_person(notice.campaign)
    people = User.objects.filter(pk__in=counts, is_active=True).exclude(email="").order_by("pk")
    found = list(people[:MAX_RECIPIENTS])
    for user in found:
        _mail(notice, user, counts[user.pk], connection)
    CampaignNotice.objects.filter(pk=pk).update(recipients=len(found))
    return True


def _waiting_by_person(row: Campaign) -> Counter[int]:
    """How many items wait for each person: those in charge."""
    found: Counter[int] = Counter()
    items = item_rows().filter(campaign=row, state__in=WAITING)
    keys = list(items.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        rows = list(item_rows().filter(pk__in=keys[start : start + CHUNK]))
        panel = panel_of(rows)
        for item in rows:
            found.update(panel.in_charge_of(item))
    return found


def _mail(notice: CampaignNotice, user: User, count: int, connection: object) -> None:
    """One message a person, that names no grant: who may know of which is asked on the page."""
    context = {
        "count": count,
        "kind": notice.kind,
        "name": notice.campaign.name,
        "due_at": notice.campaign.due_at,
        "url": settings.LAKEWARDEN.url.geturl().rstrip("/") + reverse("web:certify"),
    }
    try:
        send_text(
            subject=f"Lakewarden: {count} {CampaignNoticeKind(notice.kind).label}",
            text=render_to_string("governance/campaign_notice.txt", context),
            to=[user.email],
            key=f"campaign-notice-{notice.pk}-{user.pk}",
            connection=connection,
        )
    except OSError as error:
        log.warning("a notice was not sent", notice=notice.pk, error=type(error).__name__)

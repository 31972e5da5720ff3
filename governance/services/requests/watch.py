"""What time does to requests: reminders, escalation, the end of what is granted, and what nobody can decide any more."""

from datetime import datetime, timedelta

from django.db.models import F

from core.clock import utc_now
from governance.approval.progress import open_stages
from governance.approval.states import RequestState
from governance.models import AccessRequest, NoticeKind
from governance.panel import votes_of
from governance.services.notices import post_notice
from governance.services.requests.cancel import cancel_orphaned_requests

# Somebody whose access lasts a week or more is told three days before it ends.
TOLD_BEFORE = timedelta(days=3)
LASTING = timedelta(days=7)


def watch_requests(*, now: datetime | None = None) -> int:
    """Write the notices that are due, each at most once whenever this runs; returns how many are new."""
    moment = now or utc_now()
    cancel_orphaned_requests()
    rows = AccessRequest.objects.filter(state=RequestState.PENDING).prefetch_related("votes")
    total = sum(_remind(row, moment) for row in rows.iterator(chunk_size=500))
    ending = AccessRequest.objects.filter(
        state=RequestState.APPROVED,
        expires_at__gt=moment,
        expires_at__lte=moment + TOLD_BEFORE,
        decided_at__lte=F("expires_at") - LASTING,
    ).exclude(notices__kind=NoticeKind.ENDING)
    return total + sum(post_notice(row, NoticeKind.ENDING) for row in ending)


def _remind(row: AccessRequest, now: datetime) -> int:
    total = 0
    for stage, since in open_stages(row.plan, votes_of(row), asked_at=row.created_at):
        waited = now - since
        for hours, kind in (
            (stage.remind_hours, NoticeKind.REMINDER),
            (stage.escalate_hours, NoticeKind.ESCALATION),
        ):
            if hours is not None and waited >= timedelta(hours=hours):
                total += post_notice(row, kind, number=stage.number)
    return total

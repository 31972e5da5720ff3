"""Ending what somebody can still act with."""

from django.db import transaction
from django.db.models import F

from core.clock import utc_now
from identity.models import User


def end_sessions(user: User) -> None:
    """End every session of the user, at once and for good; tokens stay."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])


@transaction.atomic
def end_access(user: User) -> None:
    """End every session of the user and revoke every token, at once and for good."""
    end_sessions(user)
    user.tokens.filter(revoked_at=None).update(revoked_at=utc_now())

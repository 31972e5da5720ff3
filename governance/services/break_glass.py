"""Breaking the glass: reading at once, on record and for a short time, and answering for it afterwards.

What it gives is a grant of `read` like any other, so policies hold against it: their row filters and masks narrow it, and their
denials win. Whoever answers for the data is written to at once, and closes a review with a verdict.
"""

from dataclasses import replace
from datetime import timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import transaction

from catalog.models import Dataset, Domain
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from core.ids import uuid7
from core.jobs import enqueue
from governance.facts import load_facts
from governance.glass import may_break_glass, reviews_to_close, visible_breakings
from governance.models import BreakGlass, Verdict
from governance.policy.types import Action, Principal
from governance.queries import decide_as_if_granted, require, require_visible_domain
from governance.services.grants import create_grant, resource_name, take_back
from governance.vocabulary import require_administrator
from identity.models import User

logger = structlog.get_logger(__name__)

MAX_TEXT = 2000


@transaction.atomic
def break_glass(
    target: Dataset | Domain, *, by: Principal, reason: str, minutes: int | None = None
) -> BreakGlass:
    """Let `by` read `target` from now on for `minutes`: at most, and without a number just, what the settings say.

    Superusers and holders of the permission `governance.break_glass` may, for what they may know of.
    Raises NotFoundError, PermissionDeniedError (also where a policy would refuse the read all the same), InvalidInputError,
    and ConflictError while a breaking of theirs on the same target holds.
    """
    user = _require_breaker(target, by=by)
    duration = _duration(minutes)
    text = _checked_text("reason", reason)
    is_dataset = isinstance(target, Dataset)
    mine = BreakGlass.objects.in_force(utc_now()).filter(user=user)
    if mine.filter(**{"dataset" if is_dataset else "domain": target}).exists():
        raise ConflictError("you have broken this glass already, and may still read")
    uuid, now = uuid7(), utc_now()
    grant = create_grant(
        actor=by.username,
        granted_by=by,
        subject=user,
        target=target,
        action=Action.READ,
        expires_at=now + duration,
        break_glass=uuid,
    )
    row = BreakGlass.objects.create(
        uuid=uuid,
        dataset=target if isinstance(target, Dataset) else None,
        domain=target if isinstance(target, Domain) else None,
        user=user,
        reason=text,
        grant=grant.uuid,
        created_at=now,
        expires_at=now + duration,
        review_due_at=now + timedelta(hours=settings.LAKEWARDEN.break_glass_review_hours),
    )
    _record(row, actor=by.username, action="glass.break", allowed_by=_right_of(user))
    _raise_alarm(row)
    return row


@transaction.atomic
def review_break_glass(row: BreakGlass, *, by: Principal, verdict: str, comment: str) -> BreakGlass:
    """Close the review: `justified`, or `abuse`, which takes back at once what still holds.

    Raises NotFoundError for whom the breaking is not shown to, PermissionDeniedError for the breaker and for those who do not
    answer for the data, ConflictError where it is closed already.
    """
    if verdict not in Verdict.values:
        raise InvalidInputError(f"`verdict` must be one of {', '.join(Verdict.values)}")
    text = _checked_text("comment", comment)
    locked = BreakGlass.objects.select_for_update().filter(pk=row.pk).first()
    if locked is None or not visible_breakings(by).filter(pk=row.pk).exists():
        raise NotFoundError("there is no such breaking")
    if locked.user_id == by.id:
        raise PermissionDeniedError("nobody reviews their own breaking of the glass")
    if locked.reviewed_at is not None:
        raise ConflictError(f"the review is closed already: {locked.verdict}")
    if not reviews_to_close(by).filter(pk=row.pk).exists():
        raise PermissionDeniedError("those who own or steward the data review")
    locked.reviewed_at = utc_now()
    locked.reviewed_by_id = by.id
    locked.verdict, locked.review_comment = verdict, text
    locked.save(update_fields=["reviewed_at", "reviewed_by", "verdict", "review_comment"])
    _record(locked, actor=by.username, action="glass.review", verdict=verdict, comment=text)
    if verdict == Verdict.ABUSE:
        take_back(locked.grant, actor=by.username, reason="the breaking of the glass was abuse")
    return visible_breakings(by).get(pk=row.pk)


@transaction.atomic
def set_may_break_glass(user: User, *, by: Principal, allowed: bool) -> None:
    """Give the permission to a person, or take it away; again changes nothing.

    Raises PermissionDeniedError unless `by` administers the whole house, InvalidInputError for a program's account.
    """
    require_administrator(by)
    if user.is_service:
        raise InvalidInputError("a service account never breaks the glass")
    permission = Permission.objects.get(
        content_type__app_label="governance", codename="break_glass"
    )
    held = user.user_permissions.filter(pk=permission.pk).exists()
    if held == allowed:
        return
    if allowed:
        user.user_permissions.add(permission)
    else:
        user.user_permissions.remove(permission)
    audit.record(
        actor=by.username,
        action="glass.allow" if allowed else "glass.disallow",
        resource=f"user:{user.username}",
    )


def _require_breaker(target: Dataset | Domain, *, by: Principal) -> User:
    """The locked account of `by`, who may; so of two breakings at once the second sees the first."""
    facts = load_facts(by)
    if isinstance(target, Dataset):
        require(by, Action.DISCOVER, target, facts=facts)
    else:
        require_visible_domain(by, target, facts=facts)
    user = User.objects.select_for_update().get(pk=by.id)
    if not may_break_glass(user) or not by.token_allows(Action.ADMINISTER):
        raise PermissionDeniedError("you may not break the glass")
    if isinstance(target, Dataset):
        # Without its token's limits: the token that breaks the glass need not be the one that reads.
        person = replace(by, actions=None)
        decision = decide_as_if_granted(person, target, facts=facts)
        if not decision.allowed:
            reasons = [each.text for each in decision.reasons]
            raise PermissionDeniedError("policies refuse it, broken glass or not", reasons=reasons)
    return user


def _duration(minutes: int | None) -> timedelta:
    longest: int = settings.LAKEWARDEN.break_glass_minutes
    wanted = longest if minutes is None else minutes
    if not 1 <= wanted <= longest:
        raise InvalidInputError(f"`minutes` must be from 1 to {longest}")
    return timedelta(minutes=wanted)


def _checked_text(name: str, text: str) -> str:
    if not text.strip() or len(text) > MAX_TEXT:
        raise InvalidInputError(f"`{name}` must have 1 to {MAX_TEXT} characters")
    return text.strip()


def _right_of(user: User) -> str:
    return "superuser" if user.is_superuser else "permission governance.break_glass"


def _raise_alarm(row: BreakGlass) -> None:
    """Once it is committed: in the log at once, and by mail from a worker."""
    told = {"breaking": str(row.uuid), "user": row.user.username, "target": str(row.target)}
    transaction.on_commit(lambda: logger.warning("glass broken", **told))
    enqueue("governance.tell_of_broken_glass")


def _record(row: BreakGlass, *, actor: str, action: str, **more: str) -> None:
    audit.record(
        actor=actor,
        action=action,
        resource=resource_name(row.target),
        payload={
            "breaking": str(row.uuid),
            "user": row.user.username,
            "reason": row.reason,
            "grant": str(row.grant),
            "expires_at": row.expires_at.isoformat(),
            "review_due_at": row.review_due_at.isoformat(),
            **more,
        },
        about=[row.user.username],
    )

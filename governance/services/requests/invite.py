"""Links that let somebody who cannot discover a dataset ask for it; they learn its name and nothing else."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction

from catalog.models import Dataset
from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError
from governance.facts import load_facts, principal_of
from governance.policy.types import Action, Facts, Principal
from governance.queries import decide_on, require
from identity.models import User

MAX_LIFETIME = timedelta(days=30)
_SALT = "governance.invitation"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who sent it (a user's id), for which dataset, and until when it holds."""

    dataset: Dataset
    by: int
    expires_at: datetime


@transaction.atomic
def make_invitation(dataset: Dataset, *, by: Principal, lifetime: timedelta) -> str:
    """A signed text that lets its bearer, once signed in, ask for `dataset` within `lifetime` (at most 30 days).

    For those who may approve there; it holds no longer than they do.
    """
    require(by, Action.APPROVE, dataset)
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise InvalidInputError(f"`lifetime` must be above 0 and at most {MAX_LIFETIME.days} days")
    ends = int((utc_now() + lifetime).timestamp())
    audit.record(
        actor=by.username,
        action="request.invite",
        resource=dataset.node_id,
        payload={"lifetime_seconds": lifetime.total_seconds()},
    )
    return signing.dumps([str(dataset.uuid), by.id, ends], salt=_SALT)


def open_invitation(text: str, *, by: Principal) -> Invitation:
    """What the link leads to. NotFoundError, in the same words, for a wrong, expired or void one.

    Void is one whose sender may not approve there any more, and one for somebody whom a policy keeps from the dataset.
    """
    try:
        uuid, sender, ends = signing.loads(text, salt=_SALT)
    except signing.BadSignature:
        raise _not_found() from None
    dataset = Dataset.objects.live().filter(uuid=uuid).first()
    expires_at = datetime.fromtimestamp(ends, tz=utc_now().tzinfo)
    if dataset is None or expires_at <= utc_now():
        raise _not_found()
    invitation = Invitation(dataset, sender, expires_at)
    require_invited(by, dataset, invitation, facts=load_facts(by))
    return invitation


def require_invited(
    by: Principal, dataset: Dataset, invitation: Invitation, *, facts: Facts
) -> None:
    """Raise NotFoundError unless the invitation lets `by` ask for `dataset` now."""
    sender = User.objects.filter(pk=invitation.by, is_active=True).first()
    holds = (
        sender is not None
        and invitation.dataset.pk == dataset.pk
        and invitation.expires_at > utc_now()
        and decide_on(principal_of(sender), Action.APPROVE, dataset).allowed
    )
    if not holds or not _may_be_told(by, dataset, facts=facts):
        raise _not_found()


def _may_be_told(by: Principal, dataset: Dataset, *, facts: Facts) -> bool:
    """Whether nothing but the lack of a right hides the dataset: an explicit deny wins over every invitation."""
    decision = decide_on(by, Action.DISCOVER, dataset, facts=facts)
    return decision.allowed or {each.kind for each in decision.reasons} == {"missing"}


def _not_found() -> NotFoundError:
    return NotFoundError("there is no such invitation, or it holds no longer")

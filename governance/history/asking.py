"""Who may ask about the past of a dataset, and which people an answer names to them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.models import Dataset, DatasetOwner, DomainSteward
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError
from governance.facts import GRANT_MODELS, load_facts
from governance.history.rows import history_of
from governance.models import AccessRequest, DatasetUserGrant, DomainUserGrant
from governance.policy.types import Action, Principal
from governance.queries import domain_chain, get_visible_dataset, require
from governance.services.audit_subjects import AUDITORS


def is_auditing(principal: Principal) -> bool:
    """Whether the principal reads the whole audit log: superusers and auditors, with a token only one that reads."""
    reads = principal.token_allows(Action.READ) or principal.token_allows(Action.ADMINISTER)
    audits = principal.is_superuser or AUDITORS in principal.group_names
    return principal.is_active and reads and audits


def find_asked(principal: Principal, dataset: UUID | str) -> Dataset:
    """The dataset of this UUID, where the principal audits or manages it; auditors may ask about deleted ones.

    Raises NotFoundError for one that they may not know of, PermissionDeniedError for one that they do not manage.
    """
    if not is_auditing(principal):
        found = get_visible_dataset(principal, str(dataset))
        require(principal, Action.MANAGE, found)
        return found
    try:
        key = UUID(str(dataset))
    except ValueError:
        raise NotFoundError("there is no such dataset") from None
    row = Dataset.objects.filter(uuid=key).first()
    if row is None:
        raise NotFoundError("there is no such dataset")
    return row


def people_known_to(principal: Principal, dataset: Dataset) -> set[int] | None:
    """The users (ids) whom an answer about the dataset may name to the principal; None is everybody.

    Those who audit know all. Who manages the dataset knows themselves and whom its pages name or named to them: those
    with a grant of their own on it or its domains, owners, stewards and requesters. Members of groups are not named.
    """
    if is_auditing(principal):
        return None
    domains = domain_chain(dataset.domain_id, load_facts(principal))
    known = {principal.id}
    known |= _users(AccessRequest.objects.filter(dataset=dataset), "requester_id")
    known |= _users(history_of(DatasetOwner).filter(dataset=dataset), "user_id")
    known |= _users(history_of(DomainSteward).filter(domain__in=domains), "user_id")
    for model in GRANT_MODELS:
        if model in (DatasetUserGrant, DomainUserGrant):
            targets = [dataset.pk] if model is DatasetUserGrant else domains
            known |= _users(history_of(model).filter(content_object__in=targets), "user_id")
    return known


def checked_instant(at: datetime | None) -> datetime:
    """`at`, or now; InvalidInputError for the future and for a time without its offset."""
    now = utc_now()
    if at is None:
        return now
    if at.tzinfo is None:
        raise InvalidInputError("`at` must be an ISO 8601 instant with its offset")
    if at > now:
        raise InvalidInputError("`at` must not lie in the future")
    return at


def checked_interval(since: datetime, until: datetime | None) -> tuple[datetime, datetime]:
    """From `since` to `until`, or to now; InvalidInputError where the one is not before the other."""
    end = checked_instant(until)
    if checked_instant(since) >= end:
        raise InvalidInputError("`from` must lie before `to`")
    return since, end


def _users(rows: Any, column: str) -> set[int]:
    return set(rows.exclude(**{column: None}).order_by().values_list(column, flat=True).distinct())

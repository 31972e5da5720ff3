"""Policies as versioned documents: drafted, checked against what they match, published, retired.

Superusers write any policy. A steward writes those that stay within the domains they steward and that do not hand out
rights: access to a domain's data is given by grants, where nobody decides for themselves.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from catalog.models import Dataset
from core import audit
from core.clock import utc_now
from core.errors import (
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    UnprocessableError,
)
from governance import models
from governance.facts import as_policy, load_domains, load_resources
from governance.models import PolicyStatus, PolicyVersion
from governance.policy.anchors import scope_predicate
from governance.policy.binding import ANY_ATTRIBUTES, bind
from governance.policy.documents import parse_policy
from governance.policy.errors import RowFilterError
from governance.policy.rows import parse_row_filter
from governance.policy.types import Allow, Facts, FilterRows, Policy, Principal
from governance.queries import may_administer_paths
from governance.restriction import to_condition

CHECK_BATCH = 500
MAX_PROBLEMS = 20


@transaction.atomic
def save_policy_draft(document: Mapping[str, Any], *, by: Principal) -> PolicyVersion:
    """Store `document` as the draft of the policy that it names: a new version, or the draft that is there.

    Raises PolicyDocumentError with a JSON pointer, PermissionDeniedError, or UnprocessableError whose `problems` say
    which datasets it does not fit.
    """
    policy = parse_policy(document)
    require_author(by, policy)
    _require_no_problems(policy)
    row, _ = models.Policy.objects.get_or_create(
        name=policy.name, defaults={"description": policy.description}
    )
    row = models.Policy.objects.select_for_update().get(pk=row.pk)
    draft = row.versions.filter(status=PolicyStatus.DRAFT).first()
    if draft is None:
        newest = row.versions.order_by("-number").first()
        number = 1 if newest is None else newest.number + 1
        draft = PolicyVersion(policy=row, number=number)
    else:
        # nobody writes over a draft that they could not have written
        require_author(by, as_policy(draft))
    draft.document = dict(document)
    draft.author_id = by.id
    draft.save()
    _audit(draft, by=by, action="policy.draft")
    return draft


@transaction.atomic
def publish_policy(version: PolicyVersion, *, by: Principal) -> PolicyVersion:
    """Put a draft in force, in place of the version that was: effective with the commit.

    Checked once more, since schemas move. Raises as `save_policy_draft` does, and ConflictError for what is no draft.
    """
    row = _locked(version)
    if row.status != PolicyStatus.DRAFT:
        raise ConflictError(f"version {row.number} is {row.status}, only a draft is published")
    policy = parse_policy(row.document)
    require_author(by, policy)
    _require_no_problems(policy)
    now = utc_now()
    for former in row.policy.versions.filter(status=PolicyStatus.PUBLISHED):
        require_author(by, parse_policy(former.document))
        former.status, former.retired_at = PolicyStatus.RETIRED, now
        former.save(update_fields=["status", "retired_at"])
    row.status, row.published_at = PolicyStatus.PUBLISHED, now
    row.save(update_fields=["status", "published_at"])
    if row.policy.description != policy.description:
        row.policy.description = policy.description
        row.policy.save(update_fields=["description"])
    _audit(row, by=by, action="policy.publish")
    return row


@transaction.atomic
def retire_policy(version: PolicyVersion, *, by: Principal) -> PolicyVersion:
    """Take a version out of force, or drop a draft; the row stays for history."""
    row = _locked(version)
    if row.status == PolicyStatus.RETIRED:
        raise ConflictError(f"version {row.number} is retired already")
    # an unreadable document denies everything, and must not stand in the way of its own retirement
    if not by.is_superuser:
        require_author(by, parse_policy(row.document))
    row.status, row.retired_at = PolicyStatus.RETIRED, utc_now()
    row.save(update_fields=["status", "retired_at"])
    _audit(row, by=by, action="policy.retire")
    return row


def require_author(by: Principal, policy: Policy) -> None:
    """Raise PermissionDeniedError unless `by` may write this policy."""
    if not may_write_policy(by, policy):
        raise PermissionDeniedError(
            "only a superuser writes this policy: a steward's stays in their domains and allows nothing"
        )


def may_write_policy(by: Principal, policy: Policy, *, facts: Facts | None = None) -> bool:
    """Whether `by` may draft, publish and retire this policy."""
    if isinstance(policy.effect, Allow) and not by.is_superuser:
        return False
    return may_administer_paths(by, policy.scope.domains, facts=facts)


def check_policy(policy: Policy) -> list[str]:
    """What does not fit: domains that do not exist, and datasets whose fields a row filter cannot use.

    At most MAX_PROBLEMS sentences. Reads every dataset that the policy matches, in batches.
    """
    domains = load_domains()
    ids = {domain.path: domain.id for domain in domains.values()}
    problems = [f"there is no domain `{path}`" for path in policy.scope.domains if path not in ids]
    if not isinstance(policy.effect, FilterRows):
        return problems[:MAX_PROBLEMS]
    condition = parse_row_filter(policy.effect.sql)
    matched = Dataset.objects.live().filter(
        to_condition(scope_predicate(policy.scope, ids), domains=domains)
    )
    for batch in _batches(matched):
        for resource in load_resources(batch, domains=domains).values():
            try:
                bind(condition, field_types=resource.field_types, attributes=ANY_ATTRIBUTES)
            except RowFilterError as error:
                problems.append(f"{resource.namespace}:{resource.name}: {error.message}")
        if len(problems) >= MAX_PROBLEMS:
            break
    return problems[:MAX_PROBLEMS]


def _batches(rows: Any) -> Iterable[list[Dataset]]:
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:CHECK_BATCH]):
        yield batch
        last = batch[-1].pk


def _require_no_problems(policy: Policy) -> None:
    problems = check_policy(policy)
    if problems:
        raise UnprocessableError(
            f"policy `{policy.name}` does not fit what it applies to: {problems[0]}",
            problems=problems,
        )


def _locked(version: PolicyVersion) -> PolicyVersion:
    # the policy's row is the lock of all its versions
    found = models.Policy.objects.select_for_update().filter(pk=version.policy_id).first()
    if found is None:
        raise NotFoundError("there is no such policy")
    return PolicyVersion.objects.select_related("policy").get(pk=version.pk)


def _audit(row: PolicyVersion, *, by: Principal, action: str) -> None:
    audit.record(
        actor=by.username,
        action=action,
        resource=f"policy:{row.policy.name}",
        payload={"version": row.number, "status": str(row.status), "document": row.document},
    )

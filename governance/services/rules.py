"""Rules of approval: written, changed and retired. Requests that are open keep the stages that they were made with."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, PermissionDeniedError, UnprocessableError
from governance.approval.rules import Rule, parse_rule
from governance.facts import load_domains
from governance.models import RequestRule
from governance.policy.types import Facts, Principal
from governance.queries import may_administer_paths


@transaction.atomic
def save_rule(document: Mapping[str, Any], *, by: Principal) -> RequestRule:
    """Put the rule that `document` states in force, in place of the one of that name; the same again changes nothing.

    Raises PolicyDocumentError with a JSON pointer, PermissionDeniedError, and UnprocessableError for a domain or a group
    that does not exist.
    """
    rule = parse_rule(document)
    require_author(by, rule)
    _require_names(rule)
    row = RequestRule.objects.select_for_update().filter(name=rule.name).first()
    if row is None:
        row = RequestRule(name=rule.name, version=0)
    elif row.retired_at is None and row.document == document:
        return row
    else:
        require_author(by, parse_rule(row.document))
    row.document, row.author_id, row.version = dict(document), by.id, row.version + 1
    row.changed_at, row.retired_at = utc_now(), None
    row.save()
    _audit(row, by=by, verb="save")
    return row


@transaction.atomic
def retire_rule(rule: RequestRule, *, by: Principal) -> RequestRule:
    """Take a rule out of force; it stays in the history. ConflictError where it is retired already."""
    row = RequestRule.objects.select_for_update().get(pk=rule.pk)
    require_author(by, parse_rule(row.document))
    if row.retired_at is not None:
        raise ConflictError("the rule is retired already")
    row.retired_at = utc_now()
    row.save(update_fields=["retired_at"])
    _audit(row, by=by, verb="retire")
    return row


def may_write_rule(by: Principal, rule: Rule, *, facts: Facts | None = None) -> bool:
    """Administrators write any rule, stewards those that stay within their domains."""
    return may_administer_paths(by, rule.scope.domains, facts=facts)


def require_author(by: Principal, rule: Rule) -> None:
    """Raise PermissionDeniedError unless `by` may write this rule."""
    if not may_write_rule(by, rule):
        raise PermissionDeniedError(
            "only an administrator writes this rule: a steward's stays in their domains"
        )


def _require_names(rule: Rule) -> None:
    paths = {domain.path for domain in load_domains().values()}
    groups = {stage.group for stage in rule.stages if stage.group} | set(rule.rivals)
    known = set(Group.objects.filter(name__in=groups).values_list("name", flat=True))
    problems = [f"there is no domain `{path}`" for path in rule.scope.domains if path not in paths]
    problems += [f"there is no group `{name}`" for name in sorted(groups - known)]
    if problems:
        raise UnprocessableError(
            f"rule `{rule.name}` does not fit: {problems[0]}", problems=problems
        )


def _audit(row: RequestRule, *, by: Principal, verb: str) -> None:
    audit.record(
        actor=by.username,
        action=f"request-rule.{verb}",
        resource=f"request-rule:{row.name}",
        payload={"version": row.version, "document": row.document},
    )

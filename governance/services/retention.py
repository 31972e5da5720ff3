"""Rules of retention: written, changed and retired. What they delete goes by `storage.services.retention`."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, PermissionDeniedError, UnprocessableError
from governance.facts import load_domains, load_facts
from governance.models import RetentionRule
from governance.policy.types import Facts, Principal
from governance.queries import may_administer_paths
from governance.retention.rules import Rule, parse_retention_rule


@transaction.atomic
def save_retention_rule(document: Mapping[str, Any], *, by: Principal) -> RetentionRule:
    """Put the rule that `document` states in force, in place of the one of that name; the same again changes nothing.

    Raises PolicyDocumentError with a JSON pointer, PermissionDeniedError, UnprocessableError for an unknown domain.
    """
    rule = parse_retention_rule(document)
    _require_author(by, rule)
    paths = {domain.path for domain in load_domains().values()}
    unknown = [f"there is no domain `{path}`" for path in rule.scope.domains if path not in paths]
    if unknown:
        raise UnprocessableError(f"rule `{rule.name}` does not fit: {unknown[0]}", problems=unknown)
    row = RetentionRule.objects.select_for_update().filter(name=rule.name).first()
    if row is None:
        row = RetentionRule(name=rule.name, version=0)
    elif row.retired_at is None and row.document == document:
        return row
    else:
        _require_author(by, parse_retention_rule(row.document))
    row.document, row.author_id, row.version = dict(document), by.id, row.version + 1
    row.changed_at, row.retired_at = utc_now(), None
    row.save()
    _audit(row, by=by, verb="save")
    return row


@transaction.atomic
def retire_retention_rule(rule: RetentionRule, *, by: Principal) -> RetentionRule:
    """Take a rule out of force; it stays in the history. ConflictError where it is retired already."""
    row = RetentionRule.objects.select_for_update().get(pk=rule.pk)
    _require_author(by, parse_retention_rule(row.document))
    if row.retired_at is not None:
        raise ConflictError("the rule is retired already")
    row.retired_at = utc_now()
    row.save(update_fields=["retired_at"])
    _audit(row, by=by, verb="retire")
    return row


def visible_retention_rules(by: Principal) -> QuerySet[RetentionRule]:
    """The rules that `by` may write."""
    facts, rows = load_facts(by), RetentionRule.objects.select_related("author").order_by("pk")
    shown = [
        row.pk
        for row in rows
        if may_write_retention(by, parse_retention_rule(row.document), facts=facts)
    ]
    return rows.filter(pk__in=shown)


def may_write_retention(by: Principal, rule: Rule, *, facts: Facts | None = None) -> bool:
    """Administrators write any rule, stewards those that stay within their domains."""
    return may_administer_paths(by, rule.scope.domains, facts=facts)


def _require_author(by: Principal, rule: Rule) -> None:
    if not may_write_retention(by, rule):
        raise PermissionDeniedError(
            "only an administrator writes this rule: a steward's stays in their domains"
        )


def _audit(row: RetentionRule, *, by: Principal, verb: str) -> None:
    audit.record(
        actor=by.username,
        action=f"retention-rule.{verb}",
        resource=f"retention-rule:{row.name}",
        payload={"version": row.version, "document": row.document},
    )

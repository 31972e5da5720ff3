"""Which findings a principal may see, and what they tell: those who administer the dataset settle what concerns it.

The evidence is kept by ids and told by what the reader may know of:
- `label-reach`: the tag, the fields that it reached with the way to each, and how many grants, owners and policies let
  somebody read the dataset;
- `filter-misfit`: the policy, its version, and what does not fit.
"""

from typing import Any

from django.db.models import QuerySet

from governance.explanations import steps_known_to
from governance.facts import load_facts
from governance.models import ReviewItem, ReviewKind
from governance.policy.types import Action, Facts, Principal
from governance.queries import visible_datasets


def visible_reviews(principal: Principal, *, facts: Facts | None = None) -> QuerySet[ReviewItem]:
    """The findings on datasets that the principal administers, newest first."""
    mine = visible_datasets(principal, action=Action.ADMINISTER, facts=facts).order_by()
    rows = ReviewItem.objects.filter(dataset__in=mine.values("pk"))
    return rows.select_related("dataset", "decided_by")


def tell_evidence(
    principal: Principal, item: ReviewItem, *, facts: Facts | None = None
) -> dict[str, Any]:
    """The evidence, JSON-safe; of the way of a label only the fields whose metadata the principal may view."""
    evidence: dict[str, Any] = dict(item.evidence)
    if item.kind != ReviewKind.LABEL_REACH:
        return evidence
    rows = evidence["fields"]
    known = steps_known_to(
        principal, {each for row in rows for each in row["way"]}, facts or load_facts(principal)
    )
    evidence["fields"] = [
        {
            "field": row["field"],
            "steps": [
                {"dataset": str(step.dataset), "name": step.name, "field": step.field}
                for each in row["way"]
                if (step := known.get(each)) is not None
            ],
        }
        for row in rows
    ]
    return evidence

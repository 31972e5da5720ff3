"""How far each policy reaches under a draft: the datasets in its scope, the people, the fields that it masks."""

from collections.abc import Iterator

from django.db.models import Q

from catalog.models import Dataset, Field
from governance.effective.ids import Ids, ids_of
from governance.labels import labelled_fields
from governance.policy.anchors import scope_predicate
from governance.policy.obligations import covered_fields
from governance.policy.types import MaskColumns, Policy, Resource
from governance.restriction import to_condition
from governance.simulation.lint import Reach
from governance.simulation.supposition import Supposition
from governance.simulation.touch import concerned


def reaches_of(supposition: Supposition) -> list[Reach]:
    """The reach of each policy that would be in force; a few queries a policy."""
    changed = list(_changed(supposition))
    return [_reach(policy, supposition, changed) for policy in supposition.after.policies]


def _changed(supposition: Supposition) -> Iterator[Resource]:
    """The datasets of which the database does not say what the draft makes of them."""
    draft = supposition.draft
    own = Q(pk__in={*draft.placed, *draft.dataset_tags})
    if supposition.relabelled:
        fields = Field.objects.present().filter(pk__in=supposition.relabelled)
        own |= Q(pk__in=fields.values("dataset_id"))
    keys = Dataset.objects.live().filter(own).order_by("pk").values_list("pk", flat=True)
    return (pair.after for pair in supposition.pairs(list(keys)))


def _reach(policy: Policy, supposition: Supposition, changed: list[Resource]) -> Reach:
    people = ids_of(concerned(policy, supposition.people.values(), after=True))
    if policy.error is not None:
        return Reach(policy, ids_of(()), people)
    domains = supposition.after.domains
    predicate = scope_predicate(policy.scope, {each.path: each.id for each in domains.values()})
    rows = Dataset.objects.live().filter(to_condition(predicate, domains=domains)).order_by()
    fitting = [each for each in changed if predicate.matches(each)]
    found = ids_of(rows.values_list("pk", flat=True))
    found -= ids_of(each.id for each in changed)
    fields = _masked(policy, found) if isinstance(policy.effect, MaskColumns) else frozenset()
    if isinstance(policy.effect, MaskColumns):
        fields |= {
            (each.id, name.name) for each in fitting for name in covered_fields(policy.scope, each)
        }
    return Reach(policy, found | ids_of(each.id for each in fitting), people, fields)


def _masked(policy: Policy, datasets: Ids) -> frozenset[tuple[int, str]]:
    """The fields of these datasets, unchanged by the draft, that the mask covers."""
    rows = Field.objects.present()
    if policy.scope.field_tags:
        rows = rows.filter(pk__in=labelled_fields(policy.scope.field_tags))
    if policy.scope.fields:
        rows = rows.filter(name__in=policy.scope.fields)
    pairs = rows.order_by().values_list("dataset_id", "name")
    return frozenset(pair for pair in pairs.iterator(chunk_size=5_000) if pair[0] in datasets)

"""Who may change what people say of a job: it belongs to those who answer for what it writes."""

from collections.abc import Collection

from catalog.models import DatasetEdge
from catalog.models.lineage import Direction
from governance.facts import load_facts
from governance.policy.types import Action, Facts, Principal
from governance.queries import visible_datasets
from governance.runs import is_unhindered
from governance.vocabulary import is_administrator


def manageable_jobs(
    principal: Principal, ids: Collection[int], *, facts: Facts | None = None
) -> frozenset[int]:
    """The jobs of which the principal manages all that they write, and something that they use; two queries."""
    if not ids or is_unhindered(principal, Action.MANAGE):
        return frozenset(ids)
    edges = DatasetEdge.objects.filter(job__in=ids, valid_to=None)
    uses = list(edges.values_list("job_id", "dataset_id", "direction"))
    rows = visible_datasets(
        principal, action=Action.MANAGE, facts=facts or load_facts(principal)
    ).filter(pk__in={dataset for _, dataset, _ in uses})
    manageable = set(rows.values_list("pk", flat=True))
    found = {job for job, dataset, _ in uses if dataset in manageable}
    if is_administrator(principal):
        # nobody else answers for what uses no dataset
        found |= set(ids) - {job for job, _, _ in uses}
    written = {(job, dataset) for job, dataset, side in uses if side == Direction.OUTPUT}
    return frozenset(found - {job for job, dataset in written if dataset not in manageable})

"""Which jobs, runs and raw events a principal may see: they show themselves by the datasets that they use.

A job that uses no dataset, or a run that used none, is shown to who sent events of it (of a job: of its newest run),
and to administrators: there is no dataset by which to decide. An administrator sees all others too, unless a policy in
force denies them something: then they see what anybody sees who may discover the same datasets. What these functions leave out is neither listed nor counted.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from catalog.models import Dataset, DatasetEdge, Job, Run, RunDataset, RunEvent
from catalog.queries.job_pages import present_jobs
from core.clock import utc_now
from governance.effective import shared_facts
from governance.policy.predicates import NOTHING
from governance.policy.restrict import bounds
from governance.policy.types import Action, Principal

__all__ = ["is_unhindered", "sees_everything", "visible_events", "visible_jobs", "visible_runs"]


def sees_everything(principal: Principal) -> bool:
    """Whether the principal is an administrator whose token, if any, may read, and whom no policy keeps from anything."""
    return is_unhindered(principal, Action.VIEW_METADATA)


def is_unhindered(principal: Principal, action: Action) -> bool:
    """Whether the principal is an administrator whom no policy in force denies `action` on any dataset.

    An explicit deny wins over being a superuser here as everywhere.
    """
    if not _is_administrator(principal, action):
        return False
    facts = shared_facts().with_grants((), now=utc_now())
    return bounds(principal, action, facts).denied == NOTHING


def _is_administrator(principal: Principal, action: Action = Action.DISCOVER) -> bool:
    return principal.is_superuser and principal.is_active and principal.token_allows(action)


def visible_jobs(principal: Principal, *, visible: QuerySet[Dataset]) -> QuerySet[Job]:
    """The jobs that the principal may know of; `visible` are the datasets that they may discover."""
    if sees_everything(principal):
        return present_jobs(Job.objects.all())
    unlinked = Q(~Exists(DatasetEdge.objects.filter(job=OuterRef("pk"))))
    newest = Run.objects.filter(job=OuterRef(OuterRef("pk")), started_at__isnull=False)
    sent = _sent_by(principal).filter(
        run_id=Subquery(newest.order_by("-started_at").values("pk")[:1])
    )
    mine = unlinked if _is_administrator(principal) else unlinked & Exists(sent)
    return present_jobs(Job.objects.filter(_uses(visible, job=OuterRef("pk")) | mine))


def visible_runs(principal: Principal, *, visible: QuerySet[Dataset]) -> QuerySet[Run]:
    """The runs that happened and that the principal may know of, whether or not their job was deleted since."""
    found = Run.objects.filter(observed=True)
    if sees_everything(principal):
        return found
    used = RunDataset.objects.filter(run=OuterRef("pk"))
    used_visible = Exists(used.filter(dataset__in=_keys(visible)))
    mine = Q(Exists(_sent_by(principal).filter(run_id=OuterRef("pk"))))
    if _is_administrator(principal):
        mine |= Q(~Exists(DatasetEdge.objects.filter(job=OuterRef("job"))))
    return found.filter(
        (used_visible & _uses(visible, job=OuterRef("job")))
        | (~Exists(used) & (_uses(visible, job=OuterRef("job")) | mine))
    )


def visible_events(principal: Principal, *, described: QuerySet[Dataset]) -> QuerySet[RunEvent]:
    """The raw events that the principal may read whole.

    Those of runs that used at least one dataset, and none but such whose metadata the principal may view
    (`described`); of runs that used none, those that the principal sent. A DatasetEvent that tells no lineage is for administrators.
    """
    if sees_everything(principal):
        return RunEvent.objects.all()
    if not principal.token_allows(Action.DISCOVER):
        return RunEvent.objects.none()
    uses = RunDataset.objects.filter(run_id=OuterRef("run_id"))
    hidden = uses.exclude(dataset__in=_keys(described))
    seen = Q(Exists(uses.filter(dataset__in=_keys(described)))) & ~Exists(hidden)
    mine = Q(sender_id=principal.id, run_id__isnull=False) & ~Exists(uses)
    return RunEvent.objects.filter(mine | seen)


def _uses(visible: QuerySet[Dataset], *, job: OuterRef) -> Exists:
    """Whether the job reads or writes, by an edge in force, a visible dataset."""
    edges = DatasetEdge.objects.filter(job=job, valid_to=None)
    return Exists(edges.filter(dataset__in=_keys(visible)))


def _keys(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    return datasets.order_by().only("pk")


def _sent_by(principal: Principal) -> QuerySet[RunEvent]:
    if not principal.is_active or not principal.token_allows(Action.DISCOVER):
        return RunEvent.objects.none()
    return RunEvent.objects.filter(sender_id=principal.id)

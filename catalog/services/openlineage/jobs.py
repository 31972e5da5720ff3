"""Jobs as events tell of them."""

from typing import Any

from django.db.models import Q

from catalog.lineage.events import Event, Name
from catalog.lineage.facets import text_of
from catalog.lineage.stamps import WRITTEN, make_stamp, merge_facets
from catalog.models import Job, Run


def ensure_jobs(event: Event) -> dict[Name, int]:
    """Ids of the event's job and its parent's, made if need be, in the order of their names."""
    names = sorted({name for name in (event.job, event.parent_job) if name is not None})
    if not names:
        return {}
    found = _find(names)
    missing = [name for name in names if name not in found]
    if missing:
        Job.objects.bulk_create(
            [Job(namespace=each.namespace, name=each.name) for each in missing],
            ignore_conflicts=True,
        )
        found = _find(names)
    return found


def apply_job(event: Event, *, job: Job, run: Run) -> None:
    """Merge the event's job facets and its run into the job's row, which the caller has locked."""
    before = (job.type, job.description)
    former = dict(job.facets)
    stamp = make_stamp(at=event.time, rank=WRITTEN, digest=event.digest)
    merge_facets(facets=job.facets, stamps=job.facet_stamps, incoming=event.job_facets, stamp=stamp)
    job.type = _type_of(job.facets)
    told = text_of(former, "documentation", "description")
    if job.description in ("", told):
        job.description = text_of(job.facets, "documentation", "description")
    changed = ["facet_stamps", "updated_at"]
    if job.facets != former:
        changed.append("facets")
    if (job.type, job.description) != before:
        changed += ["type", "description"]
    if run.observed and run.job_id == job.pk and _is_latest(run, job):
        job.latest_run = run
        changed.append("latest_run")
    job.save(update_fields=changed)


def _is_latest(run: Run, job: Job) -> bool:
    """Whether the run began last; equal times are decided by the id."""
    if job.latest_run_id is None or job.latest_run_id == run.pk:
        return job.latest_run_id is None
    known = Run.objects.values_list("started_at", "uuid").get(pk=job.latest_run_id)
    return (run.started_at, run.uuid) > known


def _type_of(facets: dict[str, Any]) -> str:
    kind = text_of(facets, "jobType", "jobType") or text_of(facets, "jobType", "processingType")
    return kind[:60]


def _find(names: list[Name]) -> dict[Name, int]:
    wanted = Q()
    for each in names:
        wanted |= Q(namespace=each.namespace, name=each.name)
    rows = Job.objects.filter(wanted).values_list("namespace", "name", "pk")
    return {Name(namespace, name): pk for namespace, name, pk in rows}

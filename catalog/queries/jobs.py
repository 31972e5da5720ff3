"""Jobs and runs, within what the caller may see: a job shows itself by its datasets."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Dataset, DatasetEdge, Job, Run, RunDataset


def visible_jobs(visible: QuerySet[Dataset]) -> QuerySet[Job]:
    """Jobs that read or write, by an edge in force, at least one visible dataset."""
    edges = DatasetEdge.objects.filter(job=OuterRef("pk"), valid_to=None)
    return Job.objects.filter(Exists(edges.filter(dataset__in=_keys(visible))))


def hides_nothing(job: Job, *, described: QuerySet[Dataset]) -> bool:
    """Whether the caller may view the metadata of all that the job uses: only then its facets (SQL, plans) are shown."""
    return (
        not DatasetEdge.objects.filter(job=job, valid_to=None)
        .exclude(dataset__in=_keys(described))
        .exists()
    )


def visible_runs(visible: QuerySet[Dataset]) -> QuerySet[Run]:
    """Runs that happened, of visible jobs, that used no dataset or at least one visible one."""
    used = RunDataset.objects.filter(run=OuterRef("pk"))
    return Run.objects.filter(
        Q(Exists(used.filter(dataset__in=_keys(visible)))) | ~Q(Exists(used)),
        job__in=visible_jobs(visible),
        observed=True,
    )


def run_hides_nothing(run: Run, *, described: QuerySet[Dataset]) -> bool:
    """Whether the caller may view the metadata of all that the run used."""
    return not RunDataset.objects.filter(run=run).exclude(dataset__in=_keys(described)).exists()


def _keys(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    return datasets.order_by().only("pk")

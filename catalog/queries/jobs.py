"""What of a job or a run is shown whole: facets (SQL, plans) name all that was used."""

from django.db.models import QuerySet

from catalog.models import Dataset, DatasetEdge, Job, Run, RunDataset


def hides_nothing(job: Job, *, described: QuerySet[Dataset]) -> bool:
    """Whether the caller may view the metadata of all that the job uses: only then its facets (SQL, plans) are shown."""
    return (
        not DatasetEdge.objects.filter(job=job, valid_to=None)
        .exclude(dataset__in=_keys(described))
        .exists()
    )


def run_hides_nothing(run: Run, *, described: QuerySet[Dataset]) -> bool:
    """Whether the caller may view the metadata of all that the run used."""
    return not RunDataset.objects.filter(run=run).exclude(dataset__in=_keys(described)).exists()


def _keys(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    return datasets.order_by().only("pk")

"""What producers told: jobs between the fixed datasets, and runs, names and sources of which only some may be shown."""

import uuid
from datetime import datetime, timedelta

from catalog.models import (
    Dataset,
    DatasetSymlink,
    DataSource,
    Job,
    Namespace,
    Run,
    RunDataset,
    RunEvent,
)
from catalog.models.job import RunState
from catalog.models.lineage import Direction
from catalog.services.openlineage import record_event
from core.clock import utc_now
from tests.catalog.world import dataset as told_dataset
from tests.catalog.world import run_event
from tests.walk.estates import (
    BESIDE,
    DESCRIBED,
    LOST,
    MINE,
    MY_MODEL,
    NOTICED,
    SECRET,
    SECRET_MODEL,
    Estate,
    word,
)

TABLES = (MINE, NOTICED, SECRET, DESCRIBED, BESIDE, LOST)
ALIASES = "aliases"
# By name: what a job reads, and what it writes.
FIXED_JOBS: dict[str, tuple[tuple[int, ...], int]] = {
    "mine": ((MINE,), MY_MODEL),
    "secret": ((SECRET,), SECRET_MODEL),
    "mixed": ((MINE,), SECRET),
    "drawn": ((SECRET,), MINE),
    "back": ((SECRET,), NOTICED),
    "shared": ((MINE,), DESCRIBED),
    "filled": ((), MINE),
    "turned": ((SECRET,), SECRET_MODEL),
}
# A run so far after all others that it is the newest.
LATE = datetime.fromisoformat("2026-06-01T10:00:00+00:00")


def make_fixed_jobs(estate: Estate) -> None:
    """Jobs on what is the viewer's alone, on what is hidden alone, and between the two, in a namespace each."""
    for name, (reads, write) in FIXED_JOBS.items():
        estate.jobs[name] = {*reads, write}
        record_job(
            name,
            reads=[estate.datasets[key] for key in reads],
            write=estate.datasets[write],
            namespace=word("jobspace", name),
            at=utc_now() if name == "secret" else None,
            # Told of a column that comes from a table which the event does not list.
            columns={"flow": [(estate.datasets[SECRET].name, "flow", "DIRECT", "IDENTITY", False)]}
            if name == "filled"
            else None,
        )
    _add_runs(estate)
    _add_names(estate)


def record_job(
    name: int | str,
    *,
    reads: list[Dataset],
    write: Dataset,
    namespace: str = "ns",
    at: datetime | None = None,
    columns=None,
) -> None:
    """One run of the job, with the SQL and the owner that its producer names."""
    day = name + 1 if isinstance(name, int) else 20
    event = run_event(
        run=str(uuid.uuid5(uuid.NAMESPACE_OID, str(name))),
        job=word("job", name),
        at=at.isoformat() if at else f"2026-01-{day:02}T10:00:00Z",
        inputs=[told_dataset(each.name, namespace=each.namespace) for each in reads],
        outputs=[told_dataset(write.name, namespace=write.namespace, columns=columns)],
        job_facets={
            "sql": {"query": f"select {word('sql', name)}"},
            "ownership": {"owners": [{"name": word("jobowner", name), "type": "team"}]},
        },
    )
    event["job"]["namespace"] = namespace
    record_event(event=event, sender=None)


def _add_runs(estate: Estate) -> None:
    """A run of the viewer's job that used only what is hidden, and one of what is theirs by a job that no longer does."""
    for name, key in (("mine", SECRET), ("turned", MINE)):
        job = Job.objects.get(name=word("job", name))
        row = Run.objects.create(
            uuid=uuid.uuid5(uuid.NAMESPACE_OID, f"late {name}"),
            job=job,
            version=job.versions.first(),
            state=RunState.COMPLETED,
            observed=True,
            started_at=LATE,
            ended_at=LATE + timedelta(minutes=1),
        )
        RunDataset.objects.create(
            run=row, dataset=estate.datasets[key], direction=Direction.INPUT, origin="declared"
        )
    hidden = Run.objects.get(job__name=word("job", "turned"), started_at=LATE)
    Run.objects.filter(job__name=word("job", "shared")).update(parent=hidden)
    for key, name in ((MINE, "turned"), (DESCRIBED, "shared")):
        made_by = Run.objects.filter(job__name=word("job", name)).latest("started_at")
        estate.datasets[key].versions.update(run=made_by)


def _add_names(estate: Estate) -> None:
    """Other names of tables; namespaces and sources that somebody else declared."""
    by = estate.users[2]
    for key in TABLES:
        row = estate.datasets[key]
        DatasetSymlink.objects.create(
            dataset=row, namespace=ALIASES, name=word("alias", key), type="TABLE"
        )
        source = DataSource.objects.create(
            name=word("datasource", key),
            type="POSTGRES",
            connection_url="postgres://db",
            created_by=by,
        )
        source.datasets.add(row)
    for name in ("mine", "secret"):
        Namespace.objects.create(
            name=word("jobspace", name), owner_name=word("nsowner", name), created_by=by
        )


def remove_hidden_traces(hidden: set[int]) -> None:
    """Runs that used nothing but what is hidden, and namespaces of jobs that use nothing else."""
    uses = RunDataset.objects.filter(dataset__in=hidden)
    shown = RunDataset.objects.exclude(dataset__in=hidden)
    gone = Run.objects.filter(pk__in=uses.values("run")).exclude(pk__in=shown.values("run"))
    RunEvent.objects.filter(run__in=gone).delete()
    gone.delete()
    Namespace.objects.exclude(name__in=Job.objects.values("namespace")).delete()

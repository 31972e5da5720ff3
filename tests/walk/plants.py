"""What hangs on datasets of an estate: tables, files, tiers, sources, pipelines, models, imports. And what URLs name."""

import json
import uuid
from types import SimpleNamespace

from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.types import NestedField, StringType

from catalog.models import CatalogImport, DatasetSymlink, DataSource, Job, Run
from catalog.services.tags import tag_field
from core.clock import utc_now
from governance.facts import GRANT_MODELS
from governance.models import AccessRequest, Policy
from governance.policy.types import Action
from governance.queries import decide_on, principal_of
from governance.services.audit import record_decision
from ingestion.models import Source
from processing.models import Pipeline, PipelineRun
from serving.models import ModelVersion, TrainingRun
from storage.models import (
    CollectionObject,
    DataFile,
    IcebergNamespace,
    IcebergTable,
    Movement,
    TieringRun,
    TierPolicy,
)
from tests.factories.governance import make_mask
from tests.factories.storage import make_tiers
from tests.walk.estates import (
    DESCRIBED,
    HOME,
    MINE,
    MY_MODEL,
    NOTICED,
    SECRET,
    SECRET_MODEL,
    TAGS,
    VAULT,
    VIEWER,
    Estate,
    word,
)
from tests.walk.traces import TABLES


def add_plants(estate: Estate) -> None:
    """Each thing of another app on a dataset of the viewer's, on one that they only know of, and on a hidden one."""
    tiers = make_tiers()
    for key in TABLES:
        table = _add_table(estate, key)
        _add_tiering(estate, key, table, tiers)
        _add_ways_in(estate, key)
    for key, domain in ((MY_MODEL, HOME), (SECRET_MODEL, VAULT)):
        _add_model(estate, key, estate.domains[domain])
    for given in estate.plain["datasets"]:
        if given["kind"] == "collection":
            _add_object(estate, given["id"], tiers[0])
    make_mask(word("masked", MINE), "mask-alphanum", name=word("mask", MINE))
    tag_field(
        estate.datasets[MINE].fields.get(name=word("column", MINE)),
        tag=word("masked", MINE),
        actor="system",
    )
    _add_bare_pipelines(estate)
    for key in TABLES:
        _add_read(estate, key)
    CatalogImport.objects.create(user=estate.users[VIEWER])
    CatalogImport.objects.create(user=estate.users[2])


def _add_read(estate: Estate, key: int) -> None:
    """What somebody else was refused, on record."""
    reader, row = principal_of(estate.users[3]), estate.datasets[key]
    decision = decide_on(reader, Action.READ, row)
    record_decision(principal=reader, dataset=row, decision=decision, via="query")


def _add_table(estate: Estate, key: int) -> IcebergTable:
    row = estate.datasets[key]
    level, name = row.name.split(".")
    location = f"s3://nowhere/{word('place', key)}"
    metadata = new_table_metadata(
        location=location,
        schema=Schema(NestedField(1, word("column", key), StringType())),
        partition_spec=UNPARTITIONED_PARTITION_SPEC,
        sort_order=UNSORTED_SORT_ORDER,
    )
    return IcebergTable.objects.create(
        dataset=row,
        namespace=IcebergNamespace.objects.get_or_create(levels=[level])[0],
        name=name,
        table_uuid=uuid.uuid4(),
        location=location,
        metadata_location=f"{location}/metadata.json",
        metadata=json.loads(metadata.model_dump_json()),
    )


def _add_tiering(estate: Estate, key: int, table: IcebergTable, tiers) -> None:
    hot, cold = tiers
    path = f"{table.location}/a.parquet"
    DataFile.objects.create(table=table, path=path, tier=hot, size=1, records=1)
    Movement.objects.create(
        table=table,
        source_uri=path,
        target_uri=f"s3://cold/{word('place', key)}",
        source_tier=hot,
        target_tier=cold,
        size=1,
        planned_at=utc_now(),
    )
    TierPolicy.objects.create(
        dataset=estate.datasets[key], condition={"idle_days": key}, target=cold
    )
    TieringRun.objects.create(dataset=estate.datasets[key])


def _add_ways_in(estate: Estate, key: int) -> None:
    row, owner = estate.datasets[key], estate.users[2]
    Source.objects.create(
        name=word("source", key),
        kind="http",
        namespace=row.name.split(".")[0],
        table=row.name.split(".")[1],
        format="csv",
        owner=owner,
        dataset=row,
        last_error=word("failure", key),
    )
    definition = {"inputs": [], "outputs": [], "statements": [f"SELECT '{word('step', key)}'"]}
    pipeline = Pipeline.objects.create(
        name=word("pipeline", key),
        kind="sql",
        definition=definition,
        domain=estate.domains[HOME],
        owner=owner,
        run_as=owner,
    )
    pipeline.inputs.add(estate.datasets[MINE])
    pipeline.output_datasets.add(row)
    PipelineRun.objects.create(pipeline=pipeline, definition=definition, requested_by=owner)


def _add_bare_pipelines(estate: Estate) -> None:
    """Of which no dataset vouches for anybody: those who steward the domain see them."""
    for domain in (HOME, VAULT):
        Pipeline.objects.create(
            name=word("bare", domain),
            kind="sql",
            definition={"inputs": [], "outputs": [], "statements": []},
            domain=estate.domains[domain],
            owner=estate.users[2],
            run_as=estate.users[2],
        )


def _add_model(estate: Estate, key: int, domain) -> None:
    version = ModelVersion.objects.create(
        dataset=estate.datasets[key],
        number=1,
        uri=f"s3://nowhere/{word('place', key)}.onnx",
        size=1,
        sha256="0" * 64,
        inputs=[],
        outputs=[],
    )
    version.training_datasets.set([estate.datasets[each] for each in TABLES])
    TrainingRun.objects.create(
        model_name=estate.datasets[key].name,
        domain=domain,
        spec={},
        requested_by=estate.users[2],
        version=version,
    )


def _add_object(estate: Estate, key: int, tier) -> None:
    CollectionObject.objects.create(
        dataset=estate.datasets[key],
        key="a.png",
        uri=f"s3://nowhere/{word('place', key)}.png",
        tier=tier,
        size=1,
        sha256="0" * 64,
        media_type="image/png",
    )


def collect_values(estate: Estate) -> dict[str, list[str]]:
    """By name: what parameters of a URL can be, of all that the estate has."""
    rows, jobs = list(estate.datasets.values()), list(Job.objects.order_by("pk"))
    aliases = list(DatasetSymlink.objects.order_by("pk"))
    return {
        "dataset": [str(row.uuid) for row in rows],
        "field": [str(row.fields.get(name="region").uuid) for row in rows],
        "domain": [row.slug for row in estate.domains.values()],
        "namespace": sorted({row.namespace for row in rows}),
        "dataset name": [*(row.name for row in rows), *(row.name for row in aliases)],
        "namespace of dataset name": [row.namespace for row in (*rows, *aliases)],
        "job": [str(row.uuid) for row in jobs],
        "job name": [row.name for row in jobs],
        "job namespace of job name": [row.namespace for row in jobs],
        "job version": [str(row.versions.get().uuid) for row in jobs],
        "data source": [row.name for row in DataSource.objects.order_by("pk")],
        "node": [row.node_id for row in (*rows, *jobs)],
        "field node": [f"datasetField:{row.namespace}:{row.name}:flow" for row in rows],
        "tag": [*TAGS, *(word("tag", key) for key in estate.datasets)],
        "user": [row.username for row in estate.users.values()],
        "version": [str(row.current_version.uuid) for row in rows],
        "owner": [f"user:{row.username}" for row in estate.users.values()],
        "dataset word": [word("name", key) for key in estate.datasets],
        "job namespace": sorted({row.namespace for row in jobs}),
        "run": [str(key) for key in Run.objects.order_by("pk").values_list("pk", flat=True)],
        "term": [str(row.uuid) for row, _ in estate.terms.values()],
        "product": [str(row.uuid) for row in estate.products.values()],
        "grant": [
            str(key)
            for model in GRANT_MODELS
            for key in model.objects.order_by("pk").values_list("uuid", flat=True)
        ],
        "policy": [str(row.pk) for row in Policy.objects.order_by("pk")],
        # What the walk itself reads and takes away comes after it.
        "made": [utc_now().isoformat()],
        "table": [str(row.name) for row in IcebergTable.objects.order_by("pk")],
        "level of table": [row.namespace.levels[0] for row in IcebergTable.objects.order_by("pk")],
        "level": [row.levels[0] for row in IcebergNamespace.objects.order_by("pk")],
        "model": [str(estate.datasets[key].uuid) for key in (MY_MODEL, SECRET_MODEL)],
        "model name": [estate.datasets[key].name for key in (MY_MODEL, SECRET_MODEL)],
        "source": [row.name for row in Source.objects.order_by("pk")],
        **{
            name: [str(row.uuid) for row in model.objects.order_by("pk")]
            for name, model in _BY_UUID.items()
        },
        "nothing": [str(uuid.UUID(int=7))],
    }


_BY_UUID = {
    "request": AccessRequest,
    "import": CatalogImport,
    "training run": TrainingRun,
    "pipeline": Pipeline,
    "pipeline run": PipelineRun,
    "tier policy": TierPolicy,
    "tiering run": TieringRun,
}


def named_things(estate: Estate, *, hidden: bool) -> dict[str, str]:
    """By the same names, one thing each: the viewer's own, or such as they may not know of."""
    if hidden:
        return _things_of(estate, key=SECRET, model=SECRET_MODEL, domain=VAULT, job="secret")
    return _things_of(estate, key=MINE, model=MY_MODEL, domain=HOME, job="mine")


def known_things(estate: Estate, key: int) -> dict[str, str]:
    """The same of what the viewer knows of, and may not change: a dataset, and a job that writes it."""
    job = {NOTICED: "back", DESCRIBED: "shared"}[key]
    domain = min(estate.shown_domains() - {HOME}, default=VAULT)
    return _things_of(estate, key=key, model=SECRET_MODEL, domain=domain, job=job)


def _things_of(estate: Estate, *, key: int, model: int, domain: int, job: str) -> dict[str, str]:
    row, job_row = estate.datasets[key], Job.objects.get(name=word("job", job))
    place = TABLES.index(key)
    one = SimpleNamespace(
        **{name.replace(" ", "_"): value for name, value in estate.values.items()}
    )
    models = [MY_MODEL, SECRET_MODEL].index(model)
    version = str(row.current_version.uuid)
    return {
        "dataset": str(row.uuid),
        "field": str(row.fields.get(name="region").uuid),
        "domain": estate.domains[domain].slug,
        "namespace": row.namespace,
        "dataset name": row.name,
        "job": str(job_row.uuid),
        "job name": job_row.name,
        "job namespace": job_row.namespace,
        "job version": str(job_row.versions.get().uuid),
        "data source": one.data_source[place],
        "node": row.node_id,
        "run": str(job_row.runs.earliest("started_at").pk),
        "version": version,
        "term": str(estate.terms[domain][0].uuid),
        "product": str(estate.products[domain].uuid),
        "request": str(row.access_requests.latest("pk").uuid),
        "grant": str(estate.grants[key].uuid),
        "policy": one.policy[0],
        "table": row.name.split(".")[1],
        "level": row.name.split(".")[0],
        "model": one.model[models],
        "model name": one.model_name[models],
        "source": one.source[place],
        "import": getattr(one, "import")[int(key != MINE)],
        "training run": one.training_run[models],
        "pipeline": one.pipeline[place],
        "pipeline run": one.pipeline_run[place],
        "tier policy": one.tier_policy[place],
        "tiering run": one.tiering_run[place],
        "column": word("column", key),
        "tag": word("tag", key),
        "user": "user-2",
        "nothing": one.nothing[0],
    }

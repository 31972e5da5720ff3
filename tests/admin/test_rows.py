"""One row of each kind that belongs to a dataset: its steward opens it, another steward does not."""

import uuid

import pytest

from catalog.models import DatasetVersion
from core.clock import utc_now
from governance.models import Declassification
from ingestion.models import IngestedFile, LandingBatch, Source
from processing.models import Pipeline, PipelineRun
from serving.models import ModelVersion, TrainingRun
from storage.models import (
    CollectionObject,
    DataFile,
    IcebergNamespace,
    IcebergTable,
    Movement,
    TierPolicy,
)
from tests.admin.test_reach import change, changelist
from tests.factories.governance import make_world
from tests.factories.identity import page_client
from tests.factories.storage import make_tiers

pytestmark = pytest.mark.django_db

KINDS = [
    "version",
    "table",
    "file",
    "object",
    "movement",
    "tier policy",
    "model",
    "training",
    "source",
    "batch",
    "landed file",
    "pipeline",
    "pipeline run",
    "declassification",
]


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def rows(world) -> dict:
    """Everything hangs on `passengers`, which is the sales steward's."""
    hot, cold = make_tiers()
    dataset = world.passengers
    table = IcebergTable.objects.create(
        dataset=dataset,
        namespace=IcebergNamespace.objects.create(levels=["curated"]),
        name="passengers",
        table_uuid=uuid.uuid4(),
        location="s3://hot/passengers",
        metadata_location="s3://hot/passengers/m.json",
        metadata={},
    )
    held = CollectionObject.objects.create(
        dataset=dataset,
        key="a.jpg",
        uri="s3://hot/a.jpg",
        tier=hot,
        size=1,
        sha256="",
        media_type="x/y",
    )
    model = ModelVersion.objects.create(
        dataset=dataset, number=1, uri="s3://m", size=1, sha256="", inputs=[], outputs=[]
    )
    model.training_datasets.add(world.salaries)
    source = Source.objects.create(
        name="passengers",
        kind="kafka",
        namespace="raw",
        table="passengers",
        format="json",
        owner=world.owner,
        dataset=dataset,
    )
    batch = LandingBatch.objects.create(
        source=source, landed=1, rejected=0, size=1, started_at=utc_now()
    )
    pipeline = Pipeline.objects.create(
        name="clean",
        kind="sql",
        definition={},
        domain=world.sales,
        owner=world.owner,
        run_as=world.owner,
    )
    pipeline.output_datasets.add(dataset)
    source_field, target_field = dataset.fields.all()[:2]
    return {
        "version": DatasetVersion.objects.create(dataset=dataset, number=1),
        "table": table,
        "file": DataFile.objects.create(
            table=table, path="s3://hot/f", tier=hot, size=1, records=1
        ),
        "object": held,
        "movement": Movement.objects.create(
            held_object=held,
            source_uri="s3://hot/a.jpg",
            target_uri="s3://cold/a.jpg",
            source_tier=hot,
            target_tier=cold,
            size=1,
        ),
        "tier policy": TierPolicy.objects.create(dataset=dataset, target=cold),
        "model": model,
        "training": TrainingRun.objects.create(
            model_name="delays",
            domain=world.sales,
            spec={},
            requested_by=world.owner,
            version=model,
        ),
        "source": source,
        "batch": batch,
        "landed file": IngestedFile.objects.create(
            source=source, batch=batch, name="a.csv", sha256="", size=1, landed=1, rejected=0
        ),
        "pipeline": pipeline,
        "pipeline run": PipelineRun.objects.create(pipeline=pipeline, definition={}),
        "declassification": Declassification.objects.create(
            source=source_field, target=target_field, reason="hashed"
        ),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_its_stewards(kind, world, rows):
    row = rows[kind]
    for user, count, status in (
        (world.steward, 1, 200),
        (world.superuser, 1, 200),
        (world.hr_steward, 0, 302),
    ):
        client = page_client(user)
        listed = client.get(changelist(type(row))).context["cl"].queryset
        assert (user.username, [each.pk for each in listed]) == (user.username, [row.pk][:count])
        page = client.get(change(row))
        assert (user.username, page.status_code) == (user.username, status)
        if user == world.steward:
            assert "salaries" not in page.content.decode()
    assert page_client(world.owner).get(change(row)).status_code == 302

"""One row of everything that a URL can name, none of which an outsider may know of."""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta

from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.types import NestedField, StringType

from catalog.models import CatalogImport, DatasetVersion, Run
from catalog.services.contracts import put_contract
from catalog.services.glossary import create_term
from catalog.services.products import create_product
from core.clock import utc_now
from governance.models import (
    AuditRecord,
    Classification,
    Declassification,
    Delegation,
    ReviewKind,
    Simulation,
    SimulationState,
    WebhookDelivery,
    WebhookEndpoint,
)
from governance.queries import principal_of
from governance.services.break_glass import break_glass
from governance.services.campaigns import create_campaign
from governance.services.erasures import request_erasure
from governance.services.holds import place_hold, release_hold
from governance.services.retention import save_retention_rule
from governance.services.reviews import raise_review
from governance.services.rules import save_rule
from identity.models import ApiToken, ExternalIdentity
from identity.services import issue_token
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
from tests.factories.catalog import make_dataset, make_job
from tests.factories.governance import World, make_grant, make_policy, make_request, make_world
from tests.factories.identity import make_group, make_service, make_user
from tests.factories.storage import make_tiers


@dataclass(frozen=True)
class SmallWorld:
    base: World
    staff_outsider: object
    rows: dict[str, object]


def make_small_world() -> SmallWorld:
    base = make_world()
    outsider_of_staff = make_user("staff-outsider", is_staff=True)
    rows: dict[str, object] = {
        "dataset": base.passengers,
        "field": base.passengers.fields.first(),
        "domain": base.sales,
        "user": base.owner,
        "group": make_group("sales-people"),
        "job": make_job("clean-passengers", namespace="hidden-jobs"),
        "grant": make_grant(base.analyst, base.passengers),
        "request": make_request(base.analyst, base.passengers),
        "policy": make_policy(
            {
                "name": "hidden",
                "applies_to": {"field_tags": ["pii.email"]},
                "effect": {"deny": "read"},
            }
        ),
        "simulation": Simulation.objects.create(
            author=base.superuser,
            document={"changes": [{"withdraw_policy": "hidden"}]},
            state=SimulationState.DONE,
        ),
        "review": raise_review(
            ReviewKind.FILTER_MISFIT,
            base.passengers,
            key="hidden",
            evidence={"policy": "hidden", "version": 1, "problem": "no such field"},
        ),
        "declassification": Declassification.objects.create(
            source=base.passengers.fields.first(),
            target=base.salaries.fields.first(),
            reason="hidden",
        ),
        "token": issue_token(
            user=base.owner, name="laptop", scopes=["read"], lifetime=timedelta(days=1)
        )[0],
    }
    rows["run"] = Run.objects.create(uuid=uuid.uuid4(), job=rows["job"])
    rows["version"] = DatasetVersion.objects.create(
        dataset=base.passengers, number=1, schema=[{"name": "email", "type": "string"}]
    )
    _add_accounts(base, rows)
    rows["classification"] = Classification.objects.create(
        dataset=base.passengers,
        field=base.passengers.fields.first(),
        label="pii.hidden",
        confidence=0.9,
        detector_version=1,
    )
    _add_approval(base, rows)
    _add_retention(base, rows)
    _add_vocabulary(base, rows)
    _add_ingestion_and_processing(base, rows)
    _add_models(base, rows)
    _add_storage(base, rows)
    assert AuditRecord.objects.exists()
    assert ApiToken.objects.exists()
    return SmallWorld(base, outsider_of_staff, rows)


def _add_accounts(base: World, rows: dict[str, object]) -> None:
    rows["breaking"] = break_glass(
        base.sales, by=principal_of(base.superuser), reason="an incident"
    )
    rows["robot"] = make_service("hidden-robot", responsible=base.owner)
    rows["robot_token"] = issue_token(
        user=rows["robot"], name="hidden-token", scopes=["read"], lifetime=timedelta(days=1)
    )[0]
    rows["identity"] = ExternalIdentity.objects.create(
        user=base.owner, issuer="https://login.example.org", subject="hidden-subject"
    )


def _add_approval(base: World, rows: dict[str, object]) -> None:
    rows["rule"] = save_rule(
        {"name": "hidden-rule", "applies_to": {"domain": ["sales"]}, "stages": [{"by": "steward"}]},
        by=principal_of(base.steward),
    )
    rows["delegation"] = Delegation.objects.create(
        person=base.owner,
        starts_at=utc_now(),
        ends_at=utc_now() + timedelta(days=1),
    )
    campaign = create_campaign(by=principal_of(base.steward), name="hidden", domain="sales")
    rows["campaign"] = campaign
    rows["campaign_item"] = campaign.items.get(grant=rows["grant"].uuid)
    endpoint = WebhookEndpoint.objects.create(
        url="https://hidden.example.org/", secret=b"", types=["*"], is_active=False
    )
    rows["webhook"] = endpoint
    rows["delivery"] = WebhookDelivery.objects.create(endpoint=endpoint, event={"type": "hidden"})


def _add_retention(base: World, rows: dict[str, object]) -> None:
    rows["retention_rule"] = save_retention_rule(
        {"name": "hidden-keeping", "applies_to": {"domain": ["sales"]}, "keep_days": 1},
        by=principal_of(base.steward),
    )
    rows["hold"] = place_hold(base.sales, by=principal_of(base.superuser), reason="hidden case")
    release_hold(rows["hold"], by=principal_of(base.superuser), reason="hidden end")
    rows["erasure"] = request_erasure(
        by=principal_of(base.superuser),
        identifiers=[{"label": "pii.hidden", "value": "hidden-person"}],
        reason="hidden wish",
        due_at=utc_now() + timedelta(days=1),
    )


def _add_vocabulary(base: World, rows: dict[str, object]) -> None:
    rows["term"] = create_term(domain=base.sales, name="hidden-term", actor="system")
    rows["product"] = create_product(domain=base.sales, name="hidden-product", actor="system")
    rows["import"] = CatalogImport.objects.create(user=base.owner)
    put_contract(
        base.passengers,
        document={"id": "hidden-contract", "version": "1"},
        source="{}",
        media_type="application/json",
        actor="system",
    )


def _add_ingestion_and_processing(base: World, rows: dict[str, object]) -> None:
    rows["source"] = Source.objects.create(
        name="hidden-source",
        kind="http",
        namespace="raw",
        table="passengers",
        format="csv",
        owner=base.owner,
        dataset=base.passengers,
    )
    definition = {"outputs": [], "statements": ["SELECT 1"]}
    rows["pipeline"] = Pipeline.objects.create(
        name="hidden-pipeline",
        kind="sql",
        definition=definition,
        domain=base.sales,
        owner=base.owner,
        run_as=base.owner,
    )
    rows["pipeline"].inputs.add(base.salaries)
    rows["pipeline"].output_datasets.add(base.passengers)
    rows["pipeline_run"] = PipelineRun.objects.create(
        pipeline=rows["pipeline"], definition=definition, requested_by=base.owner
    )


def _add_models(base: World, rows: dict[str, object]) -> None:
    model = make_dataset(
        "hidden-model", namespace="lakewarden-models", kind="model", domain=base.sales
    )
    rows["model"] = ModelVersion.objects.create(
        dataset=model,
        number=1,
        uri="s3://nowhere/model.onnx",
        size=1,
        sha256="0" * 64,
        inputs=[],
        outputs=[],
    )
    rows["training_run"] = TrainingRun.objects.create(
        model_name="hidden-model", domain=base.sales, spec={}, requested_by=base.owner
    )


def _metadata() -> dict:
    """That of a new, empty Iceberg table."""
    metadata = new_table_metadata(
        location="s3://nowhere/passengers",
        schema=Schema(NestedField(1, "email", StringType())),
        partition_spec=UNPARTITIONED_PARTITION_SPEC,
        sort_order=UNSORTED_SORT_ORDER,
    )
    return json.loads(metadata.model_dump_json())


def _add_storage(base: World, rows: dict[str, object]) -> None:
    hot, cold = make_tiers()
    namespace = IcebergNamespace.objects.create(levels=["curated"])
    rows["namespace"] = namespace
    rows["table"] = IcebergTable.objects.create(
        dataset=base.passengers,
        namespace=namespace,
        name="passengers",
        table_uuid=uuid.uuid4(),
        location="s3://nowhere/passengers",
        metadata_location="s3://nowhere/passengers/metadata.json",
        metadata=_metadata(),
    )
    rows["file"] = DataFile.objects.create(
        table=rows["table"], path="s3://nowhere/a.parquet", tier=hot, size=1, records=1
    )
    photos = make_dataset("hidden-photos", kind="collection", domain=base.sales)
    rows["photos"] = photos
    rows["object"] = CollectionObject.objects.create(
        dataset=photos,
        key="a.png",
        uri="s3://nowhere/a.png",
        tier=hot,
        size=1,
        sha256="0" * 64,
        media_type="image/png",
    )
    rows["movement"] = Movement.objects.create(
        table=rows["table"],
        source_uri="s3://nowhere/a.parquet",
        target_uri="s3://cold/a.parquet",
        source_tier=hot,
        target_tier=cold,
        size=1,
        planned_at=utc_now(),
    )
    rows["tier_policy"] = TierPolicy.objects.create(
        dataset=base.passengers, condition={"idle_days": 1}, target=cold
    )
    rows["tiering_run"] = TieringRun.objects.create(dataset=base.passengers)

"""A training run: governed read, one version, lineage; a lost worker's run is found again."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction

from catalog.models import Dataset, DatasetEdge, FieldEdge, Run
from core.clock import utc_now
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.models import DatasetUserGrant, DomainUserGrant
from serving.models import TrainingRun, TrainingState
from serving.services.training import (
    MAX_ATTEMPTS,
    request_training,
    run_training,
    sweep_training_runs,
)
from serving.training import TrainingSpec
from storage.services.namespaces import DOMAIN_PROPERTY
from storage.tables.catalog import LakewardenCatalog
from tests.factories.catalog import make_domain
from tests.factories.identity import make_actors
from tests.factories.storage import make_tiers
from tests.serving.test_training import make_table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("object_buckets")]


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def domain(actors):
    return make_domain(stewards=[actors.owner])


@pytest.fixture
def table(actors, domain, unique) -> str:
    """A feature table that belongs to the owner."""
    make_tiers()
    rows = make_table()
    with transaction.atomic():
        catalog = LakewardenCatalog(owner=actors.owner)
        catalog.create_namespace(unique, {DOMAIN_PROPERTY: domain.slug})
        catalog.create_table(f"{unique}.features", rows.schema).append(rows)
    return f"{unique}.features"


def make_spec(table: str, **changes) -> TrainingSpec:
    values = {
        "namespace": "lakewarden",
        "dataset": table,
        "features": ("delay", "origin", "hour"),
        "label": "late",
        "algorithm": "logistic_regression",
    }
    return TrainingSpec(**{**values, **changes})


def request(actor, domain, table, unique, **changes) -> TrainingRun:
    return request_training(
        actor=actor, model_name=unique, domain=domain, spec=make_spec(table, **changes)
    )


def grant(user, dataset, action: str) -> None:
    permission = Permission.objects.get(codename=f"{action}_dataset")
    DatasetUserGrant.objects.create(user=user, content_object=dataset, permission=permission)


def test_a_run_gives_a_version_with_metrics_and_lineage(actors, domain, table, unique):
    run = request(actors.owner, domain, table, unique)
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.error) == (TrainingState.SUCCEEDED, "")
    version = run.version
    assert version is not None
    assert (version.number, version.run_uuid, version.metrics) == (1, run.uuid, run.metrics)
    assert run.metrics["accuracy"] > run.metrics["baseline_accuracy"]
    assert [each["name"] for each in version.inputs] == ["delay", "origin", "hour"]
    edges = DatasetEdge.objects.filter(job__name=f"train.{unique}")
    assert set(edges.values_list("dataset__name", "direction")) == {
        (table, "input"),
        (unique, "output"),
    }
    sources = FieldEdge.objects.filter(target__dataset=version.dataset, target__name="label")
    assert set(sources.values_list("source__name", "type")) == {
        ("delay", "DIRECT"),
        ("origin", "DIRECT"),
        ("hour", "DIRECT"),
        ("late", "INDIRECT"),
    }
    assert Run.objects.get(uuid=run.uuid).state == "COMPLETED"


def test_a_run_that_is_done_is_left_alone(actors, domain, table, unique):
    run = request(actors.owner, domain, table, unique)
    run_training(run_uuid=run.uuid)
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.attempts, run.version.dataset.model_versions.count()) == (1, 1)


def test_the_same_data_again_is_the_same_version(actors, domain, table, unique):
    runs = [request(actors.owner, domain, table, unique) for _ in range(2)]
    for run in runs:
        run_training(run_uuid=run.uuid)
        run.refresh_from_db()
    assert [run.version.number for run in runs] == [1, 1]
    assert {Run.objects.get(uuid=run.uuid).state for run in runs} == {"COMPLETED"}


def test_who_may_not_read_may_not_train(actors, domain, table, unique):
    for actor in (actors.team_mate, actors.outsider):
        with pytest.raises(NotFoundError):
            request(actor, domain, table, unique)
    assert not TrainingRun.objects.exists()


def test_who_may_discover_only_is_refused_with_a_reason(actors, domain, table, unique):
    dataset = Dataset.objects.get(namespace="lakewarden", name=table)
    grant(actors.team_mate, dataset, "manage")
    with pytest.raises(PermissionDeniedError):
        request(actors.team_mate, domain, table, unique)


def test_a_right_that_ended_before_the_run_fails_it(actors, domain, table, unique):
    dataset = Dataset.objects.get(namespace="lakewarden", name=table)
    grant(actors.team_mate, dataset, "read")
    run = request(actors.team_mate, domain, table, unique)
    DatasetUserGrant.objects.filter(user=actors.team_mate).delete()
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.version) == (TrainingState.FAILED, None)
    assert Run.objects.get(uuid=run.uuid).state == "FAILED"


def test_who_reads_but_may_not_write_the_domain_registers_nothing(actors, domain, table, unique):
    dataset = Dataset.objects.get(namespace="lakewarden", name=table)
    grant(actors.team_mate, dataset, "read")
    run = request(actors.team_mate, domain, table, unique)
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.error) == (
        TrainingState.FAILED,
        "this needs `write` or `manage` on it or its domain",
    )
    permission = Permission.objects.get(codename="write_domain")
    DomainUserGrant.objects.create(
        user=actors.team_mate, content_object=domain, permission=permission
    )
    run = request(actors.team_mate, domain, table, unique)
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert run.state == TrainingState.SUCCEEDED


def test_an_unknown_column_is_named(actors, domain, table, unique):
    with pytest.raises(InvalidInputError) as caught:
        request(actors.owner, domain, table, unique, features=("delay", "nothing"))
    assert caught.value.data["pointer"] == "/features/1"


def test_a_run_that_cannot_give_a_model_says_why(actors, domain, table, unique):
    run = request(actors.owner, domain, table, unique, max_rows=20, label="arrival")
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert run.state == TrainingState.FAILED
    assert run.error.startswith("label `arrival` needs 2 to 100 classes")


def test_a_lost_run_is_queued_again_and_given_up_after_three(actors, domain, table, unique):
    run = request(actors.owner, domain, table, unique)
    lost = {"state": TrainingState.RUNNING, "lease_expires_at": utc_now() - timedelta(seconds=1)}
    TrainingRun.objects.filter(pk=run.pk).update(attempts=1, **lost)
    assert sweep_training_runs() == 1
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.attempts) == (TrainingState.SUCCEEDED, 2)
    TrainingRun.objects.filter(pk=run.pk).update(attempts=MAX_ATTEMPTS, **lost)
    sweep_training_runs()
    run.refresh_from_db()
    assert (run.state, run.error) == (TrainingState.FAILED, "the worker was lost 3 times")


def test_a_run_under_a_lease_is_not_taken(actors, domain, table, unique):
    run = request(actors.owner, domain, table, unique)
    TrainingRun.objects.filter(pk=run.pk).update(
        state=TrainingState.RUNNING, lease_expires_at=utc_now() + timedelta(minutes=1)
    )
    run_training(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.attempts) == (TrainingState.RUNNING, 0)

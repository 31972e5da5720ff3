"""Registering: checked, stored, cataloged, with lineage and audit in one transaction; and by whom."""

import pytest

from catalog.models import Dataset, DatasetEdge, FieldEdge
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.auditing.reading import read_record
from governance.models import AuditRecord
from serving.artifacts import load_artifact, sha256_of
from serving.errors import InvalidModelError
from serving.models import ModelVersion
from serving.services.registry import Provenance, register_model, set_alias
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import make_actors
from tests.factories.serving import linear_model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("object_buckets")]


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def domain(actors):
    return make_domain(stewards=[actors.owner])


@pytest.fixture
def features(actors, domain):
    return make_dataset(
        fields=[("distance", "double"), ("late", "boolean")], owners=[actors.owner], domain=domain
    )


def register(actor, name, domain, **changes) -> ModelVersion:
    values = {"artifact": linear_model(), "provenance": Provenance(), **changes}
    return register_model(actor=actor, name=name, domain=domain, **values)


def test_a_registered_model_is_a_dataset_with_an_artifact(actors, domain, features, unique):
    artifact = linear_model()
    version = register(
        actors.owner,
        unique,
        domain,
        metrics={"r2": 0.5},
        provenance=Provenance(datasets=[features], features=["distance"], label="late"),
    )
    assert (version.number, version.size, version.sha256) == (1, len(artifact), sha256_of(artifact))
    assert load_artifact(version.uri, sha256=version.sha256) == artifact
    model = version.dataset
    assert (model.namespace, model.name, model.kind) == ("lakewarden-models", unique, "model")
    assert (model.structure, model.domain) == ("unstructured", domain)
    assert list(model.fields.values_list("name", "type")) == [("y", "float")]
    assert [each.user for each in model.owners.all()] == [actors.owner]
    assert list(version.training_datasets.all()) == [features]


def test_lineage_goes_from_the_features_to_the_outputs(actors, domain, features, unique):
    version = register(
        actors.owner,
        unique,
        domain,
        provenance=Provenance(datasets=[features], features=["distance"], label="late"),
    )
    edges = DatasetEdge.objects.filter(job__name=f"train.{unique}")
    assert set(edges.values_list("dataset__name", "direction")) == {
        (features.name, "input"),
        (unique, "output"),
    }
    field_edges = FieldEdge.objects.filter(target__dataset=version.dataset)
    assert set(field_edges.values_list("source__name", "target__name", "type")) == {
        ("distance", "y", "DIRECT"),
        ("late", "y", "INDIRECT"),
    }


def test_registering_is_audited(actors, domain, unique):
    register(actors.owner, unique, domain)
    record = AuditRecord.objects.get(action="model.register")
    assert (read_record(record).actor, record.resource) == (
        actors.owner.username,
        f"dataset:lakewarden-models:{unique}",
    )


def test_versions_are_numbered_and_the_same_artifact_is_the_same_version(actors, domain, unique):
    first = register(actors.owner, unique, domain)
    second = register(actors.owner, unique, domain, artifact=linear_model(bias=1.0))
    again = register(actors.owner, unique, domain)
    assert [first.number, second.number, again.number] == [1, 2, 1]
    assert Dataset.objects.filter(name=unique).count() == 1


def test_an_alias_is_borne_by_one_version(actors, domain, unique):
    first = register(actors.owner, unique, domain)
    second = register(actors.owner, unique, domain, artifact=linear_model(bias=1.0))
    set_alias(first, alias="champion", actor=actors.owner)
    set_alias(second, alias="champion", actor=actors.owner)
    aliases = ModelVersion.objects.filter(dataset__name=unique).values_list("number", "alias")
    assert dict(aliases) == {1: "", 2: "champion"}
    with pytest.raises(InvalidInputError):
        set_alias(second, alias="Not an alias", actor=actors.owner)


def test_without_a_right_on_the_domain_nothing_is_registered(actors, domain, unique):
    for actor in (actors.team_mate, actors.outsider):
        with pytest.raises(PermissionDeniedError):
            register(actor, unique, domain)
    assert not Dataset.objects.filter(name=unique).exists()


def test_nobody_else_adds_a_version_or_moves_an_alias(actors, domain, unique):
    version = register(actors.owner, unique, domain)
    for actor in (actors.team_mate, actors.outsider):
        with pytest.raises(PermissionDeniedError):
            register(actor, unique, domain, artifact=linear_model(bias=2.0))
        with pytest.raises(NotFoundError):
            set_alias(version, alias="champion", actor=actor)
    assert version.dataset.model_versions.count() == 1


def test_training_data_must_be_readable_by_who_registers(actors, domain, unique):
    hidden = make_dataset(owners=[actors.outsider])
    with pytest.raises(NotFoundError):
        register(actors.owner, unique, domain, provenance=Provenance(datasets=[hidden]))


def test_a_broken_artifact_leaves_nothing_behind(actors, domain, unique):
    with pytest.raises(InvalidModelError):
        register(actors.owner, unique, domain, artifact=b"broken")
    assert not Dataset.objects.filter(name=unique).exists()


@pytest.mark.parametrize("name", ["", "../x", "a/b", "UPPER", "x" * 101, "a b"])
def test_a_name_is_a_plain_word(actors, domain, name):
    with pytest.raises(InvalidInputError):
        register(actors.owner, name, domain)

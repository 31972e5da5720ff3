"""Where labels stop, by the API: who answers for the source decides, and nobody else learns of it."""

import pytest

from catalog.models import FieldEdge
from governance.auditing.reading import read_record
from governance.facts import load_columns
from governance.models import AuditRecord
from governance.policy.types import Action
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant, make_world
from tests.factories.identity import api_client

pytestmark = pytest.mark.django_db
URL = "/api/v1/declassifications"
JSON = {"content_type": "application/json"}


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def derived(world):
    """A field that inherits the label of `email`; the steward of the source may know of it."""
    dataset = make_dataset("mart.hashes", fields=[("hash", "string")], domain=world.hr)
    source = world.passengers.fields.get(name="email")
    FieldEdge.objects.create(source=source, target=dataset.fields.get(), type="DIRECT")
    make_grant(world.steward, dataset, Action.VIEW_METADATA)
    return dataset


def labels_of(dataset):
    return {tag for each in load_columns([dataset.pk])[dataset.pk] for tag in each.tags}


def body(world, derived, **change):
    source = world.passengers.fields.get(name="email")
    return {
        "source_field": str(source.uuid),
        "target_field": str(derived.fields.get().uuid),
        "reason": "hashed with a secret",
    } | change


def test_the_steward_of_the_source_stops_a_label_and_lets_it_flow_again(world, derived):
    assert labels_of(derived) == {"pii.email"}
    steward = api_client(world.steward)
    made = steward.post(URL, body(world, derived), **JSON)
    assert (made.status_code, made.json()["approved_by"]) == (201, "steward")
    assert labels_of(derived) == set()
    assert steward.post(URL, body(world, derived), **JSON).status_code == 409
    assert [row["target_name"] for row in steward.get(URL).json()["items"]] == ["hash"]
    assert steward.delete(f"{URL}/{made.json()['id']}").status_code == 204
    assert labels_of(derived) == {"pii.email"}
    actions = AuditRecord.objects.filter(action__startswith="label.").order_by("pk")
    assert [(read_record(each).actor, each.action) for each in actions] == [
        ("steward", "label.declassify"),
        ("steward", "label.reclassify"),
    ]


def test_nobody_else_does_or_learns_of_it(world, derived):
    made = api_client(world.steward).post(URL, body(world, derived), **JSON).json()
    statuses = {}
    for name in ("hr_steward", "analyst", "outsider"):
        client = api_client(getattr(world, name))
        statuses[name] = (
            client.post(URL, body(world, derived), **JSON).status_code,
            client.get(f"{URL}/{made['id']}").status_code,
            client.delete(f"{URL}/{made['id']}").status_code,
            len(client.get(URL).json()["items"]),
        )
    assert statuses == dict.fromkeys(("hr_steward", "analyst", "outsider"), (404, 404, 404, 0))
    assert labels_of(derived) == set()


def test_a_reason_is_needed(world, derived):
    answer = api_client(world.steward).post(URL, body(world, derived, reason=" "), **JSON)
    assert answer.status_code == 400

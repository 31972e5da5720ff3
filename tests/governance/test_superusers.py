"""What would open data to a superuser without breaking the glass is refused them, or recorded as done by their role."""

import io
import json

import pytest
import yaml
from django.core.management import call_command
from django.urls import reverse

from catalog.models import DatasetOwner
from governance.models import AuditRecord
from governance.policy.roles import SUPERUSER
from governance.policy.types import Action
from governance.queries import decide_on, principal_of
from tests.factories.audit import payload_of
from tests.factories.governance import World, make_world
from tests.factories.identity import PASSWORD, api_client, make_service, page_client

pytestmark = pytest.mark.django_db(transaction=True)
IMPORT = "/api/v1/catalog/import"


@pytest.fixture
def world() -> World:
    return make_world()


def newest(action: str) -> AuditRecord:
    return AuditRecord.objects.filter(action=action).latest("pk")


def roles_of(action: str) -> list[str | None]:
    records = AuditRecord.objects.filter(action=action).order_by("pk")
    return [payload_of(each).get("by_role") for each in records]


def owned_line(world: World, owner: str) -> dict:
    return {
        "kind": "dataset",
        "namespace": world.salaries.namespace,
        "name": world.salaries.name,
        "owners": [{"kind": "user", "name": owner}],
    }


def import_line(client, line: dict) -> str:
    answer = client.post(IMPORT, json.dumps(line), content_type="application/x-ndjson")
    return b"".join(answer).decode()


def may_read(user, dataset) -> bool:
    return decide_on(principal_of(user), Action.READ, dataset).allowed


def test_being_a_superuser_reads_nothing(world):
    assert not may_read(world.superuser, world.salaries)


@pytest.mark.parametrize("who", ["superuser", "hr_steward"])
def test_nobody_makes_themselves_an_owner_by_an_import(world, who):
    importer = getattr(world, who)
    told = import_line(api_client(importer), owned_line(world, importer.username))
    assert "nobody makes themselves or their own group an owner" in told
    assert not DatasetOwner.objects.filter(dataset=world.salaries).exists()
    assert not may_read(importer, world.salaries)


def test_nor_their_group(world):
    group = world.superuser.groups.create(name="keepers")
    line = owned_line(world, "") | {"owners": [{"kind": "group", "name": group.name}]}
    assert "nobody makes themselves" in import_line(api_client(world.superuser), line)
    assert not DatasetOwner.objects.filter(dataset=world.salaries).exists()


def test_who_owns_a_dataset_imports_it_with_themselves_as_owner(world):
    DatasetOwner.objects.create(dataset=world.salaries, user=world.hr_steward)
    import_line(api_client(world.hr_steward), owned_line(world, world.hr_steward.username))
    assert [each.user for each in world.salaries.owners.all()] == [world.hr_steward]


def test_a_superusers_import_names_the_role_and_a_stewards_does_not(world):
    for importer in (world.superuser, world.hr_steward):
        import_line(api_client(importer), owned_line(world, world.analyst.username))
    assert [each.user for each in world.salaries.owners.all()] == [world.analyst]
    assert roles_of("catalog.import") == [SUPERUSER, None]


def test_a_superusers_policy_names_the_role_by_api_and_by_command(world, tmp_path):
    document = {
        "name": "open-to-root",
        "applies_to": {"kind": ["table"]},
        "subjects": {"users": [world.superuser.username]},
        "effect": {"allow": "read"},
    }
    answer = api_client(world.superuser).post(
        "/api/v1/policies", document, content_type="application/json"
    )
    assert answer.status_code == 201
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump({**document, "description": "again"}))
    arguments = ["policy", "apply", str(path), "--by", world.superuser.username]
    call_command(*arguments, stdout=io.StringIO())
    assert set(roles_of("policy.draft")) == {SUPERUSER}
    assert set(roles_of("policy.publish")) == {SUPERUSER}


def test_a_superusers_token_for_a_program_names_the_role(world):
    robot = make_service("robot", responsible=world.hr_steward)
    answer = api_client(world.superuser).post(
        "/api/v1/tokens",
        {"name": "t", "scopes": ["read"], "username": robot.username},
        content_type="application/json",
    )
    assert answer.status_code == 201, answer.content
    assert payload_of(newest("token.create"))["by_role"] == SUPERUSER


def test_a_password_that_a_superuser_sets_names_the_role(world):
    url = reverse("admin:auth_user_password_change", args=[world.analyst.pk])
    answer = page_client(world.superuser).post(
        url, {"password1": f"{PASSWORD} 2", "password2": f"{PASSWORD} 2"}
    )
    assert answer.status_code == 302
    assert payload_of(newest("user.change_password"))["by_role"] == SUPERUSER

"""Every registered admin, as the steward of another domain: nothing of it is listed, opened, changed, removed or named.

And as a superuser: what they do to others' things is recorded with the role by which they did it.
"""

import pytest
from django.contrib import admin
from django.urls import reverse

import config.urls  # noqa: F401 - finds the admin pages
from catalog.models import Dataset, DatasetTag, Domain
from governance.models import AuditRecord, DatasetUserGrant
from identity.models import ApiToken, User
from tests.admin.test_reach import SUPERUSER_ONLY, change, changelist, form_data
from tests.api.small_world import SmallWorld, make_small_world
from tests.factories.audit import audited_by, payload_of
from tests.factories.identity import make_service, page_client

pytestmark = pytest.mark.django_db

# Whose rows every member of the staff may look at: names of people, words, places; none of them tells of a dataset.
FOR_ALL_STAFF = {"user", "group", "tag", "storagelocation", "tier"}
# Django leads from a row that is not in the list to the start page, whether the row is there or not.
REFUSALS = {302, 403, 404}


@pytest.fixture(scope="module")
def small_world(django_db_setup, django_db_blocker) -> SmallWorld:
    """A world in which everything is of the domain Sales: rolled back when the module is done."""
    from django.db import transaction

    with django_db_blocker.unblock():
        atomic = transaction.atomic()
        atomic.__enter__()
        try:
            yield make_small_world()
        finally:
            transaction.set_rollback(True)
            atomic.__exit__(None, None, None)


def rows_of_sales(world: SmallWorld) -> dict[type, object]:
    """A row of each registered model that belongs to Sales, by its model."""
    found = {type(row): row for row in world.rows.values() if type(row) in admin.site._registry}
    found[Domain], found[Dataset] = world.base.sales, world.base.passengers
    return {
        model: row
        for model, row in found.items()
        if model._meta.model_name not in FOR_ALL_STAFF | SUPERUSER_ONLY
    }


def test_another_steward_finds_no_trace_of_a_row_in_any_admin(small_world):
    """Each page of each row, and each bulk action on it; nothing changes, and nothing is recorded as done."""
    rows = rows_of_sales(small_world)
    assert len(rows) >= 15
    client = page_client(small_world.base.hr_steward)
    for model, row in rows.items():
        name = model._meta.label_lower
        before = model._default_manager.filter(pk=row.pk).values().get()
        listing = client.get(changelist(model))
        assert (name, row in listing.context["cl"].queryset) == (name, False)
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for page in ("change", "delete", "history"):
            url = reverse(f"{base}_{page}", args=[row.pk])
            for answer in (client.get(url), client.post(url, {"post": "yes"})):
                assert (name, page, answer.status_code in REFUSALS) == (name, page, True)
                assert answer.get("Location", "/admin/") == "/admin/"
        for action in admin.site._registry[model].get_actions(listing.wsgi_request):
            chosen = {"action": action, "_selected_action": [row.pk], "post": "yes"}
            client.post(changelist(model), chosen)
        assert model._default_manager.filter(pk=row.pk).values().get() == before
    assert not audited_by("hr-steward").exists()


def test_autocomplete_names_nothing_of_another_domain(small_world):
    """Each form that offers datasets, domains, fields or terms, asked by the steward of HR."""
    client = page_client(small_world.base.hr_steward)
    asked = 0
    for model, model_admin in admin.site._registry.items():
        if model._meta.model_name in SUPERUSER_ONLY:
            continue
        for name in model_admin.get_autocomplete_fields(client.get("/admin/").wsgi_request):
            answer = client.get(
                reverse("admin:autocomplete"),
                {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "field_name": name,
                },
            )
            texts = [each["text"] for each in answer.json()["results"]]
            hidden = [each for each in texts if "passengers" in each or "hidden-" in each]
            # Accounts are named to all of the staff: those of programs too.
            assert (model, name, [each for each in hidden if each != "hidden-robot"]) == (
                model,
                name,
                [],
            )
            asked += 1
    assert asked >= 8


def by_role(action: str) -> list[str | None]:
    records = AuditRecord.objects.filter(action=action).order_by("pk")
    return [payload_of(each).get("by_role") for each in records]


def test_what_a_superuser_does_in_the_admin_names_the_role(small_world):
    world = small_world.base
    client = page_client(world.superuser)
    url = change(world.salaries)
    told = form_data(client.get(url)) | {"description": "What people earn"}
    assert client.post(url, told).status_code == 302
    assert by_role("dataset.describe") == ["superuser"]
    terms = {"user": world.analyst.pk, "content_object": world.salaries.pk, "action": "discover"}
    assert client.post(changelist(DatasetUserGrant) + "add/", terms).status_code == 302
    grant = DatasetUserGrant.objects.get(user=world.analyst, content_object=world.salaries)
    client.post(reverse("admin:governance_datasetusergrant_delete", args=[grant.pk]), {"post": "y"})
    assert by_role("grant.create")[-1] == "superuser"
    assert by_role("grant.revoke") == ["superuser"]


def test_what_a_superuser_does_by_the_api_names_the_role_and_a_stewards_does_not(small_world):
    world = small_world.base
    for user, role in ((world.superuser, "superuser"), (world.hr_steward, None)):
        client = page_client(user)
        tag = f"/api/v1/catalog/datasets/{world.salaries.uuid}/tags/of-{user.username}"
        assert client.put(tag).status_code in (200, 201, 204)
        assert by_role("dataset.tag")[-1] == role
        b"".join(client.get("/api/v1/catalog/export").streaming_content)
        assert by_role("catalog.export")[-1] == role
    assert DatasetTag.objects.filter(dataset=world.salaries).count() == 2


def test_who_answers_for_a_program_makes_and_revokes_its_tokens_in_the_admin(small_world):
    world = small_world.base
    robot = make_service("hr-robot", responsible=world.hr_steward)
    client = page_client(world.hr_steward)
    add = changelist(ApiToken) + "add/"
    data = {"name": "nightly", "scopes": ["read"], "days": "7"}
    assert client.post(add, data | {"user": robot.pk}).status_code == 200
    hidden = small_world.rows["robot"]
    client.post(add, data | {"user": hidden.pk})
    assert [each.user for each in ApiToken.objects.filter(name="nightly")] == [robot]
    token = ApiToken.objects.get(name="nightly")
    listing = client.get(changelist(ApiToken)).context["cl"].queryset
    assert [*listing] == [token]
    client.post(changelist(ApiToken), {"action": "revoke", "_selected_action": [token.pk]})
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_orphans_are_filtered_in_the_admin(small_world):
    world = small_world.base
    url = changelist(User) + "?orphaned=1"
    client = page_client(world.superuser)
    assert [*client.get(url).context["cl"].queryset] == []
    User.objects.filter(pk=world.owner.pk).update(is_active=False)
    assert [*client.get(url).context["cl"].queryset] == [small_world.rows["robot"]]

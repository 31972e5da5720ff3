"""Every changelist and change page of the admin, as steward, other steward, team-mate without the admin, and superuser."""

import pytest
from django.contrib import admin
from django.urls import reverse

import config.urls  # noqa: F401 - finds the admin pages
from catalog.models import Dataset
from storage.models import TierPolicy
from tests.factories.governance import make_grant, make_request, make_world
from tests.factories.identity import api_client, page_client

pytestmark = pytest.mark.django_db

MODELS = [*admin.site._registry]
SUPERUSER_ONLY = {
    "catalogimport",
    "propertydefinition",
    "job",
    "run",
    "runevent",
    "auditrecord",
    "auditcheckpoint",
    "delegation",
    "retentionrule",
    "legalhold",
    "erasurerequest",
    "webhookendpoint",
    "webhookdelivery",
    "auditsubject",
    "auditsegment",
}


def changelist(model) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change(obj) -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])


@pytest.fixture
def world():
    return make_world()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_each_list_opens_for_those_it_is_for(model, world):
    for_all_staff = model._meta.model_name not in SUPERUSER_ONLY
    url = changelist(model)
    assert page_client(world.superuser).get(url).status_code == 200
    assert page_client(world.superuser).get(url, {"q": "a"}).status_code == 200
    assert page_client(world.steward).get(url).status_code == (200 if for_all_staff else 403)
    assert page_client(world.analyst).get(url).status_code == 302


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_each_add_page_opens_or_is_refused(model, world):
    url = changelist(model) + "add/"
    model_admin = admin.site.get_model_admin(model)
    for user in (world.superuser, world.steward):
        client = page_client(user)
        response = client.get(url)
        request = response.wsgi_request
        assert response.status_code == (200 if model_admin.has_add_permission(request) else 403)
    assert page_client(world.analyst).get(url).status_code == 302


def test_a_steward_sees_the_own_domain_only(world):
    response = page_client(world.steward).get(changelist(Dataset))
    assert [row.name for row in response.context["cl"].queryset] == ["curated.passengers"]
    body = response.content.decode()
    assert "curated.passengers" in body
    assert "hr.salaries" not in body
    assert ">HR<" not in body  # not the letters alone: the page holds random tokens


@pytest.mark.parametrize("name", ["domain", "dataset", "field", "grant", "request"])
def test_another_stewards_rows_cannot_be_opened_or_changed(name, world):
    make_grant(world.analyst, world.salaries, "discover")
    rows = {
        "domain": world.hr,
        "dataset": world.salaries,
        "field": world.salaries.fields.get(),
        "grant": make_grant(world.owner, world.salaries),
        "request": make_request(world.analyst, world.salaries),
    }
    url = change(rows[name])
    assert page_client(world.hr_steward).get(url).status_code == 200
    # Django answers a row that is not in the viewer's list with the start page, whether it is there or not.
    response = page_client(world.steward).get(url)
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    # A grant is never changed, so there every POST is refused alike.
    response = page_client(world.steward).post(url)
    assert response.status_code == (403 if name == "grant" else 302)
    assert page_client(world.outsider).get(url)["Location"].startswith("/admin/login/")


def test_a_forged_domain_is_refused_by_the_form(world):
    client = page_client(world.steward)
    url = change(world.passengers)
    page = client.get(url)
    data = form_data(page) | {"domain": str(world.hr.pk), "description": "moved"}
    response = client.post(url, data)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors.keys() == {"domain"}
    world.passengers.refresh_from_db()
    assert (world.passengers.domain, world.passengers.description) == (
        world.sales,
        "Passengers with their flights",
    )


def test_autocomplete_offers_only_what_one_manages(world):
    query = {"app_label": "storage", "model_name": "tierpolicy", "field_name": "dataset"}
    results = page_client(world.steward).get(reverse("admin:autocomplete"), query).json()["results"]
    assert [each["text"] for each in results] == ["lakewarden:curated.passengers"]


def test_history_of_another_domain_is_not_shown(world):
    url = reverse("admin:catalog_dataset_history", args=[world.salaries.pk])
    assert page_client(world.hr_steward).get(url).status_code == 200
    response = page_client(world.steward).get(url)
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_a_token_opens_no_page(world):
    client = api_client(world.superuser)
    assert client.get(changelist(Dataset)).status_code == 403
    assert client.get(reverse("web:home")).status_code == 403


def test_the_admin_has_no_sign_in_of_its_own(world):
    response = page_client(world.outsider).get("/admin/login/")
    assert response.status_code == 403


def form_data(page) -> dict:
    """What a browser would send back from a change page without a change."""
    data = {}
    forms = [page.context["adminform"].form]
    for each in page.context["inline_admin_formsets"]:
        forms += [each.formset.management_form, *each.formset.forms]
    for form in forms:
        for name in form.fields:
            value = form.get_initial_for_field(form.fields[name], name)
            data[form.add_prefix(name)] = "" if value is None else form[name].value()
    return {key: "" if value is None else value for key, value in data.items()}


@pytest.mark.parametrize("value", [":", "9" * 40, "1,2", "x"])
def test_a_link_with_a_key_that_no_row_has_opens_an_empty_form(value, world):
    url = changelist(TierPolicy) + "add/"
    for user in (world.superuser, world.steward):
        assert page_client(user).get(url, {"dataset": value, "nothing": "x"}).status_code == 200

"""Glossary and products in the admin: for the stewards of their domain, through the services."""

import pytest
from django.urls import reverse

from catalog.models import DataProduct, DatasetTerm, GlossaryTerm, PropertyDefinition
from catalog.services.glossary import create_term
from catalog.services.products import add_port, create_product
from tests.admin.test_reach import change, changelist, form_data
from tests.admin.test_writes import actions_of
from tests.factories.governance import make_world
from tests.factories.identity import page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


def test_a_steward_writes_the_words_of_the_own_domain(world):
    client = page_client(world.steward)
    url = changelist(GlossaryTerm) + "add/"
    page = client.get(url)
    data = form_data(page) | {"domain": str(world.hr.pk), "name": "Pay", "synonyms": "[]"}
    assert client.post(url, data).context["adminform"].form.errors.keys() == {"domain"}
    answer = client.post(url, data | {"domain": str(world.sales.pk)})
    assert answer.status_code == 302, answer.context["errors"]
    term = GlossaryTerm.objects.get()
    assert (term.name, term.domain) == ("Pay", world.sales)
    edit = form_data(client.get(change(term))) | {"definition": "Money for work", "synonyms": "[]"}
    assert client.post(change(term), edit).status_code == 302
    term.refresh_from_db()
    assert term.definition == "Money for work"
    assert client.post(change(term).replace("change", "delete"), {"post": "yes"}).status_code == 302
    assert actions_of("steward") == ["term.create", "term.change", "term.delete"]


def test_a_fault_is_told_on_the_form(world):
    create_term(domain=world.sales, name="Pay", actor="t")
    client = page_client(world.steward)
    url = changelist(GlossaryTerm) + "add/"
    data = form_data(client.get(url)) | {
        "domain": str(world.sales.pk),
        "name": "pay",
        "synonyms": "[]",
    }
    client.post(url, data)
    assert GlossaryTerm.objects.count() == 1


@pytest.mark.parametrize("model", [GlossaryTerm, DataProduct], ids=["term", "product"])
def test_another_stewards_words_are_not_shown(model, world):
    make = create_term if model is GlossaryTerm else create_product
    row = make(domain=world.hr, name="Secret word", actor="t")
    listed = page_client(world.steward).get(changelist(model))
    assert "Secret word" not in listed.content.decode()
    for path in (
        change(row),
        reverse(f"admin:catalog_{model._meta.model_name}_history", args=[row.pk]),
    ):
        response = page_client(world.steward).get(path)
        assert (response.status_code, response["Location"]) == (302, "/admin/")
        assert page_client(world.hr_steward).get(path).status_code == 200
        assert page_client(world.outsider).get(path)["Location"].startswith("/admin/login/")


def test_a_term_that_one_may_not_know_of_cannot_be_put_on_a_dataset(world):
    hidden = create_term(domain=world.hr, name="Secret word", actor="t")
    known = create_term(domain=world.sales, name="Guest", actor="t")
    client = page_client(world.steward)
    url = change(world.passengers)
    data = form_data(client.get(url)) | {
        "dataset_terms-TOTAL_FORMS": "1",
        "dataset_terms-0-dataset": str(world.passengers.pk),
        "dataset_terms-0-term": str(hidden.pk),
    }
    assert client.post(url, data).status_code == 200
    assert client.post(url, data | {"dataset_terms-0-term": str(known.pk)}).status_code == 302
    assert [*DatasetTerm.objects.values_list("term__name", flat=True)] == ["Guest"]
    assert actions_of("steward") == ["dataset.link_term"]


def test_ports_that_one_may_not_know_of_are_left_out(world):
    product = create_product(domain=world.sales, name="Guests", actor="t")
    for row in (world.passengers, world.salaries):
        add_port(product, dataset=row, actor="t")
    page = page_client(world.steward).get(change(product)).content.decode()
    assert world.passengers.name in page
    assert world.salaries.name not in page
    assert world.salaries.name in page_client(world.superuser).get(change(product)).content.decode()


def test_properties_are_declared_by_superusers(world):
    client = page_client(world.superuser)
    url = changelist(PropertyDefinition) + "add/"
    data = form_data(client.get(url)) | {
        "name": "retention.days",
        "applies_to": "dataset",
        "schema": '{"type": "integer"}',
    }
    assert client.post(url, data).status_code == 302
    row = PropertyDefinition.objects.get()
    assert row.schema == {"type": "integer"}
    edit = form_data(client.get(change(row))) | {"schema": '{"type": "nonsense"}'}
    client.post(change(row), edit)
    row.refresh_from_db()
    assert row.schema == {"type": "integer"}
    assert actions_of("root") == ["property.define"]

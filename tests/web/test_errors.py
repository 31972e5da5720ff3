"""What goes wrong is told on a page, without a trace and without what the viewer may not know."""

import pytest
from django.test import Client
from django.urls import reverse

from catalog.services.datasets import describe
from tests.factories.governance import make_world
from tests.factories.identity import make_user, page_client

pytestmark = pytest.mark.django_db


def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs():
    page = Client().get("/nowhere/")
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>Not found</h1>" in page.content.decode()
    assert Client().get("/api/v1/nowhere")["Content-Type"] == "application/problem+json"


def test_a_form_without_its_token_is_refused_in_words():
    client = Client(enforce_csrf_checks=True)
    page = client.post(reverse("web:sign-in"), {"username": "a", "password": "b"})
    assert page.status_code == 403
    assert "<h1>This form has expired</h1>" in page.content.decode()


def test_the_admin_is_closed_with_a_page():
    page = page_client(make_user()).get("/admin/", follow=True)
    assert page.status_code == 403
    assert "<h1>Not allowed</h1>" in page.content.decode()


def test_a_crash_shows_no_trace(monkeypatch):
    def crash(*args, **kwargs):
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr("web.views.audit._row", crash)
    world = make_world()
    client = page_client(world.superuser)
    client.raise_request_exception = False
    page = client.get(reverse("web:audit"))
    body = page.content.decode()
    assert page.status_code == 500
    assert "<h1>The server failed</h1>" in body
    assert "42" not in body
    assert "Traceback" not in body


def test_pages_allow_no_inline_script():
    policy = Client().get(reverse("web:sign-in"))["Content-Security-Policy"]
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in script


def test_text_of_others_is_escaped():
    world = make_world()
    describe(world.passengers, description="<script>alert(1)</script>", actor="owner")
    for path in (
        reverse("web:dataset", args=[world.passengers.uuid]),
        reverse("web:search") + "?q=alert",
        reverse("admin:catalog_dataset_change", args=[world.passengers.pk]),
    ):
        user = world.steward if path.startswith("/admin") else world.owner
        body = page_client(user).get(path).content.decode()
        assert "alert(1)" in body.replace("<mark>", "").replace("</mark>", "")
        assert "<script>alert" not in body.replace("<mark>", "").replace("</mark>", "")

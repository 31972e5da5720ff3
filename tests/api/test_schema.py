"""The OpenAPI document: valid, without warnings, and complete; its page needs nothing from elsewhere."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from tests.api.endpoints import all_endpoints
from tests.factories.identity import api_client, make_user, page_client

pytestmark = pytest.mark.django_db
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
def document():
    answer = api_client(make_user()).get("/api/v1/schema", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    return answer.json()


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield f"{method.upper()} {path}", item[method]


def test_the_document_is_openapi_3_1_and_valid(document):
    assert document["openapi"] == "3.1.0"
    validate_schema(document)


def test_each_reference_leads_somewhere(document):
    wanted = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert wanted - set(document["components"]["schemas"]) == set()


def test_each_operation_has_a_name_of_its_own_and_says_what_it_does(document):
    found = list(operations(document))
    names = [operation["operationId"] for _, operation in found]
    assert sorted(names) == sorted(set(names))
    silent = [name for name, each in found if not (each.get("summary") or each.get("description"))]
    assert silent == []


def test_each_operation_says_how_it_fails(document):
    assert [name for name, each in operations(document) if "default" not in each["responses"]] == []


def test_each_of_our_endpoints_is_in_the_document(document):
    written = {re.sub(r"\{\w+\}", "<>", path) for path in document["paths"]}
    ours = {
        "/" + re.sub(r"<\w+>", "<>", each.template)
        for each in all_endpoints()
        if each.is_api and not each.template.startswith(("iceberg/", "scim/", "v2"))
    }
    assert ours - written <= {"/api/v1/docs", "/api/v1/schema"}


def test_writing_the_document_warns_of_nothing():
    with GENERATOR_STATS.silence():
        call_command("spectacular", "--validate", stdout=StringIO(), stderr=StringIO())
        caches = (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache)
        assert [sorted(cache) for cache in caches] == [[], []]


def test_the_page_loads_nothing_from_elsewhere():
    answer = page_client(make_user()).get("/api/v1/docs", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "/api/v1/catalog/datasets" in page
    assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page) == []
    # Our Content-Security-Policy runs no inline script.
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "script-src 'self'" in answer["Content-Security-Policy"]

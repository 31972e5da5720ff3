"""Bodies, URLs, pages and texts that no client of good will sends: each is answered, none breaks the server."""

import io
import json
from types import SimpleNamespace

import orjson
import pytest
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.middleware import MAX_TARGET_LENGTH, BodyLimitMiddleware
from api.parsers import load_json
from core.errors import InvalidInputError, LimitExceededError
from core.limits import JSON_DEPTH, JSON_DEPTH_ICEBERG
from tests.api.endpoints import all_endpoints
from tests.factories.identity import api_client, make_user, page_client

JSON = {"content_type": "application/json"}
LISTS = [each.path({}) for each in all_endpoints() if not each.parameters]
PARAMETERS = [
    "q",
    "page_size",
    "cursor",
    "depth",
    "nodeId",
    "limit",
    "offset",
    "next",
    "parent",
    "kind",
    "state",
    "sort",
    "order",
    "tag",
    "domain",
    "namespace",
    "name",
    "dataset",
    "tier",
    "from",
    "to",
    "pageSize",
    "pageToken",
    "columns",
    "where",
    "purpose",
    "direction",
    "p",
    "o",
    "e",
]


@pytest.fixture
def admin(db):
    return make_user("root", is_superuser=True, is_staff=True)


def small_limit(settings, size: int) -> None:
    values = {**vars(django_settings.LAKEWARDEN), "max_body_bytes": size}
    settings.LAKEWARDEN = SimpleNamespace(**values)


def test_a_body_above_the_limit_is_refused_before_anybody_reads_it(admin, settings):
    small_limit(settings, 1024)
    client = api_client(admin)
    body = {"name": "x" * 2000, "scopes": ["read"], "days": 1}
    for path in (
        "/api/v1/tokens",
        "/api/v1/lineage",
        "/iceberg/v1/namespaces",
        "/v2/models/m/infer",
    ):
        answer = client.post(path, body, **JSON)
        assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
        assert answer.json()["limit"] == "body"
        assert answer.json()["max_bytes"] == 1024
    page = page_client(admin).post("/tokens/", {"name": "x" * 2000})
    assert (page.status_code, page["Content-Type"]) == (413, "text/html; charset=utf-8")


def chunked(body: bytes) -> WSGIRequest:
    """A request as granian hands on a chunked body: no `Content-Length`, a stream that ends by itself."""
    request = RequestFactory().post("/api/v1/lineage")
    del request.META["CONTENT_LENGTH"]
    stream = io.BytesIO(body)
    environ = {
        **request.META,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": stream,
    }
    request = WSGIRequest(environ)
    request.META["wsgi.input"] = stream
    return request


@pytest.mark.parametrize("size", [0, 1, 1023, 1024])
def test_a_chunked_body_within_the_limit_is_read_whole(size, settings):
    small_limit(settings, 1024)
    middleware = BodyLimitMiddleware(lambda request: HttpResponse(request.body))
    assert middleware(chunked(b"x" * size)).content == b"x" * size


@pytest.mark.parametrize("size", [1025, 1_000_000])
def test_a_chunked_body_above_the_limit_is_refused_after_the_limit(size, settings):
    small_limit(settings, 1024)
    request = chunked(b"x" * size)
    answer = BodyLimitMiddleware(lambda _: pytest.fail("read on"))(request)
    assert answer.status_code == 413
    assert request.META["wsgi.input"].tell() <= 1 << 16


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("depth", [JSON_DEPTH + 1, 1000, 1500, 100_000])
@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/api/v1/tokens", {413}),
        ("/api/v1/policies", {413}),
        ("/api/v1/lineage", {400, 413}),
        ("/iceberg/v1/namespaces", {400, 413}),
        ("/v2/models/m/infer", {400, 404, 413}),
    ],
)
def test_deep_json_is_refused(depth, path, statuses, admin):
    for body in (nested(depth), b'{"name":' + nested(depth) + b"}"):
        answer = api_client(admin).post(path, body, **JSON)
        assert answer.status_code in statuses


def test_json_is_read_up_to_the_depth():
    assert load_json(nested(JSON_DEPTH)) == json.loads(nested(JSON_DEPTH))
    with pytest.raises(LimitExceededError):
        load_json(nested(JSON_DEPTH + 1))


@pytest.mark.parametrize(
    ("depth", "status", "message"),
    [
        # the object of the body is a level of its own
        (JSON_DEPTH_ICEBERG - 1, 400, "`properties` must be an object of texts"),
        (JSON_DEPTH_ICEBERG, 413, "the JSON nests too deep"),
        (100_000, 413, "the JSON nests too deep"),
    ],
)
def test_iceberg_reads_deeper_and_says_where_it_stops(depth, status, message, admin):
    body = b'{"namespace":["a"],"properties":' + nested(depth) + b"}"
    answer = api_client(admin).post("/iceberg/v1/namespaces", body, **JSON)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)


@pytest.mark.parametrize(("levels", "status"), [(20, 200), (300, 413)])
def test_a_deep_iceberg_schema_is_answered(levels, status, admin, unique, object_buckets):
    client = api_client(admin)
    assert client.post("/iceberg/v1/namespaces", {"namespace": [unique]}, **JSON).status_code == 200
    kind = "long"
    for place in range(levels, 0, -1):
        field = {"id": place, "name": f"f{place}", "required": False, "type": kind}
        kind = {"type": "struct", "fields": [field]}
    body = json.dumps({"name": "deep", "schema": kind})
    answer = client.post(f"/iceberg/v1/namespaces/{unique}/tables", body, **JSON)
    assert answer.status_code == status


@pytest.mark.parametrize(
    "raw",
    [
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b'"\\ud800"',
        b'"\\u0000"',
        b'{"a": [{"b\\u0000": 1}]}',
        b'{"a": ["x", "\\u0000"]}',
        b'"\xff"',
        b"{",
        b"[1,]",
    ],
)
def test_json_that_postgresql_could_not_keep_is_refused(raw):
    with pytest.raises(InvalidInputError):
        load_json(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_without_nul_is_what_orjson_reads(value):
    try:
        raw = orjson.dumps(value)
    except TypeError:  # lone surrogates cannot even be written
        return
    if "\\u0000" in raw.decode():
        try:
            got = load_json(raw)
        except InvalidInputError:
            return
        # The six characters may also stand for themselves, behind a backslash.
        assert "\0" not in repr(got)
        return
    assert load_json(raw) == value


def test_of_equal_keys_the_last_one_counts():
    assert load_json(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("query", ["q=%00", "%00=1", "q=a%00b", "q=%ff", "q=%ed%a0%80", "q=%c0%80"])
@pytest.mark.parametrize(
    "path", ["/api/v1/search", "/api/v1/catalog/datasets", "/iceberg/v1/config"]
)
def test_a_query_that_is_no_text_is_refused(path, query, admin):
    answer = api_client(admin).get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


@pytest.mark.parametrize("part", ["%00", "a%00b"])
def test_a_path_that_is_no_text_is_refused(part, admin):
    for prefix in ("/api/v1/users/", "/v2/models/", "/iceberg/v1/namespaces/"):
        answer = api_client(admin).get(prefix + part)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    page = page_client(admin).get(f"/admin/{part}")
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")


@pytest.mark.parametrize("part", ["%ff", "%ed%a0%80", "%C3%A9"])
def test_a_path_that_names_nothing_is_not_found_whatever_its_bytes(part, admin):
    for prefix in ("/api/v1/users/", "/v2/models/", "/iceberg/v1/namespaces/"):
        assert api_client(admin).get(prefix + part).status_code == 404


def test_a_long_url_is_refused(admin):
    path = "/api/v1/search?q="
    longest = MAX_TARGET_LENGTH - len(path) + 1
    assert api_client(admin).get(path + "a" * longest).status_code in {200, 400}
    answer = api_client(admin).get(path + "a" * (longest + 1))
    assert (answer.status_code, answer.json()["code"]) == (414, "uri-too-long")


def test_thousands_of_parameters_are_refused_in_the_form_of_the_api(admin):
    answer = api_client(admin).get("/api/v1/catalog/datasets?" + "a&" * 2500)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    "size", ["0", "-1", "501", "1e3", "abc", "", "\u0661", "\u00b2", "9" * 5000]
)
def test_a_page_size_out_of_range_is_refused(size, admin):
    answer = api_client(admin).get("/api/v1/tokens", {"page_size": size})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "bnVsbA",
        "e30",
        "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
        "IlwwIg",
        "ImEi",
        "dHJ1ZQ",
        "a" * 401,
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/v1/tokens", "/api/v1/catalog/datasets", "/api/v1/audit/records"]
)
def test_a_cursor_that_no_page_gave_is_refused(path, cursor, admin):
    answer = api_client(admin).get(path, {"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


@pytest.fixture
def clients(admin) -> tuple[Client, Client]:
    token, session = api_client(admin), page_client(admin)
    for client in (token, session):
        client.raise_request_exception = False
    return token, session


odd_texts = st.one_of(
    st.text(max_size=30),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        ["", "\0", "٣", "1e9", "null", "true", "[]", "{}", "'", "%", "\\", "dataset:a:b", "ImEi"]
    ),
    st.uuids().map(str),
    st.datetimes().map(str),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from(LISTS),
    query=st.dictionaries(st.sampled_from(PARAMETERS) | st.text(max_size=8), odd_texts, max_size=4),
)
def test_no_query_breaks_a_list(path, query, clients):
    token, session = clients
    client = token if path.startswith(("/api", "/iceberg", "/v2", "/metrics")) else session
    encoded = {
        key.encode("utf-8", "surrogatepass"): value.encode("utf-8", "surrogatepass")
        for key, value in query.items()
    }
    answer = client.get(path, encoded)
    assert answer.status_code < 500, (path, query, answer.status_code)

"""Every URL of the project, walked as nobody, as a stranger, with too weak a token, and without a CSRF token.

A new URL that is neither protected nor listed below with a reason fails here.
"""

import re
import uuid

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.api.endpoints import METHODS, UNSAFE, Endpoint, all_endpoints
from tests.api.small_world import SmallWorld, make_small_world
from tests.factories.identity import api_client, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

ENDPOINTS = all_endpoints()
PUBLIC = {
    "healthz": "a probe has no credential, and the answer is one word",
    "readyz": "a probe has no credential, and the answer names dependencies and states only",
    "v2/health/live": "the protocol's probe, one word",
    "v2/health/ready": "the protocol's probe, two words",
    "sign-in/": "who has not signed in must be able to",
    "sign-in/code/": "the second step of it",
    "sign-in/provider/": "leads to the identity provider, where one is set up",
    "sign-in/provider/back/": "the identity provider's answer comes here",
    "docs/errors": "the `type` of each error leads here, that of a missing sign-in too",
    "admin/login/": "leads to the sign-in",
}
# Who signs out without having signed in is led to a page that leads to the sign-in.
SIGN_OUT_TARGETS = {"sign-out/": "/sign-in/", "admin/logout/": "/admin/"}
# A token with the scope `read` may send these, since they change nothing that is shared.
READING_POSTS = {
    "iceberg/v1/namespaces/<namespace>/tables/<table>/metrics": "a reader's report of a scan",
    "v2/models/<name>/infer": "an inference reads a model",
    "v2/models/<name>/versions/<version>/infer": "an inference reads a model",
}
# What a parameter of a template is, by the longest prefix of the template that is listed: (row, attribute).
OBJECTS: dict[str, dict[str, tuple[str, str]]] = {
    "api/v1/catalog/datasets/": {
        "uuid": ("dataset", "uuid"),
        "field": ("field", "uuid"),
        "number": ("version", "number"),
        "name": ("user", "username"),
        "term": ("term", "uuid"),
        "key": ("object", "key"),
        "classification": ("classification", "uuid"),
    },
    "api/v1/catalog/datasets/<uuid>/objects": {
        "uuid": ("photos", "uuid"),
        "key": ("object", "key"),
    },
    "api/v1/catalog/domains/": {"slug": ("domain", "slug"), "name": ("user", "username")},
    "api/v1/catalog/imports/": {"uuid": ("import", "uuid")},
    "api/v1/catalog/products/": {
        "uuid": ("product", "uuid"),
        "dataset": ("dataset", "uuid"),
        "name": ("user", "username"),
    },
    "api/v1/catalog/properties/": {},
    "api/v1/catalog/tags/": {},
    "api/v1/catalog/terms/": {"uuid": ("term", "uuid")},
    "api/v1/catalog/jobs/": {"uuid": ("job", "uuid")},
    "api/v1/catalog/runs/": {"uuid": ("run", "uuid")},
    "api/v1/namespaces/": {
        "namespace": ("dataset", "namespace"),
        "dataset": ("dataset", "name"),
        "version": ("version", "uuid"),
    },
    "api/v1/namespaces/<namespace>/jobs": {
        "namespace": ("job", "namespace"),
        "job": ("job", "name"),
        "version": ("version", "uuid"),
    },
    "api/v1/sources/": {"source": ("dataset", "namespace")},
    "api/v1/jobs/runs/": {"run": ("run", "uuid")},
    "api/v1/events/": {"namespace": ("job", "namespace")},
    "api/v1/tags/": {},
    "api/v1/grants/": {"uuid": ("grant", "uuid")},
    "api/v1/audit/records/": {},
    "admin/identity/user/<id>": {"id": ("user", "pk")},
    "api/v1/tokens/": {"pk": ("token", "pk")},
    "api/v1/users/": {"username": ("user", "username")},
    "api/v1/access-requests/": {"uuid": ("request", "uuid")},
    "api/v1/break-glass/": {"uuid": ("breaking", "uuid")},
    "api/v1/service-accounts/": {
        "username": ("robot", "username"),
        "token": ("robot_token", "pk"),
    },
    "break-glass/": {"uuid": ("breaking", "uuid")},
    "api/v1/campaigns/": {"uuid": ("campaign", "uuid")},
    "api/v1/campaign-items/": {"uuid": ("campaign_item", "uuid")},
    "campaigns/": {"uuid": ("campaign", "uuid")},
    "certify/": {"uuid": ("campaign_item", "uuid")},
    "identities/": {"pk": ("identity", "pk")},
    "api/v1/access-requests/invitations/": {},
    "api/v1/request-rules/": {"name": ("rule", "name")},
    "api/v1/retention-rules/": {"name": ("retention_rule", "name")},
    "api/v1/legal-holds/": {"uuid": ("hold", "uuid")},
    "api/v1/erasures/": {"uuid": ("erasure", "uuid")},
    "api/v1/delegations/": {"uuid": ("delegation", "uuid")},
    "api/v1/webhooks/": {"uuid": ("webhook", "uuid")},
    "api/v1/webhook-deliveries/": {"uuid": ("delivery", "uuid")},
    "api/v1/policies/": {"pk": ("policy", "pk")},
    "api/v1/declassifications/": {"pk": ("declassification", "pk")},
    "api/v1/simulations/": {"uuid": ("simulation", "uuid")},
    "api/v1/reviews/": {"uuid": ("review", "uuid")},
    "api/v1/ingestion/": {"name": ("source", "name")},
    "api/v1/models/": {"name": ("model", "dataset.name"), "version": ("model", "number")},
    "api/v1/models/training-runs/": {"uuid": ("training_run", "uuid")},
    "api/v1/processing/pipelines/": {"uuid": ("pipeline", "uuid")},
    "api/v1/processing/runs/": {"uuid": ("pipeline_run", "uuid")},
    "api/v1/storage/tier-policies/": {"uuid": ("tier_policy", "uuid")},
    "api/v1/storage/tiering-runs/": {"uuid": ("tiering_run", "uuid")},
    "iceberg/v1/namespaces/": {"namespace": ("namespace", "levels.0"), "table": ("table", "name")},
    "iceberg/v1/<path>": {},
    "scim/v2/": {},
    "scim/v2/Users/": {"key": ("user", "pk")},
    "scim/v2/Groups/": {"key": ("group", "pk")},
    "v2/models/": {"name": ("model", "dataset.name"), "version": ("model", "number")},
    "datasets/": {"uuid": ("dataset", "uuid")},
    "requests/": {"uuid": ("request", "uuid")},
    "requests/invited/": {},
    "absences/": {"uuid": ("delegation", "uuid")},
    "inbox/": {"uuid": ("request", "uuid")},
    "inbox/reviews/": {"uuid": ("review", "uuid")},
    "models/": {"uuid": ("model", "dataset.uuid")},
    "tokens/": {"pk": ("token", "pk")},
    "admin/": {},
}
# Parameters that name nothing which somebody could find out about.
NEUTRAL = {
    # Everybody may read which properties are declared: they tell of no dataset.
    "applies_to": "dataset",
    "name": "retention",
    "tag": "gold",
    "field": "email",
    "filename": "a.csv",
    "sequence": "1",
    "path": "nothing/here",
    "url": "nothing/here",
    "view": "v",
    # Who bears a link may use it; `tests/api/test_access_requests.py` looks at what it tells.
    "invitation": "forged",
    "key": "u1",
    "form": "csv",
    "content_type_id": "1",
    "app_label": "catalog",
    "object_id": "1",
}


@pytest.fixture
def world() -> SmallWorld:
    return make_small_world()


def every(*, api: bool | None = None, with_parameters: bool | None = None) -> list[Endpoint]:
    return [
        each
        for each in ENDPOINTS
        if (api is None or each.is_api is api)
        and (with_parameters is None or bool(each.parameters) is with_parameters)
    ]


def _real(world: SmallWorld, row: str, attribute: str) -> str:
    value = world.rows[row]
    for part in attribute.split("."):
        value = value[int(part)] if part.isdecimal() else getattr(value, part)
    return str(value)


def _objects_of(endpoint: Endpoint) -> dict[str, tuple[str, str]]:
    prefixes = [each for each in OBJECTS if endpoint.template.startswith(each)]
    assert prefixes, f"say in OBJECTS what the parameters of `{endpoint.template}` are"
    found = OBJECTS[max(prefixes, key=len)]
    unknown = set(endpoint.parameters) - set(found) - set(NEUTRAL)
    assert not unknown, f"say in OBJECTS or NEUTRAL what {unknown} of `{endpoint.template}` are"
    return found


def real_values(endpoint: Endpoint, world: SmallWorld) -> dict[str, str]:
    objects = _objects_of(endpoint) if endpoint.parameters else {}
    return {
        name: _real(world, *objects[name]) if name in objects else NEUTRAL[name]
        for name in endpoint.parameters
    }


def unreal_values(endpoint: Endpoint, world: SmallWorld) -> dict[str, str]:
    """The same kind of values, of nothing that exists."""
    objects = _objects_of(endpoint)

    def missing(name: str) -> str:
        if name not in objects:
            return NEUTRAL[name]
        real = _real(world, *objects[name])
        if objects[name][1] in {"uuid", "dataset.uuid"}:
            return str(uuid.uuid4())
        return "987654321" if real.isdecimal() else "no-such-thing"

    return {name: missing(name) for name in endpoint.parameters}


def anybody(*, enforce_csrf_checks: bool = False) -> Client:
    return Client(raise_request_exception=False, enforce_csrf_checks=enforce_csrf_checks)


def token_client(user, **kwargs) -> Client:
    """A failure of the server is an answer to look at, not an exception of the test."""
    client = api_client(user, **kwargs)
    client.raise_request_exception = False
    return client


def send(client: Client, method: str, path: str):
    body = {} if method in ("GET", "HEAD", "OPTIONS") else {"data": b"{}"}
    kind = {} if method in ("GET", "HEAD") else {"content_type": "application/json"}
    return getattr(client, method.lower())(path, **body, **kind)


def is_not_offered(response) -> bool:
    return response.status_code == 405


def has_error_form(response, path: str) -> bool:
    """A problem document, or the protocol's own form; never HTML."""
    kind = response["Content-Type"].split(";")[0]
    if path.startswith(("/iceberg/", "/v2")):
        return kind == "application/json" and set(response.json()) == {"error"}
    if path.startswith("/scim/"):
        return kind == "application/scim+json" and response.json()["status"] == str(
            response.status_code
        )
    if kind != "application/problem+json":
        return False
    document = response.json()
    return (
        document["status"] == response.status_code
        and document["type"] == f"/docs/errors#{document['code']}"
    )


def collect(endpoints, world, answer, *, methods=METHODS) -> str:
    """What is wrong, a line each; `answer(endpoint, method, path)` gives None where all is well."""
    wrong = []
    for endpoint in endpoints:
        path = endpoint.path(real_values(endpoint, world))
        for method in methods:
            finding = answer(endpoint, method, path)
            if finding is not None:
                wrong.append(f"{method} {endpoint.template}: {finding}")
    return "\n".join(wrong)


def refusal(response, path: str, *, status: int, form: bool = True):
    """None if `response` refuses as it should (or the method is not offered at all), else what it is."""
    if is_not_offered(response):
        return None
    good = response.status_code == status and (not form or has_error_form(response, path))
    return (
        None if good else (response.status_code, response["Content-Type"], response.content[:200])
    )


def test_the_lists_name_endpoints_that_exist():
    templates = {each.template for each in ENDPOINTS}
    assert set(PUBLIC) - templates == set()
    assert set(READING_POSTS) - templates == set()
    assert [
        prefix for prefix in OBJECTS if not any(each.startswith(prefix) for each in templates)
    ] == []


def test_nobody_is_refused_by_every_api_endpoint(world):
    def answer(endpoint, method, path):
        response = send(anybody(enforce_csrf_checks=True), method, path)
        if response.status_code == 401 and response.get("WWW-Authenticate") != "Bearer":
            return "no WWW-Authenticate"
        return refusal(response, path, status=401, form=method != "HEAD")

    protected = [each for each in every(api=True) if each.template not in PUBLIC]
    wrong = collect(protected, world, answer)
    assert not wrong, wrong


def test_nobody_is_sent_to_the_sign_in_by_every_page(world):
    doors = (f"{reverse('web:sign-in')}?", f"{reverse('admin:login')}?")

    def answer(endpoint, method, path):
        response = send(anybody(), method, path)
        target = response.get("Location", "")
        if target == SIGN_OUT_TARGETS.get(endpoint.template) or (
            method == "OPTIONS" and not target
        ):
            return None
        good = is_not_offered(response) or (
            response.status_code == 302 and target.startswith(doors)
        )
        return None if good else (response.status_code, target)

    protected = [each for each in every(api=False) if each.template not in PUBLIC]
    wrong = collect(protected, world, answer)
    assert not wrong, wrong


def test_a_token_without_the_scope_changes_nothing(world):
    """Of a superuser, so that it is the scope that refuses."""
    client = token_client(world.base.superuser, scopes=["read"])

    def answer(endpoint, method, path):
        return refusal(send(client, method, path), path, status=403)

    open_to_all = {*PUBLIC, *READING_POSTS}
    guarded = [each for each in every(api=True) if each.template not in open_to_all]
    wrong = collect(guarded, world, answer, methods=UNSAFE)
    assert not wrong, wrong


def test_a_token_for_lineage_alone_reads_nothing(world):
    client = token_client(world.base.superuser, scopes=["lineage"])

    def answer(endpoint, method, path):
        return refusal(send(client, method, path), path, status=403)

    guarded = [each for each in every(api=True) if each.template not in PUBLIC]
    wrong = collect(guarded, world, answer, methods=("GET", "OPTIONS"))
    assert not wrong, wrong


def test_no_page_acts_for_a_token(world):
    """A page checks no scopes, so it must not take tokens."""
    client = token_client(world.base.superuser)

    def answer(endpoint, method, path):
        return refusal(send(client, method, path), path, status=403, form=False)

    wrong = collect(every(api=False), world, answer)
    assert not wrong, wrong


def test_a_session_without_a_csrf_token_changes_nothing(world):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(world.base.superuser, backend="django.contrib.auth.backends.ModelBackend")

    def answer(endpoint, method, path):
        # The protocols take no sessions at all, so there it is nobody who asks.
        status = 401 if path.startswith(("/iceberg/", "/v2", "/opa/", "/scim/")) else 403
        response = send(client, method, path)
        return refusal(response, path, status=status, form=endpoint.is_api)

    wrong = collect(every(), world, answer, methods=UNSAFE)
    assert not wrong, wrong


# What a list answers to a stranger when that is not an empty page: the keys that must be empty, and why it differs.
STRANGERS_ANSWER = {
    "api/v1/me": "the caller's own name",
    "api/v1/tokens": "the caller's own tokens",
    "api/v1/catalog/export": "a stream of lines; `tests/api/v1/test_bulk.py` looks at each",
    "api/v1/catalog/dcat": "the catalog itself, without a dataset; see `tests/api/v1/test_contracts.py`",
    "api/v1/storage/tiers": "names and prices of the tiers, which tell of no dataset",
    "api/v1/policies/schema": "the form of a policy document holds no data",
    "api/v1/simulations/schema": "the form of a draft holds no data",
    "api/v1/schema": "the API's description holds no data",
    "api/v1/docs": "the API's description holds no data",
    "iceberg/v1/config": "the protocol's defaults",
    "v2": "name and version of the server",
}
REFUSED_TO_STRANGERS = {
    "api/v1/storage/locations": 403,
    "metrics": 403,
    "api/v1/audit/verification": 403,
    "api/v1/audit/checkpoint": 403,
    "api/v1/audit/records": 403,
    **{
        f"api/v1/audit/{name}": 403
        for name in (
            "checkpoints",
            "consistency",
            "erasures",
            "export",
            "key",
            "segments",
            "verifier",
        )
    },
    "api/v1/users": 403,
    "api/v1/groups": 403,
    "api/v1/policies": 403,
    "api/v1/webhooks": 403,
    "api/v1/webhook-deliveries": 403,
    **{
        f"scim/v2/{name}": 403
        for name in (
            "Users",
            "Groups",
            "ServiceProviderConfig",
            "ResourceTypes",
            "Schemas",
            "Me",
            "Bulk",
        )
    },
    **{f"scim/v2/{name}.search": 403 for name in ("", "Users/", "Groups/")},
    **{
        f"opa/v1/data/trino/{name}": 403
        for name in ("allow", "batch", "rowFilters", "columnMask", "batchColumnMasks")
    },
}
# Every member of the staff may look these up: a name to choose from, that tells of no dataset.
OPEN_TO_STAFF = {
    "catalog.tag",
    "identity.user",
    "auth.group",
    "storage.storagelocation",
    "storage.tier",
}
MASK = "<masked>"


def _is_empty(document) -> bool:
    """Whether nothing but envelopes is in it: lists, counts, cursors and facets, all empty."""
    if isinstance(document, dict):
        return all(_is_empty(value) for value in document.values())
    return document in (None, 0, "", []) or document is False


def test_a_stranger_finds_every_list_empty(world):
    client = token_client(world.base.outsider)

    def answer(endpoint, method, path):
        response = send(client, method, path)
        status = REFUSED_TO_STRANGERS.get(endpoint.template)
        if is_not_offered(response) or status == response.status_code:
            return None
        if response.status_code in (400, 406):  # a parameter is missing
            return None if has_error_form(response, path) else response.content[:200]
        good = response.status_code == 200 and _is_empty(response.json())
        return None if good else (response.status_code, response.content[:300])

    lists = [
        each
        for each in every(api=True, with_parameters=False)
        if each.template not in {*PUBLIC, *STRANGERS_ANSWER}
    ]
    wrong = collect(lists, world, answer, methods=("GET",))
    assert not wrong, wrong


def _masked(response, values: dict[str, str]) -> tuple[int, str]:
    text = b"".join(response) if response.streaming else response.content
    body = text.decode(errors="replace") + response.get("Location", "")
    # A key may be the number 404; the status itself is compared beside the body.
    body = re.sub(rf'"(status|code)": ?{response.status_code}\b', "", body).replace("utf-8", "")
    for value in sorted(set(values.values()) - set(NEUTRAL.values()), key=len, reverse=True):
        body = re.sub(rf"\b{re.escape(value)}\b", MASK, body)
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", body)
    return response.status_code, body


def test_a_stranger_cannot_tell_what_exists_from_what_does_not(world):
    user = world.base.outsider
    programs, people = token_client(user), page_client(user)
    people.raise_request_exception = False

    def answer(endpoint, method, path):
        client = programs if endpoint.is_api else people
        there = send(client, method, path)
        if is_not_offered(there):
            return None
        unreal = unreal_values(endpoint, world)
        missing = send(client, method, endpoint.path(unreal))
        both = _masked(there, real_values(endpoint, world)), _masked(missing, unreal)
        return None if both[0] == both[1] else both

    # Non-staff never come into the admin; the staff stranger is below.
    named = [each for each in every(with_parameters=True) if "admin/" not in each.template]
    wrong = collect(named, world, answer)
    assert not wrong, wrong


def _rows_of_admin(world: SmallWorld):
    """The first row of each registered model that has one."""
    for model in admin.site._registry:
        row = model._default_manager.first()
        if row is not None:
            yield model, row.pk


def test_a_staff_stranger_cannot_tell_in_the_admin_either(world):
    client = page_client(world.staff_outsider)
    seen, wrong = 0, []
    for model, pk in _rows_of_admin(world):
        missing = uuid.uuid4() if isinstance(pk, uuid.UUID) else 987_654_321
        if not isinstance(pk, int | uuid.UUID):
            missing = "no-such-thing"
        for page in ("change", "delete", "history"):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
            there, not_there = (client.get(reverse(name, args=[key])) for key in (pk, missing))
            if model._meta.label_lower in OPEN_TO_STAFF and there.status_code == 200:
                continue
            answers = [(each.status_code, each.get("Location")) for each in (there, not_there)]
            if answers[0] != answers[1]:
                wrong.append(f"{name}: {answers}")
            seen += 1
    assert not wrong, "\n".join(wrong)
    assert seen > 30

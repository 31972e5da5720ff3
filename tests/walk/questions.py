"""Everything that can be asked of a running product about an estate, URL by URL.

A URL whose parameters are named in no table here fails the walk: say what they are.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin

from tests.api.endpoints import Endpoint, all_endpoints
from tests.walk.estates import Estate

# What parameters are, by the longest beginning of the template that is listed: a name in `Estate.values`, or a constant.
PARAMETERS: dict[str, dict[str, str]] = {
    "api/v1/catalog/datasets/": {
        "uuid": "dataset",
        "field": "field",
        "number": "=1",
        "name": "user",
        "term": "term",
        "key": "=a.png",
        "tag": "tag",
        "classification": "nothing",
    },
    "api/v1/catalog/domains/": {"slug": "domain", "name": "user"},
    "api/v1/catalog/tags/": {"tag": "tag"},
    "api/v1/catalog/jobs/": {"uuid": "job"},
    "api/v1/catalog/runs/": {"uuid": "run"},
    "api/v1/catalog/terms/": {"uuid": "term"},
    "api/v1/catalog/products/": {"uuid": "product", "dataset": "dataset", "name": "user"},
    "api/v1/catalog/properties/": {"applies_to": "=dataset", "name": "=note"},
    "api/v1/catalog/imports/": {"uuid": "import"},
    "api/v1/audit/": {"sequence": "=1"},
    "api/v1/access-requests/": {"uuid": "request"},
    "api/v1/access-requests/invitations/": {"invitation": "nothing"},
    "api/v1/request-rules/": {"name": "nothing"},
    "api/v1/retention-rules/": {"name": "nothing"},
    "api/v1/legal-holds/": {"uuid": "nothing"},
    "api/v1/erasures/": {"uuid": "nothing"},
    "api/v1/delegations/": {"uuid": "nothing"},
    "api/v1/webhooks/": {"uuid": "nothing"},
    "api/v1/webhook-deliveries/": {"uuid": "nothing"},
    "api/v1/grants/": {"uuid": "grant"},
    "api/v1/break-glass/": {"uuid": "nothing"},
    "api/v1/service-accounts/": {"username": "user", "token": "=1"},
    "break-glass/": {"uuid": "nothing"},
    "api/v1/campaigns/": {"uuid": "nothing"},
    "api/v1/campaign-items/": {"uuid": "nothing"},
    "campaigns/": {"uuid": "nothing", "form": "=csv"},
    "certify/": {"uuid": "nothing"},
    "identities/": {"pk": "nothing"},
    "api/v1/policies/": {"pk": "policy"},
    "api/v1/declassifications/": {"pk": "nothing"},
    "api/v1/simulations/": {"uuid": "nothing"},
    "api/v1/reviews/": {"uuid": "nothing"},
    "api/v1/tokens/": {"pk": "nothing"},
    "api/v1/users/": {"username": "user"},
    "api/v1/models/": {"name": "model name", "version": "=1", "uuid": "training run"},
    "api/v1/ingestion/": {"name": "source", "filename": "=a.csv"},
    "api/v1/processing/pipelines/": {"uuid": "pipeline"},
    "api/v1/processing/runs/": {"uuid": "pipeline run"},
    "api/v1/storage/tier-policies/": {"uuid": "tier policy"},
    "api/v1/storage/tiering-runs/": {"uuid": "tiering run"},
    "api/v1/namespaces/": {
        "namespace": "namespace",
        "dataset": "dataset name",
        "version": "version",
        "tag": "tag",
        "field": "=flow",
    },
    "api/v1/namespaces/<namespace>/jobs": {
        "namespace": "job namespace",
        "job": "job name",
        "version": "job version",
    },
    "api/v1/sources/": {"source": "data source"},
    "api/v1/jobs/runs/": {"run": "run"},
    "api/v1/events/": {"namespace": "job namespace"},
    "api/v1/tags/": {"tag": "tag"},
    "iceberg/v1/": {
        "namespace": "level",
        "table": "table",
        "view": "=v",
        "path": "=nothing",
    },
    "scim/v2/": {"key": "nothing", "name": "=User", "path": "=nothing"},
    "v2/models/": {"name": "model name", "version": "=1"},
    "datasets/": {"uuid": "dataset"},
    "requests/": {"uuid": "request"},
    "requests/invited/": {"invitation": "nothing"},
    "absences/": {"uuid": "nothing"},
    "inbox/": {"uuid": "request"},
    "inbox/reviews/": {"uuid": "nothing"},
    "models/": {"uuid": "model"},
    "tokens/": {"pk": "nothing"},
}
# What is asked beside the bare URL: by template, a name of a query parameter and what it takes.
QUERIES: dict[str, list[dict[str, str]]] = {
    "api/v1/search": [
        {"q": "dataset name"},
        {"q": "dataset word"},
        {"q": "tag"},
        {"q": "=flow"},
        {"owner": "owner"},
        {"domain": "domain"},
        {"tag": "tag"},
        {"namespace": "namespace"},
    ],
    "api/v1/search/suggestions": [{"q": "dataset word"}, {"q": "=zq"}, {"q": "=cur"}, {"q": "tag"}],
    "api/v1/catalog/datasets": [
        {"tag": "tag"},
        {"domain": "domain"},
        {"owner": "owner"},
        {"namespace": "namespace"},
        {"term": "term"},
        {"q": "dataset word"},
        {"page_size": "=2", "order": "=-created_at"},
        {"page_size": "=3", "cursor": "dataset cursor"},
    ],
    "api/v1/catalog/jobs": [{"q": "=zq"}, {"page_size": "=3", "cursor": "job cursor"}],
    "api/v1/catalog/terms": [
        {"q": "=zq"},
        {"domain": "domain"},
        {"page_size": "=3", "cursor": "term cursor"},
    ],
    "api/v1/catalog/export": [{"cursor": "export cursor"}],
    "api/v1/catalog/products": [{"q": "=zq"}, {"domain": "domain"}, {"dataset": "dataset"}],
    "api/v1/catalog/dcat": [{"format": "=json-ld"}],
    "api/v1/catalog/lineage/impact": [{"nodeId": "node"}, {"nodeId": "field node"}],
    "api/v1/catalog/lineage/path": [
        {"from": "node", "to": "node"},
        {"from": "field node", "to": "field node"},
        {"from": "node", "to": "field node"},
    ],
    "api/v1/grants": [{"dataset": "dataset"}, {"domain": "domain"}],
    "api/v1/jobs/runs/<run>/facets": [{"type": "=run"}, {"type": "=job"}],
    "api/v1/lineage": [
        {"nodeId": "node", "depth": "=unlimited"},
        {"nodeId": "node", "direction": "=both", "format": "=mermaid"},
        {"nodeId": "node", "depth": "=unlimited", "collapse": "=jobs"},
        {"nodeId": "node", "tag": "tag"},
        {"nodeId": "field node", "level": "=column", "direction": "=both"},
    ],
    "api/v1/column-lineage": [
        {"nodeId": "field node", "depth": "=unlimited", "withDownstream": "=true"},
        {"nodeId": "node"},
    ],
    "api/v1/runlineage/upstream": [{"runId": "run"}],
    "api/v1/stats/lineage-events": [{"period": "=DAY"}, {"period": "=WEEK"}],
    "api/v1/stats/datasets": [{"period": "=DAY"}],
    "api/v1/stats/jobs": [{"period": "=DAY"}],
    "api/v1/stats/sources": [{"period": "=DAY"}],
    "api/v1/catalog/datasets/<uuid>/decisions": [{"action": "=read"}, {"action": "=discover"}],
    "api/v1/catalog/datasets/<uuid>/history/reads": [
        {"from": "=2026-01-01T00:00:00Z", "to": "made"}
    ],
    "api/v1/catalog/datasets/<uuid>/history/changes": [
        {"from": "=2026-01-01T00:00:00Z", "to": "made"}
    ],
    "datasets/<uuid>/history/": [
        {"about": "=reads", "from": "=2026-01-01T00:00:00Z", "to": "made"},
        {"about": "=changes", "from": "=2026-01-01T00:00:00Z", "to": "made"},
    ],
    "search/": [{"q": "dataset word"}, {"q": "=zq"}, {"tag": "tag"}, {"domain": "domain"}],
}
# Not asked, and why.
LEFT_OUT = {
    "metrics": "counts of requests, for administrators",
    "healthz": "one word",
    "readyz": "names of dependencies",
    "sign-in/": "leads on who is signed in",
    "sign-out/": "ends the session",
    "sign-in/code/": "before the sign-in is done",
    "sign-in/provider/": "leads to the identity provider",
    "sign-in/provider/back/": "comes from the identity provider",
    "identities/": "the viewer's own",
    "second-factor/": "the viewer's own, with a new secret each time",
    "second-factor/codes/": "the viewer's own",
    "second-factor/remove/": "the viewer's own",
    "api/v1/schema": "the API's description holds no data",
    "api/v1/policies/schema": "the form of a policy document holds no data",
    "api/v1/simulations/schema": "the form of a draft holds no data",
    "api/v1/docs": "the API's description holds no data",
    "docs/errors": "the documentation of errors",
    "tokens/": "the viewer's own tokens",
    "api/v1/tokens": "the viewer's own tokens, with the times of their use",
}
# Of two parameters each value meets so many of the other's; all pairs would take minutes and tell no more.
MOST = 20
# Of names in two parts: the first is asked with the second that it has, and then with another's.
FIRST_PARTS = {"namespace": "dataset name", "job namespace": "job name", "level": "table"}
# Of each model's rows, each with three pages of the admin.
MOST_ROWS = 7


@dataclass(frozen=True)
class Question:
    """A GET of one URL, as a program or as a person."""

    template: str
    path: str
    query: tuple[tuple[str, str], ...]
    is_api: bool

    def __str__(self) -> str:
        return self.path + (
            "?" + "&".join("=".join(pair) for pair in self.query) if self.query else ""
        )


def all_questions(estate: Estate) -> Iterator[Question]:
    """Every question, in an order that does not change."""
    for endpoint in all_endpoints():
        template = endpoint.template
        if template in LEFT_OUT or template.startswith("admin/") or not _is_read(endpoint):
            continue
        for path in _paths(endpoint, estate):
            for query in ({}, *QUERIES.get(template, ())):
                for pairs in _combined(list(query.items()), estate):
                    yield Question(template, path, pairs, endpoint.is_api)


def admin_questions(estate: Estate) -> Iterator[Question]:
    """The lists of the admin with a search, and each row of each model by its own pages."""
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield Question(base, base, (), is_api=False)
        yield Question(base, base, (("q", "zq"),), is_api=False)
        keys = sorted(str(key) for key in model._default_manager.values_list("pk", flat=True))
        for key in keys[:MOST_ROWS]:
            for page in ("change", "delete", "history"):
                yield Question(f"{base}<id>/{page}/", f"{base}{key}/{page}/", (), is_api=False)
    for model, model_admin in admin.site._registry.items():
        for name in getattr(model_admin, "autocomplete_fields", ()):
            query = (
                ("term", ""),
                ("app_label", model._meta.app_label),
                ("model_name", str(model._meta.model_name)),
                ("field_name", name),
            )
            yield Question("admin/autocomplete/", "/admin/autocomplete/", query, is_api=False)


def _is_read(endpoint: Endpoint) -> bool:
    """Whether the view answers GET; a view that is a function may."""
    view = endpoint.pattern.callback
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return view_class is None or hasattr(view_class, "get")


def _paths(endpoint: Endpoint, estate: Estate) -> Iterator[str]:
    if not endpoint.parameters:
        yield endpoint.path({})
        return
    known = parameters_of(endpoint)
    wanted = [(name, known[name]) for name in endpoint.parameters]
    for pairs in _combined(wanted, estate):
        yield endpoint.path(dict(pairs))


def parameters_of(endpoint: Endpoint) -> dict[str, str]:
    """What the parameters of an endpoint are; an endpoint that nobody described fails here."""
    beginnings = [each for each in PARAMETERS if endpoint.template.startswith(each)]
    assert beginnings, f"say in PARAMETERS what the parameters of `{endpoint.template}` are"
    known = PARAMETERS[max(beginnings, key=len)]
    unknown = [each for each in endpoint.parameters if each not in known]
    assert not unknown, f"say in PARAMETERS what {unknown} of `{endpoint.template}` are"
    return known


def _combined(
    wanted: list[tuple[str, str]], estate: Estate
) -> Iterator[tuple[tuple[str, str], ...]]:
    """Values for the names: every one of the first, with the others turned by a place each time."""
    names, sources = [name for name, _ in wanted], [source for _, source in wanted]
    pools = [
        _values(f"{each} of {FIRST_PARTS[each]}", estate)
        if FIRST_PARTS.get(each) in sources
        else _values(each, estate)
        for each in sources
    ]
    if not pools:
        yield ()
        return
    longest = max(map(len, pools))
    turns = range(1 if len(pools) == 1 else min(2, longest))
    seen = set()
    for turn, place in itertools.product(turns, range(min(longest, MOST))):
        chosen = tuple(
            pool[(place + turn * number) % len(pool)] for number, pool in enumerate(pools)
        )
        if chosen not in seen:
            seen.add(chosen)
            yield tuple(zip(names, chosen, strict=True))


def _values(source: str, estate: Estate) -> list[str]:
    return [source[1:]] if source.startswith("=") else estate.values[source]

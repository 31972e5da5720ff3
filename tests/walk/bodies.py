"""What is sent to what changes things: bodies that name what the viewer may not know of.

In a text `$(dataset)` is a name of `named_things`, of what is hidden or of what never was; `$(my dataset)` of the
viewer's own. Whatever takes a body must stand here, or in `WITHOUT_BODY`.
"""

from typing import Any

SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "a", "type": "string", "required": False}]}
_NAMED = {"namespace": "$(namespace)", "name": "$(dataset name)"}
_OUTPUT = {"table": "$(my dataset name)", "mode": "append"}
_TRAINING = {"domain": "$(my domain)", "features": ["region"], "label": "flow", "algorithm": "linear_regression"}  # fmt: skip
_EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-02-01T10:00:00Z",
    "producer": "https://example.org/producer",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01890000-0000-7000-8000-000000000001"},
    "job": {"namespace": "walk", "name": "walk"},
    "inputs": [_NAMED],
    "outputs": [],
}
_COMMIT = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
_TABLE = {"namespace": ["$(level)"], "name": "$(table)"}
_MY_TABLE = {"namespace": ["$(my level)"], "name": "$(my table)"}


def _trino(operation: str, **resource: Any) -> dict[str, Any]:
    return {
        "input": {
            "context": {"identity": {"user": "user-0", "groups": []}},
            "action": {"operation": operation, **resource},
        }
    }


_TRINO_TABLE = {"catalogName": "lakewarden", "schemaName": "$(level)", "tableName": "$(table)"}
_TRINO_COLUMN = {"column": {**_TRINO_TABLE, "columnName": "region", "columnType": "varchar"}}

BODIES: dict[str, list[Any]] = {
    "POST api/v1/lineage": [_EVENT],
    "POST api/v1/lineage/batch": [[_EVENT]],
    "POST api/v1/access-requests": [
        {"dataset": "$(dataset)", "purpose": "p", "duration_seconds": 3600}
    ],
    "POST api/v1/access-requests/invitations": [
        {"dataset": "$(dataset)", "lifetime_seconds": 3600}
    ],
    "POST api/v1/access-requests/<uuid>/answer": [{"accept": True}],
    "POST api/v1/access-requests/<uuid>/approve": [{"comment": "yes"}],
    "POST api/v1/access-requests/<uuid>/cancel": [{"comment": "no"}],
    "POST api/v1/access-requests/<uuid>/deny": [{"comment": "no"}],
    "POST api/v1/access-requests/<uuid>/extend": [{"duration_seconds": 3600}],
    "POST api/v1/access-requests/<uuid>/offer": [{"columns": ["region"]}],
    "POST api/v1/audit/erasures": [{"username": "user-3", "reason": "r"}],
    "POST api/v1/break-glass": [
        {"dataset": "$(dataset)", "reason": "r"},
        {"domain": "$(domain)", "reason": "r"},
    ],
    "POST api/v1/campaigns": [{"name": "c", "domain": "$(domain)"}],
    "POST api/v1/campaigns/<uuid>/cancel": [{"comment": "c"}],
    "POST api/v1/campaign-items/<uuid>/keep": [{"comment": "c"}],
    "POST api/v1/campaign-items/<uuid>/narrow": [{"columns": ["region"]}],
    "POST api/v1/campaign-items/<uuid>/revoke": [{"comment": "c"}],
    "POST api/v1/break-glass/<uuid>/review": [{"verdict": "abuse", "comment": "c"}],
    "POST api/v1/catalog/datasets/<uuid>/classifications/decisions": [
        {"accept": ["01890000-0000-7000-8000-000000000001"]}
    ],
    "POST api/v1/declassifications": [
        {"source_field": "$(field)", "target_field": "$(my field)", "reason": "r"},
        {"source_field": "$(my field)", "target_field": "$(field)", "reason": "r"},
    ],
    "POST api/v1/delegations": [
        {
            "delegate": "user-3",
            place: f"$({place})",
            "starts_at": "2026-01-01T00:00:00Z",
            "ends_at": "2036-01-01T00:00:00Z",
        }
        for place in ("dataset", "domain")
    ],
    "POST api/v1/request-rules": [
        {"name": "fresh", "applies_to": {"domain": ["$(domain)"]}, "stages": [{"by": "steward"}]}
    ],
    "POST api/v1/retention-rules": [
        {"name": "fresh", "applies_to": {"domain": ["$(domain)"]}, "keep_days": 1}
    ],
    "POST api/v1/legal-holds": [
        {"dataset": "$(dataset)", "reason": "r"},
        {"domain": "$(domain)", "reason": "r"},
        {"tag": "$(tag)", "reason": "r"},
    ],
    "POST api/v1/legal-holds/<uuid>/release": [{"reason": "r"}],
    "POST api/v1/erasures": [
        {
            "identifiers": [{"column": "$(namespace):$(dataset name)#region", "value": "a"}],
            "reason": "r",
            "due_at": "2036-01-01T00:00:00Z",
        }
    ],
    "POST api/v1/erasures/<uuid>/approve": [{"comment": "c"}],
    "POST api/v1/erasures/<uuid>/refuse": [{"comment": "c"}],
    "POST api/v1/reviews/<uuid>/acknowledge": [{"comment": "c"}],
    "POST api/v1/reviews/<uuid>/resolve": [{"comment": "c"}],
    "PATCH api/v1/service-accounts/<username>": [{"responsible": "user-3"}],
    "POST api/v1/webhooks": [{"url": "https://example.org/", "types": ["*"]}],
    "POST api/v1/catalog/datasets": [
        _NAMED,
        {"namespace": "n", "name": "m", "domain": "$(domain)"},
        {**_NAMED, "domain": "$(my domain)"},
    ],
    "POST api/v1/catalog/datasets/<uuid>/history/questions": [
        {"user": "$(user)", "field": "region"}
    ],
    "PATCH api/v1/catalog/datasets/<uuid>": [{"description": "d"}, {"domain": "$(domain)"}],
    "PUT api/v1/catalog/datasets/<uuid>/contract": [{"id": "i", "version": "1"}],
    "PATCH api/v1/catalog/datasets/<uuid>/fields/<field>": [{"description": "d"}],
    "POST api/v1/catalog/datasets/<uuid>/rows": [
        {"columns": ["region"]},
        {"where": "region = 'a'"},
    ],
    "POST api/v1/catalog/domains": [
        {"name": "fresh", "parent": "$(domain)"},
        {"name": "$(domain)"},
    ],
    "PATCH api/v1/catalog/domains/<slug>": [{"description": "d"}],
    "POST api/v1/catalog/import": [
        {"kind": "dataset", **_NAMED, "description": "d"},
        {"kind": "dataset", "namespace": "n", "name": "m", "domain": "$(domain)"},
        {"kind": "dataset", **_NAMED, "domain": "$(my domain)"},
        {"kind": "term", "domain": "$(domain)", "name": "t"},
    ],
    "PATCH api/v1/catalog/jobs/<uuid>": [{"description": "d"}],
    "POST api/v1/catalog/products": [{"name": "p", "domain": "$(domain)"}],
    "PATCH api/v1/catalog/products/<uuid>": [{"description": "d"}],
    "POST api/v1/catalog/properties": [{"name": "p", "applies_to": "dataset", "schema": {}}],
    "PUT api/v1/catalog/properties/<applies_to>/<name>": [{"schema": {}}],
    "POST api/v1/catalog/tags": [{"name": "$(tag)"}],
    "PATCH api/v1/catalog/tags/<tag>": [{"description": "d"}],
    "POST api/v1/catalog/terms": [
        {"name": "t", "domain": "$(domain)"},
        {"name": "t", "domain": "$(my domain)", "parent": "$(term)"},
    ],
    "PATCH api/v1/catalog/terms/<uuid>": [{"definition": "d"}, {"parent": "$(term)"}],
    "POST api/v1/grants": [
        {"user": "user-3", "dataset": "$(dataset)", "action": "discover"},
        {"user": "user-3", "domain": "$(domain)", "action": "discover"},
    ],
    "POST api/v1/groups": [{"name": "g"}],
    "POST api/v1/ingestion/sources": [
        {
            "name": "fresh",
            "kind": "http",
            "namespace": "$(level)",
            "table": "$(table)",
            "format": "csv",
        },
        {
            "name": "$(source)",
            "kind": "http",
            "namespace": "fresh",
            "table": "fresh",
            "format": "csv",
        },
    ],
    "POST api/v1/ingestion/sources/<name>/replay": [{"offsets": {"0": 0}}],
    "POST api/v1/models": [{"name": "$(model name)", "domain": "$(my domain)"}],
    "PUT api/v1/models/<name>/versions/<version>/alias": [{"alias": "champion"}],
    "POST api/v1/models/training-runs": [
        {
            **_TRAINING,
            "model_name": "fresh",
            "namespace": "$(namespace)",
            "dataset": "$(dataset name)",
        },
        {
            **_TRAINING,
            "model_name": "$(model name)",
            "namespace": "$(my namespace)",
            "dataset": "$(my dataset name)",
        },
        {
            **_TRAINING,
            "model_name": "fresh",
            "dataset": "$(my dataset name)",
            "domain": "$(domain)",
        },
    ],
    "PUT api/v1/namespaces/<namespace>": [{"ownerName": "me"}],
    "PUT api/v1/namespaces/<namespace>/datasets/<dataset>": [
        {"type": "DB_TABLE", "physicalName": "p", "sourceName": "s"}
    ],
    "PUT api/v1/namespaces/<namespace>/jobs/<job>": [
        {"type": "BATCH", "inputs": [_NAMED], "outputs": []}
    ],
    "POST api/v1/namespaces/<namespace>/jobs/<job>/runs": [{}],
    "POST api/v1/simulations": [
        {"draft": {"changes": [change]}}
        for change in (
            {"put_tag": {"tag": "gold", "dataset": "$(dataset)"}},
            {"put_tag": {"tag": "gold", "dataset": "$(namespace):$(dataset name)"}},
            {"give_grant": {"user": "user-3", "dataset": "$(dataset)", "action": "read"}},
            {"give_grant": {"user": "user-3", "domain": "$(domain)", "action": "read"}},
            {"move_dataset": {"dataset": "$(my dataset)", "domain": "$(domain)"}},
            {"move_domain": {"domain": "$(domain)", "parent": None}},
        )
    ],
    "POST api/v1/policies": [
        {"name": "fresh", "applies_to": {"domain": "$(domain)"}, "effect": {"deny": "read"}},
        {"name": "fresh", "applies_to": {"tags": ["$(tag)"]}, "effect": {"deny": "read"}},
    ],
    "PATCH api/v1/policies/<pk>": [{"description": "d"}],
    "PUT api/v1/policies/<pk>": [{"name": "fresh"}],
    "POST api/v1/processing/pipelines": [
        {
            "name": "fresh",
            "domain": "$(my domain)",
            "definition": {
                "inputs": ["$(dataset name)"],
                "outputs": [_OUTPUT],
                "statements": ["SELECT 1"],
            },
        },
        {
            "name": "fresh",
            "domain": "$(my domain)",
            "definition": {
                "inputs": [],
                "outputs": [{"table": "$(dataset name)", "mode": "append"}],
                "statements": ["SELECT 1"],
            },
        },
        {
            "name": "fresh",
            "domain": "$(domain)",
            "definition": {"inputs": [], "outputs": [_OUTPUT], "statements": ["SELECT 1"]},
        },
    ],
    "PATCH api/v1/processing/pipelines/<uuid>": [{"enabled": False}],
    "PUT api/v1/sources/<source>": [{"type": "POSTGRES", "connectionUrl": "postgres://db"}],
    "POST api/v1/storage/tier-policies": [
        {"dataset": "$(dataset)", "condition": {"idle_days": 1}, "target": "cold"}
    ],
    "PATCH api/v1/storage/tier-policies/<uuid>": [{"enabled": False}],
    "POST api/v1/storage/tiering-runs": [{"dataset": "$(dataset)", "dry_run": True}],
    "PUT api/v1/tags/<tag>": [{"description": "d"}],
    "POST api/v1/tokens": [{"name": "t", "scopes": ["read"], "username": "user-2"}],
    "POST api/v1/users": [{"username": "fresh"}],
    "PATCH api/v1/users/<username>": [{"groups": []}],
    "POST iceberg/v1/namespaces": [
        {"namespace": ["$(level)"]},
        {"namespace": ["$(level)", "below"]},
    ],
    "POST iceberg/v1/namespaces/<namespace>/properties": [{"updates": {"a": "b"}}],
    "POST iceberg/v1/namespaces/<namespace>/tables": [
        {"name": "$(table)", "schema": SCHEMA},
        {"name": "fresh", "schema": SCHEMA},
    ],
    "POST iceberg/v1/namespaces/<namespace>/register": [
        {"name": "$(table)", "metadata-location": "s3://nowhere/m.json"}
    ],
    "POST iceberg/v1/namespaces/<namespace>/tables/<table>": [_COMMIT],
    "POST iceberg/v1/namespaces/<namespace>/tables/<table>/metrics": [
        {"report-type": "scan-report"}
    ],
    "POST iceberg/v1/tables/rename": [
        {"source": _TABLE, "destination": _MY_TABLE},
        {"source": _MY_TABLE, "destination": _TABLE},
    ],
    "POST iceberg/v1/transactions/commit": [{"table-changes": [{"identifier": _TABLE, **_COMMIT}]}],
    "POST iceberg/v1/namespaces/<namespace>/views": [{"name": "v"}],
    "POST iceberg/v1/namespaces/<namespace>/views/<view>": [{}],
    "POST opa/v1/data/trino/allow": [
        _trino("SelectFromColumns", resource={"table": {**_TRINO_TABLE, "columns": ["region"]}}),
        _trino(
            "ShowTables",
            resource={"schema": {"catalogName": "lakewarden", "schemaName": "$(level)"}},
        ),
        _trino("CreateTable", resource={"table": _TRINO_TABLE}),
        _trino("DropTable", resource={"table": _TRINO_TABLE}),
    ],
    "POST opa/v1/data/trino/batch": [
        _trino("FilterTables", filterResources=[{"table": _TRINO_TABLE}])
    ],
    "POST opa/v1/data/trino/rowFilters": [
        _trino("GetRowFilters", resource={"table": _TRINO_TABLE})
    ],
    "POST opa/v1/data/trino/columnMask": [_trino("GetColumnMask", resource=_TRINO_COLUMN)],
    "POST opa/v1/data/trino/batchColumnMasks": [
        _trino("GetColumnMask", filterResources=[_TRINO_COLUMN])
    ],
    "POST v2/models/<name>/infer": [{"inputs": []}],
    "POST v2/models/<name>/versions/<version>/infer": [{"inputs": []}],
    "POST datasets/<uuid>/request/": ["purpose=p&hours=720"],
    "POST datasets/<uuid>/break-glass/": ["reason=r&minutes=5"],
    "POST datasets/<uuid>/classifications/": ["accept=01890000-0000-7000-8000-000000000001"],
    "POST inbox/<uuid>/": ["verdict=approve"],
    "POST inbox/reviews/<uuid>/": ["verdict=acknowledge"],
    "POST break-glass/<uuid>/": ["verdict=abuse&comment=c"],
    "POST certify/<uuid>/": ["verdict=keep"],
    "POST requests/<uuid>/answer/": ["answer=accept"],
    "POST requests/<uuid>/extend/": ["hours=720"],
    "POST requests/invited/<invitation>/": ["purpose=p&hours=720"],
}
# Nothing is read from what is sent to these.
WITHOUT_BODY = (
    "POST absences/<uuid>/end/",
    "POST api/v1/catalog/datasets/<uuid>/classifications",
    "POST api/v1/catalog/datasets/<uuid>/classifications/<classification>/accept",
    "POST api/v1/catalog/datasets/<uuid>/classifications/<classification>/reject",
    "POST api/v1/campaigns/<uuid>/close",
    "POST api/v1/campaigns/<uuid>/open",
    "POST api/v1/delegations/<uuid>/end",
    "POST api/v1/erasures/<uuid>/plan",
    "POST api/v1/erasures/<uuid>/withdraw",
    "POST api/v1/request-rules/<name>/retire",
    "POST api/v1/retention-rules/<name>/retire",
    "POST api/v1/service-accounts/<username>/deactivate",
    "POST api/v1/service-accounts/<username>/tokens/<token>/rotate",
    "POST api/v1/webhook-deliveries/<uuid>/redeliver",
    "POST api/v1/webhooks/<uuid>/activate",
    "POST api/v1/webhooks/<uuid>/deactivate",
    "POST api/v1/webhooks/<uuid>/rotate-secret",
    "POST api/v1/webhooks/<uuid>/test",
    "POST identities/<pk>/unlink/",
    "PUT api/v1/users/<username>/break-glass",
    "POST api/v1/access-requests/<uuid>/withdraw",
    "POST api/v1/ingestion/sources/<name>/land",
    "POST api/v1/ingestion/sources/<name>/pause",
    "POST api/v1/ingestion/sources/<name>/resume",
    "PUT api/v1/ingestion/uploads/<name>/<filename>",
    "POST api/v1/policies/<pk>/publish",
    "POST api/v1/simulations/<uuid>/publish",
    "POST api/v1/policies/<pk>/retire",
    "POST api/v1/processing/pipelines/<uuid>/runs",
    "POST api/v1/processing/runs/<uuid>/cancel",
    "POST requests/<uuid>/withdraw/",
)
# Not offered, though the view that answers only finds that out behind the thing itself.
NOT_OFFERED = (
    "PUT api/v1/namespaces/<namespace>/datasets/<dataset>/versions",
    "PUT api/v1/namespaces/<namespace>/jobs/<job>/versions",
    "PUT api/v1/namespaces/<namespace>/jobs/<job>/runs",
)
# Tags, terms, owners and stewards are named by the URL alone, and so are the transitions of a run.
WITHOUT_BODY_BELOW = ("tags/<tag>", "terms/<term>", "/users/<name>", "/groups/<name>", "inputs/<dataset>", "outputs/<dataset>", "/start", "/complete", "/fail", "/abort")  # fmt: skip
# By the path of a form or of lines, another type than JSON.
_FORMS = tuple(
    key for key in BODIES if not key.split(" ")[1].startswith(("api/", "iceberg/", "opa/", "v2/"))
)
CONTENT_TYPES = {
    "POST api/v1/catalog/import": "application/x-ndjson",
    **dict.fromkeys(_FORMS, "application/x-www-form-urlencoded"),
}
# What must tell that a name is taken, since the name is unique for all: by the endpoint, why.
CLASHES: dict[str, str] = {
    "POST api/v1/catalog/datasets": "a dataset's name is unique; a steward who makes one is told that they may not",
    "POST api/v1/catalog/import": "the same, line by line",
    "POST api/v1/catalog/tags": "tags are one vocabulary for all, and whoever stewards a domain adds to it",
}
_TAGGED = (
    "PUT api/v1/catalog/datasets/<uuid>/tags/<tag>",
    "DELETE api/v1/catalog/datasets/<uuid>/tags/<tag>",
    "PUT api/v1/catalog/datasets/<uuid>/fields/<field>/tags/<tag>",
    "DELETE api/v1/catalog/datasets/<uuid>/fields/<field>/tags/<tag>",
    "POST api/v1/namespaces/<namespace>/datasets/<dataset>/tags/<tag>",
    "DELETE api/v1/namespaces/<namespace>/datasets/<dataset>/tags/<tag>",
    "POST api/v1/namespaces/<namespace>/datasets/<dataset>/fields/<field>/tags/<tag>",
    "DELETE api/v1/namespaces/<namespace>/datasets/<dataset>/fields/<field>/tags/<tag>",
)
_OPA = tuple(each for each in BODIES if " opa/" in each)
# What says yes, though what it names is hidden: by the endpoint, why that tells nothing.
OPEN: dict[str, str] = {
    **dict.fromkeys(
        _TAGGED, "one's own dataset gets a tag of any name, whether others bear it or not"
    ),
    **dict.fromkeys(_OPA, "the answer itself is a no, or an empty list"),
    "POST api/v1/catalog/import": "each line has an answer of its own in the stream",
    "POST api/v1/lineage": "who sends events may name anything, and is shown nothing for it",
    "POST api/v1/lineage/batch": "the same",
    "POST api/v1/models/training-runs": "only accepted: whether the model's name is free is told by the run",
}
# What may be done to what one knows of and does not manage: by the endpoint, why.
OFFERED: dict[str, str] = {
    **dict.fromkeys(_OPA, "the answer itself is a no, or an empty list"),
    "POST api/v1/access-requests": "who may discover a dataset asks for access",
    "POST datasets/<uuid>/request/": "the same, by the page",
    "POST api/v1/catalog/import": "each line has an answer of its own in the stream",
    "POST api/v1/declassifications": "the source is the viewer's own, and of the target they know the columns",
    "POST api/v1/models/training-runs": "only accepted: what the run may write is decided in the run",
    "POST iceberg/v1/namespaces/<namespace>/tables/<table>/metrics": "who may load a table reports on it",
}
# What may be set on one's own dataset or product, and names what one knows of.
OFFERED_ON_OWN: dict[str, str] = {
    **dict.fromkeys(_TAGGED, "a tag of any name"),
    **dict.fromkeys(
        (
            f"{method} api/v1/catalog/{path}"
            for method in ("PUT", "DELETE")
            for path in (
                "datasets/<uuid>/terms/<term>",
                "datasets/<uuid>/fields/<field>/terms/<term>",
                "products/<uuid>/inputs/<dataset>",
                "products/<uuid>/outputs/<dataset>",
            )
        ),
        "a term or a dataset that is shown to them",
    ),
}
# What asks the database more of a hidden thing than of nothing: by the endpoint, why nobody can use that, or what it buys.
DEARER: dict[str, str] = {
    **dict.fromkeys(
        _TAGGED, "a tag that is new is made: that a name is used somewhere is told by POST tags too"
    ),
    **dict.fromkeys(_OPA, "an engine asks, which knows all tables"),
    **dict.fromkeys(
        ("GET api/v1/catalog/datasets/<uuid>/rows", "POST api/v1/catalog/datasets/<uuid>/rows"),
        "a refused read is recorded, and of nothing there is nothing to record; a UUID has 62 random bits or more,"
        " so at a million tries a second one is hit in 70 000 years",
    ),
    "POST api/v1/ingestion/sources": "the table is found by name first, and the decision made about it",
    "POST api/v1/lineage": "a name that is new is recorded",
    "POST api/v1/lineage/batch": "the same",
}

"""Triggers that write `governance_factlog` in the transaction of each change of a fact."""

from django.db import migrations

ENTRY = "INSERT INTO governance_factlog (xid, kind, key, value)"
XID = "pg_current_xact_id()::text::bigint"
# By table: (kind, key, value) as expressions over a row `r`; a row without a key logs nothing.
TABLES: dict[str, list[tuple[int, str, str]]] = {
    "governance_datasetusergrant": [(3, "r.user_id", "0")],
    "governance_domainusergrant": [(3, "r.user_id", "0")],
    "governance_datasetgroupgrant": [(4, "r.group_id", "0")],
    "governance_domaingroupgrant": [(4, "r.group_id", "0")],
    "catalog_datasetowner": [(5, "r.user_id", "r.dataset_id"), (6, "r.group_id", "r.dataset_id")],
    "catalog_datasettag": [(7, "r.tag_id", "r.dataset_id")],
    "catalog_fieldtag": [(8, "r.tag_id", "r.field_id")],
    "catalog_domain": [(9, "0", "0")],
    "catalog_domainsteward": [(9, "0", "0")],
    "governance_policyversion": [(10, "0", "0")],
    "governance_policy": [(10, "0", "0")],
    "catalog_tag": [(12, "0", "0")],
    "catalog_searchentry": [(13, "r.dataset_id", "0")],
}
# Rows of these change often in ways that no fact depends on, hence row by row and on a condition.
CHANGED = {
    "catalog_dataset": (
        "(OLD.domain_id, OLD.kind, OLD.namespace, OLD.name, OLD.deleted_at IS NULL) IS DISTINCT FROM "
        "(NEW.domain_id, NEW.kind, NEW.namespace, NEW.name, NEW.deleted_at IS NULL)",
        f"{ENTRY} VALUES ({XID}, 2, OLD.id, 0)",
    ),
    "catalog_field": (
        "(OLD.dataset_id, OLD.removed_at IS NULL) IS DISTINCT FROM (NEW.dataset_id, NEW.removed_at IS NULL)",
        f"{ENTRY} SELECT DISTINCT {XID}, 11, id, 0 FROM unnest(ARRAY[OLD.dataset_id, NEW.dataset_id]) id WHERE id > 0",
    ),
}
EMPTIED = [*TABLES, *CHANGED]


def _log(table: str, rows: str) -> str:
    return "".join(
        f"{ENTRY} SELECT DISTINCT {XID}, {kind}, {key}, {value} FROM {rows} r WHERE {key} IS NOT NULL; "  # noqa: S608
        for kind, key, value in TABLES[table]
    )


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;"


def _by_statement(table: str) -> str:
    old, new = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
    steps = {
        "insert": (new, _log(table, "new_rows")),
        "update": (f"{old} {new}", _log(table, "old_rows") + _log(table, "new_rows")),
        "delete": (old, _log(table, "old_rows")),
    }
    return "".join(
        _function(f"{table}_fact_{event}", body)
        + f"CREATE TRIGGER fact_{event} AFTER {event} ON {table} REFERENCING {tables} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_fact_{event}();"
        for event, (tables, body) in steps.items()
    )


def _by_row(table: str) -> str:
    condition, body = CHANGED[table]
    name = f"{table}_fact_change"
    run = f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    return (
        _function(name, f"{body};")
        + f"CREATE TRIGGER fact_update AFTER UPDATE ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}();"
        + f"CREATE TRIGGER fact_delete AFTER DELETE ON {table} {run};"
    )


BIRTHS = (
    _function("catalog_dataset_fact_insert", f"{ENTRY} SELECT {XID}, 1, r.id, 0 FROM new_rows r;")  # noqa: S608
    + "CREATE TRIGGER fact_insert AFTER INSERT ON catalog_dataset REFERENCING NEW TABLE AS new_rows "
    "FOR EACH STATEMENT EXECUTE FUNCTION catalog_dataset_fact_insert();"
)
EMPTYING = _function("governance_fact_reset", f"{ENTRY} VALUES ({XID}, 0, 0, 0);") + "".join(
    f"CREATE TRIGGER fact_truncate AFTER TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION governance_fact_reset();"
    for table in EMPTIED
)


def _drop(table: str) -> str:
    if table in TABLES:
        events = {event: f"{table}_fact_{event}" for event in ("insert", "update", "delete")}
    else:
        events = dict.fromkeys(("update", "delete"), f"{table}_fact_change")
    triggers = "".join(f"DROP TRIGGER fact_{event} ON {table};" for event in events)
    functions = "".join(f"DROP FUNCTION {name}();" for name in sorted(set(events.values())))
    return triggers + functions


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0005_fact_log"),
        ("catalog", "0013_search_words"),
    ]

    operations = [
        *(migrations.RunSQL(_by_statement(table), _drop(table)) for table in TABLES),
        *(migrations.RunSQL(_by_row(table), _drop(table)) for table in CHANGED),
        migrations.RunSQL(
            BIRTHS,
            "DROP TRIGGER fact_insert ON catalog_dataset; DROP FUNCTION catalog_dataset_fact_insert();",
        ),
        migrations.RunSQL(
            EMPTYING,
            "".join(f"DROP TRIGGER fact_truncate ON {table};" for table in EMPTIED)
            + "DROP FUNCTION governance_fact_reset();",
        ),
    ]

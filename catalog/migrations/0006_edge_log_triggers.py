"""Triggers that write `catalog_edgelog` from the two edge tables, one statement at a time, and log what is in force."""

from django.db import migrations

COLUMNS = "(xid, kind, opened, edge_id, left_id, right_id, job_id, direction, logged_at)"
# What an edge row logs, by table: kind, then left, right, job and direction as expressions over the row `r`.
TABLES = {
    "catalog_datasetedge": (1, "r.dataset_id, r.job_id, r.job_id, r.direction"),
    "catalog_fieldedge": (2, "r.source_id, r.target_id, r.job_id, ''"),
}
KEYS = {
    "catalog_datasetedge": "(o.dataset_id, o.job_id, o.direction) IS DISTINCT FROM (n.dataset_id, n.job_id, n.direction)",
    "catalog_fieldedge": "(o.source_id, o.target_id, o.job_id) IS DISTINCT FROM (n.source_id, n.target_id, n.job_id)",
}


def _select(table: str, *, opened: bool, source: str) -> str:
    kind, ends = TABLES[table]
    return (
        f"INSERT INTO catalog_edgelog {COLUMNS} SELECT pg_current_xact_id()::text::bigint, {kind}, "  # noqa: S608 - constants
        f"{'true' if opened else 'false'}, r.id, {ends}, now() FROM {source} r WHERE r.valid_to IS NULL"
    )


def _make(table: str) -> str:
    changed = f"(o.valid_to IS NULL) <> (n.valid_to IS NULL) OR {KEYS[table]}"
    closed = f"(SELECT o.* FROM old_rows o JOIN new_rows n USING (id) WHERE {changed})"
    opened = f"(SELECT n.* FROM old_rows o JOIN new_rows n USING (id) WHERE {changed})"
    return f"""
CREATE FUNCTION {table}_log_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN {_select(table, opened=True, source="new_rows")}; RETURN NULL; END $$;
CREATE FUNCTION {table}_log_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_select(table, opened=False, source=closed)};
    {_select(table, opened=True, source=opened)};
    RETURN NULL;
END $$;
CREATE FUNCTION {table}_log_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN {_select(table, opened=False, source="old_rows")}; RETURN NULL; END $$;
CREATE TRIGGER log_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_log_insert();
CREATE TRIGGER log_update AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_log_update();
CREATE TRIGGER log_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_log_delete();
"""


def _drop(table: str) -> str:
    return "".join(
        f"DROP TRIGGER log_{name} ON {table}; DROP FUNCTION {table}_log_{name}();"
        for name in ("insert", "update", "delete")
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_edge_log_and_job_versions")]

    operations = [migrations.RunSQL(_make(table), _drop(table)) for table in TABLES]

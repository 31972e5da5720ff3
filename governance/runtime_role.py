"""The database role that the processes run as: it may add to the audit log and read it, and nothing else.

Migrations run as the owner of the tables; `grant_runtime_role` gives the other role what it needs after each of them.
"""

from django.db import connection, transaction
from psycopg import sql

from core.errors import InvalidInputError

# What nobody but the owner may change; the function gives records their place as the owner.
LOG_TABLES = ("governance_auditrecord", "governance_auditcheckpoint", "governance_audittile")
_KEY_TABLES = ("governance_auditsubject", "governance_auditsegment")
_PLACE = "governance_place_audit_records(bigint, bigint[])"
# Months of raw events are tables that workers make and drop, which only the owner of the whole may.
_EVENT_TABLES = """
SELECT 'catalog_runevent' UNION ALL
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'catalog_runevent'::regclass
"""
# The role could undo what refuses change: as superuser, as owner, or as a member of the owner.
_IS_MIGHTY = """
SELECT bool_or(r.rolsuper OR pg_has_role(r.rolname, c.relowner, 'MEMBER'))
FROM pg_roles r, pg_class c WHERE r.rolname = %s AND c.relname = ANY(%s)
"""
_GRANTS = """
GRANT USAGE, CREATE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role};
REVOKE ALL ON {log} FROM {role};
GRANT SELECT, INSERT ON {log} TO {role};
REVOKE DELETE ON {keys} FROM {role};
"""
_MAY_CHANGE = """
SELECT array_agg(c.relname::text ORDER BY c.relname) FROM pg_class c
WHERE c.relname = ANY(%s) AND c.relnamespace = 'public'::regnamespace
  AND (pg_has_role(c.relowner, 'MEMBER') OR has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER'))
"""


@transaction.atomic
def grant_runtime_role(role: str) -> None:
    """Give `role` what the processes need, and of the audit log only reading and adding; idempotent.

    Run as the owner of the tables, who must be a member of `role` (for the tables of raw events, which become its own).
    Raises InvalidInputError for a role that is not there, or one that could take back what it is refused.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IS_MIGHTY, [role, list(LOG_TABLES)])
        is_mighty = cursor.fetchone()[0]
        if is_mighty is None:
            raise InvalidInputError(f"there is no database role `{role}`")
        if is_mighty:
            raise InvalidInputError(
                f"role `{role}` owns the audit log or is a superuser: it could change what it is refused"
            )
        name = sql.Identifier(role)
        cursor.execute(
            sql.SQL(_GRANTS).format(role=name, log=_list(LOG_TABLES), keys=_list(_KEY_TABLES))
        )
        cursor.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(_PLACE), name))
        cursor.execute(_EVENT_TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), name)
            )


def changeable_log_tables() -> list[str]:
    """The tables of the log that the role of this process could change; empty where all is as it should be."""
    with connection.cursor() as cursor:
        cursor.execute(_MAY_CHANGE, [list(LOG_TABLES)])
        return cursor.fetchone()[0] or []


def _list(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))

"""Reading a log that many transactions write to: everything that was committed since a snapshot, each entry once.

Commits overtake each other, so the numbers of entries tell nothing. A reader keeps the snapshot up to which it has read:
its `xmax`, and which transactions below it were `running`.

INVARIANT: `xmax` is one above the last transaction that has *ended*, so a later one may be running, and have written
entries with low numbers, without being among those that a snapshot lists; hence `xid >= xmax` below.
"""

# Columns of a query `FROM (SELECT pg_current_snapshot() AS snap) s`: what the statement itself sees.
SNAPSHOT_COLUMNS = """pg_snapshot_xmax(s.snap)::text::bigint AS xmax,
       ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s.snap) x) AS running"""


def unread(table: str, *, columns: str = "*", condition: str = "true") -> str:
    """SQL for the entries of `table` that the snapshot of the parameters `xmax` and `running` did not see.

    The table holds the writing transaction (`pg_current_xact_id()` as a 64-bit number) in `xid`. All three texts are the
    caller's own SQL.
    """
    entries = f"SELECT {columns} FROM {table} WHERE {condition}"  # noqa: S608  # our own SQL
    return f"{entries} AND xid >= %(xmax)s UNION ALL {entries} AND xid = ANY(%(running)s)"

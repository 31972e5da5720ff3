"""System checks of the services that we stand on; run by `manage.py check --database default` and by `migrate`.

The one of the audit log is run by `check --deploy`.
"""

from collections.abc import Sequence
from typing import Any

import redis
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections

from governance.runtime_role import changeable_log_tables

MIN_POSTGRESQL = 150_000
MIN_REDIS_MAJOR = 6


@register(Tags.database)
def check_postgresql(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """PostgreSQL must be 15 or newer: NULLS NOT DISTINCT constraints need it."""
    del kwargs
    return [
        Error(
            f"PostgreSQL of database `{alias}` is too old: expected 15 or newer",
            id="lakewarden.E001",
        )
        for alias in databases or ()
        if connections[alias].pg_version < MIN_POSTGRESQL  # type: ignore[attr-defined]
    ]


@register(Tags.database)
def check_redis(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Redis or Valkey must answer and be 6 or newer (ACLs, `REDIS_URL` with a password)."""
    del kwargs
    if not databases:
        return []
    try:
        with redis.Redis.from_url(settings.LAKEWARDEN.redis_url, socket_timeout=3) as client:
            info = client.info("server")
    except redis.RedisError as error:
        return [Error(f"Redis at `REDIS_URL` failed: {type(error).__name__}", id="lakewarden.E002")]
    version = str(info.get("valkey_version") or info["redis_version"])
    if int(version.split(".", maxsplit=1)[0]) < MIN_REDIS_MAJOR:
        return [Error(f"Redis {version} is too old: expected 6 or newer", id="lakewarden.E003")]
    return []


@register(Tags.security, deploy=True)
def check_audit_log(**kwargs: Any) -> list[CheckMessage]:
    """The processes' database role must not be able to change the audit log."""
    del kwargs
    try:
        tables = changeable_log_tables()
    except DatabaseError:
        return []  # that it does not answer is told by the checks of the database
    if not tables:
        return []
    return [
        checks.Warning(
            f"the database role of `DATABASE_URL` can change {', '.join(tables)}",
            hint="Run the processes as a role of their own: docs/how-to/prove-the-audit-log.md.",
            id="lakewarden.W001",
        )
    ]

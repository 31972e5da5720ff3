"""What an engine needs to reach a table's files, and who is given it.

Scoped short-lived credentials need an STS, which not every S3-compatible store has. Until one is configured, the
service's own static credentials are handed out, and they open every table: so only to service accounts, and only
with a read decision that withholds nothing.
"""

from django.conf import settings

from api.iceberg.requests import Caller

DELEGATION_HEADER = "X-Iceberg-Access-Delegation"
VENDED = "vended-credentials"


def connection_config() -> dict[str, str]:
    """Where the object store is; no secret."""
    s3 = settings.LAKEWARDEN.s3
    config = {"s3.region": s3.region, "client.region": s3.region}
    if s3.endpoint_url:
        config |= {"s3.endpoint": s3.endpoint_url, "s3.path-style-access": "true"}
    return config


def may_have_credentials(caller: Caller, *, asked: str, unrestricted: bool) -> bool:
    """Whether to hand out credentials: asked for, to a program, and nothing is withheld from it."""
    wants = VENDED in [part.strip() for part in asked.split(",")]
    return wants and unrestricted and caller.user.is_service and bool(_static_credentials())


def storage_credentials(location: str) -> list[dict[str, object]]:
    """The specification's `storage-credentials` for a table at `location` and wherever tiering puts its files."""
    config = settings.LAKEWARDEN
    bucket = "/".join(location.split("/")[:3])
    prefixes = sorted({bucket, config.hot_url, config.cold_url})
    return [
        {"prefix": prefix, "config": {**connection_config(), **_static_credentials()}}
        for prefix in prefixes
    ]


def credential_config() -> dict[str, str]:
    """The same for clients that know the `config` member only."""
    return _static_credentials()


def _static_credentials() -> dict[str, str]:
    s3 = settings.LAKEWARDEN.s3
    if not s3.access_key_id or not s3.secret_access_key:
        return {}
    return {"s3.access-key-id": s3.access_key_id, "s3.secret-access-key": s3.secret_access_key}

"""What every test may lean on: a database per worker, an object-store prefix, an audit key."""

import dataclasses
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import hypothesis
import pytest
from botocore.config import Config
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection

from config.env import RateLimits

# A busy machine makes an example slow, not wrong: no example is timed, and slow generation is no fault.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

# The corpus and specifications lie beside the checkout where the project is developed.
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of specifications and real events; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("the shared corpus of events and specifications is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def s3_client():
    """A boto3 client of the real object store under test."""
    s3 = django_settings.LAKEWARDEN.s3
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=s3.access_key_id,
        aws_secret_access_key=s3.secret_access_key,
        region_name=s3.region,
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture(scope="session")
def object_buckets(s3_client) -> tuple[str, str]:
    """The hot and the cold bucket of the settings, made if they are not there."""
    config = django_settings.LAKEWARDEN
    names = tuple(
        url.removeprefix("s3://").split("/")[0] for url in (config.hot_url, config.cold_url)
    )
    existing = {bucket["Name"] for bucket in s3_client.list_buckets()["Buckets"]}
    for name in names:
        if name not in existing:
            s3_client.create_bucket(Bucket=name)
    return names


@pytest.fixture
def unique() -> str:
    """A short name that no other test uses, for topics, keys and tables in shared services."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session", autouse=True)
def _static_folder() -> None:
    """WhiteNoise warns of a missing folder, and a warning fails a test; `up` collects into it."""
    Path(django_settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _fast_passwords(settings) -> None:
    """Password hashing is slow on purpose; tests make many users."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_cache_keys(settings) -> Iterator[None]:
    """Workers share one Redis: each has its own key prefix, emptied after each test that used it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    prefix = f"test-{worker}-{uuid.uuid4().hex[:8]}"
    settings.CACHES = {
        "default": {**django_settings.CACHES["default"], "KEY_PREFIX": prefix},
    }
    yield
    cache.close()


@pytest.fixture
def unlimited(settings) -> None:
    """For tests that ask more in a minute than one caller may."""
    off = RateLimits(principal=0, protocol=0, anonymous=0)
    settings.LAKEWARDEN = dataclasses.replace(django_settings.LAKEWARDEN, rate_limits=off)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    """Tests with real transactions empty all tables between them, which the audit log refuses elsewhere."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table, trigger in (
            ("governance_auditrecord", "audit_record_is_not_truncated"),
            ("governance_auditcheckpoint", "audit_checkpoint_is_not_truncated"),
            ("governance_audittile", "audit_tile_is_not_truncated"),
        ):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")

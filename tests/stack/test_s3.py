"""Our few signed requests, against the real object store."""

import uuid
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from stack import s3


@pytest.fixture
def connection() -> dict:
    config = settings.LAKEWARDEN.s3
    port = urlsplit(config.endpoint_url or "").port
    if port is None:
        pytest.skip("the object store under test is not on loopback")
    return {
        "port": port,
        "access_key": config.access_key_id,
        "secret_key": config.secret_access_key,
        "region": config.region,
    }


def test_an_object_can_be_stored(connection: dict) -> None:
    assert s3.stores_objects(buckets=(f"stack-{uuid.uuid4().hex[:8]}",), **connection)


def test_a_wrong_secret_is_refused(connection: dict) -> None:
    status = s3.request("GET", "/", **{**connection, "secret_key": "wrong"})

    assert status == HTTPStatus.FORBIDDEN


def test_no_server_is_no_readiness(connection: dict) -> None:
    assert not s3.stores_objects(buckets=("any",), **{**connection, "port": 1})

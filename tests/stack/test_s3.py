"""Our few signed requests, against the real object store."""

import contextlib
import uuid
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
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


def test_the_number_of_buckets_does_not_depend_on_the_free_disk(s3_client, unique):
    """A store that counts its volumes by free space has none left for the last of these below 140 GB."""
    names = [f"{unique}-{number}" for number in range(20)]
    try:
        for name in names:
            s3_client.create_bucket(Bucket=name)
            s3_client.put_object(Bucket=name, Key="one", Body=b"x")
        sizes = [s3_client.head_object(Bucket=each, Key="one")["ContentLength"] for each in names]
    finally:
        for name in names:
            with contextlib.suppress(ClientError):
                s3_client.delete_object(Bucket=name, Key="one")
                s3_client.delete_bucket(Bucket=name)

    assert sizes == [1] * len(names)

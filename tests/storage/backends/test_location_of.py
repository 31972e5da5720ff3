"""From a URI to the location that holds it."""

import pytest

from storage.backends import location_of, normalise_uri, open_uri
from storage.backends.errors import InvalidKeyError, OutsideLocationError
from storage.models import StorageLocation


@pytest.fixture
def locations(db) -> dict[str, StorageLocation]:
    roots = {"wide": "s3://one", "narrow": "s3://one/deep", "disk": "file:///srv/lake"}
    return {
        name: StorageLocation.objects.create(
            name=name, root=root, backend="local" if name == "disk" else "s3"
        )
        for name, root in roots.items()
    }


@pytest.mark.parametrize(
    ("uri", "name", "key"),
    [
        ("s3://one/a/b", "wide", "a/b"),
        ("s3://one/deep/b", "narrow", "b"),
        ("s3://one/deeper/b", "wide", "deeper/b"),
        ("s3a://one/deep/b", "narrow", "b"),
        ("s3n://one/b", "wide", "b"),
        ("file:///srv/lake/x y", "disk", "x y"),
    ],
)
def test_the_longest_root_holds_it(locations, uri, name, key):
    assert location_of(uri) == (locations[name], key)
    backend, found = open_uri(uri)
    assert (backend.root, found) == (locations[name].root, key)


@pytest.mark.parametrize(
    "uri", ["s3://two/a", "s3://one", "s3://oneandmore/a", "/srv/lake/a", "gs://one/a", ""]
)
def test_what_no_location_holds_is_refused(locations, uri):
    with pytest.raises(OutsideLocationError):
        location_of(uri)


@pytest.mark.parametrize("uri", ["s3://one/deep/../../two", "file:///srv/lake/../etc/passwd"])
def test_a_uri_does_not_climb(locations, uri):
    with pytest.raises(InvalidKeyError):
        location_of(uri)


def test_a_path_is_no_alias():
    assert [normalise_uri(uri) for uri in ("s3a://b/k", "s3://b/s3a://k", "s3a")] == [
        "s3://b/k",
        "s3://b/s3a://k",
        "s3a",
    ]

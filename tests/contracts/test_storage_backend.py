"""What every storage backend promises (`storage/backends/base.py`), asked of each of them."""

import hashlib
import uuid

import pytest
from django.conf import settings

from storage.backends import open_location_url
from storage.backends.base import Checksum, check_key
from storage.backends.errors import (
    BackendUnavailableError,
    InvalidKeyError,
    ObjectMissingError,
    OutsideLocationError,
)

BACKENDS = ("s3", "local")
BAD_KEYS = (
    "",
    "/a",
    "a//b",
    "../a",
    "a/../b",
    "a/./b",
    "a/",
    "a\\b",
    "a\nb",
    "a\0b",
    "x" * 1025,
    "y" * 256,
)
ODD_KEYS = ("a b/ü%20#?+.txt", "p=1%2F2/x.parquet", "x~*!'().bin", "日本/😀")


@pytest.fixture(params=BACKENDS)
def make_backend(request, tmp_path, object_buckets):
    """Makes empty backends of one kind, each with a root of its own."""
    made = []

    def make(name: str = "root"):
        if request.param == "local":
            backend = open_location_url(f"{(tmp_path / name).as_uri()}")
        else:
            prefix = f"tiering-tests/{uuid.uuid4().hex}"
            backend = open_location_url(f"s3://{object_buckets[0]}/{prefix}")
        backend.ensure_root()
        made.append(backend)
        return backend

    yield make
    for backend in made:
        for info in list(backend.list_all()):
            backend.delete(info.key)


@pytest.fixture
def backend(make_backend):
    return make_backend()


def test_bytes_come_back_as_they_were_put(backend):
    backend.put_bytes("a/b.bin", b"\0hello\xff")
    assert backend.get_bytes("a/b.bin") == b"\0hello\xff"
    assert backend.head("a/b.bin").size == 7
    assert backend.exists("a/b.bin")


def test_a_second_put_replaces_the_first(backend):
    backend.put_bytes("k", b"one")
    first = backend.head("k").etag
    backend.put_bytes("k", b"three")
    assert backend.get_bytes("k") == b"three"
    assert backend.head("k").etag != first


def test_an_empty_object_is_an_object(backend):
    backend.put_bytes("empty", b"")
    backend.put_stream("none", [])
    assert (backend.head("empty").size, backend.get_bytes("empty")) == (0, b"")
    assert (backend.head("none").size, backend.get_bytes("none")) == (0, b"")


def test_files_go_in_and_out(backend, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(b"x" * 3_000_000)
    backend.put_file("file", source)
    backend.get_file("file", back)
    assert back.read_bytes() == source.read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["back", "source"]


def test_a_stream_in_many_chunks_is_whole(backend):
    chunk = bytes(range(256)) * 4096
    backend.put_stream("big", (chunk for _ in range(12)))
    assert backend.checksum("big") == Checksum(
        sha256=hashlib.sha256(chunk * 12).hexdigest(), size=len(chunk) * 12
    )
    assert b"".join(backend.iterate("big", chunk_bytes=1 << 16)) == chunk * 12


def test_a_stream_that_breaks_stores_nothing(backend):
    def chunks():
        yield b"x" * 100
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        backend.put_stream("part", chunks())
    assert [info.key for info in backend.list_all()] == []


def test_a_broken_stream_leaves_what_was_there(backend):
    def chunks():
        yield b"new"
        raise RuntimeError("broken")

    backend.put_bytes("k", b"old")
    with pytest.raises(RuntimeError, match="broken"):
        backend.put_stream("k", chunks())
    assert backend.get_bytes("k") == b"old"


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 4, b"0123"), (8, 100, b"89"), (10, 5, b""), (50, 5, b""), (3, 0, b"")],
)
def test_a_range_is_cut_at_the_end(backend, start, length, expected):
    backend.put_bytes("k", b"0123456789")
    assert backend.get_range("k", start=start, length=length) == expected


def test_listing_is_in_key_order_and_paged(backend):
    keys = [f"p/{number:03}" for number in range(25)]
    for key in [*reversed(keys), "q/other"]:
        backend.put_bytes(key, key.encode())
    seen, after, pages = [], "", 0
    while after is not None:
        page = backend.list_page("p/", after=after, limit=10)
        seen += [info.key for info in page.objects]
        after, pages = page.next_after, pages + 1
    assert (seen, pages) == (keys, 3)
    assert [info.size for info in backend.list_page("p/00").objects] == [5] * 10


def test_a_prefix_need_not_end_at_a_slash(backend):
    for key in ("ab/1", "abc", "b"):
        backend.put_bytes(key, b"")
    assert [info.key for info in backend.list_all("ab")] == ["ab/1", "abc"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_kept_to_the_letter(make_backend, key):
    one, two = make_backend("one"), make_backend("two")
    one.put_bytes(key, b"odd")
    two.copy_from(one, key, f"copy/{key}")
    assert [info.key for info in one.list_all()] == [key]
    assert one.head(key).key == key
    assert two.get_bytes(f"copy/{key}") == b"odd"


def test_copies_between_roots_are_equal(make_backend):
    one, two = make_backend("one"), make_backend("two")
    one.put_bytes("k", b"x" * 2_000_000)
    two.copy_from(one, "k", "deep/copy")
    assert two.checksum("deep/copy") == one.checksum("k")
    assert one.exists("k")


def test_copies_between_kinds_are_equal(make_backend, tmp_path, object_buckets):
    here = make_backend()
    local = open_location_url((tmp_path / "elsewhere").as_uri())
    local.ensure_root()
    local.put_bytes("k", b"y" * 1_500_000)
    here.copy_from(local, "k", "copy")
    local.copy_from(here, "copy", "back")
    assert local.checksum("back") == local.checksum("k")


def test_deleting_is_idempotent(backend):
    backend.put_bytes("k", b"x")
    backend.delete("k")
    backend.delete("k")
    assert not backend.exists("k")


def test_what_is_missing_says_so(make_backend, tmp_path):
    backend, other = make_backend("one"), make_backend("two")
    for call in (
        lambda: backend.head("no"),
        lambda: backend.iterate("no"),
        lambda: backend.get_range("no", start=0, length=1),
        lambda: backend.checksum("no"),
        lambda: backend.get_file("no", tmp_path / "no"),
        lambda: other.copy_from(backend, "no", "k"),
    ):
        with pytest.raises(ObjectMissingError):
            call()
    assert not (tmp_path / "no").exists()
    assert not other.exists("k")


@pytest.mark.parametrize("key", BAD_KEYS)
def test_no_key_leaves_the_root(backend, key):
    for call in (
        lambda: backend.put_bytes(key, b"x"),
        lambda: backend.head(key),
        lambda: backend.iterate(key),
        lambda: backend.delete(key),
        lambda: backend.uri_of(key),
    ):
        with pytest.raises(InvalidKeyError):
            call()


def test_uris_and_keys_are_each_other(backend):
    uri = backend.uri_of("a/b c")
    assert uri == f"{backend.root}/a/b c"
    assert backend.key_of(uri) == "a/b c"
    for outside in ("s3://elsewhere/a", f"{backend.root}x/a", backend.root):
        with pytest.raises(OutsideLocationError):
            backend.key_of(outside)
    with pytest.raises(InvalidKeyError):
        backend.key_of(f"{backend.root}/../a")


def test_a_root_that_is_there_passes_the_check(backend):
    backend.check()
    backend.ensure_root()


def test_a_folder_that_is_not_there_fails_the_check(tmp_path):
    with pytest.raises(BackendUnavailableError):
        open_location_url((tmp_path / "none").as_uri()).check()


def test_a_bucket_that_is_not_there_fails_the_check():
    with pytest.raises((BackendUnavailableError, ObjectMissingError)):
        open_location_url(f"s3://none-{uuid.uuid4().hex}").check()


def test_a_link_does_not_lead_out_of_a_folder(tmp_path):
    (tmp_path / "secret").write_text("secret")
    backend = open_location_url((tmp_path / "root").as_uri())
    backend.ensure_root()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    for call in (
        lambda: backend.get_bytes("link/secret"),
        lambda: backend.put_bytes("link/new", b""),
        lambda: backend.delete("link/secret"),
    ):
        with pytest.raises(InvalidKeyError):
            call()


def test_a_storage_class_is_kept(object_buckets):
    root = f"s3://{object_buckets[1]}/tiering-tests/{uuid.uuid4().hex}"
    backend = open_location_url(root)
    backend.put_bytes("put", b"x", storage_class="STANDARD_IA")
    backend.put_bytes("plain", b"x")
    backend.copy_from(backend, "plain", "copy", storage_class="STANDARD_IA")
    classes = {info.key: backend.head(info.key).storage_class for info in backend.list_all()}
    for key in classes:
        backend.delete(key)
    assert classes == {"put": "STANDARD_IA", "plain": "STANDARD", "copy": "STANDARD_IA"}


@pytest.mark.parametrize("url", ["ftp://host/x", "nothing", "gs://bucket"])
def test_a_scheme_without_backend_is_refused(url):
    with pytest.raises(OutsideLocationError):
        open_location_url(url)


@pytest.mark.parametrize("url", ["s3://", "file://host/x", "file:relative"])
def test_a_malformed_root_is_refused(url):
    with pytest.raises(InvalidKeyError):
        open_location_url(url)


def test_a_key_that_is_fine_is_itself():
    assert [check_key(key) for key in ODD_KEYS] == list(ODD_KEYS)


def test_no_secret_is_in_an_error(caplog):
    with pytest.raises((BackendUnavailableError, ObjectMissingError)) as caught:
        open_location_url(f"s3://none-{uuid.uuid4().hex}").check()
    secret = settings.LAKEWARDEN.s3.secret_access_key
    assert secret not in f"{caught.value} {caught.value.data} {caplog.text}"

"""Objects go in whole or not at all, and come out as far as the reader may see them."""

import pytest

from catalog.models import Field
from catalog.services.datasets import add_owner, tag_field
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.policy.types import Action
from storage.backends import open_uri
from storage.backends.base import Checksum
from storage.backends.errors import ChecksumMismatchError, InvalidKeyError
from storage.backends.s3 import S3Backend
from storage.models import CollectionObject, Movement
from storage.services.collections import NewObject, NotACollectionError, add_object, add_objects
from storage.services.object_reads import AmbiguousFieldsError, list_objects, read_object
from tests.factories.audit import audited_by, payload_of
from tests.factories.governance import make_grant, make_mask
from tests.factories.identity import make_actors


@pytest.fixture
def actors(collection):
    """`owner` owns the collection, `team_mate` has what a test grants, `outsider` has nothing."""
    actors = make_actors()
    add_owner(collection, owner=actors.owner)
    return actors


def keys(user, collection, **kwargs) -> list[str]:
    listing = list_objects(user=user, dataset=collection, **kwargs)
    return [item["key"] for item in listing.items]


def content(user, collection, key: str) -> bytes:
    return b"".join(read_object(user=user, dataset=collection, key=key).chunks)


def reads_in_audit(user, via: str) -> list[dict]:
    rows = audited_by(user.username).filter(action__startswith="data.read").order_by("pk")
    return [payload for payload in map(payload_of, rows) if payload["via"] == via]


def test_an_object_is_stored_as_it_was_given(collection):
    row = CollectionObject.objects.get(dataset=collection, key="p/2.png")
    backend, key = open_uri(row.uri)
    assert backend.get_bytes(key) == b"image 2"
    assert backend.checksum(key) == Checksum(sha256=row.sha256, size=row.size)
    assert (row.size, row.media_type, row.tier.name) == (7, "image/png", "hot")


def test_the_catalog_has_the_schema_and_the_statistics(collection):
    fields = Field.objects.filter(dataset=collection).present().order_by("ordinal")
    assert list(fields.values_list("name", "type")) == [
        ("key", "string"),
        ("size", "long"),
        ("media_type", "string"),
        ("sha256", "string"),
        ("added_at", "timestamptz"),
        ("camera", "string"),
        ("width", "long"),
        ("content", "binary"),
    ]
    collection.refresh_from_db()
    assert collection.current_version.statistics == {"rows": 6, "bytes": 42, "files": 6}


def test_adding_the_same_again_changes_nothing(collection):
    before = CollectionObject.objects.get(dataset=collection, key="p/1.png")
    version = collection.current_version
    again = add_object(
        dataset=collection,
        item=NewObject(
            key="p/1.png",
            content=b"image 1",
            media_type="image/png",
            metadata={"width": 100, "camera": "x"},
        ),
    )
    assert (again.pk, again.uri, again.added_at) == (before.pk, before.uri, before.added_at)
    assert collection.current_version == version
    assert Movement.objects.count() == 0


def test_a_file_goes_in_like_bytes(collection, tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"q" * 2_500_000)
    row = add_object(dataset=collection, item=NewObject(key="big", content=path))
    backend, key = open_uri(row.uri)
    assert backend.get_bytes(key) == path.read_bytes()


def test_metadata_of_several_types_is_text(collection):
    add_object(
        dataset=collection, item=NewObject(key="odd", content=b"", metadata={"width": "wide"})
    )
    assert Field.objects.get(dataset=collection, name="width").type == "string"


def test_bytes_that_do_not_come_back_are_refused(collection, monkeypatch):
    monkeypatch.setattr(S3Backend, "checksum", lambda *_: Checksum(sha256="0" * 64, size=3))
    with pytest.raises(ChecksumMismatchError):
        add_object(dataset=collection, item=NewObject(key="new", content=b"abc"))
    assert not CollectionObject.objects.filter(key="new").exists()


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (NewObject(key="../up", content=b""), InvalidKeyError),
        (NewObject(key="a", content=b"", metadata={"content": 1}), InvalidInputError),
        (
            NewObject(key="a", content=b"", metadata=dict.fromkeys(map(str, range(201)))),
            InvalidInputError,
        ),
    ],
)
def test_wrong_objects_are_refused(collection, item, error):
    with pytest.raises(error):
        add_object(dataset=collection, item=item)


def test_a_key_twice_in_a_call_is_refused(collection):
    item = NewObject(key="a", content=b"")
    with pytest.raises(InvalidInputError):
        add_objects(dataset=collection, items=[item, item])


def test_a_table_takes_no_objects(table):
    with pytest.raises(NotACollectionError):
        add_object(dataset=table.dataset, item=NewObject(key="a", content=b""))


def test_the_owner_reads_all_of_it(collection, actors):
    assert keys(actors.owner, collection) == [f"p/{n}.png" for n in range(6)]
    assert content(actors.owner, collection, "p/3.png") == b"image 3"
    row = CollectionObject.objects.get(dataset=collection, key="p/3.png")
    assert row.reads == 1
    assert row.last_read_at is not None


@pytest.mark.parametrize("who", ["team_mate", "outsider"])
def test_without_a_grant_nothing_is_read_and_the_attempt_is_recorded(collection, actors, who):
    user = getattr(actors, who)
    with pytest.raises(PermissionDeniedError):
        keys(user, collection)
    with pytest.raises(PermissionDeniedError):
        content(user, collection, "p/3.png")
    assert [each["outcome"] for each in reads_in_audit(user, "collection.list")] == ["deny"]
    assert [
        (each["asked"]["key"], each["outcome"]) for each in reads_in_audit(user, "object.read")
    ] == [("p/3.png", "deny")]


def test_a_row_filter_hides_objects_and_their_bytes(collection, actors):
    make_grant(actors.team_mate, collection, Action.READ, row_filter="width >= 300")
    assert keys(actors.team_mate, collection) == ["p/3.png", "p/4.png", "p/5.png"]
    assert content(actors.team_mate, collection, "p/3.png") == b"image 3"
    for hidden in ("p/2.png", "p/none.png"):
        with pytest.raises(NotFoundError, match="there is no such object"):
            content(actors.team_mate, collection, hidden)
    assert [
        (each["asked"]["key"], each["outcome"], each["row_filter"] is not None)
        for each in reads_in_audit(actors.team_mate, "object.read")
    ] == [
        ("p/3.png", "allow", True),
        ("p/2.png", "not-found", True),
        ("p/none.png", "not-found", True),
    ]


def test_a_page_ends_where_it_is_full_and_goes_on(collection, actors):
    make_grant(actors.team_mate, collection, Action.READ, row_filter="width >= 200")
    first = list_objects(user=actors.team_mate, dataset=collection, limit=3)
    rest = list_objects(user=actors.team_mate, dataset=collection, limit=3, after=first.next_after)
    assert [item["key"] for item in first.items] == ["p/2.png", "p/3.png", "p/4.png"]
    assert [item["key"] for item in rest.items] == ["p/5.png"]
    assert rest.next_after is None


def test_columns_that_are_not_granted_are_not_there(collection, actors):
    make_grant(actors.team_mate, collection, Action.READ, columns=["key", "width"])
    listing = list_objects(user=actors.team_mate, dataset=collection, limit=1)
    assert listing.items == [{"key": "p/0.png", "width": 0}]
    with pytest.raises(PermissionDeniedError, match="content of this object"):
        content(actors.team_mate, collection, "p/0.png")


def test_content_may_be_granted_for_some_rows_only(collection, actors):
    make_grant(actors.team_mate, collection, Action.READ, columns=["key"])
    make_grant(
        actors.team_mate, collection, Action.READ, columns=["content"], row_filter="width = 100"
    )
    assert content(actors.team_mate, collection, "p/1.png") == b"image 1"
    with pytest.raises(PermissionDeniedError):
        content(actors.team_mate, collection, "p/2.png")


def test_a_masked_column_is_masked_in_the_list(collection, actors):
    field = Field.objects.get(dataset=collection, name="camera")
    tag_field(field, tag="pii.camera", actor="system")
    make_grant(actors.team_mate, collection, Action.READ)
    make_mask("pii.camera", "mask-alphanum")
    listing = list_objects(user=actors.team_mate, dataset=collection, limit=2)
    assert [item["camera"] for item in listing.items] == [None, "x"]
    assert content(actors.team_mate, collection, "p/1.png") == b"image 1"


def test_masked_content_is_refused(collection, actors):
    field = Field.objects.get(dataset=collection, name="content")
    tag_field(field, tag="pii.face", actor="system")
    make_grant(actors.team_mate, collection, Action.READ)
    make_mask("pii.face", "replace-with-null")
    assert len(keys(actors.team_mate, collection)) == 6
    with pytest.raises(PermissionDeniedError):
        content(actors.team_mate, collection, "p/1.png")


def test_fields_that_differ_in_case_only_are_refused(collection, actors):
    add_object(dataset=collection, item=NewObject(key="odd", content=b"", metadata={"WIDTH": 1}))
    with pytest.raises(AmbiguousFieldsError):
        keys(actors.owner, collection)


def test_a_metadata_field_may_be_called_place(collection, actors):
    add_object(dataset=collection, item=NewObject(key="a", content=b"", metadata={"Place": "x"}))
    listing = list_objects(user=actors.owner, dataset=collection, prefix="a")
    assert [item["Place"] for item in listing.items] == ["x"]


def test_a_prefix_narrows_the_list(collection, actors):
    add_object(dataset=collection, item=NewObject(key="q/1.png", content=b""))
    assert keys(actors.owner, collection, prefix="q/") == ["q/1.png"]


def test_a_reader_who_looked_before_the_move_reads_after_it(collection, actors, monkeypatch):
    """The row was read, then the object was moved and its source removed: the read follows it."""
    row = CollectionObject.objects.get(dataset=collection, key="p/1.png")
    backend, key = open_uri(row.uri)
    new_uri = backend.uri_of(f"{key}-moved")
    backend.copy_from(backend, key, f"{key}-moved")
    real = S3Backend.iterate

    def move_first(self, asked, **kwargs):
        if asked == key:
            backend.delete(key)
            CollectionObject.objects.filter(pk=row.pk).update(uri=new_uri)
        return real(self, asked, **kwargs)

    monkeypatch.setattr(S3Backend, "iterate", move_first)
    assert content(actors.owner, collection, "p/1.png") == b"image 1"


def test_a_table_is_not_read_as_objects(table):
    actors = make_actors()
    with pytest.raises(NotACollectionError):
        keys(actors.owner, table.dataset)

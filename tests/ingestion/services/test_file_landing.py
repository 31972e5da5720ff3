"""Files land whole and once: tables from CSV, JSON and XML; collections from images, audio and text."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidInputError, PermissionDeniedError
from governance.facts import principal_of
from identity.models import User
from ingestion.errors import LeaseHeldError, PathNotAllowedError, UploadTooLargeError
from ingestion.models import IngestedFile, LandingBatch
from ingestion.services.file_landing import check_filename, ingest_upload, land_files
from ingestion.services.kafka_landing import lease_name
from ingestion.services.leases import take_lease
from storage.backends import open_uri
from storage.models import CollectionObject
from tests.ingestion.conftest import read_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def inbox(tmp_path, settings) -> Path:
    """A folder below an ingest root, beside one that is not."""
    folder = tmp_path / "root" / "inbox"
    folder.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    from dataclasses import replace

    settings.LAKEWARDEN = replace(settings.LAKEWARDEN, ingest_roots=(tmp_path / "root",))
    return folder


def picture() -> bytes:
    sink = io.BytesIO()
    noise = np.random.default_rng(3).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(sink, "PNG")
    return sink.getvalue()


def test_csv_files_become_a_table_once(inbox, make_source):
    (inbox / "a.csv").write_text("id,name,at\n1,x,2013-01-01\n2,y,2013-01-02\n")
    (inbox / "sub").mkdir()
    (inbox / "sub" / "b.csv").write_text("id,name,at\n3,z,2013-01-03\nfour,w,2013-01-04\n")
    (inbox / "notes.txt").write_text("not a table")
    source = make_source("files", format="csv", config={"path": str(inbox), "pattern": "*.csv"})
    outcome = land_files(source)
    assert (outcome.landed, outcome.rejected, outcome.batches) == (3, 1, 2)
    rows = read_table(source.identifier)
    assert sorted(rows["id"].to_pylist()) == [1, 2, 3]
    assert str(rows.schema.field("at").type) == "date32[day]"
    (letter,) = read_table(source.dead_letter_identifier).to_pylist()
    assert (letter["path"], letter["position"], letter["reason"], letter["original"]) == (
        "sub/b.csv",
        3,
        "wrong_type",
        b"four,w,2013-01-04\n",
    )
    assert land_files(source).batches == 0
    (inbox / "a.csv").write_text("id,name,at\n5,new,2013-01-05\n")
    assert land_files(source).landed == 1
    assert read_table(source.identifier).num_rows == 4


def test_xml_and_json_documents(inbox, make_source, unique):
    (inbox / "iso.xml").write_text(
        '<entries><entry alpha_2_code="AD" numeric_code="020"/><entry alpha_2_code="AE" numeric_code="784"/></entries>'
    )
    (inbox / "cars.json").write_text(
        '[{"Name": "ford", "Cylinders": 8}, {"Name": "vw", "Cylinders": 4}]'
    )
    xml = make_source(
        "files",
        name=f"{unique}x",
        table="iso",
        format="xml",
        config={"path": str(inbox), "pattern": "*.xml", "options": {"row_path": "entries/entry"}},
    )
    cars = make_source(
        "files",
        name=f"{unique}c",
        table="cars",
        format="json",
        config={"path": str(inbox), "pattern": "*.json"},
    )
    assert land_files(xml).landed == 2
    assert land_files(cars).landed == 2
    assert read_table(xml.identifier).to_pylist()[0] == {
        "alpha_2_code": "AD",
        "numeric_code": "020",
    }
    assert read_table(cars.identifier)["Cylinders"].to_pylist() == [8, 4]


def test_images_become_a_collection_and_broken_ones_dead_letters(inbox, make_source, robot):
    good = picture()
    (inbox / "good.png").write_bytes(good)
    (inbox / "cut.png").write_bytes(good[:900])
    source = make_source("files", table="photos", format="image", config={"path": str(inbox)})
    outcome = land_files(source)
    assert (outcome.landed, outcome.rejected) == (1, 1)
    held = CollectionObject.objects.get()
    assert (held.key, held.media_type, held.size) == ("good.png", "image/png", len(good))
    assert (held.metadata["width"], held.metadata["height"]) == (40, 30)
    backend, key = open_uri(held.uri)
    assert backend.get_bytes(key) == good
    (letter,) = read_table(source.dead_letter_identifier).to_pylist()
    assert (letter["path"], letter["reason"], letter["original"]) == (
        "cut.png",
        "truncated",
        good[:900],
    )
    source.refresh_from_db()
    assert source.dataset.kind == "collection"
    assert source.dataset.owners.get().user == robot
    assert land_files(source).batches == 0


def test_links_out_of_the_root_are_not_followed(inbox, make_source):
    secret = inbox.parent.parent / "outside" / "secret.csv"
    secret.write_text("id\n1\n")
    (inbox / "link.csv").symlink_to(secret)
    (inbox / "folder").symlink_to(secret.parent)
    (inbox / "ok.csv").write_text("id\n2\n")
    source = make_source("files", format="csv", config={"path": str(inbox)})
    assert land_files(source).landed == 1
    assert read_table(source.identifier)["id"].to_pylist() == [2]


@pytest.mark.parametrize("path", ["/etc", "{root}/../outside", "{root}/link", "relative"])
def test_folders_outside_the_roots_are_refused(inbox, make_source, path):
    root = inbox.parent
    (root / "link").symlink_to(root.parent / "outside")
    with pytest.raises(PathNotAllowedError):
        make_source("files", format="csv", config={"path": path.format(root=root)})


def test_a_bucket_prefix_lands(make_source, tiers, unique):
    from storage.backends import open_location

    backend = open_location(tiers[0].location)
    backend.put_bytes(f"{unique}-in/a.csv", b"id\n1\n2\n")
    source = make_source(
        "files", format="csv", config={"path": f"{tiers[0].location.root}/{unique}-in"}
    )
    assert land_files(source).landed == 2
    assert land_files(source).batches == 0


def test_prefixes_of_datasets_are_refused(inbox, make_source, tiers, unique):
    (inbox / "a.csv").write_text("id\n1\n")
    source = make_source("files", format="csv", config={"path": str(inbox)})
    land_files(source)
    root = tiers[0].location.root
    below = "/".join(source.identifier)
    for path in (
        f"{root}/{below}",
        f"{root}/{below}/data",
        f"{root}/{source.identifier[0]}",
        "s3://other/x",
    ):
        with pytest.raises(InvalidInputError):
            make_source("files", name=f"{unique}2", format="csv", config={"path": path})


def test_uploads_land_once(make_source, robot):
    source = make_source("http", format="csv", config={})
    principal = principal_of(robot)

    def upload():
        return ingest_upload(
            source, filename="up/a.csv", stream=io.BytesIO(b"id\n1\n"), principal=principal
        )

    first = upload()
    assert (first.landed, upload().pk) == (1, first.pk)
    assert read_table(source.identifier).num_rows == 1
    assert IngestedFile.objects.get().name == "up/a.csv"


def test_uploads_are_limited_and_permitted(make_source, steward, settings):
    from dataclasses import replace

    source = make_source("http", format="csv", config={})
    outsider = User.objects.create_user("outsider")
    with pytest.raises(PermissionDeniedError):
        ingest_upload(
            source,
            filename="a.csv",
            stream=io.BytesIO(b"id\n1\n"),
            principal=principal_of(outsider),
        )
    settings.LAKEWARDEN = replace(settings.LAKEWARDEN, max_upload_bytes=3)
    with pytest.raises(UploadTooLargeError):
        ingest_upload(
            source, filename="a.csv", stream=io.BytesIO(b"id\n1\n"), principal=principal_of(steward)
        )
    assert not LandingBatch.objects.exists()


def test_a_source_that_is_landed_refuses_a_second_landing(inbox, make_source):
    (inbox / "a.csv").write_text("id\n1\n")
    source = make_source("files", format="csv", config={"path": str(inbox)})
    take_lease(lease_name(source), seconds=30)
    with pytest.raises(LeaseHeldError):
        land_files(source)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../b", "a\\b", "a\x00b", "a//b"])
def test_file_names_are_plain(name):
    with pytest.raises(InvalidInputError):
        check_filename(name)

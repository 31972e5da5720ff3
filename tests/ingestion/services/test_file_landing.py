"""Files land whole and once: tables from CSV, JSON and XML; collections from images, audio and text."""

import io
import os
import stat
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.models import Dataset, Run
from core.errors import InvalidInputError, PermissionDeniedError
from governance.facts import principal_of
from identity.models import User
from ingestion.errors import LeaseHeldError, PathNotAllowedError, UploadTooLargeError
from ingestion.models import IngestedFile, LandingBatch
from ingestion.paths import stamp_of
from ingestion.services import arrivals
from ingestion.services.file_landing import check_filename, ingest_upload, land_files
from ingestion.services.kafka_landing import lease_name
from ingestion.services.leases import take_lease
from storage.backends import S3Backend, open_location, open_uri
from storage.models import CollectionObject, PendingVersion
from storage.services.collections import settle_versions
from tests.factories.identity import api_client
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


def picture(seed: int = 3) -> bytes:
    sink = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
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


def add_pictures(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).write_bytes(picture(seed=number))


def test_a_sweep_of_objects_is_one_version_with_its_run(inbox, make_source, monkeypatch):
    """However many objects and commits: readers find one new version, and who made it."""
    monkeypatch.setattr("ingestion.services.file_landing.MAX_BATCH_OBJECTS", 2)
    add_pictures(inbox, "a.png", "b.png", "c.png", "d.png", "e.png")
    (inbox / "cut.png").write_bytes(picture()[:900])
    source = make_source("files", table="photos", format="image", config={"path": str(inbox)})
    outcome = land_files(source)
    assert (outcome.landed, outcome.rejected, outcome.batches) == (5, 1, 3)
    dataset = Dataset.objects.get(pk=source.dataset.pk)
    # The first batch brings the fields, which the sweep's end cannot wait for; its version is the only other one.
    assert list(dataset.versions.values_list("number", flat=True)) == [2, 1]
    assert dataset.current_version.statistics["rows"] == 5
    newest = LandingBatch.objects.filter(source=source).order_by("pk").last()
    assert dataset.current_version.run_id == newest.uuid
    assert Run.objects.get(uuid=newest.uuid).state == "COMPLETED"
    assert not PendingVersion.objects.exists()
    add_pictures(inbox, "f.png", "g.png", "h.png")
    assert land_files(source).landed == 3
    assert dataset.versions.count() == 3


def test_a_collection_shows_its_latest_run(inbox, make_source, steward):
    add_pictures(inbox, "a.png")
    source = make_source("files", table="photos", format="image", config={"path": str(inbox)})
    land_files(source)
    batch = LandingBatch.objects.get()
    shown = api_client(steward).get(f"/api/v1/catalog/datasets/{source.dataset.uuid}").json()
    assert [(run["uuid"], run["state"], run["direction"]) for run in shown["latest_runs"]] == [
        (str(batch.uuid), "COMPLETED", "output")
    ]
    assert shown["current_version"]["run"] == str(batch.uuid)


def test_uploads_one_by_one_are_one_version_a_settlement(make_source, robot):
    source = make_source("http", table="photos", format="image", config={})
    principal = principal_of(robot)
    for number in range(4):
        stream = io.BytesIO(picture(seed=number))
        batch = ingest_upload(source, filename=f"{number}.png", stream=stream, principal=principal)
    dataset = Dataset.objects.get(pk=source.dataset.pk)
    assert (dataset.versions.count(), dataset.current_version.statistics["rows"]) == (1, 1)
    assert settle_versions() == 1
    dataset.refresh_from_db()
    assert (dataset.versions.count(), dataset.current_version.statistics["rows"]) == (2, 4)
    assert dataset.current_version.run_id == batch.uuid
    assert settle_versions() == 0


def read_paths(monkeypatch) -> list[str]:
    """The names of files that are read from now on."""
    read: list[str] = []
    real = arrivals.read_stable

    def watched(path, **limits):
        read.append(path.name)
        return real(path, **limits)

    monkeypatch.setattr(arrivals, "read_stable", watched)
    return read


def age(path: Path, *, seconds: float = 60) -> None:
    """Let the clock that judges files run ahead: ctime cannot be set."""
    past = time.time() - seconds
    os.utime(path, (past, past))


def test_files_that_look_as_they_did_are_not_read_again(inbox, make_source, monkeypatch):
    monkeypatch.setattr("ingestion.paths.SETTLED_SECONDS", -3600.0)
    for name in ("a.csv", "b.csv"):
        (inbox / name).write_text("id\n1\n")
    source = make_source("files", format="csv", config={"path": str(inbox)})
    read = read_paths(monkeypatch)
    assert land_files(source).batches == 2
    assert land_files(source).batches == 0
    assert read == ["a.csv", "b.csv"]
    (inbox / "b.csv").touch()
    assert land_files(source).batches == 0
    assert land_files(source).batches == 0
    assert read == ["a.csv", "b.csv", "b.csv"]


def test_other_content_of_the_same_size_and_time_is_noticed(inbox, make_source, monkeypatch):
    monkeypatch.setattr("ingestion.paths.SETTLED_SECONDS", -3600.0)
    path = inbox / "a.csv"
    path.write_text("id\n1\n")
    age(path)
    source = make_source("files", format="csv", config={"path": str(inbox)})
    land_files(source)
    before = path.stat()
    path.write_text("id\n2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert land_files(source).landed == 1
    assert sorted(read_table(source.identifier)["id"].to_pylist()) == [1, 2]


def test_a_file_just_written_is_looked_at_twice(inbox, make_source, monkeypatch):
    """Within a tick of the file system's clock it could change unseen."""
    (inbox / "a.csv").write_text("id\n1\n")
    source = make_source("files", format="csv", config={"path": str(inbox)})
    read = read_paths(monkeypatch)
    for _ in range(2):
        land_files(source)
    assert read == ["a.csv", "a.csv"]
    assert IngestedFile.objects.get().stamp == ""
    monkeypatch.setattr("ingestion.paths.SETTLED_SECONDS", -3600.0)
    for _ in range(2):
        assert land_files(source).batches == 0
    assert read == ["a.csv"] * 3
    assert IngestedFile.objects.get().stamp == stamp_of((inbox / "a.csv").stat())


def test_a_file_that_grows_while_it_is_read_waits(inbox, make_source, monkeypatch):
    path = inbox / "a.csv"
    path.write_text("id\n1\n")
    source = make_source("files", format="csv", config={"path": str(inbox)})
    real = os.fstat

    def grow(descriptor):
        status = real(descriptor)
        if stat.S_ISREG(status.st_mode) and path.stat().st_ino == status.st_ino:
            with path.open("a") as file:
                file.write("2\n")
        return status

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", grow)
        assert land_files(source).batches == 0
    assert land_files(source).batches == 1
    assert read_table(source.identifier).num_rows > 1


def test_an_object_of_a_bucket_is_read_once(make_source, tiers, unique, monkeypatch):
    backend = open_location(tiers[0].location)
    key = f"{unique}-in/a.csv"
    backend.put_bytes(key, b"id\n1\n")
    path = f"{tiers[0].location.root}/{unique}-in"
    source = make_source("files", format="csv", config={"path": path})
    read: list[str] = []
    real = S3Backend.get_bytes
    monkeypatch.setattr(
        S3Backend, "get_bytes", lambda self, key: (read.append(key), real(self, key))[1]
    )
    assert [land_files(source).batches for _ in range(3)] == [1, 0, 0]
    assert read == [key]
    backend.put_bytes(key, b"id\n2\n")
    assert [land_files(source).landed for _ in range(2)] == [1, 0]
    assert read == [key, key]

"""Classifying what is really stored: tables, collections, by service, API, page and command."""

import io

import pytest
from django.core.management import call_command
from PIL import Image

from catalog.models import DatasetTag, FieldTag
from core.errors import PermissionDeniedError
from governance.auditing.reading import read_record
from governance.models import AuditRecord, Classification
from governance.queries import principal_of
from query.classification import classify_dataset
from query.tasks import classify_dataset as classify_task
from storage.services.collections import NewObject, add_objects
from tests.factories.catalog import make_dataset
from tests.factories.identity import api_client, page_client
from tests.query.passengers import grant_team, mask_emails

BASE = "/api/v1/catalog/datasets"


def told(rows) -> list[tuple[str, str]]:
    return [(row.field.name if row.field else "", row.label) for row in rows]


def test_a_table_is_sampled_behind_masks_and_no_value_is_kept(dataset, actors):
    mask_emails(dataset)
    FieldTag.objects.all().delete()
    rows = classify_dataset(dataset, by=principal_of(actors.owner))
    assert told(rows) == [("email", "pii.email")]
    assert rows[0].evidence == [
        "the field's name is one of this kind",
        "100 % of 3 sampled values are e-mail addresses",
    ]
    kept = " ".join(str(bytes(each.payload)) for each in AuditRecord.objects.all())
    assert "a.example" not in kept
    sampled = AuditRecord.objects.get(action="classification.sample")
    assert (read_record(sampled).actor, sampled.resource) == (
        actors.owner.username,
        dataset.node_id,
    )


def test_the_api_lists_runs_and_decides_for_the_owner_only(dataset, actors):
    grant_team(dataset, actors.team)
    url = f"{BASE}/{dataset.uuid}/classifications"
    owner = api_client(actors.owner)
    assert owner.get(url).json() == {"items": [], "next_cursor": None}
    (item,) = owner.post(url).json()["items"]
    assert (item["field_name"], item["label"], item["state"]) == ("email", "pii.email", "suggested")
    for client, status in ((api_client(actors.team_mate), 403), (api_client(actors.outsider), 404)):
        assert client.get(url).status_code == status
        assert client.post(url).status_code == status
        assert client.post(f"{url}/{item['uuid']}/accept").status_code == status
    body = {"accept": [item["uuid"]]}
    done = owner.post(f"{url}/decisions", body, content_type="application/json").json()["items"]
    assert [(each["state"], each["decided_by"]) for each in done] == [
        ("accepted", actors.owner.username)
    ]
    assert FieldTag.objects.get(field__dataset=dataset).tag.name == "pii.email"
    assert owner.get(url, {"state": "suggested"}).json()["items"] == []
    assert owner.get(url, {"state": "odd"}).status_code == 400
    assert owner.post(f"{url}/{item['uuid']}/reject").status_code == 409


def test_the_page_shows_suggestions_to_the_owner_and_takes_decisions(dataset, actors):
    grant_team(dataset, actors.team)
    page, action = f"/datasets/{dataset.uuid}/", f"/datasets/{dataset.uuid}/classifications/"
    owner, mate = page_client(actors.owner), page_client(actors.team_mate)
    assert owner.post(action, {"verdict": "scan"}).status_code == 302
    row = Classification.objects.get(dataset=dataset)
    assert "sampled values are e-mail addresses" in owner.get(page).content.decode()
    assert "sampled values are e-mail addresses" not in mate.get(page).content.decode()
    assert mate.post(action, {"verdict": "reject", "chosen": [str(row.uuid)]}).status_code == 404
    owner.post(action, {"verdict": "reject", "chosen": [str(row.uuid)]})
    row.refresh_from_db()
    assert row.state == "rejected"


def test_the_command_and_the_task_do_the_same(dataset, capsys):
    call_command("classify", f"{dataset.namespace}:{dataset.name}")
    assert capsys.readouterr().out.splitlines() == [
        f"{dataset.namespace}:{dataset.name}: 1 suggested",
        "  email: pii.email (0.99)",
    ]
    Classification.objects.all().delete()
    classify_task(dataset_id=dataset.pk)
    classify_task(dataset_id=0)
    assert told(Classification.objects.all()) == [("email", "pii.email")]


def test_who_does_not_manage_may_not_run_it(dataset, actors):
    grant_team(dataset, actors.team)
    with pytest.raises(PermissionDeniedError):
        classify_dataset(dataset, by=principal_of(actors.team_mate))


def test_objects_are_judged_by_media_type_place_and_text(db, object_buckets, actors):
    from tests.factories.storage import make_tiers

    make_tiers()
    photos = make_dataset("photos", kind="collection", owners=[actors.owner])
    letters = "\n\n".join(f"Please answer to clerk{each}@office.example soon." for each in range(5))
    items = [
        NewObject(key="a.jpg", content=_photo(placed=True), media_type="image/jpeg"),
        NewObject(key="b.jpg", content=_photo(placed=False), media_type="image/jpeg"),
        NewObject(key="c.txt", content=letters.encode(), media_type="text/plain"),
    ]
    add_objects(dataset=photos, items=items, actor="test")
    rows = classify_dataset(photos, by=principal_of(actors.owner))
    assert set(told(rows)) == {
        ("content", "pii.email"),
        ("", "pii.image"),
        ("", "geo.coordinates"),
    }
    place = next(row for row in rows if row.label == "geo.coordinates")
    assert place.evidence == ["50 % of 2 sampled objects tell where they were taken"]
    assert DatasetTag.objects.count() == 0


def _photo(*, placed: bool) -> bytes:
    image, out = Image.new("RGB", (8, 8)), io.BytesIO()
    exif = Image.Exif()
    if placed:
        exif.get_ifd(0x8825)[1] = "N"
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()

"""Entries, versions, fields, tags, names: what each service promises."""

import pytest
from django.db import transaction

from catalog.models import Dataset, DatasetEdge, Field, FieldEdge
from catalog.services.datasets import (
    add_symlink,
    delete_dataset,
    describe,
    ensure_dataset,
    record_version,
    tag_field,
)
from catalog.services.openlineage import record_event
from core.errors import ConflictError, InvalidInputError
from governance.models import AuditRecord
from tests.catalog.world import dataset, open_edges, run_event

pytestmark = pytest.mark.django_db


def rows(*specs):
    return [{"name": name, "type": "string", "field_id": field_id} for name, field_id in specs]


def make(name: str = "raw.flights") -> Dataset:
    return ensure_dataset(namespace="lakewarden", name=name)


def test_ensure_is_idempotent_and_audited_once() -> None:
    assert make() == make()
    assert AuditRecord.objects.filter(action="dataset.create").count() == 1


def test_version_only_when_schema_or_content_changes() -> None:
    row = make()
    first = record_version(dataset=row, schema=rows(("a", 1)), snapshot_id=1)
    assert record_version(dataset=row, schema=rows(("a", 1)), snapshot_id=1) == first
    second = record_version(dataset=row, schema=rows(("a", 1)), snapshot_id=2)
    assert (second.number, row.current_version) == (2, second)


def test_fields_keep_their_identity_through_swap_removal_and_return() -> None:
    row = make()
    record_version(dataset=row, schema=rows(("a", 1), ("b", 2)), snapshot_id=1)
    before = dict(Field.objects.values_list("field_id", "uuid"))
    tag_field(Field.objects.get(name="a"), tag="pii.email")
    record_version(dataset=row, schema=rows(("b", 1), ("a", 2)), snapshot_id=2)
    assert dict(Field.objects.values_list("field_id", "uuid")) == before
    record_version(dataset=row, schema=rows(("a", 2)), snapshot_id=3)
    assert list(row.fields.present().values_list("name", flat=True)) == ["a"]
    record_version(dataset=row, schema=rows(("a", 2), ("b", 9)), snapshot_id=4)
    back = row.fields.present().get(name="b")
    assert (back.uuid, [link.tag.name for link in back.field_tags.all()]) == (
        before[1],
        ["pii.email"],
    )


def test_bad_schema_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidInputError) as caught:
        record_version(dataset=make(), schema=rows(("a", 1), ("a", 2)))
    assert caught.value.data["pointer"] == "/schema/1/name"


def test_a_change_is_found_by_the_next_search() -> None:
    row = make()
    describe(row, description="who flew where", actor="x")
    record_version(dataset=row, schema=rows(("departure_delay", 1)))
    for text in ("flew", "departure", "flights", "raw.fl"):
        assert list(Dataset.objects.matching(text)) == [row]


def test_path_of_an_iceberg_table_means_the_table_whichever_came_first() -> None:
    record_event(
        event=run_event(
            run="early",
            at="2026-01-01T00:00:00Z",
            outputs=[dataset("raw/flights", namespace="s3://hot", fields=["a"])],
        ),
        sender=None,
    )
    row = make()
    add_symlink(row, namespace="s3://hot", name="raw/flights", type="LOCATION")
    record_event(
        event=run_event(
            run="late",
            job="reader",
            at="2026-01-02T00:00:00Z",
            inputs=[dataset("raw/flights", namespace="s3://hot")],
        ),
        sender=None,
    )
    node = "dataset:lakewarden:raw.flights"
    assert open_edges() == [(node, "job:ns:reader"), ("job:ns:job", node)]
    assert Dataset.objects.count() == 1
    with pytest.raises(ConflictError):
        add_symlink(make("raw.other"), namespace="lakewarden", name="raw.flights")


def test_deleted_entry_comes_back_by_its_name() -> None:
    row = make()
    delete_dataset(row, actor="x")
    assert list(Dataset.objects.live()) == []
    assert make() == row
    assert list(Dataset.objects.live()) == [row]


SQL = {
    "sql": {
        "query": "INSERT INTO target SELECT lower(name) AS name FROM source",
        "dialect": "spark",
    }
}


def field_edges():
    return set(
        FieldEdge.objects.filter(valid_to=None).values_list(
            "source__name", "target__name", "subtype", "origin"
        )
    )


@pytest.mark.parametrize("order", [1, -1])
def test_sql_tells_column_lineage_where_the_producer_does_not(order) -> None:
    told = dataset(
        "target", fields=["name"], columns={"name": [("source", "id", "DIRECT", "IDENTITY", False)]}
    )
    parsed = run_event(
        run="0198a3b1-7c1e-7d32-9a30-000000000001",
        at="2026-01-01T10:00:00Z",
        inputs=[dataset("source", fields=["id", "name"])],
        outputs=[dataset("target", fields=["name"])],
        job_facets=SQL,
    )
    declared = {**parsed, "eventTime": "2026-01-01T09:59:00Z", "outputs": [told]}
    first, second = [parsed, declared][::order]
    record_event(event=first, sender=None)
    if first is parsed:
        assert field_edges() == {("name", "name", "TRANSFORMATION", "parsed")}
    record_event(event=second, sender=None)
    assert field_edges() == {("id", "name", "IDENTITY", "declared")}
    assert set(DatasetEdge.objects.values_list("origin", flat=True)) == {"declared"}


def test_a_bare_output_tells_a_version_once_another_run_told_the_schema() -> None:
    runs = [f"0198a3b1-7c1e-7d32-9a30-00000000000{number}" for number in (1, 2)]
    bare, full = dataset("target"), dataset("target", fields=["name"])
    for event in (
        run_event(run=runs[0], at="2026-01-01T10:00:00Z", outputs=[bare]),
        run_event(run=runs[1], at="2026-01-01T11:00:00Z", kind="RUNNING", outputs=[full]),
        run_event(run=runs[1], at="2026-01-01T12:00:00Z", outputs=[bare]),
    ):
        record_event(event=event, sender=None)
    assert str(Dataset.objects.get().versions.get().run_id) == runs[1]


@pytest.mark.django_db(transaction=True)
def test_a_name_that_was_remembered_and_is_gone_is_looked_up_again_in_a_callers_transaction() -> (
    None
):
    run = "0198a3b1-7c1e-7d32-9a30-000000000001"
    first = run_event(run=run, at="2026-01-01T10:00:00Z", outputs=[dataset("target")])
    record_event(event=first, sender=None)
    Dataset.objects.all().delete()
    with transaction.atomic():
        record_event(event={**first, "eventTime": "2026-01-01T11:00:00Z"}, sender=None)
    assert Dataset.objects.get().name == "target"

"""Governed reads over real files: what owner, team-mate and outsider get, and what is recorded of it."""

import pyarrow as pa
import pytest
from django.contrib.auth.models import Permission
from pyiceberg.types import StringType

from catalog.models import Dataset
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.auditing.reading import read_record
from governance.models import AuditRecord, DatasetGroupGrant
from query.errors import NotReadableError
from query.services import open_read, read_dataset
from storage.models import DataFile, IcebergTable
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset
from tests.query.passengers import ROWS, SCHEMA, grant_team, mask_emails


def rows(reader) -> list[dict]:
    return sorted(reader.read_all().to_pylist(), key=lambda row: row["id"])


def test_owner_reads_all(dataset, actors):
    assert rows(read_dataset(user=actors.owner, dataset=dataset)) == ROWS.to_pylist()


def test_outsider_gets_not_found_and_it_is_recorded(dataset, actors):
    with pytest.raises(NotFoundError):
        read_dataset(user=actors.outsider, dataset=dataset)
    record = AuditRecord.objects.filter(action="data.read-denied").get()
    assert (read_record(record).actor, record.resource) == (
        actors.outsider.username,
        dataset.node_id,
    )
    payload = payload_of(record)
    assert (payload["effect"], payload["asked"]) == (
        "deny",
        {"columns": None, "where": None, "limit": None},
    )


def test_team_mate_needs_a_grant(dataset, actors):
    DatasetGroupGrant.objects.create(
        group=actors.team,
        content_object=dataset,
        permission=Permission.objects.get(codename="discover_dataset"),
    )
    with pytest.raises(PermissionDeniedError, match="you may not `read`"):
        read_dataset(user=actors.team_mate, dataset=dataset)


def test_team_mate_reads_her_region_masked(dataset, actors):
    grant_team(dataset, actors.team, row_filter="region = principal.region")
    mask_emails(dataset)
    actors.team_mate.attributes = {"region": "EWR"}
    actors.team_mate.save()
    read = open_read(user=actors.team_mate, dataset=dataset)
    assert rows(read.reader) == [
        {"id": 1, "email": "xxx@x.xxxxxxx", "region": "EWR"},
        {"id": 3, "email": None, "region": "EWR"},
    ]
    assert read.has_row_filter
    assert [(rule.name, str(rule.mask)) for rule in read.columns if rule.mask] == [
        ("email", "mask-alphanum")
    ]


def test_where_sees_masked_values_only(dataset, actors):
    grant_team(dataset, actors.team, row_filter="region = 'EWR'")
    mask_emails(dataset)

    def ids(where: str) -> list[int]:
        reader = read_dataset(user=actors.team_mate, dataset=dataset, columns=["id"], where=where)
        return [row["id"] for row in rows(reader)]

    assert ids("email LIKE 'ann%'") == []
    assert ids("email LIKE 'xxx%'") == [1]
    assert ids("region = 'JFK'") == []
    assert ids("id > 1 OR region IS NULL") == [3]


def test_union_of_rectangles_hides_single_cells(dataset, actors):
    grant_team(dataset, actors.team, row_filter="region = 'EWR'")
    grant_team(dataset, actors.team, columns=["id"])
    assert rows(read_dataset(user=actors.team_mate, dataset=dataset)) == [
        {"id": 1, "email": "ann@a.example", "region": "EWR"},
        {"id": 2, "email": None, "region": None},
        {"id": 3, "email": None, "region": "EWR"},
        {"id": 4, "email": None, "region": None},
    ]


def test_hidden_and_absent_columns_are_told_apart_by_nobody(dataset, actors):
    grant_team(dataset, actors.team, columns=["id"])
    messages = []
    for column in ("email", "nothing"):
        with pytest.raises(InvalidInputError) as caught:
            read_dataset(user=actors.team_mate, dataset=dataset, columns=[column])
        messages.append(caught.value.message.replace(column, "…"))
    for column in ("email", "nothing"):
        with pytest.raises(InvalidInputError) as caught:
            read_dataset(user=actors.team_mate, dataset=dataset, where=f"{column} = 'a'")
        messages.append(caught.value.message.replace(column, "…"))
    assert messages[0] == messages[1]
    assert messages[2] == messages[3]


@pytest.mark.parametrize(
    "where",
    [
        "1 = 1; DROP TABLE x",
        "id IN (SELECT 1)",
        "read_text('/etc/passwd') IS NULL",
        "region = principal.region",
        "getenv('HOME') = 'x'",
        "id = (",
    ],
)
def test_where_is_a_closed_language(dataset, actors, where):
    with pytest.raises(InvalidInputError):
        read_dataset(user=actors.owner, dataset=dataset, where=where)


def test_query_local_hashes_differ_between_reads(dataset, actors):
    grant_team(dataset, actors.team)
    mask_emails(dataset, mask="sha-256-query-local")
    first, second = (
        rows(read_dataset(user=actors.team_mate, dataset=dataset))[0]["email"] for _ in range(2)
    )
    assert len(first) == len(second) == 64
    assert first != second


def test_reads_are_counted_and_recorded(dataset, actors):
    read = open_read(user=actors.owner, dataset=dataset, columns=["id"], limit=2, purpose="audit")
    assert read.reader.read_all().num_rows == 2
    assert list(DataFile.objects.values_list("reads", flat=True)) == [1]
    assert recorded_read() == {
        "dataset": str(dataset.uuid),
        "via": "query",
        "effect": "allow",
        "purpose": "audit",
        "reasons": [
            {"kind": "role", "id": None, "version": None, "text": "the principal is dataset owner"}
        ],
        "row_filter": None,
        "columns": ["id"],
        "masked": {},
        "partly_hidden": {},
        "asked": {
            "columns": ["id"],
            "where": None,
            "limit": 2,
            "snapshot_id": read.snapshot_id,
            "files": 1,
        },
    }


def test_a_restricted_read_is_recorded_with_its_restrictions(dataset, actors):
    grant_team(dataset, actors.team, row_filter="region = 'EWR'")
    grant_team(dataset, actors.team, columns=["id"])
    mask_emails(dataset)
    open_read(
        user=actors.team_mate, dataset=dataset, columns=["email", "id"], where="id > 1"
    ).reader.close()
    payload = recorded_read()
    assert {name: payload[name] for name in ("row_filter", "columns", "masked")} == {
        "row_filter": None,
        "columns": ["id", "email"],
        "masked": {"email": "mask-alphanum"},
    }
    assert list(payload["partly_hidden"]) == ["email"]
    assert payload["asked"]["where"] == "id > 1"


def recorded_read() -> dict:
    record = AuditRecord.objects.filter(action="data.read").get()
    return payload_of(record)


def test_reader_keeps_its_snapshot(catalog, dataset, actors, place):
    read = open_read(user=actors.owner, dataset=dataset)
    catalog.load_table((*place.levels, "passengers")).overwrite(ROWS.slice(0, 1))
    assert len(rows(read.reader)) == 4


def test_empty_table_and_no_table(catalog, place, actors):
    catalog.owner = actors.owner
    catalog.create_table((*place.levels, "empty"), SCHEMA)
    empty = Dataset.objects.get(name=f"{place}.empty")
    table = read_dataset(user=actors.owner, dataset=empty).read_all()
    assert (table.num_rows, table.column_names) == (0, ["id", "email", "region"])
    topic = make_dataset("topic", kind="topic", owners=[actors.owner], fields=["a"])
    with pytest.raises(NotReadableError):
        read_dataset(user=actors.owner, dataset=topic)


def test_evolved_table_is_read_by_field_id(catalog, place, dataset, actors):
    table = catalog.load_table((*place.levels, "passengers"))
    with table.update_schema() as update:
        update.rename_column("email", "mail")
        update.delete_column("region")
    with table.update_schema() as update:
        update.add_column("region", StringType())
    table.append(pa.table({"id": [5], "mail": ["eve@e.example"], "region": ["SFO"]}))
    assert rows(read_dataset(user=actors.owner, dataset=dataset)) == [
        {"id": 1, "mail": "ann@a.example", "region": None},
        {"id": 2, "mail": "bob@b.example", "region": None},
        {"id": 3, "mail": None, "region": None},
        {"id": 4, "mail": "di4@d.example", "region": None},
        {"id": 5, "mail": "eve@e.example", "region": "SFO"},
    ]


def test_files_outside_the_table_are_refused(catalog, place, dataset, actors):
    other = catalog.create_table((*place.levels, "thief"), SCHEMA)
    victim = catalog.load_table((*place.levels, "passengers"))
    path = victim.inspect.files().to_pylist()[0]["file_path"]
    with other.transaction() as change, change.update_snapshot().fast_append() as append:
        task = next(iter(victim.scan().plan_files()))
        append.append_data_file(task.file)
    assert path.endswith(".parquet")
    thief = Dataset.objects.get(name=f"{place}.thief")
    with pytest.raises(NotReadableError, match="outside"):
        read_dataset(user=actors.owner, dataset=thief)


def test_files_are_pruned_by_filter_and_where(catalog, place, dataset, actors):
    table = catalog.load_table((*place.levels, "passengers"))
    table.append(pa.table({"id": [100], "email": ["z@z.example"], "region": ["ZRH"]}))
    assert IcebergTable.objects.get(dataset=dataset).commits == 2
    assert open_read(user=actors.owner, dataset=dataset).files == 2
    assert open_read(user=actors.owner, dataset=dataset, where="id >= 100").files == 1
    grant_team(dataset, actors.team, row_filter="region = 'ZRH'")
    assert open_read(user=actors.team_mate, dataset=dataset).files == 1

"""The log against everything that an attacker with the database may do to it."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from core import audit
from core.errors import NotFoundError
from governance.auditing.proofs import prove_inclusion
from governance.auditing.reading import read_record
from governance.merkle import leaf_hash, verify_inclusion
from governance.models import AuditCheckpoint, AuditRecord
from governance.queries import decide_read, principal_of
from governance.services import record_decision, seal, seal_all
from governance.services.audit import AuditBrokenError
from governance.verification import verify
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db


def write(count, *, start=0):
    for number in range(start, start + count):
        audit.record(
            actor="ann",
            action="dataset.update",
            resource=f"dataset:{number}",
            payload={"n": number},
        )


@pytest.fixture
def log():
    """Two checkpoints: over 5 and over 12 records."""
    write(5)
    seal()
    write(7, start=5)
    seal()


def tamper(sql, *params):
    """What the owner of the tables can do: switch the triggers off and write."""
    tables = ("governance_auditrecord", "governance_auditcheckpoint")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, params)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def found():
    return [(each.sequence, each.text) for each in verify().findings]


def test_an_untouched_log_verifies(log):
    result = verify()
    assert (result.records, result.checkpoints, result.unsealed, result.findings) == (12, 2, 0, [])
    places = AuditRecord.objects.order_by("pk").values_list("sequence", flat=True)
    assert list(places) == list(range(12))


def test_sealing_again_changes_nothing(log):
    assert (seal(), AuditCheckpoint.objects.count()) == (0, 2)


def test_sealing_in_batches_gives_one_unbroken_sequence():
    write(7)
    assert [seal(batch=3), seal(batch=3), seal(batch=3), seal(batch=3)] == [3, 3, 1, 0]
    assert found() == []


def test_a_flipped_byte_is_found_at_its_record(log):
    tamper(
        "UPDATE governance_auditrecord SET payload = set_byte(payload, 3, get_byte(payload, 3) # 1) WHERE sequence = 8"
    )
    assert found() == [(8, "record 8: the payload was changed")]


def test_a_changed_payload_with_a_fitting_hash_is_found_between_its_checkpoints(log):
    forged = bytes(AuditRecord.objects.get(sequence=8).payload).replace(b'"v":2', b'"v":3')
    tamper(
        "UPDATE governance_auditrecord SET payload = %s, leaf_hash = %s WHERE sequence = 8",
        forged,
        leaf_hash(forged),
    )
    assert found() == [
        (
            5,
            "records 5 to 11 are not those that were signed: replaced, inserted or in another order",
        )
    ]


def test_a_changed_copy_is_found(log):
    tamper("UPDATE governance_auditrecord SET actor = 'bob' WHERE sequence = 2")
    assert found() == [(2, "record 2: `actor` is not what the payload says")]


def test_a_dropped_record_is_found(log):
    tamper("DELETE FROM governance_auditrecord WHERE sequence = 3")
    assert found() == [(3, "record 3 is missing: after it comes 4")]


def test_a_dropped_record_with_closed_ranks_is_found(log):
    tamper("DELETE FROM governance_auditrecord WHERE sequence = 3")
    for place in range(4, 12):
        tamper(
            "UPDATE governance_auditrecord SET sequence = %s WHERE sequence = %s", place - 1, place
        )
    assert found()[0] == (
        0,
        "records 0 to 4 are not those that were signed: replaced, inserted or in another order",
    )


def test_reordered_records_are_found(log):
    tamper("UPDATE governance_auditrecord SET sequence = 99 WHERE sequence = 6")
    tamper("UPDATE governance_auditrecord SET sequence = 6 WHERE sequence = 7")
    tamper("UPDATE governance_auditrecord SET sequence = 7 WHERE sequence = 99")
    assert [place for place, _ in found()] == [5]


def test_an_inserted_record_is_found(log):
    tamper(
        "INSERT INTO governance_auditrecord (sequence, at, actor, action, resource, payload, leaf_hash) "
        "SELECT 12, at, actor, action, resource, payload, leaf_hash FROM governance_auditrecord WHERE sequence = 0"
    )
    assert found() == [(12, "records from 12 on are sealed without a checkpoint")]


def test_a_truncated_log_is_found(log):
    tamper("DELETE FROM governance_auditrecord WHERE sequence >= 10")
    assert found() == [(10, "the log ends with 10 records, but 12 were signed")]


def test_a_log_cut_back_with_its_checkpoint_is_found_by_a_witness(log, tmp_path, capsys):
    witness = tmp_path / "checkpoint.json"
    call_command("verify_audit", save_checkpoint=witness)
    tamper("DELETE FROM governance_auditrecord WHERE sequence >= 5")
    tamper("DELETE FROM governance_auditcheckpoint WHERE tree_size = 12")
    assert found() == []
    with pytest.raises(CommandError) as caught:
        call_command("verify_audit", witness=witness)
    assert caught.value.returncode == 1
    assert "the log ends with 5 records, but 12 were signed" in capsys.readouterr().err


def test_a_forged_checkpoint_is_found_and_nothing_is_sealed_on_it(log):
    tamper("UPDATE governance_auditcheckpoint SET signature = sha512('x') WHERE tree_size = 12")
    assert found() == [
        (12, "the signature of the checkpoint of 12 does not hold"),
    ]
    write(1, start=12)
    with pytest.raises(AuditBrokenError):
        seal()


def test_a_record_changed_before_it_is_sealed_is_not_sealed():
    write(1)
    tamper("UPDATE governance_auditrecord SET payload = payload || ' '::bytea")
    with pytest.raises(AuditBrokenError):
        seal()
    assert [text.split(":")[1] for _, text in found()] == [" the payload was changed"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE governance_auditrecord SET actor = 'bob'",
        "UPDATE governance_auditrecord SET sequence = NULL WHERE sequence = 1",
        "UPDATE governance_auditrecord SET sequence = 99 WHERE sequence = 1",
        "DELETE FROM governance_auditrecord",
        "DELETE FROM governance_auditcheckpoint",
        "UPDATE governance_auditcheckpoint SET tree_size = 1",
    ],
)
def test_the_database_refuses_change(log, statement):
    with (
        pytest.raises(DatabaseError, match="the audit log is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert found() == []


@pytest.mark.parametrize("table", ["auditrecord", "auditcheckpoint"])
def test_the_database_refuses_to_truncate(log, table):
    kind = table.removeprefix("audit")
    with transaction.atomic(), connection.cursor() as cursor:
        # the test database switches this one trigger off, see conftest
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            f"ALTER TABLE governance_{table} ENABLE TRIGGER audit_{kind}_is_not_truncated"
        )
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(f"TRUNCATE governance_{table}")
        cursor.execute(
            f"ALTER TABLE governance_{table} DISABLE TRIGGER audit_{kind}_is_not_truncated"
        )


def test_every_record_has_a_proof_of_inclusion(log):
    for place in range(12):
        proof = prove_inclusion(place)
        assert verify_inclusion(
            proof.leaf,
            index=proof.sequence,
            size=proof.tree_size,
            proof=proof.proof,
            root=proof.root,
        )
    with pytest.raises(NotFoundError):
        prove_inclusion(12)


def test_the_command_names_the_place(log, capsys):
    call_command("verify_audit")
    assert capsys.readouterr().out == (
        "12 records under 2 checkpoints, 0 not yet sealed\nthe audit log verifies\n"
    )
    tamper("UPDATE governance_auditrecord SET payload = payload || ' '::bytea WHERE sequence = 4")
    with pytest.raises(CommandError):
        call_command("verify_audit")
    assert capsys.readouterr().err == "at 4: record 4: the payload was changed\n"


def test_a_decision_is_recorded_with_its_obligations():
    owner = make_user(username="olga")
    dataset = make_dataset(fields=["mail"], owners=[owner])
    principal = principal_of(owner)
    record_decision(
        principal=principal, dataset=dataset, decision=decide_read(principal, dataset), via="query"
    )
    row = AuditRecord.objects.get()
    assert (read_record(row).actor, row.action, row.resource) == (
        "olga",
        "data.read",
        dataset.node_id,
    )
    assert payload_of(row) == {
        "dataset": str(dataset.uuid),
        "via": "query",
        "effect": "allow",
        "purpose": None,
        "reasons": [
            {"kind": "role", "id": None, "version": None, "text": "the principal is dataset owner"}
        ],
        "row_filter": None,
        "columns": ["mail"],
        "masked": {},
        "partly_hidden": {},
        "asked": {},
    }


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_gap():
    write(2)
    with transaction.atomic():
        write(3, start=2)
        transaction.set_rollback(True)
    write(2, start=5)
    assert (seal_all(), found()) == (4, [])
    assert list(AuditRecord.objects.order_by("sequence").values_list("sequence", "resource")) == [
        (0, "dataset:0"),
        (1, "dataset:1"),
        (2, "dataset:5"),
        (3, "dataset:6"),
    ]

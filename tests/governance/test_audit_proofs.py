"""The exported log against a forger, with the program and a checkpoint alone; proofs from tiles; persons erased."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from core import audit
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.auditing import tiles, verify_audit
from governance.auditing.export import export_log, log_lines
from governance.auditing.notes import note_of, verifier_key
from governance.auditing.proofs import find_checkpoint, prove_consistency, prove_inclusion
from governance.auditing.reading import read_record
from governance.auditing.subjects import pseudonyms_of
from governance.merkle import leaf_hash, verify_consistency, verify_inclusion
from governance.models import AuditCheckpoint, AuditRecord, AuditSubject, AuditTile
from governance.services import seal
from governance.services.audit_subjects import erase_audit_subject
from governance.signing import public_key_base64
from governance.verification import verify
from tests.factories.audit import audited_about, audited_by, payload_of
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db
PROGRAM = Path(verify_audit.__file__)


def write(count, *, start=0, actor="ann"):
    for number in range(start, start + count):
        audit.record(actor=actor, action="x.y", resource=f"thing:{number}", payload={"n": number})


@pytest.fixture
def log():
    """Checkpoints of 5, 9 and 12 records."""
    write(5)
    seal()
    write(4, start=5)
    seal()
    write(3, start=9)
    seal()


def lines_from(first=0, end=12):
    return [json.loads(line) for line in log_lines(first, end)]


def place_of(lines, sequence):
    return next(at for at, line in enumerate(lines) if line.get("sequence") == sequence)


def check(lines, *, size=12, key=True, first=0):
    """What the program finds, with nothing but the lines and the checkpoint of `size`."""
    checkpoint = verify_audit.Checkpoint.from_note(note_of(find_checkpoint(size)))
    public = verify_audit.read_key(public_key_base64()) if key else None
    dumped = [json.dumps(line) for line in lines]
    return verify_audit.verify(dumped, checkpoint, public, first=first).findings


def rewritten(line, old, new):
    """A record whose forger also mended its hash."""
    text = line["record"].replace(old, new)
    assert text != line["record"]
    return {**line, "record": text, "leaf_hash": leaf_hash(text.encode()).hex()}


def renumbered(lines):
    """Closed ranks: places are given anew."""
    places = iter(range(100))
    return [{**each, "sequence": next(places)} if "sequence" in each else each for each in lines]


def test_an_untouched_export_is_what_was_signed(log):
    lines = lines_from()
    assert lines[0] == {"log": "lakewarden-audit", "first": 0, "frontier": []}
    assert [each["sequence"] for each in lines if "sequence" in each] == list(range(12))
    assert [at for at, each in enumerate(lines) if "checkpoint" in each] == [6, 11, 15]
    assert check(lines) == []
    assert check(lines, size=9) == []
    assert check(lines, key=False) == []


def test_a_part_of_the_log_is_checked_from_where_it_begins(log):
    assert check(lines_from(first=7), first=7) == []
    assert check(lines_from(first=7)) == [(0, "the log begins at 7, not at 0")]
    assert check(lines_from(first=12)) == [(0, "the log begins at 12, not at 0")]
    assert check([*lines_from(end=5), *lines_from(first=5)]) == []
    assert check([*lines_from(end=5), *lines_from(first=9)]) == [
        (5, "a part of the log begins at 9, not at 5"),
    ]


def test_a_flipped_record_is_found(log):
    lines = lines_from()
    at = place_of(lines, 6)
    forged = [*lines]
    forged[at] = {**lines[at], "record": lines[at]["record"].replace("x.y", "x.z")}
    assert check(forged) == [(6, "record 6 was changed")]
    forged[at] = rewritten(lines[at], "x.y", "x.z")
    wrong = "are not those that were signed: replaced, inserted, dropped or in another order"
    assert check(forged) == [(5, f"records 5 to 8 {wrong}")]
    assert check(forged, size=12, key=False)[0][0] == 5


def test_a_dropped_record_is_found(log):
    lines = lines_from()
    del lines[place_of(lines, 6)]
    assert check(lines) == [(6, "record 6 is missing: in its place is 7")]
    assert check(renumbered(lines))[0][0] == 5


def test_a_reordered_record_is_found(log):
    lines = lines_from()
    at = place_of(lines, 2)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    assert check(lines) == [(2, "record 2 is missing: in its place is 3")]
    assert check(renumbered(lines))[0][0] == 0


def test_an_inserted_record_is_found(log):
    lines = lines_from()
    at = place_of(lines, 10)
    lines.insert(at, lines[place_of(lines, 3)])
    assert check(lines) == [(3, "record 3 is there twice or too late: 10 was expected")]
    assert check(renumbered(lines))[0][0] == 9


def test_a_truncated_log_is_found(log):
    lines = [each for each in lines_from() if each.get("sequence", 0) < 9]
    assert check(lines[:-1]) == [(9, "the log ends with 9 records, but 12 were signed")]


def test_a_forged_checkpoint_is_found(log):
    lines = lines_from()
    lines[6] = {"checkpoint": lines[6]["checkpoint"].replace("\n5\n", "\n6\n")}
    assert check(lines) == [(6, "the signature of the checkpoint of 6 does not hold")]


def test_the_program_runs_alone(log, tmp_path):
    """In an empty folder, without the project's path, from files that the commands wrote."""
    exported, kept = tmp_path / "log.ndjson", tmp_path / "checkpoint.json"
    call_command("verify_audit", save_checkpoint=kept, verbosity=0)
    call_command("export_audit", str(exported))
    note, key = tmp_path / "note", tmp_path / "key"
    note.write_text(note_of(find_checkpoint()))
    key.write_text(verifier_key())

    def run(*arguments):
        command = [sys.executable, "-I", str(PROGRAM), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, env={}
        )
        return done.returncode, done.stdout, done.stderr

    good = (0, "12 records are what was signed\n", "")
    assert run(exported, "--checkpoint", kept) == good
    assert run(exported, "--checkpoint", note, "--key", key) == good
    exported.write_bytes(exported.read_bytes().replace(b"x.y", b"x.z", 1))
    assert run(exported, "--checkpoint", kept) == (
        1,
        "",
        "at 0: record 0 was changed\nthe log is not what was signed\n",
    )
    assert run(kept, "--checkpoint", kept)[0] == 2


def test_an_export_is_recorded_and_its_bounds_are_checked(log):
    assert len(list(export_log(by="ann", first=5, end=9))) == 6
    (record,) = AuditRecord.objects.filter(action="audit.export")
    assert payload_of(record) == {"first": 5, "end": 9}
    with pytest.raises(InvalidInputError):
        export_log(by="ann", first=13)
    with pytest.raises(NotFoundError):
        export_log(by="ann", end=7)


def test_every_pair_of_checkpoints_is_proven_consistent(log):
    for old, new in ((5, 9), (5, 12), (9, 12), (9, 9)):
        proof = prove_consistency(old, new)
        assert verify_consistency(
            old=proof.old_size,
            new=proof.new_size,
            old_root=proof.old_root,
            new_root=proof.new_root,
            proof=proof.proof,
        )
    assert prove_consistency(5).new_size == 12
    with pytest.raises(InvalidInputError):
        prove_consistency(12, 5)
    with pytest.raises(NotFoundError):
        prove_consistency(7)


def test_a_proof_reads_tiles_not_leaves(monkeypatch, django_assert_max_num_queries):
    """Tiles of four hashes, so that a small log has three levels of them."""
    monkeypatch.setattr(tiles, "TILE_BITS", 2)
    write(85)
    seal(batch=70)
    seal()
    seal()
    levels = AuditTile.objects.order_by("level", "index").values_list("level", "index")
    assert [*levels] == [
        *((0, index) for index in range(21)),
        *((1, index) for index in range(5)),
        (2, 0),
    ]
    for place in (0, 17, 63, 64, 70, 83, 84):
        # the checkpoint, the leaf, and for each of four levels one whole tile and what is not whole yet
        with django_assert_max_num_queries(12):
            proof = prove_inclusion(place)
        assert verify_inclusion(
            proof.leaf, index=place, size=85, proof=proof.proof, root=proof.root
        )
    assert prove_inclusion(3, tree_size=70).tree_size == 70
    assert prove_consistency(70, 85).new_size == 85
    with transaction.atomic(), connection.cursor() as cursor:
        # as an installation from before there were tiles: proofs hold, and sealing makes them up
        cursor.execute("ALTER TABLE governance_audittile DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM governance_audittile")
        cursor.execute("ALTER TABLE governance_audittile ENABLE TRIGGER USER")
    assert prove_inclusion(70).tree_size == 85
    assert (seal(), AuditTile.objects.count()) == (0, 27)


def test_names_are_not_in_the_log_but_are_read_from_it():
    audit.record(
        actor="ann", action="user.create", resource="user:bob", payload={"mail": "bob@x.org"}
    )
    row = AuditRecord.objects.get()
    for word in (b"ann", b"bob"):
        assert word not in bytes(row.payload) + row.actor.encode() + row.resource.encode()
    told = read_record(row)
    assert (told.actor, told.resource, told.payload) == ("ann", "user:bob", {"mail": "bob@x.org"})
    assert audited_by("ann").get() == audited_about("user:bob").get() == row


def test_a_record_of_version_1_is_read_and_verified():
    at = AuditCheckpoint._meta.get_field("signed_at").default()
    members = {"actor": "ann", "resource": "user:bob", "action": "x.y", "payload": {"n": 1}}
    body = orjson.dumps({"at": at.isoformat(), **members}, option=orjson.OPT_SORT_KEYS)
    del members["payload"]
    row = AuditRecord.objects.create(at=at, payload=body, leaf_hash=leaf_hash(body), **members)
    write(1)
    seal()
    assert (verify().records, verify().findings) == (2, [])
    assert read_record(AuditRecord.objects.get(pk=row.pk)).payload == {"n": 1}
    assert audited_by("ann").count() == 2


def test_an_erased_person_is_gone_and_every_proof_holds(log):
    root = make_user("root", is_superuser=True)
    audit.record(actor="ann", action="grant.create", resource="d:1", payload={}, about=["bob"])
    audit.record(actor="bob", action="user.change", resource="user:cid", payload={"n": 1})
    seal()
    before = [prove_inclusion(place) for place in range(14)]
    root_before, exported = find_checkpoint(14), lines_from(end=14)
    done = erase_audit_subject(by=root, username="bob", reason="asked to be forgotten")
    assert (len(done.pseudonyms), done.plain_records) == (1, 0)
    assert pseudonyms_of("bob") == []
    subject = AuditSubject.objects.get(pseudonym=done.pseudonyms[0])
    assert (subject.digest, subject.wrapped, subject.erased_at) == (None, None, done.erased_at)
    granted, changed = AuditRecord.objects.filter(sequence__in=(12, 13)).order_by("sequence")
    assert (read_record(granted).actor, read_record(granted).payload) == ("ann", None)
    told = read_record(changed)
    assert (told.actor, told.resource, told.payload) == (done.pseudonyms[0], "user:cid", None)
    assert read_record(AuditRecord.objects.get(sequence=0)).payload == {"n": 0}
    assert verify().findings == []
    assert [prove_inclusion(place, tree_size=14) for place in range(14)] == before
    assert lines_from(end=14) == exported
    assert check(exported, size=14) == []
    assert root_before == find_checkpoint(14)
    record = audited_by("root").get()
    assert payload_of(record) == {
        "subjects": [*done.pseudonyms],
        "reason": "asked to be forgotten",
    }
    # who comes back under the name is somebody new to the log
    audit.record(actor="bob", action="x.y", resource="thing:1")
    assert pseudonyms_of("bob") not in ([], [*done.pseudonyms])


def test_only_an_auditor_erases_and_says_why(log):
    auditor, stranger = make_user("aud", groups=["auditors"]), make_user("mal")
    for by, name, reason, error in (
        (stranger, "ann", "why", PermissionDeniedError),
        (auditor, "nobody", "why", NotFoundError),
        (auditor, "ann", " ", InvalidInputError),
    ):
        with pytest.raises(error):
            erase_audit_subject(by=by, username=name, reason=reason)
    assert pseudonyms_of("ann") != []
    call_command("erase_audit_subject", "ann", by="aud", reason="asked", verbosity=0)
    assert pseudonyms_of("ann") == []


def test_a_name_put_behind_a_pseudonym_is_found(log):
    write(1, actor="bob")
    ann, bob = AuditSubject.objects.order_by("pk")
    AuditSubject.objects.filter(pk=ann.pk).update(wrapped=bob.wrapped)
    assert [(each.sequence, each.text) for each in verify().findings] == [
        (None, f"`{ann.pseudonym}` is kept with a name that is not the person's")
    ]


@pytest.mark.django_db(transaction=True)
def test_a_key_whose_transaction_was_rolled_back_is_not_used():
    with transaction.atomic():
        write(1, actor="zoe")
        transaction.set_rollback(True)
    assert AuditSubject.objects.count() == 0
    write(1, actor="zoe")
    assert read_record(AuditRecord.objects.get()).actor == "zoe"


def test_a_key_that_another_process_erased_is_not_written_with():
    write(1, actor="zoe")
    former = AuditSubject.objects.get()
    AuditSubject.objects.update(digest=None, wrapped=None)
    write(1, start=1, actor="zoe")
    first, second = AuditRecord.objects.order_by("pk")
    assert (read_record(first).actor, read_record(first).payload) == (former.pseudonym, None)
    assert (read_record(second).actor, payload_of(second)) == ("zoe", {"n": 1})


@pytest.mark.django_db(transaction=True)
def test_two_transactions_that_meet_a_new_name_do_not_wait_for_each_other():
    def append_beside():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")
                write(1, start=1, actor="newcomer")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        write(1, actor="newcomer")
        pool.submit(append_beside).result(timeout=20)
    assert audited_by("newcomer").count() == 2
    assert len(pseudonyms_of("newcomer")) == 2

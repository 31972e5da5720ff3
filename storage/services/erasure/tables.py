"""A person out of one Iceberg table: current rows, branches, history, manifests, metadata documents, copies on any tier.

Each phase may be repeated: what was done is found done. The journal (`ErasureStep.doomed`) names every file that the table
names before the commit after which nobody else would know of it.
"""

import re
from collections.abc import Iterable

import structlog
from django.db import transaction
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType

from catalog.models import Dataset
from core.errors import ConflictError
from governance.models import ErasureStep
from governance.retention.identifiers import Forms
from storage.backends import open_uri
from storage.backends.errors import ObjectMissingError
from storage.models import IcebergTable, Movement
from storage.models.movement import BEFORE_SWITCH
from storage.services.erasure.matching import Matcher
from storage.services.erasure.scanning import TableFindings, scan_table
from storage.services.files import sync_table_files
from storage.services.gate import delete_file, require_deletable
from storage.services.journal import lock_table_movements, roll_back
from storage.tables.catalog import LakewardenCatalog
from storage.tables.io import file_io
from storage.tables.metadata import parse_metadata
from storage.tables.references import References
from storage.tables.rewriting import read_task, replace_files, write_rows

logger = structlog.get_logger(__name__)

ATTEMPTS = 5
ACTOR = "system"
FILES_A_BATCH = 50
_DOCUMENT = re.compile(r"/metadata/(\d{5,})-[0-9a-f-]{36}\.metadata\.json$")


class Reader:
    """What an erasure looks for in one table."""

    def __init__(self, matcher: Matcher, reached: Iterable[int]) -> None:
        self.matcher, self.reached = matcher, frozenset(reached)

    def scan(self, table: IcebergTable) -> TableFindings:
        """What the table holds of the person now."""
        table.refresh_from_db()
        metadata = parse_metadata(table.metadata)
        return scan_table(metadata, file_io(), self.matcher, reached=self.reached)


def erase_from_table(step: ErasureStep, table: IcebergTable, reader: Reader) -> None:
    """Carry the step as far as that nothing of the person is left in the table.

    Raises LegalHoldError, ConflictError where writers keep bringing the person back, BackendUnavailableError.
    """
    for _ in range(ATTEMPTS):
        found = reader.scan(table)
        if not found.affected:
            break
        _doom(step, table, found)
        try:
            with transaction.atomic():
                _rewrite(step, table, reader, found)
        except CommitFailedException:
            step.refresh_from_db()
            logger.info("commit lost a race, trying again", table=str(table))
    else:
        raise ConflictError("the table is written to faster than it can be erased from: try again")
    if step.doomed:
        remove_doomed(step, table.dataset, _names(table), reader.matcher.forms)
        sync_table_files(table)


def _doom(step: ErasureStep, table: IcebergTable, found: TableFindings) -> None:
    """Write down all that the table names now, and end its movements; held data stops here."""
    with transaction.atomic():
        movements = lock_table_movements(table)
        locked = IcebergTable.objects.select_for_update(of=("self",)).get(pk=table.pk)
        require_deletable(locked.dataset)
        references = References()
        metadata = parse_metadata(locked.metadata)
        references.add(metadata, metadata_location=locked.metadata_location, io=file_io())
        doomed = references.content | references.documents | _former_documents(locked)
        for movement in movements:
            doomed |= _doomed_by(movement, found)
        step.doomed = {**dict.fromkeys(sorted(doomed), ""), **step.doomed}
        step.save(update_fields=["doomed"])


def _doomed_by(movement: Movement, found: TableFindings) -> set[str]:
    """The copies that a movement has made or left; one that has not switched is rolled back."""
    if movement.state in BEFORE_SWITCH:
        if movement.source_uri not in found.affected:
            return set()
        roll_back(movement, "a person is erased from the file")
        return {movement.target_uri}
    return {movement.source_uri} if movement.target_uri in found.affected else set()


def _former_documents(table: IcebergTable) -> set[str]:
    """The metadata documents of earlier commits: they tell of snapshots and partitions by values."""
    backend, key = open_uri(table.metadata_location)
    folder = key.rpartition("/")[0]
    current = _DOCUMENT.search(table.metadata_location)
    found: set[str] = set()
    for info in backend.list_all(f"{folder}/"):
        uri = backend.uri_of(info.key)
        version = _DOCUMENT.search(uri)
        # A document of a later number belongs to a commit that is under way.
        if version and (current is None or int(version[1]) < int(current[1])):
            found.add(uri)
    return found


def _rewrite(step: ErasureStep, table: IcebergTable, reader: Reader, found: TableFindings) -> None:
    """On every branch replace what is affected; then drop the tags and expire the snapshots that tell of it.

    The commits and what the journal says of them are the caller's one transaction.
    """
    name = (*table.namespace.levels, table.name)
    loaded = LakewardenCatalog(actor=ACTOR).load_table(name)
    branches = [
        key
        for key, ref in loaded.metadata.refs.items()
        if ref.snapshot_ref_type == SnapshotRefType.BRANCH
        and not found.told.get(ref.snapshot_id, set()).isdisjoint(found.affected)
    ]
    rows = 0
    for branch in sorted(branches):
        rows += _rewrite_branch(loaded, branch, reader, found)
    _forget_history(step, loaded, found)
    step.done["rows"] = step.done.get("rows", 0) + rows
    step.save(update_fields=["done"])


def _rewrite_branch(table: Table, branch: str, reader: Reader, found: TableFindings) -> int:
    head = table.metadata.refs[branch].snapshot_id
    removed, replaced = 0, {}
    names = {
        each.name
        for each in table.schema().fields
        if not {each.field_id, *_parts(each)}.isdisjoint(reader.reached)
    }
    for task in table.scan(snapshot_id=head).plan_files():
        if task.file.file_path not in found.affected:
            continue
        rows = read_task(table, task)
        hits = reader.matcher.rows(rows, reached=names)
        if reader.matcher.forms.are_in(task.file.file_path):
            # The file's name is a value of its partition: all of its rows have it.
            hits[:] = True
        removed += int(hits.sum())
        replaced[task.file.file_path] = write_rows(table, rows.filter(~hits))
    replace_files(table, replaced, branch=branch)
    return removed


def _parts(field: object) -> set[int]:
    """The ids of the fields within a nested field."""
    found: set[int] = set()
    kind = getattr(field, "field_type", None)
    for each in getattr(kind, "fields", ()):
        found |= {each.field_id, *_parts(each)}
    return found


def _forget_history(step: ErasureStep, table: Table, found: TableFindings) -> None:
    """Drop the tags on snapshots that tell of affected files, and expire these snapshots."""
    table.refresh()
    telling = set(found.snapshots())
    for name, ref in sorted(table.metadata.refs.items()):
        if ref.snapshot_ref_type == SnapshotRefType.TAG and ref.snapshot_id in telling:
            table.manage_snapshots().remove_tag(name).commit()
            step.done["tags"] = [*step.done.get("tags", []), name]
    heads = {ref.snapshot_id for ref in table.metadata.refs.values()}
    there = {each.snapshot_id for each in table.metadata.snapshots}
    expiring = sorted((telling & there) - heads)
    if expiring:
        table.maintenance.expire_snapshots().by_ids(expiring).commit()
    step.done["snapshots"] = sorted({*step.done.get("snapshots", []), *map(str, expiring)})


def _names(table: IcebergTable) -> set[str]:
    """What the table names now and so must stay. Documents of earlier commits are named, and go all the same."""
    table.refresh_from_db()
    references = References()
    references.add(
        parse_metadata(table.metadata), metadata_location=table.metadata_location, io=file_io()
    )
    return references.content | {table.metadata_location}


def remove_doomed(step: ErasureStep, dataset: Dataset, staying: set[str], forms: Forms) -> None:
    """Remove the files of the journal that nothing needs, each after its checksum is written down; idempotent."""
    going = sorted(step.doomed.keys() - staying)
    for start in range(0, len(going), FILES_A_BATCH):
        batch = going[start : start + FILES_A_BATCH]
        for uri in batch:
            step.doomed[uri] = step.doomed[uri] or _sha256(uri)
        step.save(update_fields=["doomed"])
        for uri in batch:
            delete_file(uri, dataset=dataset)
    told = [
        {"path": _told(uri, forms), "sha256": step.doomed[uri]} for uri in going if step.doomed[uri]
    ]
    if told:
        # A step that was opened again has told of others.
        step.done["files"] = [*step.done.get("files", []), *told]


def _sha256(uri: str) -> str:
    """The checksum of the file, "" where it is gone already."""
    backend, key = open_uri(uri)
    try:
        return backend.checksum(key).sha256
    except ObjectMissingError:
        return ""


def _told(uri: str, forms: Forms) -> str:
    """The path as a certificate may tell it: a partition's folder can be a value of the person."""
    if not forms.are_in(uri):
        return uri
    parts = [("(erased)" if forms.are_in(part) else part) for part in uri.split("/")]
    told = "/".join(parts)
    return "(erased)" if forms.are_in(told) else told

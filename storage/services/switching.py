"""The two steps of a movement that change what readers see: the switch, and the end of the source.

Order, everywhere: the catalog entry points at verified bytes before and after each statement here. A target is
dropped only after its movement says so in a committed row; a source only after nothing readable names it.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.db import transaction
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from core import audit
from core.clock import utc_now
from storage.models import (
    CollectionObject,
    DataFile,
    IcebergTable,
    Movement,
    MovementState,
)
from storage.services.gate import delete_file
from storage.services.journal import close_keeping_source, dataset_of, resource_of, roll_back
from storage.tables.catalog import LakewardenCatalog
from storage.tables.locations import is_taken
from storage.tiering.relocation import protected_snapshots, relocate_files, snapshots_using

logger = structlog.get_logger(__name__)

ACTOR = "system"
# When a branch or tag still needs a source, how long until the next look.
PROTECTED_RETRY = timedelta(hours=1)
COMMIT_ATTEMPTS = 5


def switch_table_files(table: IcebergTable, movements: Sequence[Movement]) -> None:
    """Point the table at the verified copies, all in one Iceberg commit, together with the journal.

    A file that the table no longer holds (compacted, deleted, overwritten) is rolled back instead. Raises
    RelocationRefusedError, CommitFailedException after several lost races.
    """
    for attempt in range(1, COMMIT_ATTEMPTS + 1):
        try:
            return _switch_once(table, movements)
        except CommitFailedException:
            if attempt == COMMIT_ATTEMPTS:
                raise
            logger.info("commit lost a race, trying again", table=str(table), attempt=attempt)
    return None


def _switch_once(table: IcebergTable, movements: Sequence[Movement]) -> None:
    with transaction.atomic():
        rows = lock_movements(movements, MovementState.VERIFIED)
        targets = {row.source_uri: row.target_uri for row in rows}
        replaced = relocate_files(_load(table), targets) if targets else frozenset()
        switched = [row for row in rows if row.source_uri in replaced]
        for row in switched:
            DataFile.objects.filter(table=table, path=row.source_uri).update(
                path=row.target_uri, tier=row.target_tier
            )
            _mark_switched(row)
        for row in rows:
            if row.source_uri not in replaced:
                roll_back(row, "the table no longer holds the file")
        if switched:
            audit.record(
                actor=ACTOR,
                action="movement.switch",
                resource=table.dataset.node_id,
                payload={
                    "files": len(switched),
                    "bytes": sum(row.size for row in switched),
                    "to": sorted({str(row.target_tier) for row in switched}),
                    "movements": [str(row.uuid) for row in switched],
                },
            )


def switch_object(movement: Movement) -> None:
    """Point the object's row at the verified copy; roll back if its content was replaced meanwhile."""
    with transaction.atomic():
        for row in lock_movements([movement], MovementState.VERIFIED):
            changed = CollectionObject.objects.filter(movements=row.pk, uri=row.source_uri).update(
                uri=row.target_uri, tier=row.target_tier
            )
            if not changed:
                roll_back(row, "the object has other content by now")
                continue
            _mark_switched(row)
            audit.record(
                actor=ACTOR,
                action="movement.switch",
                resource=resource_of(row),
                payload={"movement": str(row.uuid), "bytes": row.size, "to": str(row.target_tier)},
            )


def remove_table_sources(table: IcebergTable, movements: Sequence[Movement]) -> None:
    """Expire the snapshots that need the sources, then remove the sources, then close the movements.

    A source that a branch or a tag needs stays, and is looked at again later.
    """
    kept = _expire_snapshots(table, movements)
    for movement in movements:
        if movement.source_uri in kept:
            movement.remove_after = utc_now() + PROTECTED_RETRY
            movement.error = "a branch or tag of the table still needs the source"
            movement.leased_until = None
            movement.save(update_fields=["remove_after", "error", "leased_until"])
        else:
            _delete_source(movement)
            _mark_done(movement)


def remove_dropped_source(movement: Movement) -> None:
    """Remove the source of a table that was dropped since, unless a table owns that path by now, and close it.

    The drop has expired every snapshot that needed it; only a table registered anew may name it.
    """
    if is_taken(movement.source_uri):
        close_keeping_source(movement, "another table owns its path")
        return
    _delete_source(movement)
    _mark_done(movement)


def remove_object_source(movement: Movement) -> None:
    """Remove an object's source unless an object has it, and close the movement."""
    with transaction.atomic():
        # Nobody else changes this object's address while its former one is removed.
        CollectionObject.objects.select_for_update().filter(movements=movement.pk).first()
        if not CollectionObject.objects.filter(uri=movement.source_uri).exists():
            _delete_source(movement)
        _mark_done(movement)


def _expire_snapshots(table: IcebergTable, movements: Sequence[Movement]) -> set[str]:
    """Expire what needs the sources; return the sources that protected snapshots need."""
    sources = frozenset(movement.source_uri for movement in movements)
    with transaction.atomic():
        loaded = _load(table)
        using = snapshots_using(loaded.metadata, loaded.io, sources)
        protected = protected_snapshots(loaded.metadata)
        kept = {
            path for snapshot, paths in using.items() if snapshot in protected for path in paths
        }
        removable = sources - kept
        expiring = sorted(
            snapshot
            for snapshot, paths in using.items()
            if snapshot not in protected and not paths.isdisjoint(removable)
        )
        if expiring:
            loaded.maintenance.expire_snapshots().by_ids(expiring).commit()
            audit.record(
                actor=ACTOR,
                action="movement.expire_snapshots",
                resource=table.dataset.node_id,
                payload={"snapshots": expiring, "files": len(removable)},
            )
    return kept


def _load(table: IcebergTable) -> Table:
    return LakewardenCatalog(actor=ACTOR).load_table((*table.namespace.levels, table.name))


def lock_movements(movements: Sequence[Movement], state: MovementState) -> list[Movement]:
    """The rows, locked, that are still in `state` and still held under the same fence."""
    fences = {movement.pk: movement.fence for movement in movements}
    rows = (
        Movement.objects.select_for_update(of=("self",))
        .select_related(
            "source_tier", "target_tier__location", "table__dataset", "held_object__dataset"
        )
        .filter(pk__in=fences, state=state)
        .order_by("pk")
    )
    return [row for row in rows if row.fence == fences[row.pk]]


def _mark_switched(row: Movement) -> None:
    now = utc_now()
    row.state = MovementState.SWITCHED
    row.switched_at = now
    row.remove_after = now + timedelta(seconds=row.grace_seconds)
    row.leased_until = None
    row.error = ""
    row.save(update_fields=["state", "switched_at", "remove_after", "leased_until", "error"])


def _delete_source(movement: Movement) -> None:
    delete_file(movement.source_uri, dataset=dataset_of(movement))


def _mark_done(movement: Movement) -> None:
    with transaction.atomic():
        changed = Movement.objects.filter(pk=movement.pk, state=MovementState.SWITCHED).update(
            state=MovementState.DONE, finished_at=utc_now(), leased_until=None, error=""
        )
        if changed:
            audit.record(
                actor=ACTOR,
                action="movement.remove_source",
                resource=resource_of(movement),
                payload={"movement": str(movement.uuid), "bytes": movement.size},
            )

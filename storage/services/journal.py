"""The journal of movements: how one is given up, and what becomes of those of a table that is dropped."""

from collections.abc import Sequence

from catalog.models import Dataset
from core import audit
from core.clock import utc_now
from core.jobs import enqueue
from storage.models import IcebergTable, Movement, MovementState
from storage.models.movement import BEFORE_SWITCH, UNFINISHED
from storage.services.gate import delete_file
from storage.tables.io import file_io
from storage.tables.metadata import parse_metadata
from storage.tiering.relocation import protected_snapshots, snapshots_using

ACTOR = "system"
RUN_TASK = "storage.run_movements"
QUEUE = "tiering"


def roll_back(
    movement: Movement, why: str, *, state: MovementState = MovementState.ROLLED_BACK
) -> None:
    """Decide that the copy will not be used; its bytes are dropped by `drop_target` after the commit."""
    movement.state = state
    movement.error = why
    movement.leased_until = None
    movement.save(update_fields=["state", "error", "leased_until"])
    audit.record(
        actor=ACTOR,
        action="movement.roll_back",
        resource=resource_of(movement),
        payload={"movement": str(movement.uuid), "why": why, "state": state.value},
    )


def drop_target(movement: Movement) -> None:
    """Remove the copy of a movement that was rolled back or has failed, and close it; idempotent."""
    delete_file(movement.target_uri, dataset=dataset_of(movement))
    Movement.objects.filter(pk=movement.pk).update(finished_at=utc_now(), leased_until=None)


def resource_of(movement: Movement) -> str:
    """What the audit log says the movement is of."""
    dataset = dataset_of(movement)
    return dataset.node_id if dataset else f"movement:{movement.uuid}"


def dataset_of(movement: Movement) -> Dataset | None:
    """Whose bytes it moves; None once the table was dropped."""
    holder = movement.table or movement.held_object
    return holder.dataset if holder else None


def lock_table_movements(table: IcebergTable) -> list[Movement]:
    """The table's movements that are not over, locked; before the table itself, as a switch locks them."""
    rows = Movement.objects.select_for_update(of=("self",)).select_related(
        "table__dataset", "held_object__dataset"
    )
    return list(rows.filter(table=table, state__in=UNFINISHED).order_by("pk"))


def settle_movements(table: IcebergTable, movements: Sequence[Movement]) -> list[int]:
    """End the movements of a table that is about to be dropped; return the snapshots that must expire with it.

    What was not switched is rolled back, and workers remove its copy. What was switched is finished: the snapshots
    that need its source expire, so that the last metadata document names the copy alone, and workers remove the
    source when its grace is over. A source that a branch or tag needs stays with the table's files.
    """
    for movement in movements:
        if movement.state in BEFORE_SWITCH:
            roll_back(movement, "the table was dropped")
    switched = [each for each in movements if each.state == MovementState.SWITCHED]
    expiring: list[int] = []
    if switched:
        expiring, kept = _needed_by(table, frozenset(each.source_uri for each in switched))
        for movement in switched:
            if movement.source_uri in kept:
                close_keeping_source(movement, "a branch or tag of the dropped table needs it")
    if movements:
        enqueue(RUN_TASK, queue=QUEUE, movement_ids=[each.pk for each in movements])
    return expiring


def close_keeping_source(movement: Movement, why: str) -> None:
    """End a switched movement without removing its source."""
    Movement.objects.filter(pk=movement.pk, state=MovementState.SWITCHED).update(
        state=MovementState.DONE,
        error=f"the source stays: {why}",
        finished_at=utc_now(),
        leased_until=None,
    )


def _needed_by(table: IcebergTable, sources: frozenset[str]) -> tuple[list[int], set[str]]:
    """The snapshots that expire for these sources, and the sources that protected ones need."""
    metadata = parse_metadata(table.metadata)
    using = snapshots_using(metadata, file_io(), sources)
    protected = protected_snapshots(metadata)
    kept = {path for snapshot, paths in using.items() if snapshot in protected for path in paths}
    expiring = sorted(
        snapshot
        for snapshot, paths in using.items()
        if snapshot not in protected and not paths.isdisjoint(sources - kept)
    )
    return expiring, kept

"""Movements: planned → copied → verified → switched → done, each step idempotent, resumable after any kill.

A worker claims movements by a lease with a fence; the bytes go outside of transactions; each state change is
one statement that holds only while state and fence are as claimed. INVARIANT: the target's name is unique to
its movement, so two workers that believe to hold one movement write the same bytes to the same place.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import OperationalError, transaction
from django.db.models import F, Q

from core.clock import utc_now
from core.errors import LakewardenError
from storage.backends import Backend, Checksum, open_location, open_uri
from storage.backends.errors import ChecksumMismatchError, ObjectMissingError
from storage.models import IcebergTable, Movement, MovementState
from storage.models.movement import UNFINISHED
from storage.services.journal import drop_target, roll_back
from storage.services.switching import (
    lock_movements,
    remove_dropped_source,
    remove_object_source,
    remove_table_sources,
    switch_object,
    switch_table_files,
)
from storage.tiering.relocation import RelocationRefusedError

logger = structlog.get_logger(__name__)

MAX_MOVEMENTS_A_RUN = 100
MAX_ATTEMPTS = 5
LEASE_BASE = timedelta(seconds=60)
# A lease is long enough to copy and read back at this rate; whoever is slower loses it, and loses no bytes.
SLOWEST_BYTES_A_SECOND = 4 << 20
RETRY_BASE = timedelta(seconds=2)
_GIVEN_UP = (MovementState.FAILED, MovementState.ROLLED_BACK)


@dataclass(frozen=True, kw_only=True)
class MovementProgress:
    """How many movements of a run ended in which state."""

    states: dict[str, int]

    @property
    def moved(self) -> int:
        return self.states.get(MovementState.SWITCHED, 0) + self.states.get(MovementState.DONE, 0)


def unfinished() -> Q:
    """Movements with work left: on their way, or given up with a copy that is not removed yet."""
    return Q(state__in=UNFINISHED) | Q(state__in=_GIVEN_UP, finished_at=None)


def due_movement_ids(*, limit: int = MAX_MOVEMENTS_A_RUN) -> list[int]:
    """Ids of movements that somebody should carry on now, the oldest first."""
    now = utc_now()
    return list(
        Movement.objects.filter(_due(now)).order_by("pk").values_list("pk", flat=True)[:limit]
    )


def run_movements(movement_ids: Iterable[int]) -> MovementProgress:
    """Carry these movements on as far as they go now; what others hold or what waits is left alone.

    Each failure is written into its movement and tried again later, at most 5 times before the switch; then
    the movement fails and the source stands. After the switch removal is tried for ever.
    """
    ids = list(movement_ids)[:MAX_MOVEMENTS_A_RUN]
    claimed = _claim(ids)
    for movement in claimed:
        if movement.state in _GIVEN_UP:
            _attempt([movement], drop_target, movement)
        elif movement.state == MovementState.PLANNED:
            _attempt([movement], _copy, movement)
        if movement.state == MovementState.COPIED:
            _attempt([movement], _verify, movement)
    _switch([each for each in claimed if each.state == MovementState.VERIFIED])
    _remove([each for each in claimed if each.state == MovementState.SWITCHED])
    return _progress(ids)


def _progress(ids: Sequence[int]) -> MovementProgress:
    states: dict[str, int] = defaultdict(int)
    for state in Movement.objects.filter(pk__in=ids).values_list("state", flat=True):
        states[state] += 1
    return MovementProgress(states=dict(states))


def _due(now: Any) -> Q:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    waiting = Q(state=MovementState.SWITCHED, remove_after__gt=now)
    return unfinished() & free & ~waiting


def _claim(ids: Sequence[int]) -> list[Movement]:
    """Lease the movements that are due and that nobody holds."""
    now = utc_now()
    with transaction.atomic():
        rows = list(
            Movement.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(_due(now), pk__in=ids)
            .select_related(
                "source_tier__location",
                "target_tier__location",
                "table__dataset",
                "table__namespace",
                "held_object__dataset",
            )
            .order_by("pk")
        )
        seconds = sum(row.size for row in rows) / SLOWEST_BYTES_A_SECOND
        until = now + LEASE_BASE + timedelta(seconds=seconds)
        Movement.objects.filter(pk__in=[row.pk for row in rows]).update(
            fence=F("fence") + 1, leased_until=until
        )
    for row in rows:
        row.fence += 1
        row.leased_until = until
    return rows


def _attempt(movements: Sequence[Movement], step: Callable[..., None], *args: Any) -> None:
    """Run one step; a failure is written into the movements, and tried again later."""
    try:
        step(*args)
    except OperationalError:
        # The database is away: nothing can be written down now. The lease runs out by itself.
        raise
    except Exception as error:  # noqa: BLE001 - whatever a backend raises, the journal must say so
        logger.warning(
            "movement step failed", step=step.__name__, error=f"{type(error).__name__}: {error}"
        )
        for movement in movements:
            _note_failure(movement, error)


def _note_failure(movement: Movement, error: Exception) -> None:
    text = error.message if isinstance(error, LakewardenError) else type(error).__name__
    with transaction.atomic():
        row = (
            Movement.objects.select_for_update(of=("self",))
            .select_related("table__dataset", "held_object__dataset")
            .filter(pk=movement.pk, fence=movement.fence)
            .filter(unfinished())
            .first()
        )
        if row is None:
            return
        row.attempts += 1
        row.error = text
        row.leased_until = utc_now() + RETRY_BASE * 2 ** min(row.attempts, 8)
        row.save(update_fields=["attempts", "error", "leased_until"])
        movement.state = row.state
        before_switch = row.state not in (MovementState.SWITCHED, *_GIVEN_UP)
        for_ever = isinstance(error, RelocationRefusedError)
        if before_switch and (for_ever or row.attempts >= MAX_ATTEMPTS):
            roll_back(row, text, state=MovementState.FAILED)
            transaction.on_commit(lambda: _attempt([row], drop_target, row))


def _advance(movement: Movement, *, state: MovementState, sha256: str = "") -> None:
    """One state further, if the movement is still held; else whoever took it over goes on."""
    changed = Movement.objects.filter(
        pk=movement.pk, state=movement.state, fence=movement.fence
    ).update(state=state, sha256=sha256 or movement.sha256, error="")
    if changed:
        movement.state, movement.sha256 = state, sha256 or movement.sha256
        return
    logger.info("movement was taken over", movement=str(movement.uuid))
    movement.refresh_from_db(fields=["state"])
    if movement.state in _GIVEN_UP:
        # Given up while this copy was on its way: it may have arrived after the other's removal.
        drop_target(movement)
    movement.state = "taken-over"


def _copy(movement: Movement) -> None:
    try:
        source, source_key = open_uri(movement.source_uri)
        checksum = _source_checksum(movement, source, source_key)
        target, target_key = _target(movement)
        target.copy_from(
            source, source_key, target_key, storage_class=movement.target_tier.storage_class
        )
    except ObjectMissingError:
        if not _source_is_current(movement):
            _give_up(movement, "the source was replaced before it was copied")
            return
        raise
    _advance(movement, state=MovementState.COPIED, sha256=checksum.sha256)


def _source_checksum(movement: Movement, source: Backend, key: str) -> Checksum:
    """The checksum of the source as it is now; ChecksumMismatchError if it is not what the catalog says."""
    checksum = source.checksum(key)
    held = movement.held_object
    expected_size = held.size if held and held.uri == movement.source_uri else movement.size
    if checksum.size != expected_size or (
        held and held.uri == movement.source_uri and checksum.sha256 != held.sha256
    ):
        raise ChecksumMismatchError("the source is not what the catalog says it is")
    return checksum


def _verify(movement: Movement) -> None:
    target, key = _target(movement)
    expected = Checksum(sha256=movement.sha256, size=movement.size)
    try:
        found: Checksum | None = target.checksum(key)
    except ObjectMissingError:
        found = None
    if found == expected:
        _advance(movement, state=MovementState.VERIFIED)
        return
    _advance(movement, state=MovementState.PLANNED)
    raise ChecksumMismatchError("the copy is not equal to its source; it is made again")


def _switch(movements: Sequence[Movement]) -> None:
    present = [each for each in movements if _copy_is_there(each)]
    for table, group in _by_table(present).items():
        _attempt(group, switch_table_files, table, group)
    for movement in present:
        if movement.held_object_id is not None:
            _attempt([movement], switch_object, movement)
    given_up = Movement.objects.filter(
        pk__in=[each.pk for each in movements], state__in=_GIVEN_UP, finished_at=None
    ).select_related("target_tier__location", "table__dataset", "held_object__dataset")
    for movement in given_up:
        _attempt([movement], drop_target, movement)


def _copy_is_there(movement: Movement) -> bool:
    """Whether the verified copy is there still: the verification may have been another day's."""
    target, key = _target(movement)
    try:
        if target.head(key).size == movement.size:
            return True
    except LakewardenError as error:
        if not isinstance(error, ObjectMissingError):
            _note_failure(movement, error)
            return False
    _advance(movement, state=MovementState.PLANNED)
    return False


def _remove(movements: Sequence[Movement]) -> None:
    for table, group in _by_table(movements).items():
        _attempt(group, remove_table_sources, table, group)
    for movement in movements:
        if movement.held_object_id is not None:
            _attempt([movement], remove_object_source, movement)
        elif movement.table_id is None:
            _attempt([movement], remove_dropped_source, movement)


def _by_table(movements: Sequence[Movement]) -> dict[IcebergTable, list[Movement]]:
    groups: dict[IcebergTable, list[Movement]] = defaultdict(list)
    for movement in movements:
        if movement.table is not None:
            groups[movement.table].append(movement)
    return groups


def _target(movement: Movement) -> tuple[Backend, str]:
    backend = open_location(movement.target_tier.location)
    return backend, backend.key_of(movement.target_uri)


def _source_is_current(movement: Movement) -> bool:
    """Whether the catalog entry points at the source. Tables are asked at the switch, by their manifests."""
    held = movement.held_object
    if held is None:
        return (
            movement.table is not None
            and movement.table.files.filter(path=movement.source_uri).exists()
        )
    held.refresh_from_db(fields=["uri"])
    return held.uri == movement.source_uri


def _give_up(movement: Movement, why: str) -> None:
    with transaction.atomic():
        held = lock_movements([movement], MovementState.PLANNED)
        for row in held:
            roll_back(row, why)
    for row in held:
        movement.state = row.state
        drop_target(row)

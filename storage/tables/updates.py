"""Mending the updates of a commit, so that pyiceberg applies them as the reference implementation does."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSnapshotUpdate,
    AddSortOrderUpdate,
    RemovePartitionStatisticsUpdate,
    RemovePropertiesUpdate,
    RemoveSnapshotsUpdate,
    RemoveStatisticsUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetPartitionStatisticsUpdate,
    SetPropertiesUpdate,
    SetStatisticsUpdate,
    TableUpdate,
)

LAST_ADDED = -1


def mend_updates(
    base: TableMetadata | None, updates: Sequence[TableUpdate]
) -> tuple[TableUpdate, ...]:
    """`updates` with ids that are free, and without removals of what is not there."""
    mender = _Mender(base)
    return tuple(kept for update in updates if (kept := mender.mend(update)) is not None)


class _Numbered:
    """Values known by an id (schemas, specs, orders): equal ones share it, others get their own."""

    def __init__(self, known: Iterable[Any], number: Callable[[Any], int]) -> None:
        self.known = {number(each): each for each in known}
        self.renumbered: dict[int, int] = {}
        self.last_added: int | None = None

    def place(self, wanted: int, value: Any, equal: Callable[[Any, Any], bool]) -> tuple[int, bool]:
        """The id that `value` has from now on, and whether it is new."""
        same = next((key for key, each in self.known.items() if equal(each, value)), None)
        is_new = same is None
        if same is None:
            same = (
                wanted
                if wanted not in self.known and wanted >= 0
                else max(self.known, default=-1) + 1
            )
            self.known[same] = value
        self.renumbered[wanted] = self.last_added = same
        return same, is_new

    def resolve(self, number: int) -> int:
        """What a later update means by `number`; -1 is the last one added."""
        if number == LAST_ADDED:
            if self.last_added is None:
                raise ValueError("nothing was added that -1 could refer to")
            return self.last_added
        return self.renumbered.get(number, number)


class _Mender:
    def __init__(self, base: TableMetadata | None) -> None:
        self.schemas = _Numbered(base.schemas if base else (), lambda each: each.schema_id)
        self.specs = _Numbered(base.partition_specs if base else (), lambda each: each.spec_id)
        self.orders = _Numbered(base.sort_orders if base else (), lambda each: each.order_id)
        self.properties = set(base.properties) if base else set()
        self.snapshots = {each.snapshot_id for each in base.snapshots} if base else set()
        self.statistics = {each.snapshot_id for each in base.statistics} if base else set()
        self.partition_statistics = (
            {each.snapshot_id for each in base.partition_statistics} if base else set()
        )

    def mend(self, update: TableUpdate) -> TableUpdate | None:
        """The update to apply in place of `update`; None if there is nothing left to do."""
        match update:
            case AddSchemaUpdate() | AddPartitionSpecUpdate() | AddSortOrderUpdate():
                return self._added(update)
            case SetCurrentSchemaUpdate():
                number = self.schemas.resolve(update.schema_id)
                return update.model_copy(update={"schema_id": number})
            case SetDefaultSpecUpdate():
                number = self.specs.resolve(update.spec_id)
                return update.model_copy(update={"spec_id": number})
            case SetDefaultSortOrderUpdate():
                number = self.orders.resolve(update.sort_order_id)
                return update.model_copy(update={"sort_order_id": number})
        self._note(update)
        return self._removal(update)

    def _added(
        self, update: AddSchemaUpdate | AddPartitionSpecUpdate | AddSortOrderUpdate
    ) -> TableUpdate | None:
        place: tuple[_Numbered, Any, Any, str, str]
        match update:
            case AddSchemaUpdate():
                place = (self.schemas, update.schema_, _same_schema, "schema_id", "schema_")
            case AddPartitionSpecUpdate():
                place = (self.specs, update.spec, _same_fields, "spec_id", "spec")
            case AddSortOrderUpdate():
                place = (self.orders, update.sort_order, _same_fields, "order_id", "sort_order")
        known, value, equal, number_name, value_name = place
        number, is_new = known.place(getattr(value, number_name), value, equal)
        if not is_new:
            return None
        return update.model_copy(
            update={value_name: value.model_copy(update={number_name: number})}
        )

    def _note(self, update: TableUpdate) -> None:
        """Remember what later removals may name."""
        match update:
            case SetPropertiesUpdate():
                self.properties |= set(update.updates)
            case AddSnapshotUpdate():
                self.snapshots.add(update.snapshot.snapshot_id)
            case SetStatisticsUpdate():
                self.statistics.add(update.statistics.snapshot_id)
            case SetPartitionStatisticsUpdate():
                self.partition_statistics.add(update.partition_statistics.snapshot_id)

    def _removal(self, update: TableUpdate) -> TableUpdate | None:
        match update:
            case AddSnapshotUpdate():
                return self._snapshot(update)
            case RemovePropertiesUpdate():
                present = [key for key in update.removals if key in self.properties]
                self.properties -= set(present)
                return update.model_copy(update={"removals": present}) if present else None
            case RemoveSnapshotsUpdate():
                held = [key for key in update.snapshot_ids if key in self.snapshots]
                # pyiceberg drops the statistics of a removed snapshot with it.
                self.statistics -= set(held)
                return update.model_copy(update={"snapshot_ids": held}) if held else None
            case RemoveStatisticsUpdate():
                return update if update.snapshot_id in self.statistics else None
            case RemovePartitionStatisticsUpdate():
                return update if update.snapshot_id in self.partition_statistics else None
        return update

    def _snapshot(self, update: AddSnapshotUpdate) -> AddSnapshotUpdate:
        """The snapshot, naming its schema by the id that the schema was given."""
        snapshot = update.snapshot
        if snapshot.schema_id is None:
            return update
        number = self.schemas.renumbered.get(snapshot.schema_id, snapshot.schema_id)
        renamed = snapshot.model_copy(update={"schema_id": number})
        return update.model_copy(update={"snapshot": renamed})


def _same_schema(left: Any, right: Any) -> bool:
    same_keys = set(left.identifier_field_ids) == set(right.identifier_field_ids)
    return bool(left.fields == right.fields and same_keys)


def _same_fields(left: Any, right: Any) -> bool:
    return bool(left.fields == right.fields)
